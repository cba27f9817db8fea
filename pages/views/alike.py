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


def _page(
    request: HttpRequest, visitor: Visitor, row: Row, wrong: str, *, status: int
) -> HttpResponse:
    found = bulk.alike(reader=visitor.reader, row=row)
    items = [votes.item(one) for one in found]
    context = {
        "shell": visitor.shell,
        "now": timezone.now(),
        "action": row.action,
        "items": items,
        "chosen": votes.still_chosen(request, items),
        "comment": request.POST.get("comment", ""),
        "comment_on_reject": decode(row.plan).comment != "never",
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/alike.html", context, status=status)
