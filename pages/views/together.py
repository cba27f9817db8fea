"""What was chosen in the list: looked into, followed, or decided together where that is allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from approvals import bulk, handling
from approvals.frozen import decode
from approvals.row import Row
from core import ids
from core.problems import Problem
from pages import flash
from pages.standing import members_of, roles_of, standing
from pages.views import votes
from pages.views.problems import told
from pages.views.settings import named as in_workspace
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in

_DONE: Final = {"claim": "You look into", "watch": "You follow"}


@require_POST
@signed_in
@told
def chosen_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """What one of the buttons below the list does with the chosen ones."""
    visitor = in_workspace(request, visitor)
    named = list(dict.fromkeys(request.POST.getlist("chosen")))
    back, do = _back(request), request.POST.get("do", "")
    if not named:
        flash.leave(request, "quiet", "Choose requests in the list first. Nothing was done.")
        return SeeOther(back)
    if len(named) > bulk.MOST:
        flash.leave(request, "quiet", f"Choose at most {bulk.MOST} at once. Nothing was done.")
        return SeeOther(back)
    if do not in _DONE:
        return SeeOther(_address("chosen", named))
    flash.leave(request, "quiet", _each(visitor, do, [votes.request_of(one) for one in named]))
    return SeeOther(back)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def together_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The chosen ones, those that are alike side by side; and deciding some that are.

    An address names as ``chosen`` those that are ticked, and as ``all`` those that only stand there.
    """
    if request.method != "POST":
        named = [one for name in ("chosen", "all") for one in request.GET.getlist(name)]
        return _page(request, visitor, named[: bulk.MOST], "", status=200)
    visitor = in_workspace(request, visitor)
    named = request.POST.getlist("all")[: bulk.MOST]
    wrong, status = votes.decide(request, visitor)
    if wrong:
        return _page(request, visitor, named, wrong, status=status)
    # Some were decided on, and the others left out on purpose: the next press is to choose again.
    return SeeOther(_address("all", named))


def _each(visitor: Visitor, do: str, request_ids: Sequence[UUID]) -> str:
    """Claim or follow each by itself; a sentence on what came of it."""
    change: Callable[..., Any] = handling.watch if do == "watch" else handling.claim
    actor = {} if do == "watch" else {"actor": visitor.actor}
    done, why = 0, dict[str, None]()
    for one in request_ids:
        try:
            change(**actor, reader=visitor.reader, request_id=one)
            done += 1
        except Problem as problem:
            why[votes.said(problem)] = None
    return f"{_DONE[do]} {done} of {len(request_ids)}. {' '.join(why)}".strip()


def _back(request: HttpRequest) -> str:
    """Where the list was: only ever a place of our own."""
    place = request.POST.get("back", "")
    own = url_has_allowed_host_and_scheme(place, allowed_hosts=None)
    return place if own and place.startswith(reverse("inbox")) else reverse("inbox")


def _address(name: str, named: Sequence[str]) -> str:
    return f"{reverse('together')}?{urlencode([(name, one) for one in named])}"


def _page(
    request: HttpRequest, visitor: Visitor, named: Sequence[str], wrong: str, *, status: int
) -> HttpResponse:
    found = bulk.sort_out(reader=visitor.reader, request_ids=[votes.request_of(n) for n in named])
    apart = [*found.apart, *((row, _why_not(visitor, row)) for row in found.others)]
    kinds = [
        {
            "action": rows[0].action,
            "items": [votes.item(one) for one in rows],
            "comment_on_reject": decode(rows[0].plan).comment != "never",
        }
        for rows in found.together
    ]
    shown = len(apart) + sum(len(rows) for rows in found.together)
    context = {
        "shell": visitor.shell,
        "here": "inbox",
        "now": timezone.now(),
        "all": named,
        "kinds": kinds,
        "apart": [
            {"id": ids.encode("req", row.id), "title": row.title, "why": why} for row, why in apart
        ],
        "missing": len(set(named)) - shown,
        "chosen": _ticked(request, kinds, wrong),
        "comment": request.POST.get("comment", ""),
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/together.html", context, status=status)


def _ticked(request: HttpRequest, kinds: Sequence[dict[str, Any]], wrong: str) -> list[str]:
    if not wrong:
        return request.GET.getlist("chosen")
    return votes.still_chosen(request, (one for kind in kinds for one in kind["items"]))


def _why_not(visitor: Visitor, row: Row) -> str:
    plan = decode(row.plan)
    seen = standing(row, plan, visitor.reader, members_of(row.workspace_id, roles_of(plan)))
    if seen.may_decide and plan.assurance == "mfa":
        return "It wants a second factor, which is given for one request: look at it by itself."
    return seen.why_not or seen.why_not_approve or "It does not wait for you."
