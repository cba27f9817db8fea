"""Channels for administrators: setting Slack up step by step, how each channel fares, and trying one.

Looking changes nothing.  Everything else is a POST of a plain form that leads back with GET; a refusal
shows the page as it stands now, and never a secret that was typed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core.problems import Problem
from notifications.slack import installs
from oversight import channels as access
from oversight.access import must_administer
from pages import flash
from pages.channels import (
    Typed,
    app_lines,
    failed_lines,
    faults,
    manifest_of,
    silent_lines,
    trial_lines,
    unplaced,
    wanted_of,
)
from pages.endpoints import decoded
from pages.views.problems import told
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people.models import Workspace

View = Callable[..., HttpResponseBase]
#: Does it; (tone, what was done, the part of the page where that is seen).
Act = Callable[[HttpRequest, Visitor, UUID], tuple[str, str, str]]


@require_safe
@signed_in
@told
def channels_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """How every channel fares, and setting one up."""
    return _page(request, visitor, Typed(), 200)


def _page(request: HttpRequest, visitor: Visitor, typed: Typed, status: int) -> HttpResponse:
    found = access.overview(reader=visitor.reader)
    apps = app_lines(found)
    titles = access.unreached_titles(reader=visitor.reader, found=found.standing)
    context = {
        "shell": visitor.shell,
        "here": "channels",
        "found": found,
        "apps": apps,
        "active": [one for one in apps if one.state == "active"],
        "connected": any(not one.removed for one in apps),
        "unplaced": unplaced(found),
        "tried": trial_lines(found),
        "silent": silent_lines(found, titles),
        "failed": failed_lines(found),
        "manifest": manifest_of(request.GET.get("manifest", "")),
        "typed": typed,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/channels.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def connect_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Connect an app in Slack."""
    must_administer(visitor.reader)
    if request.method != "POST":
        return SeeOther(reverse("channels"))
    try:
        made = installs.connect(
            actor=visitor.actor,
            workspace=Workspace.objects.get(id=visitor.reader.workspace_id),
            wanted=wanted_of(request.POST, change=False),
        )
    except Problem as problem:
        return _page(request, visitor, faults(problem, "connect"), problem.status)
    said = f"Slack knows the app: it is connected to {made.name}. Now send a test."
    flash.leave(request, "ok", said)
    return SeeOther(f"{reverse('channels')}#slack-test")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def mail_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Send the visitor a test mail."""
    must_administer(visitor.reader)
    if request.method == "POST":
        try:
            access.try_mail(reader=visitor.reader)
        except Problem as problem:
            return _page(request, visitor, faults(problem, "mail"), problem.status)
        said = f"A test mail to {visitor.user.email} is on its way. Reload to see what came of it."
        flash.leave(request, "quiet", said)
    return SeeOther(f"{reverse('channels')}#tests")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def remove_view(request: HttpRequest, visitor: Visitor, sla_id: str) -> HttpResponse:
    """Ask once more, and then take the app out."""
    installation = decoded("sla", sla_id)
    app = access.app_of(reader=visitor.reader, installation=installation)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        workspace = visitor.reader.workspace_id
        installs.remove(actor=visitor.actor, workspace=workspace, installation=installation)
        said = "The app is taken out: its secrets are destroyed, and nobody is told by it any more."
        flash.leave(request, "quiet", said)
        return SeeOther(reverse("channels"))
    context = {"shell": visitor.shell, "here": "channels", "app": app, "id": sla_id}
    return render(request, "pages/channel_remove.html", context)


def _change(request: HttpRequest, visitor: Visitor, app: UUID) -> tuple[str, str, str]:
    installs.change(
        actor=visitor.actor,
        workspace=visitor.reader.workspace_id,
        installation=app,
        wanted=wanted_of(request.POST, change=True),
    )
    return "ok", "What you typed replaces what was there; what you left empty stays.", "slack"


def _try(request: HttpRequest, visitor: Visitor, app: UUID) -> tuple[str, str, str]:
    workspace = visitor.reader.workspace_id
    installs.try_out(actor=visitor.actor, workspace=workspace, installation=app)
    return "ok", "Slack takes the app. What could not be posted meanwhile is posted now.", "slack"


def _test(request: HttpRequest, visitor: Visitor, app: UUID) -> tuple[str, str, str]:
    channel = request.POST.get("channel", "").strip()
    access.try_slack(reader=visitor.reader, installation=app, channel=channel)
    return "quiet", "A test is on its way. Reload this page to see what came of it.", "tests"


def _view(name: str, act: Act) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor, sla_id: str) -> HttpResponse:
        installation = decoded("sla", sla_id)
        access.app_of(reader=visitor.reader, installation=installation)
        if request.method != "POST":
            return SeeOther(reverse("channels"))
        try:
            tone, text, part = act(request, visitor, installation)
        except Problem as problem:
            if problem.status == 404:
                raise
            channel = request.POST.get("channel", "")[:60] if name == "test" else ""
            typed = faults(problem, f"{name} {sla_id}", channel)
            return _page(request, visitor, typed, problem.status)
        flash.leave(request, tone, text)
        return SeeOther(f"{reverse('channels')}#{part}")

    return view


#: The views of one app by the last part of their addresses.
VIEWS: Final[dict[str, View]] = {
    name: _view(name, act) for name, act in (("secrets", _change), ("try", _try), ("test", _test))
}
