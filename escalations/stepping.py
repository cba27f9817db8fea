"""Keeps the due kind ``request.escalate``: the steps of an open stage, as their time comes.

One row of the clock stands for a request's next step.  Whoever claims it locks the request, reads the
plan that is frozen on it, takes what is due by the database's clock, and promises the next look, all in
one transaction: a step is taken once, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import escalating
from approvals.ends import inbox_of, waiters_of
from approvals.escalating import Open
from approvals.frozen import TELLS, FrozenStep
from audit.actor import Actor
from core import due, durations, failpoints, ids
from core.db import pool
from core.due import Claimed
from core.nudge import nudger
from escalations import acting, records
from escalations.ladder import Look, Taken, look
from escalations.records import Done, Taking
from notifications import nudging
from people.schedules import business, duty
from people.schedules.terms import Schedule

#: So many requests are held together: nobody can decide on them meanwhile.
HELD_AT_ONCE: Final = 50
#: Where nobody hears of a request, so long is waited for what a step came to before the next is taken.
UNREACHED_AGAIN: Final = timedelta(seconds=10)
CLOCK: Final = Actor.system("clock")


def escalate_due(claimed: Sequence[Claimed]) -> None:
    """Look at the clock of each claimed row's request, and take the steps that are due.

    Raises:
        LostLease: somebody else has claimed a row meanwhile; nothing was done.
    """
    by_subject = sorted(claimed, key=lambda row: row.subject)
    for begin in range(0, len(by_subject), HELD_AT_ONCE):
        _escalate(by_subject[begin : begin + HELD_AT_ONCE])


def _escalate(claimed: Sequence[Claimed]) -> None:
    with pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)
        opens = escalating.lock(conn, list({row.subject for row in claimed}))
        taken = step(conn, opens)
    if taken:
        failpoints.hit("after_commit_before_nudge")
        wake(taken)


def wake(taken: Sequence[Taking]) -> None:
    """Wake whoever waits for these requests, or looks at them; after the commit."""
    opens = {one.open.request: one.open for one in taken}
    topics = {waiters_of(one.request) for one in opens.values()}
    topics |= {inbox_of(one.workspace) for one in opens.values()}
    if topics:
        nudger.wake(*topics)


def step(conn: Connection[Any], opens: Sequence[Open]) -> list[Taking]:
    """Take the steps of locked requests that are due, and promise the next look."""
    done = records.done(conn, opens)
    requests = [one.request for one in opens]
    unreached = nudging.unreached(conn, requests)
    undelivered = nudging.undelivered(conn, requests)
    taken: list[Taking] = []
    silent: list[tuple[Open, Done]] = []
    again: list[tuple[Open, datetime]] = []
    for one in opens:
        if one.stands_still or not one.plan.escalation or one.now >= one.expires_at:
            continue  # its deadline passes over what is due (`pass_over`)
        lost = [s for s in done[one.request] if s.id in undelivered.get(one.request, ())]
        lost = [s for s in lost if not s.undelivered]
        silent += [(one, s) for s in lost]
        in_vain = bool(lost) or _in_vain(done[one.request])
        hears_nobody = one.request in unreached or in_vain
        times = due_at(one, hours_of(conn, one))
        seen = _look(one, times, done[one.request], sooner=hears_nobody)
        new = [_taking(one, times, number, how) for number, how in seen.take]
        taken += new
        at = _again(one, seen, new, hears_nobody=hears_nobody)
        again += [] if at is None else [(one, at)]
    acting.act(conn, taken)
    again += [(one.open, one.open.now) for one in taken if one.state == "skipped"]
    still = {one.request for one in opens} - _expired(taken)
    records.write(conn, taken, silent, [(o, at) for o, at in again if o.request in still], CLOCK)
    return taken


def pass_over(conn: Connection[Any], opens: Sequence[Open]) -> None:
    """Write what requests that meet their deadline now leave undone: it says all that steps would have."""
    late = [one for one in opens if one.plan.escalation and one.now >= one.expires_at]
    if not late:
        return
    done = records.done(conn, late)
    taken: list[Taking] = []
    for one in late:
        if one.stands_still:
            continue
        times = due_at(one, hours_of(conn, one))
        seen = _look(one, times, done[one.request], sooner=False)
        for number, _ in seen.take:
            passed = _taking(one, times, number, Taken.COLLAPSED)
            passed.reason = "its deadline had passed as well"
            taken.append(passed)
    records.write(conn, taken, [], [], CLOCK)


def _in_vain(done: Sequence[Done]) -> bool:
    """Whether the step before was to tell somebody, and there was nobody: then the next is due.

    Where nothing tells anybody, people look at their pages, and each step keeps its time.
    """
    last = done[-1] if done else None
    skipped = last is not None and last.state == "skipped" and last.kind in TELLS
    return skipped and last is not None and last.reason != acting.NO_CHANNEL


def _expired(taken: Sequence[Taking]) -> set[UUID]:
    return {one.open.request for one in taken if one.does == "expire"}


def due_at(one: Open, hours: Mapping[str, Schedule]) -> list[datetime | None]:
    """When each step of the open stage is due, had its clock not stood still since: `times_of`."""
    return times_of(one.plan.escalation, one.began_at, one.expires_at, hours)


def times_of(
    steps: Sequence[FrozenStep],
    began_at: datetime,
    expires_at: datetime,
    hours: Mapping[str, Schedule],
) -> list[datetime | None]:
    """When each step of a stage is due whose clock began then.  Pure.

    A step that would come at the deadline or after it never does: then the request has met it.

    Args:
        hours: the schedules whose open hours count, by name (`hours_of`); where one is gone, all do.
    """
    times = (_time_of(step, began_at, hours) for step in steps)
    return [at if at is not None and at < expires_at else None for at in times]


def _time_of(
    step: FrozenStep, began_at: datetime, hours: Mapping[str, Schedule]
) -> datetime | None:
    after = timedelta(seconds=step.after_s)
    schedule = hours.get(step.hours)
    if schedule is not None:
        at = business.add(schedule, began_at, after)
        if at is None:
            return None
        after = at - began_at
    return began_at + durations.scaled(after)


def hours_of(conn: Connection[Any], one: Open) -> dict[str, Schedule]:
    """The schedules whose open hours the steps of this request count, by name."""
    return hours_in(conn, one.workspace, one.plan.escalation)


def hours_in(
    conn: Connection[Any], workspace: UUID, steps: Sequence[FrozenStep]
) -> dict[str, Schedule]:
    """The same of these steps."""
    names = {step.hours for step in steps if step.hours}
    found = {name: duty.spec_of(conn, workspace, name) for name in names}
    return {name: schedule for name, schedule in found.items() if schedule is not None}


def _look(
    one: Open, times: Sequence[datetime | None], done: Sequence[Done], *, sooner: bool
) -> Look:
    numbers = {s.number for s in done}
    return look(one.plan.escalation, times, numbers, one.now, sooner=sooner)


def _taking(one: Open, times: Sequence[datetime | None], number: int, how: Taken) -> Taking:
    at = times[number]
    collapsed = how is Taken.COLLAPSED
    return Taking(
        id=ids.uuid7(),
        open=one,
        number=number,
        state="collapsed" if collapsed else "fired",
        cause="unreached" if how is Taken.SOONER else "clock",
        due_at=one.now if at is None or how is Taken.SOONER else at,
        target=one.plan.escalation[number].target,
        reason="a later step was due as well" if collapsed else "",
    )


def _again(
    one: Open, seen: Look, taken: Sequence[Taking], *, hears_nobody: bool
) -> datetime | None:
    """When to look again: at the next step, and soon where still nobody may have heard."""
    soon = one.now + UNREACHED_AGAIN if hears_nobody and taken else None
    return min((at for at in (seen.again_at, soon) if at is not None), default=None)


def take_now(conn: Connection[Any], one: Open, number: int, *, by: UUID, actor: Actor) -> Taking:
    """Take one step of a locked request before its time, because a person says so."""
    step = one.plan.escalation[number]
    taking = Taking(
        id=ids.uuid7(),
        open=one,
        number=number,
        state="fired",
        cause="person",
        due_at=one.now,
        target=step.target,
        by=by,
    )
    acting.act(conn, [taking])
    records.write(conn, [taking], [], [], actor)
    return taking
