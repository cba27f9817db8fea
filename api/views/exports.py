"""Exports of the log over HTTP: asked for, looked after, downloaded; for whoever may read the log."""

from __future__ import annotations

from typing import Final

import msgspec
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from api.answers import security_headers
from api.audit_messages import ExportAsked
from api.doors import AuditDoor, answer, auditing, body_of, limit_of, listing
from oversight.exports import asking, serving
from oversight.exports.asking import Ask
from oversight.exports.query import read
from oversight.models import Export

_CONDITIONS: Final = ("until", "agent", "action", "role", "outcome", "kind", "subject")


class Exports(AuditDoor):
    """``/audit/exports``"""

    def get(self, request: Request) -> HttpResponse:
        """The newest first."""
        who = auditing(request)
        found = asking.listed(
            workspace=who.workspace,
            cursor=request.query_params.get("cursor"),
            limit=limit_of(request),
        )
        shown = [msgspec.json.encode(asking.shown(one)) for one in found.items]
        return listing(request, shown, found.next, found.previous)

    def post(self, request: Request) -> HttpResponse:
        """Ask for one; a worker writes it."""
        who, body = auditing(request), body_of(request, ExportAsked)
        given = {name: getattr(body, name) for name in _CONDITIONS}
        wanted = Ask(
            read(who.workspace, {"from": body.since, **given}),
            Export.Format(body.format),
            Export.Target(body.target),
        )
        export = asking.ask(actor=who.actor, workspace=who.workspace, wanted=wanted)
        return answer(request, asking.shown(export), 201)


class ExportDetail(AuditDoor):
    """``/audit/exports/{id}``"""

    def get(self, request: Request, export_id: str) -> HttpResponse:
        """How far it is, or what it came to."""
        who = auditing(request)
        return answer(request, asking.shown(asking.one(who.workspace, export_id)))


class ExportContent(AuditDoor):
    """``/audit/exports/{id}/content``"""

    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        """The file, or a range of its bytes."""
        who = auditing(request)
        found = serving.content(
            actor=who.actor,
            export=asking.finished(who.workspace, export_id),
            headers=request.headers,
            method=request.method or "",
        )
        return _guarded(found)


class ExportManifest(AuditDoor):
    """``/audit/exports/{id}/manifest``"""

    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        """The signed note about the file."""
        who = auditing(request)
        return _guarded(serving.manifest(asking.finished(who.workspace, export_id)))


def _guarded(response: HttpResponseBase) -> HttpResponseBase:
    for name, value in security_headers():
        response.headers[name] = value
    return response
