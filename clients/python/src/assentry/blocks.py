"""Runs and their steps as blocks, for programs with threads."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from assentry.effects import Flow
from assentry.errors import AssentryError
from assentry.exchange import Retry
from assentry.running import RunState, StepState, current, ending, named_step


class Owner(Protocol):
    """The client of a run."""

    _retry: Retry

    def _do(self, flow: Flow[Any]) -> Any: ...


class Step(StepState):
    """One step of a run, as a block: ``with run.step(tool="crm.read") as step:``"""

    def __init__(self, run: Run, named: Mapping[str, str], attempt: int) -> None:
        super().__init__(run, named, attempt)
        self._of = run

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(error)
        if self._of.full and error is None:
            self._of.flush_steps()


class Run(RunState):
    """One task of the agent, as a block.  Requests within belong to it.

    The block's end ends it: ``succeeded``, or ``failed`` where an exception came out of it
    (``abandoned`` where that is `Stopped`).
    """

    owner: Owner

    def __enter__(self) -> Self:
        self.owner._do(self.open(self.owner._retry))
        self._token = current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        current.reset(self._token)
        try:
            self.owner._do(self.end(self.owner._retry, ending(error)))
        except AssentryError as failed:
            if error is None:
                raise
            error.add_note(f"The run {self.external_id} could not be ended: {failed}")

    def step(self, *, tool: str | None = None, model: str | None = None, attempt: int = 1) -> Step:
        """A step, to be used as a block: exactly one of `tool` and `model`."""
        return Step(self, named_step(tool, model), attempt)

    def flush_steps(self) -> None:
        """Send the steps that wait.  They are also sent by themselves."""
        self.owner._do(self.flush(self.owner._retry))
