"""Signing in and out."""

from __future__ import annotations

import math
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.problems import Problem
from pages.answers import PasskeyAnswer, asked
from pages.forms import SignInForm
from people import factors, passkeys
from people.models import User
from people.second_step import SecondFactorStage, passed, waiting
from people.sign_in import begin, sign_in_by_passkey, sign_out
from people.sso import flow

#: The one answer to an unknown address, a wrong password, and somebody who is nowhere active.
WRONG = "The e-mail address or the password is wrong."


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_view(request: HttpRequest) -> HttpResponse:
    """Ask for address and password; one answer for every way in which they may be wrong."""
    there = ours(request.POST.get("next") or request.GET.get("next") or "")
    if request.method != "POST":
        if isinstance(request.user, User) and "again" not in request.GET:
            return HttpResponseRedirect(there)
        return _form(request, there)
    form = SignInForm(request.POST)
    if not form.is_valid():
        missing = not request.POST.get("email") or not request.POST.get("password")
        return _form(request, there, "Fill in both fields." if missing else WRONG, status=422)
    try:
        return begin(
            request,
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"],
            address=request.META.get("REMOTE_ADDR", ""),
            there=there,
        )
    except Problem as problem:
        return _refused(request, there, problem, WRONG)


@require_POST
def ask_passkey_view(request: HttpRequest) -> HttpResponse:
    """A challenge that anybody's passkey may answer."""
    address = request.META.get("REMOTE_ADDR", "")
    return asked(lambda: passkeys.ask(None, passkeys.PASSKEY, address=address))


@sensitive_post_parameters("credential")
@require_POST
def passkey_view(request: HttpRequest) -> HttpResponse:
    """Sign in with a passkey alone."""
    there = ours(request.POST.get("next") or "")
    given = PasskeyAnswer.of(request) or PasskeyAnswer("", {})
    try:
        return sign_in_by_passkey(
            request, challenge=given.challenge, answer=given.answer, there=there
        )
    except Problem as problem:
        return _refused(request, there, problem, problem.detail)


@sensitive_post_parameters("code", "credential")
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_view(request: HttpRequest) -> HttpResponse:
    """Ask whoever gave the right password for their second factor; only then there is a session."""
    stage = waiting(request)
    if stage is None:
        return HttpResponseRedirect(reverse("sign_in"))
    user: User = stage.login.user
    if request.method != "POST":
        return _second(request, user)
    try:
        return passed(request, stage, _factor(request, user))
    except Problem as problem:
        response = _second(request, user, problem)
        for name, value in problem.headers.items():
            if name == "Retry-After":
                response.headers[name] = value
        return response


@require_POST
def ask_second_view(request: HttpRequest) -> HttpResponse:
    """A challenge for whoever gave the right password."""
    stage: SecondFactorStage | None = waiting(request)
    if stage is None:
        return HttpResponse(
            b'{"detail":"Sign in from the beginning."}', "application/json", status=401
        )
    return asked(lambda: passkeys.ask(stage.login.user, passkeys.SIGN_IN))


@require_POST
def sign_out_view(request: HttpRequest) -> HttpResponse:
    """End the session."""
    by_provider = isinstance(request.user, User) and flow.opened(request)
    sign_out(request)
    return HttpResponseRedirect(reverse("sign_in") + ("?out=oidc" if by_provider else "?out"))


def again(there: str) -> HttpResponse:
    """To the sign-in, although there is a session, and back to a page of ours."""
    query = urlencode({"again": "1", "next": there})
    response = HttpResponseRedirect(f"{reverse('sign_in')}?{query}")
    response.status_code = 303
    return response


def _factor(request: HttpRequest, user: User) -> str:
    given = PasskeyAnswer.of(request)
    if given is None:
        return factors.check_code(user, request.POST.get("code", ""), purpose=passkeys.SIGN_IN)
    factors.check_passkey(
        user, purpose=passkeys.SIGN_IN, challenge=given.challenge, answer=given.answer
    )
    return "passkey"


def _second(request: HttpRequest, user: User, problem: Problem | None = None) -> HttpResponse:
    held = factors.held(user)
    context = {
        "email": user.email,
        "totp": held.totp is not None,
        "passkeys": bool(held.passkeys),
        "home": passkeys.home().origin,
        "codes": bool(held.recovery_left),
        "wrong": "" if problem is None else problem.detail,
    }
    # Not 401: see `_refused`.
    status = 200 if problem is None else 422 if problem.status == 401 else problem.status
    return render(request, "pages/second_factor.html", context, status=status)


def _refused(request: HttpRequest, there: str, problem: Problem, wrong: str) -> HttpResponse:
    if problem.status == 429:
        wrong = f"Too many tries. Wait {minutes_of(problem)} min, then try again."
    elif problem.status != 401:
        wrong = problem.detail
    # Not 401: a browser would want to know how to authenticate, and this form says so already.
    status = 422 if problem.status == 401 else problem.status
    response = _form(request, there, wrong, status=status)
    if "Retry-After" in problem.headers:
        response.headers["Retry-After"] = problem.headers["Retry-After"]
    return response


def minutes_of(problem: Problem) -> int:
    """How long to wait after too many tries, in whole minutes."""
    wait = problem.headers.get("Retry-After", "")
    return math.ceil(int(wait) / 60) if wait.isdecimal() else 1


def _form(request: HttpRequest, there: str, wrong: str = "", status: int = 200) -> HttpResponse:
    context = {
        "next": there,
        "wrong": wrong,
        "email": request.POST.get("email", "")[:254],
        "password_set": request.method != "POST" and "set" in request.GET,
        "signed_out": request.method != "POST" and "out" in request.GET,
        "again": isinstance(request.user, User),
        "home": passkeys.home().origin,
        "provider": flow.configured(),
        "leave": request.GET.get("out") == "oidc",
    }
    return render(request, "pages/sign_in.html", context, status=status)


def ours(there: str, default: str = "inbox") -> str:
    """The page to go to afterwards: a path of ours, or the page of this name."""
    if there.startswith("/") and url_has_allowed_host_and_scheme(there, allowed_hosts=None):
        return there
    return reverse(default)
