"""Runs: one task of an agent, with the steps it reports.  State and flows; no input or output."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from assentry.canonical import digest
from assentry.effects import Call, Flow
from assentry.errors import RunEnded, Stopped
from assentry.exchange import Retry, exchange
from assentry.idempotency import derived, fresh

#: Steps are sent when so many wait.
BATCH: Final = 200
#: How often a batch is offered before its steps are given up, so that memory stays bounded.
_KEPT: Final = 10 * BATCH

#: The run whose block the program is in.
current: ContextVar[RunState | None] = ContextVar("assentry_run", default=None)


class StepState:
    """One thing that an agent did: a call of a tool or of a model.

    Set what is known before its block ends: `cost`, `input_tokens`, `output_tokens`, `labels`,
    `trace_id`, `span_id`.  Contents are never sent, only their digests.
    """

    def __init__(self, run: RunState, named: Mapping[str, str], attempt: int) -> None:
        self._run = run
        self._sent: dict[str, Any] = {**named, "attempt": attempt, "call_id": fresh()}
        self._began: tuple[datetime, float] | None = None
        self.cost: float | None = None
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.labels: Sequence[str] = ()
        self.trace_id: str | None = None
        self.span_id: str | None = None

    def input(self, value: Any) -> None:
        """Remember the digest of what it was given."""
        self._sent["input_digest"] = digest(value)

    def output(self, value: Any) -> None:
        """Remember the digest of what it gave."""
        self._sent["output_digest"] = digest(value)

    def begin(self) -> None:
        """Its time begins.  Raises Stopped where the server said that the agent must not go on."""
        self._run.require_going()
        self._began = datetime.now(UTC), time.monotonic()

    def end(self, error: BaseException | None) -> None:
        """Its time is over; it failed where there is an error."""
        began, clock = self._began or (datetime.now(UTC), time.monotonic())
        seconds = time.monotonic() - clock
        ended = datetime.fromtimestamp(began.timestamp() + seconds, UTC)
        known = {
            "started_at": _stamp(began),
            "ended_at": _stamp(ended),
            "status": "succeeded" if error is None else "failed",
            "error": None if error is None else type(error).__name__,
            "cost": self.cost,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "labels": list(self.labels) or None,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
        }
        self._run.keep(self._sent | {name: v for name, v in known.items() if v is not None})


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a run says of itself."""

    external_id: str
    parent: str | None = None
    agent_version: str | None = None
    initiator: str | None = None

    def body(self) -> dict[str, Any]:
        """The members that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass
class RunState:
    """What is known of a run in this process.

    Attributes:
        owner: the client that it is a run of.
        raw: the run object; empty until it was declared.
        stop: whether the server said that the agent must not go on.
    """

    declared: Declared
    owner: Any
    raw: dict[str, Any] = field(default_factory=dict)
    stop: bool = False
    _steps: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: Counter[tuple[str, ...]] = field(default_factory=Counter)

    @property
    def id(self) -> str:
        return str(self.raw["id"])

    @property
    def external_id(self) -> str:
        return self.declared.external_id

    def require_going(self) -> None:
        """Raises Stopped where the server said so."""
        if self.stop:
            raise Stopped

    def call_key(self, *parts: str) -> str:
        """The name of the next call of these parts within the run.

        The n-th same call of a run has the same name in a program that was restarted, whatever the
        order of the others is.
        """
        with self._lock:
            self._calls[parts] += 1
            return derived("run", self.external_id, *parts, self._calls[parts])

    def keep(self, step: dict[str, Any]) -> None:
        """Keep a step until the next batch."""
        with self._lock:
            self._steps.append(step)
            del self._steps[:-_KEPT]

    @property
    def full(self) -> bool:
        """Whether there is a batch to send."""
        return len(self._steps) >= BATCH

    def open(self, retry: Retry) -> Flow[None]:
        """Declare it; the same external id is the same run.

        Raises:
            RunEnded: it has ended already.
            Stopped: the agent must not go on.
        """
        # Its own name is its idempotency: the server finds the run by the external id.
        call = Call("POST", "/runs", self.declared.body(), idempotent=True)
        answer = yield from exchange(call, retry)
        self._take(answer.json())
        if self.raw.get("state") != "running":
            raise RunEnded(f"The run {self.external_id} has {self.raw.get('state')} already.")
        self.require_going()

    def flush(self, retry: Retry) -> Flow[None]:
        """Send the steps that wait; those that could not be sent go on waiting."""
        while True:
            with self._lock:
                batch, self._steps[:BATCH] = self._steps[:BATCH], []
            if not batch:
                return
            headers = {"Idempotency-Key": fresh()}
            body = {"steps": batch}
            call = Call("POST", f"/runs/{self.id}/steps", body, headers=headers, idempotent=True)
            try:
                answer = yield from exchange(call, retry)
            except BaseException:
                with self._lock:
                    self._steps[:0] = batch
                raise
            self.stop = self.stop or bool(answer.json().get("stop"))

    def before_request(self, retry: Retry) -> Flow[None]:
        """What comes before a request of this run: its steps first, so that rules see them."""
        self.require_going()
        yield from self.flush(retry)
        self.require_going()

    def end(self, retry: Retry, state: str) -> Flow[None]:
        """End it as ``succeeded``, ``failed`` or ``abandoned``."""
        yield from self.flush(retry)
        call = Call("PATCH", f"/runs/{self.id}", {"state": state}, idempotent=True)
        answer = yield from exchange(call, retry)
        self._take(answer.json())

    def _take(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.stop = self.stop or bool(raw.get("stop"))


def named_step(tool: str | None, model: str | None) -> Mapping[str, str]:
    """What a step called; ValueError unless it is exactly one of the two."""
    named = {name: value for name, value in (("tool", tool), ("model", model)) if value}
    if len(named) != 1:
        raise ValueError("a step is one of tool= and model=")
    return named


def ending(error: BaseException | None) -> str:
    """How a run ends that this came out of."""
    if error is None:
        return "succeeded"
    return "abandoned" if isinstance(error, Stopped) else "failed"
