"""The settings of a workspace, for its administrators: plain forms, each a POST that leads back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core import ids
from core.problems import FieldError, Problem, invalid
from oversight import holds, settings
from oversight.access import must_administer
from oversight.holds import Scope
from oversight.settings import Wanted
from pages import flash, log_words
from pages.agent_forms import faults
from pages.endpoints import decoded
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people.errors import Refusal

#: What a signing key signs.
SIGNS: Final[Mapping[str, str]] = {
    "permit": "Permits",
    "log": "Checkpoints of the log, and exports",
}
#: What a hold covers.
COVERS: Final[Mapping[str, str]] = {
    "workspace": "Everything in this workspace",
    "request": "One request",
    "person": "One person, and every request they took part in",
}
_FIELDS: Final = frozenset({"name", "retention_days", "target", "reason"})
View = Callable[..., HttpResponseBase]
#: Does it; what was done, empty where it was so already.
Act = Callable[[QueryDict, Visitor], str]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into a form that was refused."""

    name: str | None = None
    keeps: str | None = None
    days: str = ""
    target: str = ""
    reason: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@require_safe
@signed_in
@told
def settings_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The settings as they are."""
    return _page(request, visitor, Typed(), 200)


def _page(request: HttpRequest, visitor: Visitor, typed: Typed, status: int) -> HttpResponse:
    found = settings.read(reader=visitor.reader)
    workspace = found.workspace
    days = "" if found.retention_days is None else str(found.retention_days)
    context = {
        "shell": visitor.shell,
        "here": "workspace_settings",
        "workspace": workspace,
        "workspace_id": ids.encode("wsp", workspace.id),
        "name": workspace.name if typed.name is None else typed.name,
        "keeps": typed.keeps or ("some" if days else "all"),
        "days": typed.days if typed.keeps is not None else days,
        "retention_days": found.retention_days,
        "holds": [(one, COVERS[one.scope]) for one in found.holds],
        "anchors": [
            {
                "name": log_words.TARGETS[one.kind],
                "where": one.where,
                "dot": {"ok": "yes", "warning": "back"}.get(one.level, "nay"),
                "at": one.at,
                "behind": log_words.behind(one.level, one.behind),
                "error": one.error if one.failures else "",
            }
            for one in found.anchors.targets
        ],
        "signs": [(SIGNS[one.purpose], one.kid, one.since) for one in found.signs],
        "target": typed.target,
        "reason": typed.reason,
        "errors": typed.errors,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/workspace.html", context, status=status)


def _name(form: QueryDict, visitor: Visitor) -> str:
    wanted = Wanted(name=form.get("name", "")[:1_000])
    return _set(visitor, wanted, "The workspace has another name.")


def _callbacks(form: QueryDict, visitor: Visitor) -> str:
    allowed = form.get("plain_http") == "yes"
    said = (
        "Callbacks may go to plain http addresses from now on."
        if allowed
        else "Addresses of callbacks that are registered from now on must be https."
    )
    return _set(visitor, Wanted(plain_http=allowed), said)


def _retention(form: QueryDict, visitor: Visitor) -> str:
    if form.get("keeps") != "some":
        return _set(visitor, Wanted(retention_days=None), "Nothing is erased by its age any more.")
    text = form.get("days", "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise invalid([FieldError("/retention_days", "out_of_range", "Write a number of days.")])
    said = f"What requests say is erased {int(text)} days after they ended; the first look is now."
    return _set(visitor, Wanted(retention_days=int(text)), said)


def _set(visitor: Visitor, wanted: Wanted, said: str) -> str:
    workspace = visitor.reader.workspace_id
    changed = settings.change(actor=visitor.actor, workspace=workspace, wanted=wanted)
    return said if changed else ""


def _hold(form: QueryDict, visitor: Visitor) -> str:
    workspace = visitor.reader.workspace_id
    scope, target = _covered(workspace, form.get("target", "").strip())
    try:
        holds.put(
            actor=visitor.actor,
            workspace=workspace,
            scope=scope,
            target=target,
            reason=_reason(form),
            person=visitor.person.id,
        )
    except Problem as problem:
        if problem.status == 404:
            raise _fault("There is no such request or person here.") from None
        raise
    return "The hold stands: what it covers is not erased."


def _reason(form: QueryDict) -> str:
    """Why, as it was typed; what the database cannot hold is made plain."""
    return form.get("reason", "").replace("\0", "\ufffd")


def _covered(workspace: UUID, target: str) -> tuple[Scope, UUID]:
    """What a hold shall cover: a request or a person by id, or (empty) the workspace.

    Raises:
        Problem: 422 for a text that is neither.
    """
    try:
        if target.startswith("req_"):
            return holds.covered(workspace, request=ids.decode("req", target))
        if target.startswith("per_"):
            return holds.covered(workspace, person=ids.decode("per", target))
    except ids.BadId as error:
        raise _fault(str(error)) from error
    if target:
        raise _fault("Write the id of a request or a person, or leave it empty.")
    return holds.covered(workspace)


def _fault(detail: str) -> Problem:
    return invalid([FieldError("/target", "unknown", detail)])


def _typed(form: QueryDict, refused: Problem | Refusal) -> Typed:
    keeps = form.get("keeps")
    return Typed(
        name=form.get("name", "")[:1_000] if "name" in form else None,
        keeps=None if keeps is None else "some",
        days=form.get("days", "")[:20],
        target=form.get("target", "")[:100],
        reason=form.get("reason", "")[:1_000],
        errors=faults(refused, _FIELDS),
    )


def _view(act: Act) -> View:
    @require_http_methods(["GET", "HEAD", "POST"])
    @signed_in
    @told
    def view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
        if request.method != "POST":
            return SeeOther(reverse("workspace_settings"))
        visitor = named(request, visitor)
        must_administer(visitor.reader)
        try:
            said = act(request.POST, visitor)
        except (Problem, Refusal) as refused:
            status = refused.status if isinstance(refused, Problem) else 422
            return _page(request, visitor, _typed(request.POST, refused), status)
        flash.leave(request, "ok" if said else "quiet", said or _SO_ALREADY)
        return SeeOther(reverse("workspace_settings"))

    return view


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def lift_view(request: HttpRequest, visitor: Visitor, hld_id: str) -> HttpResponse:
    """Lift a hold of the workspace that the form was shown for."""
    hold = decoded("hld", hld_id)
    if request.method != "POST":
        return SeeOther(reverse("workspace_settings"))
    visitor = named(request, visitor)
    must_administer(visitor.reader)
    try:
        holds.lift(
            actor=visitor.actor,
            workspace=visitor.reader.workspace_id,
            hold=hold,
            reason=_reason(request.POST),
            person=visitor.person.id,
        )
    except Problem as problem:
        if problem.status == 404:
            raise
        errors = {"form": " ".join(one.detail for one in problem.errors) or problem.detail}
        return _page(request, visitor, Typed(errors=errors), problem.status)
    flash.leave(request, "ok", "The hold is lifted: what it covered may be erased, and ages.")
    return SeeOther(reverse("workspace_settings"))


_SO_ALREADY: Final = "It is so already: nothing was changed."

#: The views by the last part of their addresses.
VIEWS: Final[dict[str, View]] = {
    name: _view(act)
    for name, act in (
        ("name", _name),
        ("callbacks", _callbacks),
        ("retention", _retention),
        ("hold", _hold),
    )
}
