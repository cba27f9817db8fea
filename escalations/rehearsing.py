"""Rehearsals of drafts and of requests: the facts are read here, what follows from them is `escalations.rehearsal`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import escalating, planning, read
from approvals.access import Reader
from approvals.escalating import Open
from approvals.frozen import FrozenPlan, FrozenRole, FrozenStep
from approvals.status import WaitingOn
from core import ids
from core.db import pool
from core.problems import FieldError, Problem, conflict, invalid
from escalations import records, stepping
from escalations.acting import NO_CHANNEL
from escalations.cast import Cast, Place
from escalations.rehearsal import Moment, Play, rehearse
from notifications import nudging, reaching
from notifications.lining_up import installation_of
from notifications.pagers import registry
from people import coverage
from people.coverage import Facts
from people.schedules import duty
from people.sql import ACTIVE_NAMES, ROLES_BY_ID
from policies import active
from policies.terms import Document

#: Duty and absences are looked at for so long; a request that waits longer is for everybody then.
HORIZON: Final = timedelta(days=92)
#: A draft may be rehearsed for a time so far ahead.
FARTHEST: Final = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an agent might submit; ``at``: when, now where it says nothing; ``expires_in`` as it would ask."""

    agent: UUID
    action: str
    payload: dict[str, Any]
    at: datetime | None = None
    expires_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would happen, with what the plan says of it.

    ``why`` and ``notes`` are the plan's own; ``moments`` end with the end.
    """

    begin: datetime
    plan: FrozenPlan
    risk: str
    title: str
    moments: tuple[Moment, ...]


def of_request(*, reader: Reader, request_id: UUID) -> Rehearsed:
    """What would happen to a request from now on if nobody answered.

    Raises:
        Problem: 404 nothing to see; 409 ``request_ended``.
    """
    row = read.for_person(reader=reader, request_id=request_id)
    with pool().connection() as conn:
        opens = escalating.read(conn, [request_id])
        if not opens:
            raise conflict("request_ended", "This request has ended.")
        (one,) = opens
        play = _play(conn, one)
        cast = _cast(conn, one.workspace, play)
    return Rehearsed(play.begin, play.plan, play.risk, row.title, rehearse(play, cast))


def of_draft(*, workspace: UUID, draft: Draft) -> Rehearsed:
    """What would happen to a request that an agent might submit, if nobody answered.  Nothing is stored.

    Raises:
        Problem: 409 ``no_policy``; 413; 422 naming the field: ``/agent``, ``/action``, ``/payload``, ``/at``.
    """
    with pool().connection() as conn:
        situation = planning.read_agent(conn, workspace, draft.agent)
        if situation is None:
            raise unknown_agent()
        begin = _begin(draft.at, situation.now)
        situation = replace(situation, now=begin)
        policy = planning.policy_of(conn, situation)
        planned = planning.plan(conn, situation, policy, draft.action, draft.payload)
        plan = planned.plan.cut_short(draft.expires_in)
        first = plan.stages[0] if plan.stages else None
        play = Play(
            begin=begin,
            expires_at=begin + plan.life(draft.expires_in),
            began_at=begin,
            plan=plan,
            risk=planned.risk,
            stage=0,
            roles=first.roles if first else (),
            confirm=first.confirm if first else None,
            owner=situation.owner_id,
            initiator=None,
        )
        cast = _cast(conn, workspace, play)
    return Rehearsed(begin, plan, planned.risk, planned.title, rehearse(play, cast))


def _begin(at: datetime | None, now: datetime) -> datetime:
    """When a draft is submitted.

    Raises:
        Problem: 422 for a time that has passed, or is too far ahead.
    """
    if at is None:
        return now
    # Differences of instants never overflow, as conversions of the first and last years do.
    if not timedelta(minutes=-1) <= at - now <= FARTHEST:
        detail = f"A time from now on, within {FARTHEST.days} days."
        raise invalid([FieldError("/at", "out_of_range", detail)])
    return at.astimezone(UTC)


def unknown_agent() -> Problem:
    """422 for an agent that is not there, or another workspace's."""
    return invalid([FieldError("/agent", "unknown_agent", "This workspace has no such agent.")])


