"""What policy said for one revision: frozen on it, and never recomputed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from policies.assurance import CHANNELS, Assurance, Channel, Telling

Effect: TypeAlias = Literal["allow", "ask", "deny"]
Risk: TypeAlias = Literal["low", "medium", "high", "critical"]
Comment: TypeAlias = Literal["never", "on_reject", "always"]
Confirm: TypeAlias = Literal["owner", "initiator"]
#: What a step of an escalation does.
Does: TypeAlias = Literal["remind", "notify", "widen", "page", "expire"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: how many people of any of these roles must agree, and how many refuse.

    With `confirm`, the agent's owner, or who started the run, decides alone; `any_of` is empty.
    """

    any_of: tuple[str, ...]
    approvals: int = 1
    rejections: int = 1
    distinct_from_earlier: bool = False
    confirm: Confirm | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What is done where nobody has decided a stage so long after it opened.

    `after_s` is policy time in seconds, not scaled; with `business` only hours count in which the
    schedule of the stage's role is open. `target` is `role:<name>`, `schedule:<name>` or
    `person:<address>` for `notify`, `role:<name>` for `widen`, a pager's name for `page`, else empty.
    `via` are the channels that tell; empty: as each person is told otherwise.
    """

    after_s: int
    does: Does
    target: str = ""
    via: tuple[Telling, ...] = ()
    business: bool = False


@dataclass(frozen=True, slots=True)
class PermitTerms:
    """What an approval is worth, in seconds of policy time, not scaled.

    For how long it can be picked up as a permit (`use_by_s`), for how long that permit then holds
    (`valid_for_s`), and how soon after its use a result is due (`result_within_s`).
    """

    valid_for_s: int = 900
    use_by_s: int = 86_400
    result_within_s: int = 3_600


DEFAULT_PERMIT: Final = PermitTerms()


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of what would run. `pointer` leads into the payload ("" is the whole)."""

    label: str
    value: str
    pointer: str


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One rule that was looked at, in order: what it asked, and what came of it."""

    rule: str
    when: str | None
    result: Literal["true", "false", "error"]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one revision.

    `stages` is empty unless the effect is `ask`. `rule` is None when no rule matched. Durations
    are policy time in seconds, not scaled. `on_expiry` is `expire`, `allow` or `ask:<role>`.
    `why` is one sentence for a reviewer, `reason` what the rule itself says. `permit` holds if it
    is approved, whoever does. `channels` say where it may be decided, `assurance` how surely it
    must be known who does; a plan that was stored without them was decided in sessions only.
    `escalation` holds for each stage anew, in the order of time. `extend_s` is the most by which a
    reviewer may move the deadline, once; 0: not at all. With `business`, `expires_in_s` counts only
    the hours in which the schedule of the first stage's role is open. `dwell_s` is how long somebody
    must have had the request open before their yes counts; 0: not at all.
    """

    effect: Effect
    rule: str | None
    version: int
    stages: tuple[Stage, ...]
    expires_in_s: int
    on_expiry: str
    comment: Comment
    risk: Risk
    title: str
    facts: tuple[Fact, ...]
    sensitive: tuple[str, ...]
    trace: tuple[TraceLine, ...]
    why: str
    reason: str | None = None
    permit: PermitTerms = DEFAULT_PERMIT
    channels: tuple[Channel, ...] = CHANNELS
    assurance: Assurance = "session"
    escalation: tuple[Step, ...] = ()
    extend_s: int = 0
    business: bool = False
    dwell_s: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values, in the order of the fields."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Plan:
        """Return the plan that `to_json` wrote; msgspec.ValidationError for anything else."""
        return msgspec.convert(value, Plan)
