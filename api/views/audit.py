"""The log over HTTP: for auditors by their key, and for people who may read it."""

from __future__ import annotations

import base64
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from api.answers import Answer
from api.audit_messages import CheckpointShown, ConsistencyShown
from api.doors import AuditDoor, Auditing, answer, auditing, limit_of, listing
from api.errors import respond
from audit import checkpoints, proofs
from audit.checkpoints import Checkpoint
from audit.kinds import LogRead
from audit.log import record
from audit.nodes import Missing
from audit.reading import Event, Wanted, events
from core import ids
from core.problems import Problem, bad_query, conflict, not_found
from oversight import access_review
from oversight.evidence import packet
from oversight.evidence.files import as_pdf
from oversight.evidence.packet import Packet

_WHEN = "An instant such as 2026-03-29T01:59:59Z, with its offset."
_NAMES = ("kind", "subject", "actor", "since", "until")


class Checkpoints(AuditDoor):
    """``/audit/checkpoint``"""

    def get(self, request: Request) -> HttpResponse:
        """The newest one."""
        who = auditing(request)
        found = checkpoints.newest(who.workspace)
        if found is None:
            raise not_sequenced()
        return answer(request, _checkpoint(who.workspace, found))


class Events(AuditDoor):
    """``/audit/events``"""

    def get(self, request: Request) -> HttpResponse:
        """The newest first; that somebody looked is an event, too."""
        who, cursor = auditing(request), request.query_params.get("cursor")
        found = events(
            workspace=who.workspace,
            wanted=wanted_of(request),
            cursor=cursor,
            limit=limit_of(request),
        )
        if cursor is None:
            _told(who, request)
        return listing(request, [_shown(one) for one in found.items], found.next, found.previous)


class Proof(AuditDoor):
    """``/audit/events/{id}/proof``"""

    def get(self, request: Request, event_id: str) -> HttpResponse:
        """That the log of ``?size=`` events, by default of the newest checkpoint, holds this one."""
        who, event = auditing(request), _decoded(event_id)
        size = _number(request, "size")
        try:
            found = proofs.inclusion(who.workspace, event, size)
        except LookupError:
            raise bad_query("size", "The size of a checkpoint that was signed.") from None
        except ValueError:
            raise bad_query("size", "The log of that size ends before this event.") from None
        if found is None:
            raise not_found()
        if found.place is None:
            raise not_sequenced()
        place = found.place
        shown = {
            "position": place.position,
            "leaf": _base64(place.leaf),
            "hashes": [_base64(each) for each in place.hashes],
            "checkpoint": _checkpoint(who.workspace, place.checkpoint),
            "event": msgspec.Raw(found.body),
        }
        return answer(request, msgspec.json.encode(shown))


class Consistency(AuditDoor):
    """``/audit/consistency``"""

    def get(self, request: Request) -> HttpResponse:
        """That the log of ``?to=`` events, by default of the newest checkpoint, continues ``?from=``."""
        who = auditing(request)
        start, to = _number(request, "from"), _number(request, "to")
        if start is None:
            raise bad_query("from", "The size of the earlier log, a whole number from 1 on.")
        newest = checkpoints.newest(who.workspace)
        if newest is None:
            raise not_sequenced()
        end = newest.size if to is None else to
        if end > newest.size:
            raise bad_query("to", "The log is not that long.")
        try:
            hashes = proofs.consistency(who.workspace, start, end)
        except (ValueError, Missing):
            raise bad_query("from", f"A whole number from 1 to {end}.") from None
        return answer(
            request, ConsistencyShown(start=start, to=end, hashes=[*map(_base64, hashes)])
        )


class Access(AuditDoor):
    """``/audit/access``"""

    def get(self, request: Request) -> HttpResponse:
        """Who could decide, read and change what at ``?at=``; that somebody looked is an event."""
        who, at = auditing(request), _instant(request.query_params.get("at"), "at")
        if at is None:
            raise bad_query("at", _WHEN)
        found = access_review.review(workspace=who.workspace, at=at)
        _looked(who, [f"access={request.query_params['at']}"[:200]])
        return answer(request, msgspec.json.encode(found))


class Evidence(AuditDoor):
    """``/requests/{id}/evidence``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """The whole packet as JSON; that somebody took it is an event."""
        who, subject, made = _evidence(request, request_id)
        written = packet.encoded(made)
        _took(who, subject, "json", made, written)
        return answer(request, written)


class EvidencePdf(AuditDoor):
    """``/requests/{id}/evidence.pdf``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """The same as a document; that somebody took it is an event."""
        who, subject, made = _evidence(request, request_id)
        written = as_pdf(made)
        _took(who, subject, "pdf", made, written)
        name = f'attachment; filename="evidence-{request_id}.pdf"'
        given = Answer(200, written, {"Content-Disposition": name}, content_type="application/pdf")
        return respond(given, request._request)


def wanted_of(request: Request) -> Wanted:
    """The conditions in the query of a call.

    Raises:
        Problem: 422 that names the parameter.
    """
    given = request.query_params
    return Wanted(
        kind=given.get("kind"),
        subject=_any_id(given.get("subject"), "subject"),
        actor=given.get("actor"),
        since=_instant(given.get("since"), "since"),
        until=_instant(given.get("until"), "until"),
    )


def not_sequenced() -> Problem:
    """409 for what has no place yet."""
    return conflict(
        "not_sequenced", "No checkpoint covers this yet: ask again in a second.", retry_after_s=1
    )


def _evidence(request: Request, request_id: str) -> tuple[Auditing, UUID, Packet]:
    who = auditing(request)
    try:
        subject = ids.decode("req", request_id)
    except ids.BadId:
        raise not_found() from None
    try:
        return who, subject, packet.make(workspace=who.workspace, request_id=subject)
    except packet.NotSequenced:
        raise not_sequenced() from None


def _took(who: Auditing, subject: UUID, form: str, made: Packet, file: bytes) -> None:
    packet.record(
        actor=who.actor,
        workspace=who.workspace,
        request_id=subject,
        form=form,
        size=made.checkpoint["size"],
        file=file,
    )


def _told(who: Auditing, request: Request) -> None:
    given = request.query_params
    _looked(who, [f"{name}={given[name]}"[:200] for name in _NAMES if name in given])


def _looked(who: Auditing, wanted: list[str]) -> None:
    with transaction.atomic():
        record(
            actor=who.actor,
            workspace=who.workspace,
            subject=("wsp", who.workspace),
            data=LogRead(wanted=wanted),
        )


def _checkpoint(workspace: UUID, found: Checkpoint) -> CheckpointShown:
    return CheckpointShown(
        origin=checkpoints.origin(workspace),
        size=found.size,
        root=_base64(found.root),
        at=found.at.isoformat().replace("+00:00", "Z"),
        note=found.note,
        keys=[str(key) for key in checkpoints.verifiers(workspace)],
    )


def _shown(event: Event) -> bytes:
    return msgspec.json.encode({"position": event.position, "event": msgspec.Raw(event.body)})


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(text: str) -> UUID:
    try:
        return ids.decode("evt", text)
    except ids.BadId:
        raise not_found() from None


def _any_id(text: str | None, name: str) -> UUID | None:
    if text is None:
        return None
    try:
        return ids.decode(text.partition("_")[0], text)
    except (ids.BadId, KeyError):
        raise bad_query(name, "An id such as req_01h455vb4pex5vsknk084sn02q.") from None


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad_query(name, _WHEN) from None
    if found.tzinfo is None:
        raise bad_query(name, _WHEN)
    return found


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 16):
        raise bad_query(name, "A whole number from 1 on.")
    return int(text)
