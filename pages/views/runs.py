"""The page of one run: its steps, and those of its requests that the visitor may see."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import steps
from agents.runs import RunRow
from approvals import lists, run_access, words
from approvals.frozen import decode
from approvals.row import Row
from core import ids
from core.problems import not_found
from pages.aside import step_line
from pages.views.problems import told
from pages.visitor import Visitor, signed_in, whichever

STEPS: Final = 100
REQUESTS: Final = 200


@require_safe
@signed_in
@told
def run_page(request: HttpRequest, visitor: Visitor, run_id: str) -> HttpResponse:
    """One run."""
    visitor, run = _locate(request, visitor, run_id)
    cursor = request.GET.get("cursor") or None
    found = steps.listed(run_id=run.id, cursor=cursor, limit=STEPS)
    asked = lists.of_run(reader=visitor.reader, run_id=run.id, limit=REQUESTS)
    count, cost, tokens = run.sums
    context = {
        "shell": visitor.shell,
        "run": run,
        "run_id": run_id,
        "parent": ids.encode("run", run.parent_id) if run.parent_id else None,
        "count": count,
        "cost": "" if cost is None else f"{float(cost):.2f}",
        "tokens": tokens,
        "steps": [step_line(row) for row in found.items],
        "next_url": _turn(run_id, found.next),
        "previous_url": _turn(run_id, found.previous),
        "requests": [
            {
                "id": ids.encode("req", row.id),
                "title": row.title,
                "action": row.action,
                "outcome": _outcome(row),
                "at": row.created_at,
            }
            for row in asked
        ],
    }
    return render(request, "pages/run.html", context)


def _outcome(row: Row) -> str:
    if row.status == "pending":
        return "waits"
    initiator = any(stage.confirm == "initiator" for stage in decode(row.plan).stages)
    return words.outcome(row.status, row.basis, initiator=initiator)[0]


def _turn(run_id: str, cursor: str | None) -> str:
    return f"{reverse('run', args=[run_id])}?{urlencode({'cursor': cursor})}" if cursor else ""


def _locate(request: HttpRequest, visitor: Visitor, text: str) -> tuple[Visitor, RunRow]:
    """The run, in whichever of the visitor's workspaces it is.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    try:
        run_id = ids.decode("run", text)
    except ids.BadId:
        raise not_found() from None
    return whichever(
        request, visitor, lambda reader: run_access.for_person(reader=reader, run_id=run_id)
    )
