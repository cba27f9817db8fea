"""The evidence of one request, for people who may read the log: as a page, and as files."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from approvals.access import Reader
from core import ids
from core.problems import Problem, conflict, forbidden, not_found
from oversight.access import may_audit
from oversight.evidence import packet
from oversight.evidence.files import as_pdf, as_sections
from oversight.evidence.packet import Packet
from pages.views.problems import told
from pages.visitor import Visitor, signed_in, whichever


@require_safe
@signed_in
@told
def evidence_page(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Everything about one request, to be read and printed."""
    visitor, subject, made = _made(request, visitor, req_id)
    _took(visitor, subject, "page", made, None)
    context = {
        "shell": visitor.shell,
        "here": "log",
        "request_id": req_id,
        "sections": as_sections(made),
        "status": made.request["status"],
        "origin": made.origin,
        "size": made.checkpoint["size"],
        "disagree": made.differences,
    }
    return render(request, "pages/evidence.html", context)


@require_safe
@signed_in
@told
def evidence_json(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """The packet."""
    visitor, subject, made = _made(request, visitor, req_id)
    written = packet.encoded(made)
    _took(visitor, subject, "json", made, written)
    return _file(written, "application/json", f"evidence-{req_id}.json")


@require_safe
@signed_in
@told
def evidence_pdf(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """The document."""
    visitor, subject, made = _made(request, visitor, req_id)
    written = as_pdf(made)
    _took(visitor, subject, "pdf", made, written)
    return _file(written, "application/pdf", f"evidence-{req_id}.pdf")


def _made(request: HttpRequest, visitor: Visitor, req_id: str) -> tuple[Visitor, UUID, Packet]:
    try:
        subject = ids.decode("req", req_id)
    except ids.BadId:
        raise not_found() from None

    def find(reader: Reader) -> Packet:
        if not may_audit(reader):
            raise not_found()
        return packet.make(workspace=reader.workspace_id, request_id=subject)

    try:
        there, made = whichever(request, visitor, find)
    except packet.NotSequenced:
        raise conflict(
            "not_sequenced", "Something happened just now: look again in a second."
        ) from None
    except Problem:
        if not may_audit(visitor.reader):
            raise forbidden(
                "Evidence is for auditors and administrators.", code="not_auditor"
            ) from None
        raise
    return there, subject, made


def _took(visitor: Visitor, subject: UUID, form: str, made: Packet, file: bytes | None) -> None:
    packet.record(
        actor=visitor.actor,
        workspace=visitor.reader.workspace_id,
        request_id=subject,
        form=form,
        size=made.checkpoint["size"],
        file=file,
    )


def _file(written: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(written, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
