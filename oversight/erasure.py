"""Erasing what is said of somebody, everywhere it stands, in one transaction with its event.

A subject is a request, everything that holds a text, or a person who was deactivated.  What is found
is handed to one function of the database's owner, which refuses without the event and under a legal
hold (oversight 0004).  Times, outcomes, opaque ids and sizes stay; the log's events do, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from psycopg import Connection, errors

from agents import erasing as runs
from approvals import erasing as requests
from approvals.ends import inbox_of, waiters_of
from audit import erasing as events
from audit.actor import Actor
from audit.kinds import ErasureLooked, SubjectErased
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from callbacks import erasing as callbacks
from core import db, erasing, failpoints, ids
from core.canonical import canonical
from core.nudge import nudger
from core.problems import FieldError, Problem, conflict, invalid, not_found
from oversight import holds
from people.models import Person

Scope = Literal["request", "containing", "person", "retention"]
#: Requests that one erasure takes; the rest is for the next.
MOST: Final = 500
MIN_TEXT: Final = 4
MAX_TEXT: Final = 500
#: Where PostgreSQL breaks a deadlock, the whole is done again.
TRIES: Final = 3
#: A search reads all of a workspace: it takes its time, on a connection of its own.
PATIENCE: Final = "SET LOCAL statement_timeout = '10min'"

WHY: Final[dict[str, str]] = {
    "pending": "It has not ended: end it first.",
    "usable": "Its approval can still be used: take it back first.",
    "not_reviewed": "It was approved past its plan, and nobody has reviewed that yet.",
    "erased": "It was erased before.",
    "held": "A legal hold keeps it.",
    "running": "This run goes on, or is read by one that does: end it first.",
    "shared": "Other requests that are not erased belong to this run.",
    "active": "Deactivate them first.",
    "named_in_policy": "The active policy names their address: apply one that does not.",
}
_KILLS: Final = """
SELECT id FROM oversight_kill WHERE workspace_id = %(workspace)s
   AND (id = ANY(%(also)s) OR position(%(text)s IN lower(reason)) > 0)
"""
_NAMED: Final = "SELECT policies_name(%(workspace)s, %(email)s)"
_INSERT: Final = f"""
WITH erased AS (
    INSERT INTO oversight_erasure (id, workspace_id, scope, subjects, person_id, reason, at)
    VALUES (%(id)s, %(workspace)s, %(scope)s, %(subjects)s, %(person)s, %(reason)s, %(at)s)
),
{INSERT_EVENTS}
SELECT 1
"""
_ERASE: Final = """
SELECT oversight_erase(%(event)s, %(workspace)s, %(requests)s, %(records)s, %(runs)s, %(kills)s, %(texts)s,
                       %(person)s, %(as)s)
"""
_ERASE_PERSON: Final = "SELECT oversight_erase_person(%(event)s, %(workspace)s, %(who)s)"
_COLUMNS: Final = "id, scope, subjects, reason, at, person_id"
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM oversight_erasure WHERE workspace_id = %(workspace)s ORDER BY id DESC LIMIT %(most)s
"""


class Left(msgspec.Struct, frozen=True):
    """Something that holds what was looked for and was not erased, and why: one word."""

    id: str
    why: str


