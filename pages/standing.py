"""What the reader of a request may do about it right now, said before they try.

A courtesy of the page: `approvals.decide` looks again under its locks, and only that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from approvals.access import Reader
from approvals.assurance import decided_in, places
from approvals.frozen import FrozenPlan, FrozenRole, FrozenStage
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.status import Status, Verdict, WaitingOn
from core import ids
from core.clock import ClockTimestamp
from core.db import pool
from pages.detail import Member, Seen
from pages.visitor import CHANNEL
from people.absences import Away, away_now
from people.models import Membership
from policies.assurance import CHANNELS


@dataclass(frozen=True, slots=True)
class Members:
    """Who holds some roles now: (person, name) by role; and who of the workspace is away."""

    by_role: Mapping[UUID, tuple[tuple[UUID, str], ...]]
    away: Mapping[UUID, Away]

    def held_by(self, person: UUID) -> frozenset[UUID]:
        """Those of the roles that this person holds."""
        return frozenset(
            role
            for role, people in self.by_role.items()
            if any(each == person for each, _ in people)
        )

    def said(self, person: UUID, name: str) -> str:
        """Their name; of somebody away it says until when, and who stands in."""
        return self.away[person].said if person in self.away else name

    def left_to(self, person: UUID) -> list[Away]:
        """Those in whose place this person may decide, who went away first before others."""
        found = [one for one in self.away.values() if one.stand_in == person]
        return sorted(found, key=lambda one: (one.begins_at, one.id))


def members_of(workspace: UUID, roles: Iterable[UUID]) -> Members:
    """The people of these roles who could decide now, by name."""
    now = ClockTimestamp()
    found = (
        Membership.objects.filter(
            Q(valid_until=None) | Q(valid_until__gt=now),
            workspace_id=workspace,
            role_id__in=list(roles),
            valid_from__lte=now,
            person__active=True,
            person__user__is_active=True,
        )
        .select_related("person__user")
        .order_by("person__user__name", "person__user__email")
    )
    listed: dict[UUID, dict[UUID, str]] = {}
    for membership in found:
        listed.setdefault(membership.role_id, {})[membership.person_id] = membership.person.name
    with pool().connection() as conn:
        away = away_now(conn, workspace)
    return Members({role: tuple(people.items()) for role, people in listed.items()}, away)


def roles_of(plan: FrozenPlan) -> set[UUID]:
    """Every role that any stage of a plan asks."""
    return {role.id for role in _roles(plan)}


def names_by_role(plan: FrozenPlan, members: Members) -> dict[str, list[Member]]:
    """The people in each role of a plan, by the role's name."""
    return {
        role.name: [
            Member(ids.encode("per", person), members.said(person, name))
            for person, name in members.by_role.get(role.id, ())
        ]
        for role in _roles(plan)
    }


def _roles(plan: FrozenPlan) -> list[FrozenRole]:
    last = () if plan.after_deadline is None else (plan.after_deadline,)
    return [role for stage in (*plan.stages, *last) for role in stage.roles]


def standing(
    row: Row, plan: FrozenPlan, reader: Reader, members: Members, *, channel: str = CHANNEL
) -> Seen:
    """What this reader may do about this request, and why not where they may not.

    Args:
        channel: where they would do it.
    """
    held, seat, why_not = members.held_by(reader.person_id), None, None
    if row.status == Status.PENDING and row.stage is not None:
        stage = plan.stage(row.stage)
        if stage.confirm is None and not held & {role.id for role in stage.roles}:
            seat = _seat(row, stage, reader, members)
            held = members.held_by(seat.person) if seat else held
        why_not = _why_not(row, stage, reader, held) or _used(row, seat)
        why_not = why_not or _elsewhere(plan, channel)
    return Seen(
        person=ids.encode("per", reader.person_id),
        may_decide=row.status == Status.PENDING and why_not is None,
        why_not=why_not,
        roles=frozenset(role.name for role in _roles(plan) if role.id in held),
        covered=frozenset(plan.sensitive),
        why_not_approve=_why_not_approve(row, plan, reader, seat),
        stands_in_for=seat.name if seat else "",
        places=places(plan, channel) if len(plan.channels) < len(CHANNELS) else "",
    )


def _seat(row: Row, stage: FrozenStage, reader: Reader, members: Members) -> Away | None:
    """Who is away, and in whose place the reader may decide: of several, whose seat is free."""
    roles = {role.id for role in stage.roles}
    own = (row.owner_id, row.initiator_id)
    left = [
        one
        for one in members.left_to(reader.person_id)
        if one.person not in own and members.held_by(one.person) & roles
    ]
    return next((one for one in left if _used(row, one) is None), left[0] if left else None)


def _used(row: Row, seat: Away | None) -> str | None:
    if seat is None:
        return None
    if any(
        vote["stage"] == row.stage and _seat_of(vote) == str(seat.person) for vote in _votes(row)
    ):
        return f"{seat.name}, for whom you stand in, has a vote at this step; it stands."
    return None


def _seat_of(vote: dict[str, Any]) -> str:
    return str(vote["on_behalf_of_id"] or vote["person_id"])


def _elsewhere(plan: FrozenPlan, channel: str) -> str | None:
    return None if decided_in(plan, channel) else f"It is decided {places(plan)}, not here."


def _why_not_approve(row: Row, plan: FrozenPlan, reader: Reader, seat: Away | None) -> str | None:
    if row.waiting_on == WaitingOn.AGENT:
        return "It was given back to the agent: until it answers, it can only be rejected."
    if row.stage is None or not plan.stage(row.stage).distinct_from_earlier:
        return None
    if any(v["stage"] < row.stage and v["verdict"] in AGREEING for v in _own(row, reader)):
        return "You approved an earlier step: this one needs somebody else's approval."
    people = {str(reader.person_id)} | ({str(seat.person)} if seat else set())
    if any(
        v["stage"] < row.stage
        and v["verdict"] in AGREEING
        and {v["person_id"], _seat_of(v)} & people
        for v in _votes(row)
    ):
        return "That seat approved an earlier step: this one needs somebody else's approval."
    return None


def _why_not(row: Row, stage: FrozenStage, reader: Reader, held: frozenset[UUID]) -> str | None:
    if any(vote["stage"] == row.stage for vote in _own(row, reader)):
        return "You have decided at this step; it waits for others."
    if stage.confirm == "owner":
        if reader.person_id != row.owner_id:
            return "The rule asks the agent's owner alone to confirm."
        return None
    if stage.confirm == "initiator":
        if reader.person_id != row.initiator_id:
            return "The rule asks whoever started the run, alone, to confirm."
        return None
    if reader.person_id == row.owner_id:
        return "You own this agent, and nobody decides on their own agent's request."
    if reader.person_id == row.initiator_id:
        return "You started this run, and nobody decides on a request of their own run."
    if not held & {role.id for role in stage.roles}:
        return "This step asks a role that you do not hold."
    return None


def _own(row: Row, reader: Reader) -> list[dict[str, Any]]:
    """The reader's votes on this revision that count."""
    return [vote for vote in _votes(row) if vote["person_id"] == str(reader.person_id)]


def _votes(row: Row) -> list[dict[str, Any]]:
    return [
        vote
        for vote in row.decisions or ()
        if vote["revision"] == row.revision
        and not vote["void"]
        and vote["verdict"] != Verdict.RETURN
    ]
