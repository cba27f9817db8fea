"""Keys: those of tools and auditors, and one key of any kind with replacing and revoking it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents.lists import KeyRow
from agents.rotation import rotate_key
from agents.services import revoke_key
from core import ids
from core.paging import Page
from core.problems import Problem
from oversight import agents as access
from oversight.access import may_administer, must_administer
from pages import flash, once
from pages.agent_forms import TypedKey, TypedRotation, faults
from pages.agents import LASTS, OVERLAPS, SCOPE_WORDS, key_line
from pages.endpoints import decoded
from pages.views.problems import told
from pages.views.settings import named
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in, whichever
from people.errors import Refusal

PAGE: Final = 50
_FIELDS: Final = frozenset({"kind", "name", "actions", "lasts"})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def keys_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The keys of tools and auditors, and making another one."""
    if request.method != "POST":
        return _list(request, visitor, TypedKey(), status=200)
    visitor = named(request, visitor)
    must_administer(visitor.reader)
    typed = TypedKey.of(request.POST)
    try:
        made = access.create_named_key(
            actor=visitor.actor,
            workspace=visitor.person.workspace,
            kind=typed.kind,
            name=typed.name,
            actions=typed.listed(),
            expires_in=typed.expires_in(),
        )
    except (Problem, Refusal) as refused:
        return _list(request, visitor, replace(typed, errors=faults(refused, _FIELDS)), status=422)
    key = ids.encode("key", made.key.id)
    once.leave_key(request, key, made.token)
    flash.leave(request, "ok", "The key is made.")
    return SeeOther(reverse("key", args=[key]))


def _list(request: HttpRequest, visitor: Visitor, typed: TypedKey, *, status: int) -> HttpResponse:
    page = _found(visitor, request.GET.get("cursor") or None)
    context = {
        "shell": visitor.shell,
        "here": "keys",
        "items": [key_line(row) for row in page.items],
        "next_url": f"{reverse('keys')}?cursor={page.next}" if page.next else "",
        "previous_url": f"{reverse('keys')}?cursor={page.previous}" if page.previous else "",
        "administers": may_administer(visitor.reader),
        "typed": typed,
        "lasts": LASTS,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/keys.html", context, status=status)


def _found(visitor: Visitor, cursor: str | None) -> Page[KeyRow]:
    """One page of them; a cursor that leads nowhere any more starts at the beginning again."""
    try:
        return access.keys(reader=visitor.reader, agent=None, cursor=cursor, limit=PAGE)
    except Problem:
        if cursor is None:
            raise
        return _found(visitor, None)


@require_safe
@signed_in
@told
def key_page(request: HttpRequest, visitor: Visitor, key_id: str) -> HttpResponse:
    """One key; its secret only on the page after it was made."""
    visitor, row = _locate(request, visitor, key_id)
    return _page(request, visitor, row, TypedRotation(), "", 200)


def _page(
    request: HttpRequest,
    visitor: Visitor,
    row: KeyRow,
    typed: TypedRotation,
    wrong: str,
    status: int,
) -> HttpResponse:
    one = key_line(row)
    context = {
        "shell": visitor.shell,
        "here": "agents",
        "one": one,
        "may": [SCOPE_WORDS[name] for name in one.may],
        "may_rotate": may_administer(visitor.reader)
        and one.state == "active"
        and not one.replaced_by,
        "may_revoke": access.may_revoke(visitor.reader, row) and row.revoked_at is None,
        "typed": typed,
        "overlaps": OVERLAPS,
        "lasts": LASTS,
        "once": once.take_key(request, one.id),
        "wrong": wrong,
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/key.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def rotate_view(request: HttpRequest, visitor: Visitor, key_id: str) -> HttpResponse:
    """Make a key in the place of this one, which goes on for a while."""
    visitor, row = _locate(request, visitor, key_id)
    if request.method != "POST":
        return SeeOther(reverse("key", args=[key_id]))
    must_administer(visitor.reader)
    typed = TypedRotation.of(request.POST)
    try:
        done = rotate_key(
            actor=visitor.actor,
            workspace=visitor.person.workspace,
            key_id=row.id,
            overlap=typed.goes_on(),
            expires_in=typed.expires_in(),
        )
    except (Problem, Refusal) as refused:
        errors = faults(refused, frozenset({"overlap", "lasts"}))
        wrong = f"{errors.get('form', 'See what is marked below.')} No key was made."
        status = refused.status if isinstance(refused, Problem) else 422
        # As it stands now: somebody may have replaced or revoked it meanwhile.
        row = access.key_of(reader=visitor.reader, key=row.id)
        return _page(request, visitor, row, replace(typed, errors=errors), wrong, status)
    key = ids.encode("key", done.made.key.id)
    once.leave_key(request, key, done.made.token)
    flash.leave(request, "ok", "This key takes the place of the other, which goes on meanwhile.")
    return SeeOther(reverse("key", args=[key]))


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def revoke_view(request: HttpRequest, visitor: Visitor, key_id: str) -> HttpResponse:
    """Ask once more, and then end the key for good."""
    visitor, row = _locate(request, visitor, key_id)
    access.must_revoke(visitor.reader, row)
    if request.method == "POST" and request.POST.get("sure") == "yes":
        done = revoke_key(actor=visitor.actor, workspace=visitor.person.workspace, key_id=row.id)
        said = (
            "The key is revoked: it opens nothing any more." if done else "It was revoked before."
        )
        flash.leave(request, "quiet", said)
        return SeeOther(reverse("key", args=[key_id]))
    context = {"shell": visitor.shell, "here": "agents", "one": key_line(row)}
    return render(request, "pages/key_revoke.html", context)


def _locate(request: HttpRequest, visitor: Visitor, text: str) -> tuple[Visitor, KeyRow]:
    """The key, in whichever of the visitor's workspaces it is.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    key = decoded("key", text)
    return whichever(request, visitor, lambda reader: access.key_of(reader=reader, key=key))
