"""When nobody could decide, and when nobody is on duty: what memberships, absences and schedules say of the days ahead.

The instants are exact: what changes the answer is the beginning or end of a membership, of an absence, or of
a turn, and between two of these it stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from people import absences
from people.roles import PolicyRole
from people.schedules import duty
from people.schedules.loading import Loaded, load
from people.schedules.terms import Schedule
from people.sql import VALID_MEMBERSHIPS

#: How far is looked ahead where nobody says otherwise, and at most.
DAYS: Final = 14
MOST_DAYS: Final = 90

#: Stands in the place of the id of a schedule that is not there yet.
_NEW: Final = UUID(int=0)

_SEATS: Final = f"""
SELECT ro.name, ro.title, ro.schedule, m.person_id, m.source, m.valid_from, m.valid_until
  FROM people_role ro
  LEFT JOIN ({VALID_MEMBERSHIPS}) ON m.role_id = ro.id AND m.valid_from < %(until)s
       AND (m.valid_until IS NULL OR m.valid_until > %(begin)s)
 WHERE ro.workspace_id = %(workspace)s AND (%(names)s::text[] IS NULL OR ro.name = ANY(%(names)s::text[]))
 ORDER BY ro.name, m.id
"""


#: Who was last seen in a group of the identity provider.
_GROUPS: Final = """
SELECT p.id, i.groups
  FROM people_person p JOIN people_user u ON u.id = p.user_id AND u.is_active
  JOIN people_identity i ON i.user_id = u.id
 WHERE p.workspace_id = %(workspace)s AND p.active AND i.groups && %(groups)s::varchar[]
 ORDER BY p.id
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` until `end`, in UTC."""

    begin: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Seat:
    """A membership of an active person; `end` is None where it does not end."""

    person: UUID
    begin: datetime
    end: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it is valid then."""
        return self.begin <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class Away:
    """A time in which somebody is away; `stand_in` is None where nobody active stands in."""

    person: UUID
    begin: datetime
    end: datetime
    stand_in: UUID | None = None


@dataclass(frozen=True, slots=True)
class RoleFacts:
    """What there is to know of one role; `duty` is empty where it has no schedule that is declared."""

    name: str
    title: str
    schedule: str | None
    seats: tuple[Seat, ...]
    duty: tuple[duty.Span, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Facts:
    """Roles by name, and who is away, for a span of time."""

    roles: Mapping[str, RoleFacts]
    away: tuple[Away, ...] = ()


@dataclass(frozen=True, slots=True)
class RoleCoverage:
    """One role in the days ahead.

    Attributes:
        schedule, timezone: by which its members are on duty, if any, and the zone its times are read in.
        uncovered: when nobody could decide.
        off_duty: when none of those who are on duty could; everybody in the role is told then.
    """

    role: str
    title: str
    schedule: str | None
    timezone: str
    uncovered: tuple[Span, ...]
    off_duty: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """Roles and schedules as a document has them that is not active, or is about to be."""

    roles: Mapping[str, PolicyRole]
    schedules: Mapping[str, Schedule] = field(default_factory=dict)


def present(
    seats: Iterable[Seat], away: Sequence[Away], at: datetime, excluded: Collection[UUID] = ()
) -> dict[UUID, UUID | None]:
    """Who could decide at an instant, each with whom they stand in for; None: with a seat of their own.

    Whoever is away cannot, nor stand in for others; nobody stands in for a stand-in.

    Args:
        excluded: who never decides here: the agent's owner, and who started the run.
    """
    gone = {one.person: one.stand_in for one in away if one.begin <= at < one.end}
    held = [seat.person for seat in seats if seat.holds(at)]
    found: dict[UUID, UUID | None] = {
        person: None for person in held if person not in gone and person not in excluded
    }
    for person in held:
        stand_in = gone.get(person)
        # Nor does anybody fill the seat of one who may not decide.
        if stand_in is not None and not {stand_in, person} & {*gone.keys() - {person}, *excluded}:
            found.setdefault(stand_in, person)
    return found


def uncovered(
    role: RoleFacts,
    away: Sequence[Away],
    begin: datetime,
    until: datetime,
    excluded: Collection[UUID] = (),
) -> tuple[Span, ...]:
    """When nobody could decide in a role, between two instants; neighbours are one.  Pure."""

    def nobody(at: datetime) -> bool:
        return not present(role.seats, away, at, excluded)

    return _spans(_edges(role.seats, away), begin, until, nobody)


def off_duty(
    role: RoleFacts, away: Sequence[Away], begin: datetime, until: datetime
) -> tuple[Span, ...]:
    """When none of those who are on duty by its schedule could decide.  Pure."""
    if not role.duty:
        return ()

    def nobody(at: datetime) -> bool:
        return not on_duty(role, away, at)

    edges = {one.begin for one in role.duty} | _edges(role.seats, away)
    return _spans(edges, begin, until, nobody)


def on_duty(
    role: RoleFacts, away: Sequence[Away], at: datetime, excluded: Collection[UUID] = ()
) -> dict[UUID, UUID | None]:
    """Those of `present` who are on duty by the role's schedule, or fill the seat of one who is."""
    who = next((one.who for one in role.duty if one.begin <= at < one.end), ())
    turn = {one.id for one in who}
    could = present(role.seats, away, at, excluded)
    return {person: seat for person, seat in could.items() if (seat or person) in turn}


def _edges(seats: Iterable[Seat], away: Iterable[Away]) -> set[datetime]:
    ends = {edge for seat in seats for edge in (seat.begin, seat.end) if edge is not None}
    return ends | {edge for one in away for edge in (one.begin, one.end)}


def _spans(
    edges: Iterable[datetime], begin: datetime, until: datetime, holds: Callable[[datetime], bool]
) -> tuple[Span, ...]:
    """The spans between `begin` and `until` in which it holds, which changes at edges only."""
    begin, until = begin.astimezone(UTC), until.astimezone(UTC)
    inner = {edge.astimezone(UTC) for edge in edges if begin < edge < until}
    at = sorted({begin, *inner})
    found: list[Span] = []
    for start, end in zip(at, [*at[1:], until], strict=True):
        if start >= end or not holds(start):
            continue
        if found and found[-1].end == start:
            found[-1] = Span(found[-1].begin, end)
        else:
            found.append(Span(start, end))
    return tuple(found)


def forecast(
    conn: Connection[Any],
    workspace: UUID,
    begin: datetime,
    until: datetime,
    *,
    names: Collection[str] | None = None,
    declared: Declared | None = None,
) -> list[RoleCoverage]:
    """What the time from `begin` until `until` looks like, by the roles' names.

    Args:
        names: those that are looked at; none given: all.
        declared: as `facts`.
    """
    known = facts(conn, workspace, begin, until, names=names, declared=declared)
    return [
        RoleCoverage(
            role=role.name,
            title=role.title,
            schedule=role.schedule,
            timezone=role.timezone,
            uncovered=uncovered(role, known.away, begin, until),
            off_duty=off_duty(role, known.away, begin, until),
        )
        for role in known.roles.values()
    ]


def facts(
    conn: Connection[Any],
    workspace: UUID,
    begin: datetime,
    until: datetime,
    *,
    names: Collection[str] | None = None,
    declared: Declared | None = None,
) -> Facts:
    """What there is to know of roles between two instants.

    Args:
        names: of the roles; none given: all.
        declared: what stands in the place of what the active policy says of roles and schedules.
    """
    if declared is not None:
        names = list(declared.roles)
    values = {
        "workspace": workspace,
        "begin": begin,
        "until": until,
        "names": None if names is None else list(names),
    }
    roles: dict[str, RoleFacts] = {
        name: RoleFacts(name, said.title, said.schedule, _policy_seats(said, begin))
        for name, said in (declared.roles if declared else {}).items()
    }
    for name, seat in _group_seats(conn, workspace, declared, begin):
        roles[name] = replace(roles[name], seats=(*roles[name].seats, seat))
    for name, title, schedule, person, source, starts, ends in conn.execute(_SEATS, values):
        role = roles.setdefault(name, RoleFacts(name, title, schedule, ()))
        if person is not None and (declared is None or source == "manual"):
            roles[name] = replace(role, seats=(*role.seats, Seat(person, starts, ends)))
    found = _with_duty(conn, workspace, roles, begin, until, declared)
    gone = (
        Away(one.person, one.begins_at, one.ends_at, one.stand_in)
        for one in absences.between(conn, workspace, begin, until)
    )
    return Facts({name: found[name] for name in sorted(found)}, tuple(gone))


def _policy_seats(role: PolicyRole, begin: datetime) -> tuple[Seat, ...]:
    return tuple(Seat(person, begin) for person in sorted(role.members))


def _group_seats(
    conn: Connection[Any], workspace: UUID, declared: Declared | None, begin: datetime
) -> Iterator[tuple[str, Seat]]:
    """The seats of those who were last seen in the groups that roles name."""
    named = {} if declared is None else {name: one.group for name, one in declared.roles.items()}
    wanted = sorted({group for group in named.values() if group is not None})
    if not wanted:
        return
    for person, seen in conn.execute(_GROUPS, {"workspace": workspace, "groups": wanted}):
        for name, group in named.items():
            if group in seen:
                yield name, Seat(person, begin)


def _with_duty(
    conn: Connection[Any],
    workspace: UUID,
    roles: Mapping[str, RoleFacts],
    begin: datetime,
    until: datetime,
    declared: Declared | None,
) -> dict[str, RoleFacts]:
    """The roles with who is on duty in them, and the zone of their schedules."""
    wanted = {role.schedule for role in roles.values() if role.schedule is not None}
    if not wanted:
        return dict(roles)
    loaded = {one.name: one for one in load(conn, workspace, wanted, begin, until)}
    if declared is not None:
        loaded = _as_declared(loaded, {name: declared.schedules.get(name) for name in wanted})
    spans = duty.spans_of(conn, workspace, list(loaded.values()), begin, until)
    return {
        name: replace(role, duty=tuple(spans[at]), timezone=loaded[at].schedule.timezone)
        if (at := role.schedule) is not None and at in loaded
        else role
        for name, role in roles.items()
    }


def _as_declared(
    loaded: Mapping[str, Loaded], declared: Mapping[str, Schedule | None]
) -> dict[str, Loaded]:
    """The schedules as they will be: with the overrides, and the calendar where it stays the same.

    What another calendar will say is not known before it is read.
    """
    found: dict[str, Loaded] = {}
    for name, schedule in declared.items():
        old = loaded.get(name)
        if schedule is None or (
            schedule.ical is not None and (old is None or old.schedule.ical != schedule.ical)
        ):
            continue
        new = Loaded(_NEW, name, schedule, (), (), ()) if old is None else old
        found[name] = replace(new, schedule=schedule)
    return found
