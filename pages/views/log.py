"""The log, for people who may read it: its events, a request's own, one of them, and how it stands."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from approvals import read
from audit import checkpoints, proofs
from audit.kinds import KINDS, LogRead
from audit.live import Wrong
from audit.log import record
from audit.reading import Event, Wanted, events
from core import ids
from core.problems import Problem, bad_query, forbidden, not_found
from oversight.access import may_audit
from oversight.anchors.standing import standing
from oversight.verifying import verify
from pages import flash, log_words
from pages.actors import names_of
from pages.views.problems import told
from pages.visitor import Visitor, signed_in, whichever

PAGE: Final = 50
#: A longer log takes longer than a page may: it is checked by command.
MOST_VERIFIED: Final = 200_000
_FIELDS: Final = ("kind", "subject", "actor", "since", "until")


@dataclass(frozen=True, slots=True)
class Line:
    """An event as the list shows it."""

    id: str
    at: datetime
    said: str
    kind: str
    who: str
    via: str
    subject: str
    request: bool
    position: int | None


@require_safe
@signed_in
@told
def log_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The newest events, narrowed by what was asked for; looking is an event, too."""
    _check(visitor)
    given = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    wrong, found, cursor = "", None, request.GET.get("cursor") or None
    try:
        wanted = _wanted(given)
        found = events(
            workspace=visitor.reader.workspace_id, wanted=wanted, cursor=cursor, limit=PAGE
        )
    except Problem as problem:
        wrong = problem.errors[0].detail if problem.errors else problem.detail
    else:
        if cursor is None:
            _looked(visitor, [f"{name}={text}"[:200] for name, text in given.items() if text])
    context = {
        "shell": visitor.shell,
        "here": "log",
        "flash": flash.take(request),
        "standing": _standing(visitor.reader.workspace_id),
        "lines": _lines(visitor.reader.workspace_id, found.items) if found else [],
        "given": given,
        "narrowed": any(given.values()),
        "nouns": log_words.NOUNS.items(),
        "known": given["kind"] in log_words.NOUNS,
        "wrong": wrong,
        "older_url": _turn(given, found.next) if found else None,
        "newer_url": _turn(given, found.previous) if found else None,
    }
    return render(request, "pages/log.html", context, status=422 if wrong else 200)


