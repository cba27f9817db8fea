"""Votes on several requests, as one form sends them: each names exactly what stood there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest

from approvals import bulk
from approvals import lines as payload
from approvals.choices import Choice, choice
from approvals.frozen import decode
from approvals.present import masked
from approvals.row import Row
from core import ids
from core.canonical import show_digest
from core.problems import Problem, not_found
from pages import flash
from pages.forms import MAX_COMMENT
from pages.visitor import CHANNEL, Visitor
from people.own_sessions import proves


def decide(request: HttpRequest, visitor: Visitor) -> tuple[str, int]:
    """Count the votes that a form sends; the next page says what came of them.

    Returns:
        What is wrong, with its status; then nothing was decided. Empty where they were counted.
    """
    comment = request.POST.get("comment", "").strip()
    chosen = request.POST.getlist("chosen")
    wrong = _wrong(request, chosen, comment)
    if wrong:
        return f"{wrong} Nothing was decided.", 422
    try:
        votes = [(request_of(text), _choice(request, text, comment)) for text in chosen]
        found = bulk.decide_alike(actor=visitor.actor, reader=visitor.reader, chosen=votes)
    except Problem as problem:
        return f"{said(problem)} Nothing was decided.", problem.status
    flash.leave(request, *_done(found, request.POST.get("verdict", "")))
    return "", 200


def item(row: Row) -> dict[str, Any]:
    """One request as it is shown among others: everything that its digest covers."""
    plan = decode(row.plan)
    shown = msgspec.json.decode(msgspec.json.encode(masked(row.payload, plan.sensitive)))
    return {
        "id": ids.encode("req", row.id),
        "title": row.title,
        "agent": row.agent_name,
        "expires": row.expires_at,
        "stage": row.stage,
        "digest": show_digest(row.digest),
        "rows": payload.rows(shown),
    }


def still_chosen(request: HttpRequest, items: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of those that a refused form had ticked and that are as they stood there."""
    ticked = set(request.POST.getlist("chosen"))
    return [
        one["id"]
        for one in items
        if one["id"] in ticked and request.POST.get(f"digest:{one['id']}") == one["digest"]
    ]


def _wrong(request: HttpRequest, chosen: Sequence[str], comment: str) -> str:
    if not chosen:
        return "Choose what you decide on."
    if request.POST.get("verdict") not in ("approve", "reject"):
        return "Approve or reject them."
    if len(comment) > MAX_COMMENT:
        return f"The comment is longer than {MAX_COMMENT:,} characters."
    return ""


def request_of(text: str) -> UUID:
    """The id of a request; Problem 404 where it is none."""
    try:
        return ids.decode("req", text)
    except ids.BadId:
        raise not_found() from None


def _choice(request: HttpRequest, text: str, comment: str) -> Choice:
    stage = request.POST.get(f"stage:{text}", "")
    return choice(
        verdict=request.POST.get("verdict", ""),
        stage=int(stage) if stage.isascii() and stage.isdecimal() and len(stage) < 5 else -1,
        payload_digest=request.POST.get(f"digest:{text}", ""),
        comment=comment,
        channel=CHANNEL,
        assurance=proves(request),
    )


def said(problem: Problem) -> str:
    """What is wrong: each fault of the input, or the problem itself."""
    return " ".join(dict.fromkeys(fault.detail for fault in problem.errors)) or problem.detail


def _done(found: Sequence[bulk.Outcome], verdict: str) -> tuple[str, str]:
    """What was counted, and why what was not."""
    counted = sum(one.problem is None for one in found)
    verb = "approved" if verdict == "approve" else "rejected"
    sentence = f"You {verb} {counted} of {len(found)}."
    why = dict.fromkeys(said(one.problem) for one in found if one.problem is not None)
    return ("quiet", f"{sentence} {' '.join(why)}".strip())
