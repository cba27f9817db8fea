"""Rehearsals on pages: of a request, and of what an agent might submit.  Nothing is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from agents.models import Agent
from core import ids
from core.db import pool
from core.problems import Problem
from escalations import rehearsal_words as words
from escalations import rehearsing
from escalations.cast import Informed
from escalations.rehearsal import Moment
from escalations.rehearsing import Draft
from pages.forms import RehearsalForm
from pages.views.problems import told
from pages.views.showing import locate
from pages.visitor import Visitor, signed_in
from policies import active


@dataclass(frozen=True, slots=True)
class PersonLine:
    """Somebody who would be told, and by what."""

    one: Informed
    by: str


@dataclass(frozen=True, slots=True)
class MomentLine:
    """A moment as the page shows it."""

    moment: Moment
    said: str
    dot: str
    people: list[PersonLine]
    places: list[str]
    nobody: bool


@require_safe
@signed_in
@told
def request_rehearsal_page(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """What would happen to a request from now on if nobody answered."""
    visitor, row = locate(request, visitor, req_id)
    found = rehearsing.of_request(reader=visitor.reader, request_id=row.id)
    context = {
        "shell": visitor.shell,
        "id": ids.encode("req", row.id),
        "found": found,
        "moments": _lines(found.moments),
    }
    return render(request, "pages/request_rehearsal.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def rehearsal_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """A form for what an agent might submit; posted, what would happen."""
    workspace = visitor.reader.workspace_id
    agents = [
        (ids.encode("agt", one.id), one.name)
        for one in Agent.objects.filter(workspace_id=workspace, state="active").order_by("name")
    ]
    with pool().connection() as conn:
        document = active.document_of(conn, workspace)
    context: dict[str, Any] = {
        "shell": visitor.shell,
        "here": "schedules",
        "agents": agents,
        "actions": []
        if document is None
        else [(name, one.title) for name, one in document.actions.items()],
        "kept": request.POST or {"payload": "{}"},
    }
    if request.method != "POST":
        return render(request, "pages/rehearsal.html", context)
    form = RehearsalForm(request.POST)
    if not form.is_valid():
        return render(request, "pages/rehearsal.html", context | {"wrong": form.said()}, status=422)
    try:
        found = rehearsing.of_draft(workspace=workspace, draft=Draft(**form.cleaned_data))
    except Problem as problem:
        said = " ".join(one.detail for one in problem.errors) or problem.detail
        context["wrong"] = said
        return render(request, "pages/rehearsal.html", context, status=problem.status)
    context |= {"found": found, "moments": _lines(found.moments)}
    return render(request, "pages/rehearsal.html", context)


def _lines(moments: tuple[Moment, ...]) -> list[MomentLine]:
    return [
        MomentLine(
            moment=one,
            said=words.said(one),
            dot=_dot(one),
            people=[PersonLine(person, words.by(person)) for person in one.people],
            places=[words.where(place) for place in one.places],
            nobody=words.told_nobody(one),
        )
        for one in moments
    ]


def _dot(moment: Moment) -> str:
    if moment.skipped or words.told_nobody(moment):
        return "nay"
    return {"expired": "nay", "refused_by_policy": "nay"}.get(
        moment.what, "yes" if moment.what.startswith("allowed") else ""
    )
