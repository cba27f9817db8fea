"""Runs and their steps: declared and told by agents, opened and read by people too."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from agents import runs, steps
from agents.reports import RunDeclared, RunEnd, StepsReported
from agents.runs import RunRow
from agents.steps import StepRow
from api.doors import (
    AnyDoor,
    agent_of,
    answer,
    body_of,
    idempotency_of,
    limit_of,
    listing,
    own_agent,
    replied,
    signed,
)
from api.messages import OwnerRef, RunAgent, RunLinks, RunShown, StepShown
from approvals import run_access
from approvals.present import instant
from core import ids
from core.canonical import show_digest
from core.problems import not_found


class Runs(AnyDoor):
    """``/runs``"""

    def post(self, request: Request) -> HttpResponse:
        """Begin a run, or find the one of this external id."""
        caller = agent_of(request)
        declared = body_of(request, RunDeclared)
        if caller is not None:
            row, new = runs.declare(caller=caller, declared=declared)
        else:
            who = signed(request)
            row, new = runs.open_for(
                actor=who.actor,
                workspace_id=who.reader.workspace_id,
                person_id=who.reader.person_id,
                declared=declared,
            )
        told = shown(row)
        return answer(request, told, 201 if new else 200, Location=told.links.self)

    def get(self, request: Request) -> HttpResponse:
        """The agent's own runs, newest first."""
        page = runs.list_for_agent(
            caller=own_agent(request),
            cursor=request.query_params.get("cursor"),
            limit=limit_of(request),
        )
        items = [msgspec.json.encode(shown(row)) for row in page.items]
        return listing(request, items, page.next, page.previous)


class RunDetail(AnyDoor):
    """``/runs/{id}``"""

    def get(self, request: Request, run_id: str) -> HttpResponse:
        """The run, for its agent and for people who may see it."""
        return answer(request, shown(_readable(request, run_id)))

    def patch(self, request: Request, run_id: str) -> HttpResponse:
        """End it."""
        caller, subject = own_agent(request), _uuid(run_id)
        body = body_of(request, RunEnd)
        return answer(request, shown(runs.end(caller=caller, run_id=subject, state=body.state)))


class Steps(AnyDoor):
    """``/runs/{id}/steps``"""

    def post(self, request: Request, run_id: str) -> HttpResponse:
        """Add a batch."""
        caller, subject = own_agent(request), _uuid(run_id)
        batch = body_of(request, StepsReported)
        reply = steps.report(
            caller=caller,
            run_id=subject,
            steps=batch.steps,
            idempotency=idempotency_of(request),
        )
        return replied(request, reply)

    def get(self, request: Request, run_id: str) -> HttpResponse:
        """The steps of a run, in their order."""
        row = _readable(request, run_id)
        page = steps.listed(
            run_id=row.id,
            cursor=request.query_params.get("cursor"),
            limit=limit_of(request),
        )
        items = [msgspec.json.encode(_step(one)) for one in page.items]
        return listing(request, items, page.next, page.previous)


def shown(row: RunRow) -> RunShown:
    """A run as its readers see it."""
    run_id = ids.encode("run", row.id)
    steps_told, cost, tokens = row.sums
    base = f"{settings.BASE_URL}/api/v1"
    return RunShown(
        id=run_id,
        external_id=row.external_id,
        agent=RunAgent(ids.encode("agt", row.agent_id), row.agent_name),
        agent_version=row.agent_version,
        parent=ids.encode("run", row.parent_id) if row.parent_id else None,
        initiator=OwnerRef(ids.encode("per", row.initiator_id), row.initiator_name or "")
        if row.initiator_id
        else None,
        state=row.state,
        started_at=instant(row.created_at),
        ended_at=instant(row.ended_at) if row.ended_at else None,
        steps=steps_told,
        cost=None if cost is None else float(cost),
        tokens=tokens,
        stop=row.agent_state != "active",
        links=RunLinks(
            f"{base}/runs/{run_id}", f"{base}/runs/{run_id}/steps", f"{base}/requests?run={run_id}"
        ),
    )


def _step(row: StepRow) -> StepShown:
    return StepShown(
        id=ids.encode("stp", row.id),
        number=row.number,
        tool=row.name if row.kind == "tool" else None,
        model=row.name if row.kind == "model" else None,
        call_id=row.call_id,
        started_at=instant(row.started_at),
        ended_at=instant(row.ended_at) if row.ended_at else None,
        attempt=row.attempt,
        status=row.status,
        error=row.error,
        input_digest=show_digest(row.input_digest) if row.input_digest else None,
        output_digest=show_digest(row.output_digest) if row.output_digest else None,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost=None if row.cost is None else float(row.cost),
        labels=row.labels,
        trace_id=row.trace_id,
        span_id=row.span_id,
    )


def _readable(request: Request, run_id: str) -> RunRow:
    caller, subject = agent_of(request), _uuid(run_id)
    if caller is not None:
        return runs.for_agent(caller=caller, run_id=subject)
    return run_access.for_person(reader=signed(request).reader, run_id=subject)


def _uuid(text: str) -> UUID:
    try:
        return ids.decode("run", text)
    except ids.BadId:
        raise not_found() from None