@require_POST
@signed_in
@told
def verify_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Hold the whole log, and the live rows, against what was signed; that somebody did is an event."""
    _check(visitor)
    workspace = visitor.reader.workspace_id
    newest = checkpoints.newest(workspace)
    if newest is not None and newest.size > MOST_VERIFIED:
        flash.leave(request, "quiet", log_words.TOO_LONG)
        return HttpResponseRedirect(reverse("log"))
    _looked(visitor, ["verify"])
    began = time.monotonic()
    try:
        found = verify(workspace)
    except Wrong as wrong:
        flash.leave(request, "no", f"The log is wrong at {wrong}")
    else:
        took = time.monotonic() - began
        flash.leave(request, "ok", log_words.verified(found.events, found.requests, took))
    return HttpResponseRedirect(reverse("log"))


@require_safe
@signed_in
@told
def request_log(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """Everything that the log says of one request, from its beginning."""
    subject = _decoded("req", req_id)
    visitor, row = whichever(
        request, visitor, lambda reader: read.for_person(reader=reader, request_id=subject)
    )
    _check(visitor)
    lines, cursor = [], None
    while True:
        found = events(
            workspace=visitor.reader.workspace_id,
            wanted=Wanted(subject=subject),
            cursor=cursor,
            limit=200,
        )
        lines += _lines(visitor.reader.workspace_id, found.items)
        cursor = found.next
        if cursor is None:
            break
    _looked(visitor, [f"subject={req_id}"])
    context = {
        "shell": visitor.shell,
        "here": "log",
        "request_id": req_id,
        "title": row.title,
        "lines": lines[::-1],
    }
    return render(request, "pages/request_log.html", context)


@require_safe
@signed_in
@told
def event_page(request: HttpRequest, visitor: Visitor, event_id: str) -> HttpResponse:
    """One event: its bytes, its place, and the proof that it is there."""
    _check(visitor)
    event = _decoded("evt", event_id)
    found = proofs.inclusion(visitor.reader.workspace_id, event)
    if found is None:
        raise not_found()
    body = json.loads(found.body)
    one = Event(event, datetime.fromisoformat(body["at"]), found.body, None)
    (line,) = _lines(visitor.reader.workspace_id, [one])
    place = found.place
    context = {
        "shell": visitor.shell,
        "here": "log",
        "line": line,
        "pretty": json.dumps(body, indent=2, ensure_ascii=False),
        "place": place,
        "leaf": base64.b64encode(place.leaf).decode() if place else "",
        "hashes": [base64.b64encode(each).decode() for each in place.hashes] if place else [],
    }
    return render(request, "pages/event.html", context)


def _check(visitor: Visitor) -> None:
    if not may_audit(visitor.reader):
        raise forbidden("The log is for auditors and administrators.", code="not_auditor")


def _looked(visitor: Visitor, wanted: list[str]) -> None:
    workspace = visitor.reader.workspace_id
    with transaction.atomic():
        record(
            actor=visitor.actor,
            workspace=workspace,
            subject=("wsp", workspace),
            data=LogRead(wanted=wanted),
        )


def _standing(workspace: UUID) -> dict[str, Any]:
    now, stands = timezone.now(), standing(workspace)
    newest = stands.checkpoint
    anchored = max((one.at for one in stands.targets if one.at), default=None)
    return {
        "count": log_words.count(newest.size) if newest else "",
        "at": newest.at if newest else None,
        "note": newest.note if newest else "",
        "keys": [str(key) for key in checkpoints.verifiers(workspace)],
        "anchored": log_words.ago(now - anchored) if anchored else "",
        "targets": [
            {
                "name": log_words.TARGETS[one.kind],
                "where": one.where,
                "covered": log_words.count(one.size) if one.size else "nothing yet",
                "at": one.at,
                "behind": log_words.behind(one.level, one.behind),
                "error": one.error if one.failures else "",
            }
            for one in stands.targets
        ],
        "held": [log_words.HELD[one.what].format(log_words.count(one.size)) for one in stands.held],
    }


def _wanted(given: dict[str, str]) -> Wanted:
    kind = given["kind"] or None
    if kind is not None and kind not in log_words.NOUNS and kind not in KINDS:
        raise bad_query("kind", "There is no kind of event of that name.")
    subject = None
    if given["subject"]:
        try:
            subject = ids.decode(given["subject"].partition("_")[0], given["subject"])
        except (ids.BadId, KeyError):
            raise bad_query(
                "subject", "“About” is an id such as req_01h455vb4pex5vsknk084sn02q."
            ) from None
    return Wanted(
        kind=kind,
        subject=subject,
        actor=given["actor"] or None,
        since=_day(given["since"], "since"),
        until=_day(given["until"], "until"),
    )


def _day(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad_query(name, "A date such as 2026-03-29.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _lines(workspace: UUID, found: Sequence[Event]) -> list[Line]:
    bodies = [json.loads(one.body) for one in found]
    named = names_of(workspace, [body["actor"] for body in bodies])
    return [
        Line(
            id=body["id"],
            at=one.at,
            said=log_words.SENTENCES[body["kind"]],
            kind=body["kind"],
            who=who,
            via=body["actor"]["via"],
            subject=body["subject"],
            request=body["subject"].startswith("req_"),
            position=one.position,
        )
        for one, body, who in zip(found, bodies, named, strict=True)
    ]


def _turn(given: dict[str, str], cursor: str | None) -> str | None:
    if cursor is None:
        return None
    kept = {name: text for name, text in given.items() if text}
    return f"{reverse('log')}?{urlencode({**kept, 'cursor': cursor})}"


def _decoded(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        raise not_found() from None
