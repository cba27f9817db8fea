"""Who is away, from when until when, and who stands in: written with its event, read by whoever asks.

A membership is a seat. While somebody is away their stand-in may fill it (`approvals.ballot`); that goes
no further: nobody fills the seat of one whom the absent one stands in for. So that no two people ever
stand in for each other, a declaration holds both until it commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from psycopg import Connection

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record, rfc3339
from core import ids
from core.canonical import canonical
from core.clock import ClockTimestamp
from core.db import pool
from core.due import INSERT_DUE, WITHDRAW_DUE, Promise, due_rows
from core.nudge import nudger
from people import errors
from people.models import Absence, Person
from people.names import away
from people.services import wake_after_commit
from people.sql import ABSENCE_HOLDS, PERSON_NAME

#: The due kind of an absence that begins or ends: who is asked is then another.
TURN: Final = "absence.turn"
LONGEST: Final = timedelta(days=366)

_SPANS: Final = f"""
SELECT ab.id, ab.person_id, {PERSON_NAME.format(user="pu")}, ab.begins_at, ab.ends_at,
       CASE WHEN su.is_active THEN s.id END, CASE WHEN su.is_active THEN {PERSON_NAME.format(user="su")} END
  FROM people_absence ab
  JOIN people_person p ON p.id = ab.person_id
  JOIN people_user pu ON pu.id = p.user_id
  LEFT JOIN people_person s ON s.id = ab.stand_in_id AND s.active
  LEFT JOIN people_user su ON su.id = s.user_id
 WHERE ab.workspace_id = %(workspace)s AND ab.ended_at IS NULL AND p.active
"""
_COMING: Final = f"""
{_SPANS} AND ab.ends_at > clock_timestamp() AND (%(person)s::uuid IS NULL OR ab.person_id = %(person)s)
 ORDER BY ab.begins_at, ab.id
"""
_BETWEEN: Final = f"""
{_SPANS} AND ab.begins_at < %(end)s AND ab.ends_at > %(begin)s ORDER BY ab.begins_at, ab.id
"""
_NOW: Final = f"{_SPANS} AND {ABSENCE_HOLDS}"


@dataclass(frozen=True, slots=True)
class Away:
    """A time in which somebody is away; ``stand_in`` is none where nobody active stands in."""

    id: UUID
    person: UUID
    name: str
    begins_at: datetime
    ends_at: datetime
    stand_in: UUID | None
    stand_in_name: str | None

    @property
    def said(self) -> str:
        """The name as it is shown meanwhile."""
        return away(self.name, self.ends_at, self.stand_in_name)


@dataclass(frozen=True, slots=True)
class Declared:
    """An absence as it was written, and a sentence for each absence in which nobody stands in now."""

    absence: Absence
    warnings: tuple[str, ...]


@transaction.atomic
def declare(
    *,
    actor: Actor,
    person: Person,
    begins_at: datetime,
    ends_at: datetime,
    stand_in: Person | None = None,
) -> Declared:
    """Say that somebody will be away; a beginning that has passed means from now on.

    Args:
        actor: the person, an administrator or an operator; the door has seen to it.
        ends_at: when they are back.
        stand_in: who fills their seats meanwhile.

    Raises:
        PersonInactive, AbsenceEndsEarly, AbsenceIsOver, AbsenceTooLong, AbsenceOverlaps,
        StandInIsSelf, NoSuchStandIn, StandInLoop, StandInAway: the input names what to change.
    """
    held = _locked(person, stand_in)
    begin = _checked_span(max(begins_at, held.now), ends_at, asked=begins_at, now=held.now)
    _check_own(person, begin, ends_at)
    if stand_in is not None:
        _check_stand_in(held, person, stand_in, begin, ends_at)
    absence = Absence.objects.create(
        workspace_id=person.workspace_id,
        person=person,
        begins_at=begin,
        ends_at=ends_at,
        stand_in=stand_in,
        created_by_id=actor.id if actor.kind == "person" else None,
    )
    span = canonical({"begins_at": rfc3339(begin), "ends_at": rfc3339(ends_at)})
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.AbsenceDeclared(
            absence=ids.encode("abs", absence.id),
            stand_in=ids.encode("per", stand_in.id) if stand_in else None,
        ),
        commits={"span": Commitment(span)},
    )
    _turn(absence, [begin, ends_at])
    return Declared(absence, _warnings(person, begin, ends_at))


@transaction.atomic
def end(*, actor: Actor, absence: Absence) -> bool:
    """Call an absence off, or end it now because the person is back; false where it is over already."""
    held = (
        Absence.objects.select_for_update(no_key=True)
        .annotate(now=ClockTimestamp())
        .get(id=absence.id)
    )
    if held.ended_at is not None or held.ends_at <= held.now:
        return False
    Absence.objects.filter(id=held.id).update(ended_at=ClockTimestamp())
    record(
        actor=actor,
        workspace=held.workspace_id,
        subject=("per", held.person_id),
        data=kinds.AbsenceEnded(absence=ids.encode("abs", held.id)),
    )
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {WITHDRAW_DUE} SELECT 1", {"due_withdrawn": [held.id]})
    if held.begins_at <= held.now:
        _turn(held, [held.now])
    return True


def find(*, workspace: UUID, absence: UUID, person: UUID | None = None) -> Absence | None:
    """An absence of a workspace (of one person, where given) that was not ended; none otherwise."""
    found = Absence.objects.filter(id=absence, workspace_id=workspace, ended_at=None)
    return (found if person is None else found.filter(person_id=person)).first()


def stand_in_of(*, workspace: UUID, named: str) -> Person | None:
    """The active person with this id (``per_…``) or e-mail address; none where nothing is given.

    Raises:
        NoSuchStandIn: there is no such person.
    """
    if not named:
        return None
    active = Person.objects.select_related("user").filter(
        workspace_id=workspace, active=True, user__is_active=True
    )
    if "@" in named:
        found = active.filter(user__email=named.strip().casefold()).first()
    else:
        try:
            found = active.filter(id=ids.decode("per", named)).first()
        except ids.BadId:
            found = None
    if found is None:
        raise errors.NoSuchStandIn
    return found


def coming(*, workspace: UUID, person: UUID | None = None) -> list[Away]:
    """All absences that hold now or later, of one person where given, in the order they begin."""
    with pool().connection() as conn:
        return _read(conn, _COMING, {"workspace": workspace, "person": person})


def between(conn: Connection[Any], workspace: UUID, begin: datetime, end: datetime) -> list[Away]:
    """All absences that hold at some moment of a span, in the order they begin."""
    return _read(conn, _BETWEEN, {"workspace": workspace, "begin": begin, "end": end})


def absent_now(conn: Connection[Any], workspace: UUID) -> dict[UUID, tuple[datetime, UUID | None]]:
    """Who is away at this moment of the database's clock: until when, and which active person stands in."""
    return {
        person: (one.ends_at, one.stand_in) for person, one in away_now(conn, workspace).items()
    }


