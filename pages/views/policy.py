"""The policy as people read it: what is active in words, every version there was, and two compared."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core import ids
from core.canonical import show_digest
from core.problems import not_found
from oversight.policy import Rights, rights
from pages import flash
from pages.policy import reading
from pages.policy_editor import Shown, hiding, shown
from pages.views.problems import told
from pages.visitor import Visitor, signed_in
from policies import comparing, document, versions
from policies.active import active_version
from policies.errors import PolicyErrors
from policies.models import PolicyVersion

_LISTED: Final = 50
#: In the session: the id of the person who just applied a version.
APPLIED: Final = "policy_applied"


@require_safe
@signed_in
@told
def policy_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The active version in words."""
    may = must_read(visitor)
    active = active_version(visitor.reader.workspace_id)
    context = frame(visitor, may) | {
        "flash": flash.take(request),
        # What they typed is no longer kept in their browser (static/assentry/draft.js).
        "applied": request.session.pop(APPLIED, None) == str(visitor.person.id),
        "draft_of": draft_of(visitor),
        "now_on": "policy",
    }
    if active is None:
        return render(request, "pages/policy.html", context)
    [version] = versions.described(active.workspace_id, [active])
    context |= {"version": version, "digest": show_digest(version.digest)}
    try:
        context["reading"] = reading(active.workspace_id, document.parse(active.text))
    except PolicyErrors as found:
        # An older release saved it: nothing is planned by it, and the page says why.
        context["faults"] = found.errors
    return render(request, "pages/policy.html", context)


@require_safe
@signed_in
@told
def versions_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Every version, the newest first."""
    may = must_read(visitor)
    found = versions.versions(
        workspace=visitor.reader.workspace_id,
        limit=_LISTED,
        cursor=request.GET.get("cursor"),
    )
    context = frame(visitor, may) | {"found": found, "now_on": "versions"}
    return render(request, "pages/policy_versions.html", context)


@require_safe
@signed_in
@told
def version_page(request: HttpRequest, visitor: Visitor, number: int) -> HttpResponse:
    """One version: what it says, and what it changed against another."""
    may = must_read(visitor)
    row = found_version(visitor, number)
    [version] = versions.described(row.workspace_id, [row])
    against = _against(request, visitor, row)
    context = frame(visitor, may) | {
        "version": version,
        "digest": show_digest(version.digest),
        "text": row.text if may.opens else None,
        "hides": hiding(row.text) if may.opens else [],
        "others": [one for one in _numbers(visitor) if one != number],
        "against": against.number if against else None,
        "now_on": "versions",
    }
    if against is not None:
        context |= _compared(against, row, may)
    return render(request, "pages/policy_version.html", context)


def must_read(visitor: Visitor) -> Rights:
    """What the visitor may do with the policy.

    Raises:
        Problem: 404 where they may not even read it.
    """
    may = rights(visitor.reader)
    if not may.reads:
        raise not_found()
    return may


def frame(visitor: Visitor, may: Rights) -> dict[str, Any]:
    """What every page about the policy is written with."""
    return {"shell": visitor.shell, "here": "policy", "may": may}


def draft_of(visitor: Visitor) -> str:
    """Whose draft a browser may keep: of this person, in this workspace."""
    return f"{visitor.shell.workspace}/{ids.encode('per', visitor.person.id)}"


def found_version(visitor: Visitor, number: int) -> PolicyVersion:
    """A version of the visitor's workspace.

    Raises:
        Problem: 404.
    """
    row = versions.version(workspace=visitor.reader.workspace_id, number=number)
    if row is None:
        raise not_found()
    return row


def _against(request: HttpRequest, visitor: Visitor, row: PolicyVersion) -> PolicyVersion | None:
    """What a version is compared with: the one that was chosen, else the one before it."""
    text = request.GET.get("against", "")
    if text:
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise not_found()
        return found_version(visitor, int(text))
    return versions.version(workspace=row.workspace_id, number=row.number - 1)


def _numbers(visitor: Visitor) -> list[int]:
    rows = PolicyVersion.objects.filter(workspace_id=visitor.reader.workspace_id)
    return list(rows.order_by("-number").values_list("number", flat=True)[:500])


def _compared(before: PolicyVersion, after: PolicyVersion, may: Rights) -> dict[str, Any]:
    lines = comparing.lines(before.text, after.text) if may.opens else []
    try:
        found: Shown = shown(comparing.compare_versions(before=before, after=after), lines)
    except comparing.NotAccepted as refused:
        return {"not_compared": str(refused)}
    return {"compared": found}
