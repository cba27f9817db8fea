"""How one signs in: second factors, the password, and where one is signed in.

Whoever changes a factor gave their password or a factor within the last five minutes; else they are
asked for it, and then do it again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.problems import FieldError, Problem, invalid, not_found
from pages import flash, kept, security
from pages.answers import PasskeyAnswer, asked
from pages.endpoints import decoded
from pages.security import CODES, SETTING_UP, Refused
from pages.views.problems import told
from pages.views.sessions import ours
from pages.views.showing import SeeOther
from pages.visitor import Visitor, signed_in
from people import factors, own_sessions, passkeys
from people.sign_in import right_password

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, Visitor, P], HttpResponse]


def fresh(view: View[P]) -> View[P]:
    """Ask for the password or a factor first, where neither was given lately."""

    @wraps(view)
    def guarded(
        request: HttpRequest, visitor: Visitor, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if own_sessions.is_fresh(request):
            return view(request, visitor, *args, **kwargs)
        # What was posted is not kept: afterwards they look again, and do it again.
        there = request.get_full_path() if request.method == "GET" else reverse("security")
        return SeeOther(f"{reverse('confirm')}?{urlencode({'next': there})}")

    return guarded


@require_safe
@signed_in
@told
def security_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The page."""
    return page(request, visitor)


@sensitive_post_parameters("password", "code", "credential")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
def confirm_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Ask for the password or a factor, and lead back."""
    there = ours(request.POST.get("next") or request.GET.get("next") or "", "security")
    if request.method != "POST":
        return _confirm(request, visitor, there)
    try:
        _prove(request, visitor)
    except Problem as problem:
        return _confirm(request, visitor, there, problem)
    own_sessions.confirmed(request)
    return SeeOther(there)


@require_POST
@signed_in
@told
def ask_confirm_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """A challenge for the visitor's passkeys."""
    return asked(lambda: passkeys.ask(visitor.user, passkeys.CONFIRM))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@told
@fresh
def totp_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Set up an authenticator app: it counts once it has shown the right code."""
    if request.method != "POST":
        return _totp(request, visitor)
    secret = kept.look(request, SETTING_UP)
    if not isinstance(secret, str):
        return SeeOther(reverse("security_totp"))
    try:
        codes = factors.add_totp(
            user=visitor.user, secret=secret, code="".join(request.POST.get("code", "").split())
        )
    except Problem as problem:
        return _totp(request, visitor, problem)
    request.session.pop(SETTING_UP, None)
    return _added(request, codes, "Your authenticator app is set up.")


@require_POST
@signed_in
@told
@fresh
def ask_passkey_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """A challenge for a new passkey."""
    return asked(lambda: passkeys.ask_new(visitor.user))


@sensitive_post_parameters("credential")
@require_POST
@signed_in
@told
@fresh
def passkey_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Keep a new passkey."""
    given = PasskeyAnswer.of(request) or PasskeyAnswer("", {})
    try:
        codes = factors.add_passkey(
            user=visitor.user,
            name=request.POST.get("name", ""),
            challenge=given.challenge,
            answer=given.answer,
        )
    except Problem as problem:
        return page(request, visitor, Refused.of("passkey", problem), status=problem.status)
    return _added(request, codes, "Your passkey is set up.")


@require_POST
@signed_in
@told
@fresh
def remove_view(request: HttpRequest, visitor: Visitor, factor: int) -> HttpResponse:
    """Take a factor away."""
    factors.remove(user=visitor.user, factor=factor)
    flash.leave(request, "quiet", "It is taken away: it proves nothing any more.")
    return SeeOther(reverse("security"))


@require_POST
@signed_in
@told
@fresh
def codes_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Make new recovery codes."""
    return _added(request, factors.new_codes(user=visitor.user), "These are your recovery codes.")


@sensitive_post_parameters()
@require_POST
@signed_in
@told
def password_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Change the password, and end the other sessions."""
    new = request.POST.get("new", "")
    try:
        if new != request.POST.get("again", ""):
            raise invalid([FieldError("/again", "differs", "It is not the same as the one above.")])
        own_sessions.change_password(
            request,
            user=visitor.user,
            old=request.POST.get("old", ""),
            new=new,
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Problem as problem:
        return page(request, visitor, Refused.of("password", problem), status=problem.status)
    flash.leave(request, "ok", "Your password is changed. You are signed out everywhere else.")
    return SeeOther(reverse("security"))


@require_POST
@signed_in
@told
def end_view(request: HttpRequest, visitor: Visitor, ses_id: str) -> HttpResponse:
    """Sign out of one session."""
    known = own_sessions.standing(request)
    session = decoded("ses", ses_id)
    if known is not None and session == known.id:  # its own button says “Sign out”
        raise not_found()
    own_sessions.end(user=visitor.user, session=session)
    flash.leave(request, "quiet", "You are signed out there.")
    return SeeOther(reverse("security"))


@require_POST
@signed_in
@told
def end_others_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Sign out everywhere but here."""
    own_sessions.end_others(user=visitor.user, current=own_sessions.standing(request))
    flash.leave(request, "quiet", "You are signed out everywhere else.")
    return SeeOther(reverse("security"))


def page(
    request: HttpRequest, visitor: Visitor, refused: Refused | None = None, status: int = 200
) -> HttpResponse:
    """The page as it stands, or as something typed into one of its forms was refused."""
    context = {
        "shell": visitor.shell,
        "here": "security",
        **security.shown(request, visitor.user),
        "codes": kept.take(request, CODES) if request.method == "GET" else None,
        "refused": refused,
        "passkey_name": request.POST.get("name", "")[: factors.MAX_NAME],
        "flash": flash.take(request) if status == 200 else None,
    }
    return render(request, "pages/security.html", context, status=status)


def _totp(request: HttpRequest, visitor: Visitor, problem: Problem | None = None) -> HttpResponse:
    context = {
        "shell": visitor.shell,
        "here": "security",
        **security.setting_up(request, visitor.user),
        "wrong": "" if problem is None else problem.detail,
    }
    status = 200 if problem is None else problem.status
    return render(request, "pages/security_totp.html", context, status=status)


def _confirm(
    request: HttpRequest, visitor: Visitor, there: str, problem: Problem | None = None
) -> HttpResponse:
    held = factors.held(visitor.user)
    context = {
        "shell": visitor.shell,
        "here": "security",
        "next": there,
        "password": visitor.user.has_usable_password(),
        "totp": held.totp is not None,
        "codes": bool(held.recovery_left),
        "passkeys": bool(held.passkeys),
        "home": passkeys.home().origin,
        "wrong": "" if problem is None else problem.detail,
    }
    status = 200 if problem is None else 422 if problem.status == 401 else problem.status
    return render(request, "pages/security_confirm.html", context, status=status)


def _prove(request: HttpRequest, visitor: Visitor) -> None:
    user, given = visitor.user, PasskeyAnswer.of(request)
    if given is not None:
        factors.check_passkey(
            user, purpose=passkeys.CONFIRM, challenge=given.challenge, answer=given.answer
        )
    elif request.POST.get("code"):
        factors.check_code(user, request.POST["code"], purpose=passkeys.CONFIRM)
    elif not right_password(
        user, request.POST.get("password", ""), address=request.META.get("REMOTE_ADDR", "")
    ):
        raise Problem(422, "wrong_password", "Wrong password", "That is not your password.")


def _added(request: HttpRequest, codes: list[str] | None, said: str) -> HttpResponse:
    if codes is not None:
        kept.keep(request, CODES, codes)
    flash.leave(request, "ok", said)
    return SeeOther(reverse("security"))