def present(people: Iterable[UUID], away: Mapping[UUID, tuple[datetime, UUID | None]]) -> set[UUID]:
    """Those of these people who are there, and in the place of who is away, who stands in.  Pure.

    Nobody further: where the stand-in is away as well, that seat is empty.

    Args:
        away: as `absent_now` says.
    """
    found = set()
    for person in people:
        stand_in = away[person][1] if person in away else person
        if stand_in is not None and stand_in not in away:
            found.add(stand_in)
    return found


def away_now(conn: Connection[Any], workspace: UUID) -> dict[UUID, Away]:
    """The same with their names."""
    return {one.person: one for one in _read(conn, _NOW, {"workspace": workspace})}


def _read(conn: Connection[Any], query: str, values: dict[str, Any]) -> list[Away]:
    return [Away(*row) for row in conn.execute(query, values).fetchall()]


@dataclass(frozen=True, slots=True)
class _Held:
    """The people whom a declaration holds, and the database's clock since."""

    active: frozenset[UUID]
    now: datetime


def _locked(person: Person, stand_in: Person | None) -> _Held:
    """Hold both in one order, so that two declarations at once see each other."""
    wanted = {person.id} | ({stand_in.id} if stand_in else set())
    found = list(
        Person.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(id__in=wanted, workspace_id=person.workspace_id)
        .order_by("id")
    )
    held = frozenset(one.id for one in found if one.active and one.user.is_active)
    if person.id not in held:
        raise errors.PersonInactive(email=person.user.email, slug=person.workspace.slug)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return _Held(held, now)


def _checked_span(begin: datetime, end: datetime, *, asked: datetime, now: datetime) -> datetime:
    if end <= asked:
        raise errors.AbsenceEndsEarly(begin=_said(asked), until=_said(end))
    if end <= now:
        raise errors.AbsenceIsOver(until=_said(end))
    if end - begin > LONGEST:
        raise errors.AbsenceTooLong(days=LONGEST.days)
    return begin


def _check_own(person: Person, begin: datetime, end: datetime) -> None:
    other = _of(person, begin, end).first()
    if other is not None:
        raise errors.AbsenceOverlaps(begin=_said(other.begins_at), until=_said(other.ends_at))


def _check_stand_in(
    held: _Held, person: Person, stand_in: Person, begin: datetime, end: datetime
) -> None:
    if stand_in.id == person.id:
        raise errors.StandInIsSelf
    if stand_in.id not in held.active:
        raise errors.NoSuchStandIn
    away = list(_of(stand_in, begin, end))
    loop = next((one for one in away if one.stand_in_id == person.id), None)
    for other, refused in (
        (loop, errors.StandInLoop),
        (next(iter(away), None), errors.StandInAway),
    ):
        if other is not None:
            raise refused(
                name=stand_in.name,
                person=person.name,
                begin=_said(other.begins_at),
                until=_said(other.ends_at),
            )


def _of(person: Person, begin: datetime, end: datetime) -> Any:
    return Absence.objects.filter(
        person_id=person.id, ended_at=None, begins_at__lt=end, ends_at__gt=begin
    ).order_by("begins_at", "id")


def _warnings(person: Person, begin: datetime, end: datetime) -> tuple[str, ...]:
    left = (
        Absence.objects.select_related("person__user")
        .filter(
            workspace_id=person.workspace_id,
            stand_in_id=person.id,
            person__active=True,
            ended_at=None,
            begins_at__lt=end,
            ends_at__gt=begin,
        )
        .order_by("begins_at", "id")
    )
    return tuple(
        f"{person.name} stands in for {one.person.name} from {_said(one.begins_at)} until "
        f"{_said(one.ends_at)}: nobody is told in their place while both are away."
        for one in left
    )


def _turn(absence: Absence, at: Sequence[datetime]) -> None:
    """Have those be asked anew who are asked otherwise from each of these moments on."""
    promises = [Promise(TURN, absence.workspace_id, absence.id, one) for one in at]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows(promises))
    transaction.on_commit(partial(nudger.nudge, TURN))
    for one in (absence.person_id, absence.stand_in_id):
        if one is not None:
            wake_after_commit(one)


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