def _play(conn: Connection[Any], one: Open) -> Play:
    """A pending request as it stands."""
    roles = conn.execute(ROLES_BY_ID, {"roles": list(one.roles)}).fetchall()
    done = records.done(conn, [one])[one.request]
    return Play(
        # What has met its deadline, and waits for a worker, meets it now.
        begin=min(one.now, one.expires_at),
        expires_at=one.expires_at,
        began_at=one.began_at,
        plan=one.plan,
        risk=one.risk,
        stage=one.stage,
        roles=tuple(FrozenRole(id, name, title) for id, name, title in roles),
        confirm=one.confirm,
        owner=one.owner,
        initiator=one.initiator,
        done={
            step.number: (step.kind, step.state == "skipped" and step.reason != NO_CHANNEL)
            for step in done
        },
        decided=escalating.voters(conn, one),
        told=nudging.asked(conn, one.request, revision=one.revision, stage=one.stage),
        stands_still=one.stands_still,
        for_people=one.waiting_on is WaitingOn.PEOPLE,
    )


def _cast(conn: Connection[Any], workspace: UUID, play: Play) -> Cast:
    """What there is to know of the workspace while a request waits."""
    steps = play.plan.escalation
    roles = [*play.roles, *(step.role for step in steps if step.role is not None)]
    roles += play.plan.after_deadline.roles if play.plan.after_deadline else ()
    return cast_of(
        conn,
        workspace,
        {role.name for role in roles},
        begin=play.begin,
        until=min(play.until, play.begin + HORIZON),
        steps=steps,
        people={play.owner, *([play.initiator] if play.initiator else [])},
    )


def cast_of(
    conn: Connection[Any],
    workspace: UUID,
    roles: Collection[str],
    *,
    begin: datetime,
    until: datetime,
    steps: Sequence[FrozenStep] = (),
    people: Collection[UUID] = (),
) -> Cast:
    """What there is to know of these roles between two instants.

    Args:
        steps: which may name schedules and people besides.
        people: who else may be named.
    """
    document = active.document_of(conn, workspace)
    facts = coverage.facts(conn, workspace, begin, until, names=roles)
    scheduled = _scheduled(document, roles)
    called = {
        step.target.partition(":")[2] for step in steps if step.target.startswith("schedule:")
    }
    duties = duty.all_spans(conn, workspace, called | {*scheduled.values()}, begin, until)
    everybody = [*_people(facts, duties, steps), *people]
    values = {"workspace": workspace, "people": everybody}
    names = dict(conn.execute(ACTIVE_NAMES, values).fetchall())
    return Cast(
        facts=facts,
        until=until,
        names=names,
        reach=reaching.of(conn, list(names)),
        scheduled=scheduled,
        duty=duties,
        hours=stepping.hours_in(conn, workspace, steps),
        pagers=frozenset(name for _, name in registry.named(conn, {workspace})),
        **_told_by(conn, workspace, document, roles),
    )


def _people(
    facts: Facts, duties: Mapping[str, Sequence[duty.Span]], steps: Sequence[FrozenStep]
) -> set[UUID]:
    """Everybody who may be named in it."""
    found = {seat.person for role in facts.roles.values() for seat in role.seats}
    found |= {one.stand_in for one in facts.away if one.stand_in is not None}
    found |= {one.id for spans in duties.values() for span in spans for one in span.who}
    found |= {
        ids.decode("per", step.target.removeprefix("person:"))
        for step in steps
        if step.target.startswith("person:per_")
    }
    return found


def _scheduled(document: Document | None, roles: Collection[str]) -> dict[str, str]:
    """The schedules of these roles, by role, as the active policy has them."""
    found = {} if document is None else document.roles
    return {
        name: role.schedule
        for name in roles
        if (role := found.get(name)) is not None and role.schedule is not None
    }


def _told_by(
    conn: Connection[Any], workspace: UUID, document: Document | None, roles: Collection[str]
) -> dict[str, Any]:
    """How roles are told: their members by default, and their own channels."""
    declared = {} if document is None else document.roles
    known = reaching.places(conn, [workspace])
    installations = known.installations.get(workspace, ())
    places: dict[str, list[Place]] = {}
    for name in sorted(roles):
        slack = declared[name].slack if name in declared else None
        if slack and installation_of(installations, slack):
            places.setdefault(name, []).append(Place(name, "slack", slack.rpartition("/")[2]))
        for _, other in known.others.get((workspace, name), ()):
            places.setdefault(name, []).append(Place(name, "other", other))
    return {
        "defaults": {name: role.tell for name, role in declared.items() if role.tell},
        "places": places,
        "connected": workspace in known.connected,
        "others": bool(known.others),
    }
