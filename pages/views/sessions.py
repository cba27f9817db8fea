"""Signing in and out."""

from __future__ import annotations

import math

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.problems import Problem
from pages.forms import SignInForm
from people.models import User
from people.sign_in import sign_in, sign_out

#: The one answer to an unknown address, a wrong password, and somebody who is nowhere active.
WRONG = "The e-mail address or the password is wrong."


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_view(request: HttpRequest) -> HttpResponse:
    """Ask for address and password; one answer for every way in which they may be wrong."""
    there = _ours(request.POST.get("next") or request.GET.get("next") or "")
    if request.method != "POST":
        if isinstance(request.user, User):
            return HttpResponseRedirect(there)
        return _form(request, there)
    form = SignInForm(request.POST)
    if not form.is_valid():
        missing = not request.POST.get("email") or not request.POST.get("password")
        return _form(request, there, "Fill in both fields." if missing else WRONG, status=422)
    try:
        sign_in(
            request,
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"],
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Problem as problem:
        return _refused(request, there, problem)
    return HttpResponseRedirect(there)


@require_POST
def sign_out_view(request: HttpRequest) -> HttpResponse:
    """End the session."""
    sign_out(request)
    return HttpResponseRedirect(reverse("sign_in") + "?out")


def _refused(request: HttpRequest, there: str, problem: Problem) -> HttpResponse:
    wait = problem.headers.get("Retry-After", "")
    wrong = WRONG
    if problem.status == 429:
        minutes = math.ceil(int(wait) / 60) if wait.isdecimal() else 1
        wrong = f"Too many tries. Wait {minutes} min, then try again."
    elif problem.status != 401:
        wrong = problem.detail
    # Not 401: a browser would want to know how to authenticate, and this form says so already.
    status = 422 if problem.status == 401 else problem.status
    response = _form(request, there, wrong, status=status)
    if wait:
        response.headers["Retry-After"] = wait
    return response


def _form(request: HttpRequest, there: str, wrong: str = "", status: int = 200) -> HttpResponse:
    context = {
        "next": there,
        "wrong": wrong,
        "email": request.POST.get("email", "")[:254],
        "password_set": request.method != "POST" and "set" in request.GET,
        "signed_out": request.method != "POST" and "out" in request.GET,
    }
    return render(request, "pages/sign_in.html", context, status=status)


def _ours(there: str) -> str:
    """The page to go to afterwards: a path of ours, or the inbox."""
    if there.startswith("/") and url_has_allowed_host_and_scheme(there, allowed_hosts=None):
        return there
    return reverse("inbox")
