"""Bodies and answers of what lies ahead: coverage, rehearsals and drills."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from approvals.shape import TimeShown


class RoleCoverageShown(Struct, frozen=True):
    """One role in the days ahead."""

    role: str
    title: str
    schedule: str | None
    timezone: Annotated[str, Meta(description="Of its schedule; else UTC")]
    uncovered: Annotated[
        list[TimeShown], Meta(description="Nobody could decide: no member, or all of them away")
    ]
    off_duty: Annotated[
        list[TimeShown],
        Meta(description="Nobody on duty could decide: everybody in the role is told then"),
    ]


class CoverageShown(Struct, frozen=True):
    """The roles of the active policy, from now on."""

    begin: str
    until: str
    roles: list[RoleCoverageShown]


class RehearsalBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /rehearsals``: what an agent might submit."""

    action: Annotated[str, Meta(min_length=1, max_length=120)]
    payload: dict[str, Any]
    agent: Annotated[str, Meta(max_length=100, description="Its id")]
    expires_in: (
        Annotated[str, Meta(max_length=20, description="Less time than the plan gives: 30m, 4h")]
        | None
    ) = None
    at: (
        Annotated[str, Meta(max_length=40, description="When it is submitted (RFC 3339); now")]
        | None
    ) = None


class InformedShown(Struct, frozen=True):
    """Somebody who would be told."""

    id: str
    name: str
    channels: Annotated[list[str], Meta(description="Empty: they notice it in their inbox only")]
    at: Annotated[str | None, Meta(description="Held back until then: quiet hours, a digest")]
    stands_in_for: str | None


class PlaceShown(Struct, frozen=True):
    """A channel of a role's own that would be told."""

    role: str
    channel: str
    name: str


class MomentShown(Struct, frozen=True):
    """Something that would happen."""

    at: str
    what: str
    said: Annotated[str, Meta(description="In words")]
    stage: int
    step: Annotated[int | None, Meta(description="Of the escalation; null: no step")]
    target: Annotated[str, Meta(description="Whom or what a step is about, as the plan says")]
    roles: Annotated[list[str], Meta(description="Titles of roles that are asked or told")]
    people: list[InformedShown]
    places: list[PlaceShown]
    skipped: Annotated[str, Meta(description="Why a step would do nothing; empty: it does")]
    sooner: Annotated[bool, Meta(description="Before its time, since nobody has heard")]


class RehearsalShown(Struct, frozen=True):
    """What would happen if nobody answered; the last moment is the end."""

    begin: str
    effect: str
    rule: str | None
    why: str
    risk: str
    title: str
    notes: list[str]
    moments: list[MomentShown]


class DrillBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /drills``: one role, or all."""

    role: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    all_roles: bool = False


class DrillHead(Struct, frozen=True):
    """A drill."""

    id: str
    role: Annotated[str, Meta(description="Empty: all roles of the policy")]
    by: Annotated[str | None, Meta(description="Who started it; null: an operator")]
    created_at: str
    people: Annotated[int, Meta(description="How many it is for")]
    confirmed: Annotated[int, Meta(description="How many have said that they are there")]


class DrillList(Struct, frozen=True):
    """The latest drills, the newest first."""

    results: list[DrillHead]


class DrillMessage(Struct, frozen=True):
    """One message, and what came of it."""

    channel: str
    place: Annotated[str, Meta(description="A channel of a role's own; empty: to the person")]
    state: Annotated[str, Meta(description="`pending`, `sent`, `failed` or `withdrawn`")]
    reason: str
    sent_at: str | None
    took_s: Annotated[float | None, Meta(description="Until the channel had taken it")]


class DrillPersonShown(Struct, frozen=True):
    """Somebody whom it is for."""

    id: str
    name: str
    roles: list[str]
    messages: list[DrillMessage]
    reached: Annotated[bool, Meta(description="A channel took a message, or they were there")]
    seen_at: str | None
    confirmed_at: str | None
    took_s: Annotated[float | None, Meta(description="Until they said that they are there")]


class DrillReport(DrillHead, frozen=True):
    """What came of a drill so far; whoever does not administer the workspace sees their own part."""

    settled: Annotated[bool, Meta(description="Every message was sent, or has failed")]
    unreached: Annotated[list[str], Meta(description="Names")]
    reports: list[DrillPersonShown]
    places: list[DrillMessage]
