"""The client for programs with threads."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from assentry import calls, waiting
from assentry.blocks import Run
from assentry.calls import Duration, Said
from assentry.driver import Driver
from assentry.effects import Flow
from assentry.gate import Gate, Options, Rules
from assentry.objects import IssuedPermit, Outcome, Request
from assentry.running import Declared, RunState
from assentry.shared import ClientState, HandleState

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Handle(HandleState):
    """A request that was submitted.  `Client.request`, `Client.ask` and `Client.get` give one."""

    def __init__(self, client: Client, request: Request) -> None:
        super().__init__(request)
        self._client = client

    def wait(
        self, timeout: float | None = None, *, on_return: Callable[[Handle, str], Any] | None = None
    ) -> Outcome:
        """Wait until it has ended, over as many calls as that takes.

        Args:
            timeout: seconds; None waits as long as the server lets it live.
            on_return: called with this handle and a person's words when they gave it back; it shall
                answer with `message` or `revise`, and the wait goes on.

        Raises:
            StillPending: the time is over.
            Stopped: the agent must not go on, however the request ended.
            Returned: it was given back, and `on_return` is none or did not answer.
            ApiError, Unreachable: the server refused, or could not be reached for long.
        """
        flow = waiting.until_ended(self, self._client._retry, timeout, on_return)
        return self._client._do(flow)

    def refresh(self) -> Self:
        """Read its state."""
        return self._take(calls.read(self._client._retry, self.id))

    def message(self, text: str, *, evidence: Sequence[Mapping[str, Any]] | None = None) -> Self:
        """Answer a return, or add evidence while people look."""
        return self._take(calls.message(self._client._retry, self.id, text, evidence))

    def revise(
        self,
        payload: Mapping[str, Any],
        *,
        summary: str | None = None,
        context: Mapping[str, Any] | None = None,
        evidence: Sequence[Mapping[str, Any]] | None = None,
    ) -> Self:
        """Change its payload: a new revision, planned anew, with the earlier votes void."""
        said = Said(summary=summary, context=context, evidence=evidence)
        return self._take(calls.revise(self._client._retry, self.id, payload, said))

    def cancel(self, reason: str | None = None) -> Self:
        """Withdraw it."""
        return self._take(calls.cancel(self._client._retry, self.id, reason))

    def permit(self) -> IssuedPermit:
        """A permit for the tool that runs the approved action.  An earlier one ends with it.

        Raises:
            ApiError: 409 ``not_approved``, ``permit_consumed`` or ``result_reported``; 410
                ``permit_lapsed`` or ``permit_revoked``.
        """
        return self._client._do(calls.permit(self._client._retry, self.id))

    def _take(self, flow: Flow[Request]) -> Self:
        self.request = self._client._do(flow)
        return self


class Client(ClientState):
    """The client for programs with threads, which may share it.  Arguments as of `ClientState`."""

    def _connect(self) -> None:
        self._driver = Driver(self._settings)

    def _do(self, flow: Flow[T]) -> T:
        return self._driver.run(flow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections, and its journal."""
        self._driver.close()
        if self._journal is not None:
            self._journal.close()

    def request(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        summary: str | None = None,
        context: Mapping[str, Any] | None = None,
        evidence: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        run: RunState | str | None = None,
        expires_in: Duration | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Handle:
        """Ask for an action, at once.  The handle may have ended already, where policy decides.

        Args:
            run: a run, or its id; else the run whose block this is.
            callback_url: where this request's callbacks go, instead of the agent's endpoints; of the
                scheme, host and port of one of them, whose secret signs them.
            idempotency_key: a repeated call with this name and the same body finds the same
                request, also in a restarted program; else only the retries of this call do.

        Raises:
            ApiError: such as 422 ``payload_off_schema``, with the places in `errors`.
            PayloadError: the payload is no JSON.
            Unreachable: it may have been stored; the same `idempotency_key` finds it.
            Stopped: the agent must not go on.
        """
        running = self._before(run)
        said = Said(
            summary=summary,
            context=context,
            evidence=evidence,
            metadata=metadata,
            run=running,
            expires_in=expires_in,
            callback_url=callback_url,
        )
        flow = calls.submit(self._retry, action, payload, said, idempotency_key)
        return Handle(self, self._do(flow))

    def ask(
        self,
        to: str,
        prompt: str,
        *,
        options: Sequence[str | Mapping[str, str]] | None = None,
        answer_schema: Mapping[str, Any] | None = None,
        summary: str | None = None,
        context: Mapping[str, Any] | None = None,
        evidence: Sequence[Mapping[str, Any]] | None = None,
        metadata: Mapping[str, str] | None = None,
        run: RunState | str | None = None,
        expires_in: Duration | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Handle:
        """Ask the people of a role something: ``client.ask("ops", "Which?").wait().answer``."""
        running = self._before(run)
        said = Said(
            summary=summary,
            context=context,
            evidence=evidence,
            metadata=metadata,
            run=running,
            expires_in=expires_in,
            callback_url=callback_url,
        )
        question = calls.question(to, prompt, options, answer_schema)
        return Handle(self, self._do(calls.ask(self._retry, question, said, idempotency_key)))

    def _before(self, run: RunState | str | None) -> str | None:
        """The steps that wait go before a request; the id of the run."""
        running = None if isinstance(run, str) else self._running(run)
        if running is not None:
            self._do(running.before_request(self._retry))
            return running.id
        return run if isinstance(run, str) else None

    def get(self, request_id: str) -> Handle:
        """A request of the agent's own."""
        return Handle(self, self._do(calls.read(self._retry, request_id)))

    def list(
        self, *, status: str | None = None, action: str | None = None, run: str | None = None
    ) -> Iterator[Handle]:
        """The agent's own requests, newest first; pages are read as they are needed."""
        cursor: str | None = None
        while True:
            query = {"status": status, "action": action, "run": run, "cursor": cursor}
            page = self._do(calls.page(self._retry, query))
            yield from (Handle(self, request) for request in page.results)
            cursor = page.cursor
            if cursor is None:
                return

    def preview(
        self, action: str, payload: Mapping[str, Any], *, expires_in: Duration | None = None
    ) -> dict[str, Any]:
        """What policy would say; nothing is stored and nobody is asked."""
        said = Said(expires_in=expires_in)
        return self._do(calls.preview(self._retry, action, payload, said))

    def record(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        run: RunState | str | None = None,
        summary: str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Tell of an action that was taken without asking."""
        more = {
            "run": self._before(run),
            "summary": summary,
            "context": None if context is None else dict(context),
        }
        return self._do(calls.record(self._retry, action, payload, more))

    def report(
        self,
        handle: HandleState | str,
        status: str,
        detail: str | None = None,
        cost: float | None = None,
    ) -> Handle:
        """Tell what came of an approved action: ``succeeded``, ``failed`` or ``unknown``."""
        named = handle if isinstance(handle, str) else handle.id
        flow = calls.report(self._retry, named, status, detail=detail, cost=cost)
        return Handle(self, self._do(flow))

    def me(self) -> dict[str, Any]:
        """The agent behind the key, its scopes, and whether it must stop."""
        return self._do(calls.me(self._retry))

    def wait_any(self, handles: Sequence[Handle], timeout: float | None = None) -> Sequence[Handle]:
        """Those of up to 100 that have ended or were given back, as soon as there is one.

        Raises:
            StillPending: the time is over.
            Stopped: the agent must not go on.
        """
        ready = self._do(waiting.news(handles, self._retry, timeout))
        return [handles[place] for place in ready]

    def wait_all(
        self,
        handles: Sequence[Handle],
        timeout: float | None = None,
        *,
        on_return: Callable[[Handle, str], Any] | None = None,
    ) -> Sequence[Outcome]:
        """The outcomes of all, in their order; as `Handle.wait` for each."""
        return self._do(waiting.all_ended(handles, self._retry, timeout, on_return))

    def run(
        self,
        external_id: str,
        *,
        parent: str | None = None,
        agent_version: str | None = None,
        initiator: str | None = None,
    ) -> Run:
        """A task of the agent, as a block.

        Args:
            external_id: your own name of it; a restarted program finds its run, and its answers, by it.
            parent: the id of the run that started it.
            agent_version: what runs.
            initiator: the e-mail of the person who started it; needs a key of scope ``runs:initiator``.
        """
        declared = Declared(
            external_id=external_id,
            parent=parent,
            agent_version=agent_version,
            initiator=initiator,
        )
        return Run(declared, owner=self)

    def gate(
        self, action: str, *, run: Run | None = None, **rules: Unpack[Options]
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Put a gate around a function; see `assentry.gate.Options` for what it takes.

        Calling it asks, waits, calls the function with what was approved, at most once, and reports.
        """
        chosen = Rules(action=action, **rules)

        def around(function: Callable[P, R]) -> Callable[P, R]:
            if inspect.iscoroutinefunction(function):
                raise TypeError(f"{function.__qualname__} is async: gate it with an AsyncClient")
            gate = Gate(function, chosen, self._journal, self._retry)

            @functools.wraps(function)
            def gated(*args: P.args, **kwargs: P.kwargs) -> R:
                hold = functools.partial(Handle, self)
                value: R = self._do(gate.call(args, kwargs, self._running(run), hold))
                return value

            return gated

        return around
