"""What stands beside a decision: the run it belongs to, who looks into it, and the way past its plan."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from agents import runs, steps
from agents.steps import StepRow
from approvals import bulk, handling, undo
from approvals.frozen import decode
from approvals.row import Row
from approvals.similar import Similar, similar
from approvals.status import Basis, Kind, Status
from core import ids
from notifications import stories
from pages.changes import Earlier, earlier
from pages.clock import ClockShown, clock_shown
from pages.story import Story, story
from pages.told import WhoWasTold, who_was_told
from pages.visitor import Visitor
from people.models import Role

#: Steps of the run that stand on the request's page; the run's own page has all.
LAST_STEPS: Final = 8


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step of a run, as its agent told it."""

    number: int
    name: str
    is_model: bool
    status: str
    error: str
    attempt: int
    labels: tuple[str, ...]
    at: datetime
    took_s: float | None


@dataclass(frozen=True, slots=True)
class RunPanel:
    """The run of a request, and what was done last in it."""

    id: str
    external_id: str
    version: str
    state: str
    steps: int
    earlier: int
    cost: str
    tokens: int
    last: tuple[StepLine, ...]


@dataclass(frozen=True, slots=True)
class Handler:
    """Who looks into a request, and what this reader may change about it."""

    name: str
    mine: bool
    may_claim: bool
    may_reassign: bool
    others: tuple[tuple[str, str], ...]
    watching: bool


@dataclass(frozen=True, slots=True)
class Glass:
    """The way past the plan, for this reader."""

    may_confirm: bool
    may_review: bool
    unreviewed: bool


@dataclass(frozen=True, slots=True)
class Aside:
    """All of it."""

    run: RunPanel | None
    handler: Handler
    glass: Glass
    #: Whether this reader can take the approval back.
    may_undo: bool
    #: How many more could be decided together with it.
    alike: int
    #: Of the agent as it is now: what was suspended or retired may do nothing.
    agent_state: str
    told: WhoWasTold
    clock: ClockShown
    similar: Similar
    story: Story
    #: Revisions between the first and this one, the newest first.
    earlier: tuple[Earlier, ...]


def aside(row: Row, visitor: Visitor) -> Aside:
    """What stands beside this request for this visitor."""
    handler = _handler(row, visitor)
    return Aside(
        run=_run(row.run_id) if row.run_id is not None else None,
        handler=handler,
        glass=_glass(row, visitor),
        may_undo=undo.is_open(row) and undo.may_undo(row, visitor.reader),
        alike=_alike(row, visitor),
        agent_state=row.agent_state,
        told=_told(row),
        clock=_clock(row, asked=handler.may_reassign),
        similar=similar(reader=visitor.reader, row=row),
        story=story(row),
        earlier=earlier(row, visitor),
    )


def _told(row: Row) -> WhoWasTold:
    story = stories.of_request(row.id)
    names = {one.role for one in story.messages if one.role}
    roles = Role.objects.filter(workspace_id=row.workspace_id, name__in=names) if names else ()
    return who_was_told(story, {role.name: role.title for role in roles})


def _clock(row: Row, *, asked: bool) -> ClockShown:
    plan = decode(row.plan)
    named = [step.target for step in plan.escalation if step.target.startswith("role:")]
    names = {target.removeprefix("role:") for target in named}
    roles = Role.objects.filter(workspace_id=row.workspace_id, name__in=names) if names else ()
    return clock_shown(row, plan, asked=asked, titles={role.name: role.title for role in roles})


def _alike(row: Row, visitor: Visitor) -> int:
    """Others like it that wait for this visitor; none where this one does not."""
    if row.status != Status.PENDING:
        return 0
    return bulk.count_alike(reader=visitor.reader, row=row)


def step_line(row: StepRow) -> StepLine:
    """One step as people read it."""
    took = (row.ended_at - row.started_at).total_seconds() if row.ended_at else None
    return StepLine(
        number=row.number,
        name=row.name,
        is_model=row.kind == "model",
        status=row.status,
        error=row.error,
        attempt=row.attempt,
        labels=tuple(row.labels),
        at=row.started_at,
        took_s=took,
    )


def _run(run_id: UUID) -> RunPanel:
    run = runs.find(run_id)
    count, cost, tokens = run.sums
    last = steps.last(run_id=run_id, limit=LAST_STEPS)
    return RunPanel(
        id=ids.encode("run", run.id),
        external_id=run.external_id,
        version=run.agent_version,
        state=run.state,
        steps=count,
        earlier=count - len(last),
        cost="" if cost is None else f"{float(cost):.2f}",
        tokens=tokens,
        last=tuple(step_line(one) for one in last),
    )


def _handler(row: Row, visitor: Visitor) -> Handler:
    reader, pending = visitor.reader, row.status == Status.PENDING
    found = handling.candidates(reader=reader, request_id=row.id) if pending else []
    asked = reader.person_id in {person for person, _ in found}
    return Handler(
        name=row.claimed_by_name or "",
        mine=row.claimed_by_id == reader.person_id,
        may_claim=asked and row.claimed_by_id is None,
        may_reassign=asked,
        others=tuple(
            (ids.encode("per", person), name)
            for person, name in found
            if person != row.claimed_by_id
        )
        if asked
        else (),
        watching=handling.watches(reader=reader, request_id=row.id),
    )


def _glass(row: Row, visitor: Visitor) -> Glass:
    reader = visitor.reader
    own = reader.person_id in (row.owner_id, row.initiator_id)
    said = {UUID(one["person_id"]) for one in row.confirmations or ()}
    broken = row.basis == Basis.BREAK_GLASS
    return Glass(
        may_confirm=row.status == Status.PENDING
        and row.kind == Kind.REQUEST
        and "administer" in reader.permissions
        and not own
        and reader.person_id not in said,
        may_review=broken and row.review is None and not own and reader.person_id not in said,
        unreviewed=broken and row.review is None,
    )
