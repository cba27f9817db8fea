"""Exports of the log, for people who may read it: asked for, looked after, downloaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from agents.models import Agent
from approvals import in_log
from core import ids
from core.problems import Problem, forbidden
from oversight.access import may_audit
from oversight.exports import asking, serving
from oversight.exports.asking import Ask
from oversight.exports.query import read
from oversight.models import Export
from pages import flash, log_words
from pages.actors import names_of
from pages.views.problems import told
from pages.visitor import Visitor, signed_in
from people.errors import Refusal
from people.models import Role

#: Exports that the page shows.
SHOWN: Final = 50
_FIELDS: Final = (
    *("format", "target", "since", "until"),
    *("kind", "agent", "action", "role", "outcome", "subject"),
)
_FORMATS: Final = {Export.Format.JSONL: "JSON Lines", Export.Format.CSV: "CSV"}
_TONES: Final = {Export.State.WRITING: "", Export.State.READY: "yes", Export.State.FAILED: "nay"}


@dataclass(frozen=True, slots=True)
class Line:
    """An export as the list shows it."""

    id: str
    what: str
    narrowed: str
    standing: str
    tone: str
    who: str
    at: datetime
    sha256: str
    error: str
    object: str
    loadable: bool


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def exports_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The newest exports, and the form for one more."""
    _check(visitor)
    given = {name: request.POST.get(name, "").strip() for name in _FIELDS}
    wrong = ""
    if request.method == "POST":
        try:
            export = asking.ask(
                actor=visitor.actor,
                workspace=visitor.reader.workspace_id,
                wanted=_wanted(visitor.reader.workspace_id, given),
            )
        except Refusal as refusal:
            wrong = str(refusal)
        except Problem as problem:
            wrong = problem.detail
        else:
            said = f"{ids.encode('exp', export.id)} is being written."
            flash.leave(request, "ok", said)
            return redirect("exports")
    workspace = visitor.reader.workspace_id
    context = {
        **_listed(workspace),
        "shell": visitor.shell,
        "here": "log",
        "flash": flash.take(request),
        "given": given,
        "wrong": wrong,
        "nouns": log_words.NOUNS.items(),
        "agents": [
            (ids.encode("agt", each.id), each.name)
            for each in Agent.objects.filter(workspace_id=workspace).order_by("name")
        ],
        "roles": Role.objects.filter(workspace_id=workspace)
        .order_by("title")
        .values_list("name", "title"),
        "outcomes": [*in_log.OUTCOMES, in_log.PENDING],
        "store": _store(),
    }
    return render(request, "pages/exports.html", context, status=422 if wrong else 200)


@require_safe
@signed_in
@told
def exports_fragment(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The list again; it asks for itself as long as something is being written."""
    _check(visitor)
    return render(request, "parts/exports.html", _listed(visitor.reader.workspace_id))


@require_safe
@signed_in
@told
def export_file(request: HttpRequest, visitor: Visitor, export_id: str) -> HttpResponseBase:
    """The file, or a range of its bytes."""
    _check(visitor)
    return serving.content(
        actor=visitor.actor,
        export=asking.finished(visitor.reader.workspace_id, export_id),
        headers=request.headers,
        method=request.method or "",
    )


@require_safe
@signed_in
@told
def export_manifest(request: HttpRequest, visitor: Visitor, export_id: str) -> HttpResponse:
    """The signed note about the file."""
    _check(visitor)
    return serving.manifest(asking.finished(visitor.reader.workspace_id, export_id))


def _check(visitor: Visitor) -> None:
    if not may_audit(visitor.reader):
        raise forbidden("The log is for auditors and administrators.", code="not_auditor")


def _wanted(workspace: UUID, given: dict[str, str]) -> Ask:
    conditions: dict[str, str | None] = {
        name: given[name] for name in ("kind", "agent", "action", "role", "outcome", "subject")
    }
    query = read(
        workspace, {**conditions, "from": _day(given["since"]), "until": _day(given["until"])}
    )
    csv, store = given["format"] == Export.Format.CSV, given["target"] == Export.Target.S3
    return Ask(
        query,
        Export.Format.CSV if csv else Export.Format.JSONL,
        Export.Target.S3 if store else Export.Target.DOWNLOAD,
    )


def _day(text: str) -> str:
    """A day begins at midnight in UTC; what is no day is said by whoever reads it."""
    return f"{text}T00:00:00Z" if len(text) == len("2026-03-29") else text


def _store() -> str:
    found: dict[str, str] | None = settings.EXPORT_STORE
    return f"To the store: {found['bucket']}" if found else ""


def _listed(workspace: UUID) -> dict[str, Any]:
    found = list(asking.newest(workspace)[:SHOWN])
    writing = any(one.state == Export.State.WRITING for one in found)
    return {"lines": _lines(workspace, found), "writing": writing}


def _lines(workspace: UUID, found: Sequence[Export]) -> list[Line]:
    actors: list[dict[str, Any]] = [json.loads(bytes(one.actor)) for one in found]
    named = names_of(workspace, actors)
    now = timezone.now()
    return [
        Line(
            id=ids.encode("exp", one.id),
            what=f"{_FORMATS[Export.Format(one.format)]} of {log_words.count(one.events)}"
            if one.state == Export.State.READY
            else _FORMATS[Export.Format(one.format)],
            narrowed=", ".join(f"{name} {value}" for name, value in _query(one).items()),
            standing=_standing(one),
            tone=_TONES[Export.State(one.state)],
            who=who,
            at=one.created_at,
            sha256=bytes(one.sha256).hex() if one.sha256 else "",
            error=one.error,
            object=one.object_key or "",
            loadable=one.state == Export.State.READY and one.expires_at > now,
        )
        for one, who in zip(found, named, strict=True)
    ]


def _query(export: Export) -> dict[str, str]:
    found: dict[str, str] = json.loads(bytes(export.query))
    return found


def _standing(export: Export) -> str:
    match export.state:
        case Export.State.READY:
            return str(filesizeformat(export.bytes)).replace("\N{NO-BREAK SPACE}", " ")
        case Export.State.FAILED:
            return "It failed"
        case _:
            share = 100 * export.walked // export.size if export.size else 0
            return f"Being written: {share} %, {log_words.count(export.events)} so far"
