"""Deciding several requests that are alike on one page, each with a vote on exactly what stood there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from approvals import bulk
from approvals.frozen import decode
from approvals.row import Row
from pages import flash
from pages.views import votes
from pages.views.problems import told
from pages.views.showing import SeeOther, locate
from pages.visitor import CHANNEL, Visitor, signed_in
from people.own_sessions import proves
from pages.visitor import Visitor, signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def alike_page(request: HttpRequest, visitor: Visitor, req_id: str) -> HttpResponse:
    """What could be decided together with this request, and deciding it."""
    visitor, row = locate(request, visitor, req_id)
    if request.method != "POST":
        return _page(request, visitor, row, "", status=200)
    wrong, status = votes.decide(request, visitor)
    if wrong:
        return _page(request, visitor, row, wrong, status=status)
    return SeeOther(reverse("alike", args=[req_id]))


def _wrong(request: HttpRequest, chosen: Sequence[str], comment: str) -> str:
    if not chosen:
        return "Choose what you decide on."
    if request.POST.get("verdict") not in ("approve", "reject"):
        return "Approve or reject them."
    if len(comment) > MAX_COMMENT:
        return f"The comment is longer than {MAX_COMMENT:,} characters."
    return ""


def _uuid(text: str) -> UUID:
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


def _said(problem: Problem) -> str:
    """What is wrong: each fault of the input, or the problem itself."""
    return " ".join(dict.fromkeys(fault.detail for fault in problem.errors)) or problem.detail


def _done(found: Sequence[bulk.Outcome], verdict: str) -> tuple[str, str]:
    """What was counted, and why what was not."""
    counted = sum(one.problem is None for one in found)
    verb = "approved" if verdict == "approve" else "rejected"
    said = f"You {verb} {counted} of {len(found)}."
    why = dict.fromkeys(_said(one.problem) for one in found if one.problem is not None)
    return ("quiet", f"{said} {' '.join(why)}".strip())


def _page(
    request: HttpRequest, visitor: Visitor, row: Row, wrong: str, *, status: int
) -> HttpResponse:
    found = bulk.alike(reader=visitor.reader, row=row)
    context = {
        "shell": visitor.shell,
        "here": "inbox",
        "now": timezone.now(),
        "action": row.action,
        "items": [votes.item(one) for one in found],
        "chosen": request.POST.getlist("chosen"),
        "comment": request.POST.get("comment", ""),
        "comment_on_reject": decode(row.plan).comment != "never",
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/alike.html", context, status=status)
