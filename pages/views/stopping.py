"""The kill switch as pages: choose whom, look what it would come to, stop or rehearse, and undo.

Nothing stops that was not looked at first: the form that stops carries what its reader saw.  An
emergency does not wait for exact numbers: where they changed meanwhile it stops, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from approvals.access import Reader
from audit.actor import Actor
from core import ids
from core.problems import Problem, forbidden, not_found
from oversight import kill_switch
from oversight.access import may_stop, may_undo
from oversight.kill_switch import MAX_REASON, PREFIX, KillShown, Mode, Order
from oversight.stopped import stoppable
from pages import flash, stopping
from pages.forms import StopForm
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import CHANNEL, Visitor, signed_in, whichever

NEWEST: Final = 20
_SCOPES: Final = {prefix: scope for scope, prefix in PREFIX.items()}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def stop_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Choose whom to stop; with a choice, what it would come to; posted, do it."""
    if request.method == "POST":
        return _do(request, visitor)
    what = request.GET.get("what", "")
    if not what:
        return _choose(request, visitor)
    visitor, looked = whichever(request, visitor, lambda reader: _run(reader, what, "dry_run"))
    return _look(request, visitor, looked, status=200)


def _choose(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    reader, workspace = visitor.reader, visitor.person.workspace
    agents = stoppable(reader=reader)
    uses = _visible(reader, kill_switch.newest(workspace=workspace.id))[:NEWEST]
    who = stopping.names(uses, workspace.id)
    context = _context(request, visitor) | {
        "groups": stopping.groups(agents, reader, workspace.name),
        "uses": [stopping.use(one, workspace, reader, who) for one in uses],
    }
    return render(request, "pages/stop.html", context)


def _look(
    request: HttpRequest, visitor: Visitor, looked: KillShown, *, status: int, wrong: str = ""
) -> HttpResponse:
    context = _context(request, visitor, status) | {
        "use": _use(visitor, looked),
        "seen": stopping.seen(looked),
        "wrong": wrong,
        "reason": request.POST.get("reason", ""),
        "max_reason": MAX_REASON,
    }
    return render(request, "pages/stop_look.html", context, status=status)


def _do(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    what, form = request.POST.get("what", ""), StopForm(request.POST)
    visitor, looked = whichever(request, visitor, lambda reader: _run(reader, what, "dry_run"))
    if request.POST.get("how") == "rehearse":
        done = _run(visitor.reader, what, "drill")
        flash.leave(request, "quiet", stopping.rehearsed(done))
        return SeeOther(f"{reverse('stop')}?{urlencode({'what': what})}")
    seen = stopping.read_seen(request.POST.get("seen", ""))
    if request.POST.get("how") != "stop" or seen is None:
        wrong = "Look first at what it comes to. Nothing was stopped."
        return _look(request, visitor, looked, status=422, wrong=wrong)
    if not form.is_valid():
        wrong = f"{form.errors['reason'][0]} Nothing was stopped."
        return _look(request, visitor, looked, status=422, wrong=wrong)
    reason = form.cleaned_data["reason"].replace("\r\n", "\n")
    try:
        done = _run(visitor.reader, what, "press", reason)
    except Problem as problem:
        if problem.status != 422:
            raise
        wrong = f"{' '.join(fault.detail for fault in problem.errors)} Nothing was stopped."
        return _look(request, visitor, looked, status=422, wrong=wrong)
    flash.leave(request, "ok", stopping.pressed(done, seen))
    return SeeOther(reverse("stopped", args=[done.id]))


def _run(reader: Reader, what: str, mode: Mode, reason: str = "") -> KillShown:
    """Look, rehearse or press.

    Raises:
        Problem: 404 it is absent, or not theirs to stop; 422 of the reason.
    """
    scope: Any = _SCOPES.get(what.partition("_")[0])
    if scope is None:
        raise not_found()
    order = Order(
        reader.workspace_id, scope, _decoded(PREFIX[scope], what), reason, reader.person_id
    )
    if not may_stop(reader, order):
        raise not_found()
    actor = Actor.person(reader.person_id, channel=CHANNEL)
    return kill_switch.run(actor=actor, order=order, mode=mode)


@require_safe
@signed_in
@told
def use_page(request: HttpRequest, visitor: Visitor, kill_id: str) -> HttpResponse:
    """One use: what was stopped, what had run already, and its undoing."""
    visitor, shown = whichever(request, visitor, lambda reader: _one(reader, kill_id))
    context = _context(request, visitor) | {"use": _use(visitor, shown)}
    return render(request, "pages/stopped.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def undo_view(request: HttpRequest, visitor: Visitor, kill_id: str) -> HttpResponse:
    """Let the agents of one use act again."""
    visitor, _ = whichever(request, visitor, lambda reader: _one(reader, kill_id))
    if request.method != "POST":
        return SeeOther(reverse("stopped", args=[kill_id]))
    if not may_undo(visitor.reader):
        raise forbidden("Only administrators let agents act again.", code="not_administrator")
    try:
        done = kill_switch.undo(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            kill_id=_decoded("kil", kill_id),
            person=visitor.person.id,
        )
    except Problem as problem:
        if problem.code != "kill_undone":
            raise
        flash.leave(request, "quiet", problem.detail)
    else:
        flash.leave(request, "ok", stopping.undone(done))
    return SeeOther(reverse("stopped", args=[kill_id]))


def _one(reader: Reader, kill_id: str) -> KillShown:
    """One use that this reader could have made.

    Raises:
        Problem: 404.
    """
    shown = kill_switch.one(workspace=reader.workspace_id, kill_id=_decoded("kil", kill_id))
    if not _visible(reader, [shown]):
        raise not_found()
    return shown


def _visible(reader: Reader, uses: Sequence[KillShown]) -> list[KillShown]:
    """Those of these uses that this reader could have made."""
    if may_undo(reader):
        return list(uses)
    own = {ids.encode("agt", agent.id) for agent in stoppable(reader=reader)}
    own.add(ids.encode("per", reader.person_id))
    return [one for one in uses if one.target in own]


def _use(visitor: Visitor, shown: KillShown) -> stopping.Use:
    workspace = visitor.person.workspace
    who = stopping.names([shown], workspace.id)
    return stopping.use(shown, workspace, visitor.reader, who)


def _decoded(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        raise not_found() from None


def _context(request: HttpRequest, visitor: Visitor, status: int = 200) -> dict[str, Any]:
    return {
        "shell": visitor.shell,
        "here": "stop",
        "flash": flash.take(request) if status == 200 else None,
        "may_undo": may_undo(visitor.reader),
    }
