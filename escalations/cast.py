"""Who is on the stage of a rehearsal: who could decide when, who is on duty, how each would be told.  Pure.

What `approvals.announcing`, `notifications.telling` and `notifications.nudging` do to the rows of a real request is
asked here of facts that were read beforehand, for instants that are yet to come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from approvals.on_duty import those_on_duty
from notifications import routes
from notifications.routes import Reach
from people import absences, coverage
from people.coverage import Facts
from people.schedules import duty
from people.schedules.terms import Schedule


@dataclass(frozen=True, slots=True)
class Informed:
    """Somebody who would be told.

    ``channels`` is empty where they notice it in their inbox only.  ``at`` is when it is held back until:
    quiet hours, a gathering mail.  ``stands_in_for`` is the name of whom they stand in for.
    """

    person: UUID
    name: str
    channels: tuple[str, ...]
    at: datetime | None = None
    stands_in_for: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A channel of a role's own: ``slack`` with its id there, or ``other`` with the operator's name for it."""

    role: str
    channel: str
    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    """What there is to know of a workspace between two instants, `until` being the last.

    Attributes:
        facts: roles with their seats and duty, and who is away.
        names: of active people, by id.
        scheduled: the schedules of roles, as the active policy says, by role.
        duty: who is on duty by each schedule that is declared.
        hours: the schedules whose open hours steps count.
        defaults: how members of roles are told unless they chose themselves, by role.
        places: the channels of each role's own.
        connected: whether Slack is, broken or not.
        others: whether any role here has a channel of another service.
    """

    facts: Facts
    until: datetime
    names: Mapping[UUID, str] = field(default_factory=dict)
    reach: Mapping[UUID, Reach] = field(default_factory=dict)
    scheduled: Mapping[str, str] = field(default_factory=dict)
    duty: Mapping[str, Sequence[duty.Span]] = field(default_factory=dict)
    hours: Mapping[str, Schedule] = field(default_factory=dict)
    pagers: frozenset[str] = frozenset()
    defaults: Mapping[str, Sequence[str]] = field(default_factory=dict)
    places: Mapping[str, Sequence[Place]] = field(default_factory=dict)
    connected: bool = False
    others: bool = False

    def on_duty(self, schedule: str, at: datetime) -> tuple[UUID, ...]:
        """Who is on duty by a schedule; nobody where it is not declared."""
        spans = self.duty.get(schedule, ())
        found = next((one.who for one in spans if one.begin <= at < one.end), ())
        return tuple(one.id for one in found)

    def could_decide(
        self, roles: Sequence[str], at: datetime, excluded: Collection[UUID]
    ) -> dict[UUID, dict[str, UUID | None]]:
        """Who could decide in these roles, and in each for whom; None: in their own seat."""
        found: dict[UUID, dict[str, UUID | None]] = {}
        for name in sorted(roles):
            role = self.facts.roles.get(name)
            if role is not None:
                could = coverage.present(role.seats, self.facts.away, at, excluded)
                for person, seat in could.items():
                    found.setdefault(person, {})[name] = seat
        return found

    def gone(self, at: datetime) -> frozenset[UUID]:
        """Who is away then."""
        return frozenset(one.person for one in self.facts.away if one.begin <= at < one.end)

    def present(self, people: Collection[UUID], at: datetime) -> set[UUID]:
        """Those of them who are not away then; in the place of who is, who stands in."""
        gone = {
            one.person: (one.end, one.stand_in)
            for one in self.facts.away
            if one.begin <= at < one.end
        }
        return absences.present(people, gone)

    def told_of(
        self,
        asked: Mapping[UUID, tuple[str, ...]],
        roles: Sequence[str],
        at: datetime,
    ) -> dict[UUID, tuple[str, ...]]:
        """Those of the asked who are told: the ones on duty, where their role has a schedule."""
        scheduled = {name: self.scheduled[name] for name in roles if name in self.scheduled}
        on = {
            name: self.present(self.on_duty(name, at), at)
            for name in scheduled.values()
            if name in self.duty
        }
        return those_on_duty(asked, scheduled, on) if scheduled else dict(asked)

    def members(self, role: str, at: datetime) -> set[UUID]:
        """Everybody who holds a role then and may act, whoever may decide."""
        found = self.facts.roles.get(role)
        return set() if found is None else {seat.person for seat in found.seats if seat.holds(at)}

    def edge_after(self, roles: Sequence[str], at: datetime) -> datetime | None:
        """The next instant at which others may be on duty, or somebody goes away or comes back."""
        schedules = {self.scheduled[name] for name in roles if name in self.scheduled}
        edges = [one.begin for name in schedules for one in self.duty.get(name, ())]
        edges += [edge for one in self.facts.away for edge in (one.begin, one.end)]
        return min((edge for edge in edges if at < edge < self.until), default=None)

    def name(self, person: UUID) -> str:
        """What somebody is called."""
        return self.names.get(person, "somebody")

    def reaches(self, people: Collection[UUID]) -> bool:
        """Whether anybody here is told by anything: else people look at their inbox, and know."""
        known = (self.reach[one] for one in people if one in self.reach)
        return self.connected or any(one.email or one.push for one in known)

    def ask(
        self, person: UUID, roles: Sequence[str], *, risk: str, expires_at: datetime, now: datetime
    ) -> Informed:
        """How somebody is told that they are asked."""
        reach = self.reach.get(person)
        if reach is None:
            return Informed(person, self.name(person), ())
        usual = routes.merged(self.defaults, roles)
        channels = tuple(routes.next_channels(reach, usual, (), now))
        at = routes.told_at(reach, critical=risk == "critical", expires_at=expires_at, now=now)
        if "email" in channels:
            slot = routes.gathered_at(reach, risk=risk, expires_at=expires_at, now=now)
            at = at if slot is None else max(at, slot)
        return Informed(person, self.name(person), channels, at if at > now else None)

    def nudge(
        self,
        person: UUID,
        roles: Sequence[str],
        via: Sequence[str],
        *,
        risk: str,
        expires_at: datetime,
        now: datetime,
    ) -> Informed | None:
        """How a step tells somebody; None where they cannot be told."""
        reach = self.reach.get(person)
        if reach is None:
            return None
        usual = routes.merged(self.defaults, roles)
        chosen = [channel for channel in via if reach.has(channel)]
        channels = tuple(chosen or routes.next_channels(reach, usual, (), now))
        if not channels:
            return None
        at = routes.told_at(reach, critical=risk == "critical", expires_at=expires_at, now=now)
        return Informed(person, self.name(person), channels, at if at > now else None)

    def places_of(self, roles: Sequence[str], via: Sequence[str] = ()) -> tuple[Place, ...]:
        """The channels of these roles' own; none where a step names others."""
        if via and "slack" not in via:
            return ()
        return tuple(place for role in roles for place in self.places.get(role, ()))
