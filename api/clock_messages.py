"""The messages of a request's clock: what was taken, what is coming, and more time."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class ExtendBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/extend``."""

    by: Annotated[str, Meta(max_length=12, description="How much more time: `30m`, `2h`, `1d`")]
    reason: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]


class StepTaken(Struct, frozen=True, kw_only=True):
    """A step of an escalation that was taken, or passed over."""

    revision: int
    stage: int
    step: Annotated[int, Meta(description="Its place in the plan's escalation, from 0")]
    does: str
    target: str
    state: Annotated[str, Meta(description="`fired`, `collapsed`, `skipped`")]
    cause: Annotated[str, Meta(description="`clock`, `person`, `unreached`")]
    reason: Annotated[str, Meta(description="Why it was passed over")]
    by: Annotated[str | None, Meta(description="Who said: now")]
    told: Annotated[int, Meta(description="How many messages it wrote")]
    due_at: str
    at: str
    undelivered_at: str | None


class StepComing(Struct, frozen=True):
    """A step that is to come; `at` is null where it would come after the deadline."""

    step: int
    does: str
    target: str
    at: str | None


class ClockShown(Struct, frozen=True, kw_only=True):
    """What happens to a request while nobody decides."""

    taken: list[StepTaken]
    coming: list[StepComing]
    stands_still: Annotated[bool, Meta(description="It is the agent's turn")]
