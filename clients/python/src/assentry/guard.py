"""A guard around a tool's function: it runs only what a permit allows, once, and tells how it ended."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypedDict

from assentry import toolcalls
from assentry.canonical import canonical
from assentry.consumed import Use, Uses
from assentry.effects import Blocking, Do, Flow
from assentry.errors import AlreadyConsumed, ApiError, EffectUnknown, PermitRefused, Unreachable
from assentry.exchange import Retry
from assentry.idempotency import fresh
from assentry.parameters import Bound, Parameters, takes_by_keyword
from assentry.permits import Permit

logger = logging.getLogger("assentry")

#: The keyword under which a call brings its permit.
PERMIT: Final = "permit"
#: Answers after which telling again is of no use.
_FINAL: Final = frozenset({404, 409, 410, 422})
#: The server takes so much (`POST /permits/{id}/result`).
_DETAIL_AT_MOST: Final = 4000
Ended: TypeAlias = Literal["succeeded", "failed", "unknown"]


class Options(TypedDict, total=False):
    """How a function is guarded, beside its action.

    ``payload``
        A function of the call's arguments that gives the payload.  Without it: the arguments by name.
    ``ignore``
        Parameters that are no part of the payload, such as a session; they are passed as they are.
    """

    payload: Callable[..., Mapping[str, Any]] | None
    ignore: Collection[str]


@dataclass
class Desk:
    """What the guards of one tool have in common.

    Attributes:
        read: the flow that reads a permit.
        uses: what the journal knows; None without one.
        recovered: whether the server was told what earlier processes left.
    """

    retry: Retry
    read: Callable[[str], Flow[Permit]]
    uses: Uses | None
    recovered: bool = False

    def tell(self, permit_id: str, state: Ended, detail: str) -> Flow[bool]:
        """Tell the server, if it can be told now; whether it knows."""
        try:
            yield from toolcalls.report(self.retry, permit_id, state, detail or None, None)
        except ApiError as error:
            logger.warning("The result of %s was not taken: %s", permit_id, error)
            return error.status in _FINAL
        except Unreachable as error:
            logger.warning("The result of %s could not be reported: %s", permit_id, error)
            return False
        return True

    def recover(self) -> Flow[bool]:
        """Tell the server what it does not know of permits that were used; whether it knows all now.

        What a process had begun when it died is ``unknown``.
        """
        uses = self.uses
        if uses is None:
            return True
        left: list[Use] = yield Blocking(lambda: uses.left(time.time()))
        known = True
        for use in left:
            known = (yield from self._recover(uses, use)) and known
        self.recovered = known
        return known

    def _recover(self, uses: Uses, use: Use) -> Flow[bool]:
        if use.state == "dropped":
            known = yield from self._drop(use)
        elif use.state in ("succeeded", "failed", "unknown"):
            known = yield from self.tell(use.id, use.state, use.detail)
        else:
            return True
        if known:
            yield Blocking(lambda: uses.told(use.id, use.state))
        return known

    def _drop(self, use: Use) -> Flow[bool]:
        """A permit that perhaps was consumed, and whose function surely was not called."""
        try:
            # Its own key: this succeeds only where it was this use that consumed it.
            yield from toolcalls.consume(self.retry, use.id, use.payload_sha256, use.consume_key)
        except PermitRefused:
            return True
        except (ApiError, Unreachable) as error:
            logger.warning("What became of %s could not be asked: %s", use.id, error)
            return False
        return (yield from self.tell(use.id, "failed", "it was consumed, and nothing was run"))


class Guard:
    """The flow of a guarded function, for the sync and the async client."""

    def __init__(
        self,
        function: Callable[..., Any],
        action: str,
        desk: Desk,
        payload: Callable[..., Mapping[str, Any]] | None = None,
        ignore: Collection[str] = (),
    ) -> None:
        self._function, self._action, self._desk = function, action, desk
        self._made = payload
        self._wants_permit = takes_by_keyword(function, PERMIT)
        if not self._wants_permit and PERMIT in inspect.signature(function).parameters:
            raise TypeError(f"{function.__qualname__}() takes permit, but not by keyword only")
        self._parameters = Parameters(function, ignore, without=PERMIT)

    def call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Flow[Any]:
        """Run the function once, if the permit among the arguments allows exactly this call.

        Raises:
            PermitRefused: it does not, or not any more; nothing was run.
            ApiError, Unreachable: it could not be consumed; nothing was run.
        """
        given = dict(kwargs)
        token = given.pop(PERMIT, None)
        if not isinstance(token, str):
            raise PermitRefused(f"A call of {self._function.__qualname__} needs permit=, a token.")
        bound = self._parameters.bind(args, given)
        if not self._desk.recovered:
            yield from self._desk.recover()
        permit = yield from self._desk.read(token)
        permit.verify(self._action, self._payload(bound))
        yield from self._consume(permit)
        try:
            # Again: the arguments may have been changed by the program while the server was asked.
            permit.verify(self._action, self._payload(bound))
        except Exception:
            yield from self._end(permit, "failed", "the arguments changed: nothing was run")
            raise
        return (yield from self._run(permit, bound))

    def _payload(self, bound: Bound) -> dict[str, Any]:
        if self._made is None:
            return self._parameters.payload(bound)
        made = dict(self._made(*bound.args, **bound.kwargs))
        canonical(made)
        return made

    def _consume(self, permit: Permit) -> Flow[None]:
        """Make it ours: from here on it counts as begun."""
        uses, key = self._desk.uses, fresh()
        if uses is not None:
            use: Use = yield Blocking(lambda: uses.prepare(permit))
            if use.state != "consuming":
                raise _begun(permit)
            key = use.consume_key
        try:
            yield from toolcalls.consume(self._desk.retry, permit.jti, permit.payload_sha256, key)
        except PermitRefused:
            if uses is not None:
                yield Blocking(lambda: uses.withdraw(permit.jti))
            raise
        if uses is not None and not (yield Blocking(lambda: uses.begin(permit.jti))):
            raise _begun(permit)

    def _run(self, permit: Permit, bound: Bound) -> Flow[Any]:
        more = {PERMIT: permit} if self._wants_permit else {}
        try:
            value = yield Do(lambda: self._function(*bound.args, **bound.kwargs, **more))
        except EffectUnknown as error:
            yield from self._end(permit, "unknown", str(error)[:_DETAIL_AT_MOST])
            raise
        except Exception as error:
            yield from self._end(permit, "failed", type(error).__name__)
            raise
        except GeneratorExit:
            raise  # nobody is there any more to write for us: its process will count as dead
        except BaseException:
            # It was cancelled, and nobody knows how far it was: told when there is time for it.
            yield from self._note(permit, "unknown", "it was interrupted")
            raise
        yield from self._end(permit, "succeeded", "")
        return value

    def _end(self, permit: Permit, state: Ended, detail: str) -> Flow[None]:
        yield from self._note(permit, state, detail)
        known = yield from self._desk.tell(permit.jti, state, detail)
        uses = self._desk.uses
        if known and uses is not None:
            yield Blocking(lambda: uses.told(permit.jti, state))

    def _note(self, permit: Permit, state: Ended, detail: str) -> Flow[None]:
        uses = self._desk.uses
        if uses is not None:
            yield Blocking(lambda: uses.end(permit.jti, state, detail))


def _begun(permit: Permit) -> AlreadyConsumed:
    return AlreadyConsumed(f"The permit {permit.jti} was used by another call.")
