"""A gate around a function: ask, wait, run exactly what was approved, at most once, report."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypedDict

from assentry import calls, waiting
from assentry.canonical import canonical, digest
from assentry.effects import Blocking, Do, Flow
from assentry.errors import (
    AlreadyRan,
    ApiError,
    EditNotApplied,
    EffectUnknown,
    OutcomeUnknown,
    Unreachable,
)
from assentry.exchange import Retry
from assentry.idempotency import derived, fresh
from assentry.journal import Entry, Journal, as_json
from assentry.objects import Outcome, Request
from assentry.parameters import Bound, Parameters, Unfit, takes_by_keyword
from assentry.running import RunState

logger = logging.getLogger("assentry")
#: The parameter that is given a permit.
_PERMIT: Final = "permit"
#: The server takes so much (`POST /requests/{id}/result`).
_DETAIL_AT_MOST: Final = 4000

#: What an argument of the decorator may be: a text, or a function of the call's arguments.
Told = str | Callable[..., str | None] | None


class Options(TypedDict, total=False):
    """How a function is gated, beside its action.

    A function with a keyword-only parameter ``permit`` is given a fresh permit's token there, for the
    tool that it calls.  Callers do not give it, and it is no part of the payload.

    ``payload``
        A function of the call's arguments.  Without it: the arguments by name.
    ``arguments``
        From an approved payload to the keyword arguments that take the place of those given.  Needed
        only where ``payload`` is given and people may edit.
    ``ignore``
        Parameters that are no part of the payload, such as a session; they are passed as they are.
    ``key``
        The name of the call, or a function of its arguments: equal names are one call.
    ``summary``, ``context``, ``expires_in``
        As of a request; the first two may be functions of the arguments.
    ``timeout``
        Seconds to wait for people.
    ``on_return``
        Answers where a person gives the request back, as for `Handle.wait`.
    ``repeat``
        ``raise`` (the default) or ``return``, where an earlier attempt ran and its result is known.
    """

    payload: Callable[..., Mapping[str, Any]] | None
    arguments: Callable[[Any], Mapping[str, Any]] | None
    ignore: Collection[str]
    key: Told
    summary: Told
    context: Callable[..., Mapping[str, Any]] | None
    expires_in: calls.Duration | None
    timeout: float | None
    on_return: waiting.OnReturn | None
    repeat: Literal["raise", "return"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """An action and the `Options` of its gate."""

    action: str
    payload: Callable[..., Mapping[str, Any]] | None = None
    arguments: Callable[[Any], Mapping[str, Any]] | None = None
    ignore: Collection[str] = ()
    key: Told = None
    summary: Told = None
    context: Callable[..., Mapping[str, Any]] | None = None
    expires_in: calls.Duration | None = None
    timeout: float | None = None
    on_return: waiting.OnReturn | None = None
    repeat: Literal["raise", "return"] = "raise"


class Gate:
    """The flow of a gated function, for the sync and the async client."""

    def __init__(
        self, function: Callable[..., Any], rules: Rules, journal: Journal | None, retry: Retry
    ) -> None:
        self._function, self._rules = function, rules
        self._journal, self._retry = journal, retry
        self._wants_permit = takes_by_keyword(function, _PERMIT)
        self._parameters = Parameters(
            function, rules.ignore, without=_PERMIT if self._wants_permit else None
        )
        self._name = f"{function.__module__}.{function.__qualname__}"

    def call(
        self,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        run: RunState | None,
        hold: Callable[[Request], waiting.Held],
    ) -> Flow[Any]:
        """Run the function once it is approved.

        Raises:
            NotApproved, StillPending, Returned: it may not run, or not yet.
            OutcomeUnknown, AlreadyRan: an earlier attempt got that far.
            EditNotApplied, WrongPayload, PayloadError: what was approved cannot be run.
        """
        bound = self._parameters.bind(args, kwargs)
        payload = self._payload(bound)
        key = self._key(bound, payload, run)
        entry = yield from self._look(key)
        if entry is not None:
            return (yield from self._again(key, entry))
        if run is not None:
            yield from run.before_request(self._retry)
        said = calls.Said(
            summary=_told(self._rules.summary, bound),
            context=self._rules.context and self._rules.context(*bound.args, **bound.kwargs),
            run=None if run is None else run.id,
            expires_in=self._rules.expires_in,
        )
        asked = yield from calls.submit(self._retry, self._rules.action, payload, said, key)
        held = hold(asked)
        outcome = yield from waiting.until_ended(
            held, self._retry, self._rules.timeout, self._rules.on_return
        )
        outcome.raise_for_outcome()
        _require_no_result(outcome.request, key)
        chosen = self._chosen(bound, outcome)
        return (yield from self._run(key, outcome.request, chosen))

    def _payload(self, bound: Bound) -> dict[str, Any]:
        if self._rules.payload is None:
            return self._parameters.payload(bound)
        made = dict(self._rules.payload(*bound.args, **bound.kwargs))
        canonical(made)
        return made

    def _key(self, bound: Bound, payload: Mapping[str, Any], run: RunState | None) -> str:
        named = _told(self._rules.key, bound)
        if named is not None:
            return derived("key", self._rules.action, named)
        if run is None:
            return fresh()
        return run.call_key(self._rules.action, self._name, digest(payload))

    def _look(self, key: str) -> Flow[Entry | None]:
        if self._journal is None:
            return None
        journal = self._journal
        entry: Entry | None = yield Blocking(lambda: journal.look(key))
        return entry

    def _again(self, key: str, entry: Entry) -> Flow[Any]:
        """What an earlier attempt left; it is not run again, whatever that was."""
        request = yield from calls.read(self._retry, entry.request_id)
        if entry.state == "started":
            if not entry.reported:
                yield from self._report(key, request, "unknown", "it began, and its process died")
            raise OutcomeUnknown(request, key)
        if not entry.reported:
            yield from self._report(key, request, entry.state, entry.error)
        stored = entry.state == "succeeded" and entry.result is not None
        result = json.loads(entry.result) if stored and entry.result is not None else None
        if stored and self._rules.repeat == "return":
            return result
        raise AlreadyRan(
            request, status=entry.state, result=result, stored=stored, error=entry.error
        )

    def _chosen(self, bound: Bound, outcome: Outcome) -> Bound:
        """The arguments to run: those of the call where they are what was approved, else the approved."""
        approved = outcome.payload
        # Made anew: what was given may have been changed by the program while people looked.
        if canonical(approved) == canonical(self._payload(bound)):
            return bound
        translate, request = self._rules.arguments, outcome.request
        if translate is None and self._rules.payload is not None:
            raise EditNotApplied(
                request,
                f"People changed the payload of {request.id}, and {self._name} does not say how to "
                "run the changed one: give arguments=. Nothing was run.",
            )
        try:
            if translate is None:
                return self._parameters.rebound(bound, approved, whole=True)
            return self._parameters.rebound(bound, translate(approved), whole=False)
        except Unfit:
            raise EditNotApplied(
                request,
                f"The approved payload of {request.id} does not fit the parameters of {self._name}. "
                "Nothing was run.",
            ) from None

    def _permit(self, key: str, request: Request) -> Flow[Mapping[str, str]]:
        """What the function is given beside its arguments."""
        if not self._wants_permit:
            return {}
        try:
            issued = yield from calls.permit(self._retry, request.id)
        except ApiError as error:
            if error.code == "permit_consumed":
                raise OutcomeUnknown(request, key) from error
            raise
        return {_PERMIT: issued.token}

    def _run(self, key: str, request: Request, chosen: Bound) -> Flow[Any]:
        more = yield from self._permit(key, request)
        journal = self._journal
        if journal is not None:
            began = yield Blocking(lambda: journal.start(key, request.id))
            if not began:
                raise OutcomeUnknown(request, key)
        try:
            value = yield Do(lambda: self._function(*chosen.args, **chosen.kwargs, **more))
        except EffectUnknown as error:
            # The journal knows it as begun, and it does not begin again.
            yield from self._report(key, request, "unknown", str(error)[:_DETAIL_AT_MOST])
            raise
        except Exception as error:
            name = type(error).__name__
            yield from self._finish(key, request, "failed", None, name)
            raise
        yield from self._finish(key, request, "succeeded", as_json(value), "")
        return value

    def _finish(
        self, key: str, request: Request, state: str, result: str | None, error: str
    ) -> Flow[None]:
        journal = self._journal
        if journal is not None:
            yield Blocking(lambda: journal.finish(key, state, result=result, error=error))
        yield from self._report(key, request, state, error)

    def _report(self, key: str, request: Request, state: str, error: str) -> Flow[None]:
        """Tell the server.  That it cannot be told now does not undo what was done."""
        try:
            yield from calls.report(self._retry, request.id, state, detail=error or None, cost=None)
        except (ApiError, Unreachable) as failed:
            logger.warning("The result of %s could not be reported: %s", request.id, failed)
            return
        journal = self._journal
        if journal is not None:
            yield Blocking(lambda: journal.reported(key))


def _told(given: Told, bound: Bound) -> str | None:
    return given(*bound.args, **bound.kwargs) if callable(given) else given


def _require_no_result(request: Request, key: str) -> None:
    """Refuse what the server knows to have been run: what protects an agent without a journal."""
    result = request.result
    if result is None:
        return
    if result["status"] == "unknown":
        raise OutcomeUnknown(request, key)
    raise AlreadyRan(request, status=str(result["status"]), error=str(result.get("detail") or ""))