class ErasureShown(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure, or what one would come to (``id`` is null then)."""

    id: str | None
    scope: str
    dry_run: bool
    subjects: list[str]
    count: int
    left: list[Left]
    more: bool
    reason: str
    at: str | None
    by: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be erased: one of the three; why; and who asks (none: an operator)."""

    workspace: UUID
    reason: str
    request: UUID | None = None
    containing: str | None = None
    subject: UUID | None = None
    person: UUID | None = None

    @property
    def scope(self) -> Scope:
        """What kind of subject it is."""
        if self.request is not None:
            return "request"
        return "person" if self.subject is not None else "containing"


@dataclass(slots=True)
class Found:
    """What is to be erased, and what is not although it was found."""

    requests: list[UUID] = field(default_factory=list)
    records: list[UUID] = field(default_factory=list)
    runs: list[UUID] = field(default_factory=list)
    kills: list[UUID] = field(default_factory=list)
    who: UUID | None = None
    #: Stored answers that hold one of these go as well.
    texts: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    more: bool = False

    @property
    def subjects(self) -> list[str]:
        """The ids of all of it, as they are shown."""
        named = [ids.encode("req", one) for one in self.requests]
        named += [ids.encode("rec", one) for one in self.records]
        named += [ids.encode("run", one) for one in self.runs]
        named += [ids.encode("kil", one) for one in self.kills]
        return named + ([ids.encode("per", self.who)] if self.who else [])


@dataclass(frozen=True, slots=True)
class Order:
    """An erasure that is to be written."""

    workspace: UUID
    scope: Scope
    reason: str
    person: UUID | None
    #: ``person``, ``operator`` or ``retention``.
    by: str
    before: str | None = None


def erase(*, actor: Actor, wanted: Wanted, dry_run: bool = False) -> ErasureShown:
    """Erase a subject, or only look what would be erased (``dry_run``).

    Raises:
        Problem: 404 no such request or person; 409 ``on_hold``; 422 ``not_erasable`` with why, for a
            reason, or for a text that is too short.
    """
    _check(wanted, dry_run=dry_run)
    by = "operator" if wanted.person is None else "person"
    order = Order(wanted.workspace, wanted.scope, wanted.reason.strip(), wanted.person, by)
    for _ in range(TRIES - 1):
        try:
            return _erase(actor, wanted, order, dry_run=dry_run)
        except errors.DeadlockDetected:
            continue
    return _erase(actor, wanted, order, dry_run=dry_run)


def newest(*, workspace: UUID, most: int = 50) -> list[ErasureShown]:
    """The latest erasures of a workspace, the newest first."""
    with db.pool().connection() as conn:
        found = conn.execute(_NEWEST, {"workspace": workspace, "most": most}).fetchall()
    return [
        ErasureShown(
            id=ids.encode("ers", row[0]),
            scope=row[1],
            dry_run=False,
            subjects=row[2],
            count=len(row[2]),
            left=[],
            more=False,
            reason=row[3],
            at=rfc3339(row[4]),
            by=ids.encode("per", row[5]) if row[5] else None,
        )
        for row in found
    ]


def _check(wanted: Wanted, *, dry_run: bool) -> None:
    asked = [wanted.request, wanted.containing, wanted.subject]
    if sum(one is not None for one in asked) != 1:
        detail = "Name one: a request, a text, or a person."
        raise invalid([FieldError("/request", "one_subject", detail)])
    text = wanted.containing
    if text is not None and not MIN_TEXT <= len(text.strip()) <= MAX_TEXT:
        detail = f"From {MIN_TEXT} to {MAX_TEXT} characters."
        raise invalid([FieldError("/containing", "bad_length", detail)])
    if not dry_run:
        holds.check_reason(wanted.reason)


def _erase(actor: Actor, wanted: Wanted, order: Order, *, dry_run: bool) -> ErasureShown:
    with own_connection() as conn:
        with conn.transaction():
            conn.execute(PATIENCE)
            conn.execute(erasing.ALONE, {"workspace": wanted.workspace})
            found = _find(conn, wanted)
            if dry_run:
                if wanted.containing is not None:
                    _tell_looked(conn, actor, wanted.workspace, found)
                return _shown(order, found, dry_run=True)
            shown = write(conn, actor, order, found) if found.subjects else None
        if shown is None:
            return _shown(order, found)
        failpoints.hit("after_commit_before_nudge")
        wake(order.workspace, found)
    return shown


@contextmanager
def own_connection() -> Iterator[Connection[Any]]:
    """A connection beside the pool, whose statements are planned for hot calls and end soon."""
    with db.connect() as conn:
        yield conn


def write(conn: Connection[Any], actor: Actor, order: Order, found: Found) -> ErasureShown:
    """Erase what was found, with its row and its event, in the caller's transaction.

    Raises:
        Problem: 409 ``on_hold``.
    """
    erasure, at, subjects = ids.uuid7(), holds.clock(conn), found.subjects
    data = SubjectErased(
        scope=order.scope, subjects=subjects, count=len(subjects), before=order.before
    )
    commits = {"reason": Commitment(order.reason.encode())}
    rows = event_rows([Fact(order.workspace, actor, ("ers", erasure), data, commits)], at)
    values: dict[str, Any] = {
        "id": erasure,
        "workspace": order.workspace,
        "scope": order.scope,
        "subjects": subjects,
        "person": order.person,
        "reason": order.reason,
        "at": at,
    }
    conn.execute(_INSERT, values | rows)
    values |= {
        "event": rows["ev_id"][0],
        "as": order.by,
        "who": found.who,
        "requests": found.requests,
        "records": found.records,
        "runs": found.runs,
        "kills": found.kills,
        "texts": found.texts,
    }
    failpoints.hit("erase_before_last_statement")
    try:
        conn.execute(_ERASE_PERSON if found.who else _ERASE, values)
    except errors.Error as error:
        if error.sqlstate == "AS001":
            raise on_hold() from error
        raise
    return _shown(order, found, erasure, rfc3339(at))


def wake(workspace: UUID, found: Found) -> None:
    """Make whoever looks at, or waits for, what was erased look again."""
    nudger.wake(inbox_of(workspace), *map(waiters_of, found.requests))


def on_hold() -> Problem:
    """409: a legal hold keeps it."""
    return conflict("on_hold", "A legal hold keeps it: nothing was erased.")


# -- finding -----------------------------------------------------------------------------------------
def _find(conn: Connection[Any], wanted: Wanted) -> Found:
    standing = holds.standing(conn, wanted.workspace)
    if standing.whole:
        raise on_hold()
    match wanted.scope:
        case "person":
            return _find_person(conn, wanted, standing)
        case "request":
            return _find_request(conn, wanted, standing)
        case _:
            return _find_text(conn, wanted, standing)


def _find_person(conn: Connection[Any], wanted: Wanted, standing: holds.Standing) -> Found:
    subject = wanted.subject
    assert subject is not None  # noqa: S101  # its scope says so
    person = (
        Person.objects.select_related("user")
        .filter(id=subject, workspace_id=wanted.workspace)
        .first()
    )
    if person is None:
        raise not_found()
    if person.id in standing.held.people:
        raise on_hold()
    named = {"workspace": wanted.workspace, "email": person.user.email}
    if person.erased_at is not None:
        raise _not_erasable("/person", "erased")
    if person.active:
        raise _not_erasable("/person", "active")
    if conn.execute(_NAMED, named).fetchone() == (True,):
        raise _not_erasable("/person", "named_in_policy")
    return Found(who=person.id)


def _find_request(conn: Connection[Any], wanted: Wanted, standing: holds.Standing) -> Found:
    assert wanted.request is not None  # noqa: S101  # its scope says so
    kept = requests.standing(conn, wanted.workspace, [wanted.request])
    if wanted.request not in kept:
        raise not_found()
    why = kept[wanted.request]
    if why is not None:
        raise _not_erasable("/request", why)
    if requests.held_among(conn, [wanted.request], standing.held):
        raise on_hold()
    found = Found(requests=[wanted.request])
    _add_runs(conn, found, ())
    return found


def _find_text(conn: Connection[Any], wanted: Wanted, standing: holds.Standing) -> Found:
    text = (wanted.containing or "").strip()
    needle = {"text": text.lower(), "json": canonical(text).decode()[1:-1].lower()}
    beside = events.containing(conn, wanted.workspace, needle)
    also = [*beside, *callbacks.containing(conn, wanted.workspace, needle["text"])]
    asked, records = requests.containing(conn, wanted.workspace, needle, also, MOST + 1)
    matched = runs.containing(conn, wanted.workspace, needle["text"], MOST + 1)
    values = {"workspace": wanted.workspace, "also": beside, "text": needle["text"]}
    found = Found(
        records=records[:MOST],
        kills=[row[0] for row in conn.execute(_KILLS, values)],
        texts=[text, needle["json"]],
        more=max(len(asked), len(records), len(matched)) > MOST,
    )
    kept = requests.standing(conn, wanted.workspace, asked[:MOST])
    held = requests.held_among(conn, list(kept), standing.held)
    for one, why in kept.items():
        if why is None and one not in held:
            found.requests.append(one)
        else:
            found.left.append(Left(ids.encode("req", one), why or "held"))
    _add_runs(conn, found, matched[:MOST])
    return found


def _add_runs(conn: Connection[Any], found: Found, matched: Sequence[UUID]) -> None:
    """The runs that go as well: those that hold the text, and those to which nothing else belongs."""
    shared = requests.runs_of(conn, found.requests, found.records)
    busy = runs.in_use(conn, [*shared, *matched])
    for run in dict.fromkeys([*matched, *shared]):
        if run in busy:
            found.left.append(Left(ids.encode("run", run), "running"))
        elif run not in matched and shared[run]:
            found.left.append(Left(ids.encode("run", run), "shared"))
        else:
            found.runs.append(run)


def _tell_looked(conn: Connection[Any], actor: Actor, workspace: UUID, found: Found) -> None:
    """Looking by a text tells what is in requests: that somebody did is in the log."""
    fact = Fact(workspace, actor, ("wsp", workspace), ErasureLooked(count=len(found.subjects)))
    conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], holds.clock(conn)))


def _not_erasable(pointer: str, why: str) -> Problem:
    return invalid(
        [FieldError(pointer, why, WHY[why])],
        code="not_erasable",
        detail="It is not to be erased now: `errors` says why. Nothing was erased.",
    )


def _shown(
    order: Order,
    found: Found,
    erasure: UUID | None = None,
    at: str | None = None,
    *,
    dry_run: bool = False,
) -> ErasureShown:
    subjects = found.subjects
    return ErasureShown(
        id=ids.encode("ers", erasure) if erasure else None,
        scope=order.scope,
        dry_run=dry_run,
        subjects=subjects,
        count=len(subjects),
        left=found.left,
        more=found.more,
        reason=order.reason,
        at=at,
        by=ids.encode("per", order.person) if order.person else None,
    )
