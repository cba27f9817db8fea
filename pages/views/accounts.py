"""Ways back in: asking for a new password, and the page that sets one by a link.

Looking changes nothing, whoever or whatever looks: scanners and previews follow links, with scripts.
A link that was used, is over, or never was shows one and the same page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from core.problems import Problem
from pages.views.sessions import minutes_of
from pages.views.showing import SeeOther
from people import links, resets
from people.errors import WeakPassword
from people.links import Opened
from people.models import User

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def unseen(view: View[P]) -> View[P]:
    """Keep the address, which is a secret, out of caches, search engines and every other page's sight."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Robots-Tag"] = "noindex"
        # Not "no-referrer", as `pages.views.slack_link` explains.
        response.headers["Referrer-Policy"] = "strict-origin"
        return response

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
def forgot_page(request: HttpRequest) -> HttpResponse:
    """Ask for a link; one answer, after the same time, for every address."""
    context = {"sends_mail": links.sends_mail(), "email": request.POST.get("email", "")[:254]}
    if request.method != "POST" or not context["sends_mail"]:
        asked = request.method != "POST" and "asked" in request.GET
        return render(request, "pages/forgot_password.html", context | {"asked": asked})
    if "@" not in str(context["email"]):
        context["wrong"] = "Type the e-mail address that you sign in with."
        return render(request, "pages/forgot_password.html", context, status=422)
    try:
        resets.ask(email=request.POST["email"], address=request.META.get("REMOTE_ADDR", ""))
    except Problem as problem:
        context["wrong"] = (
            f"That was asked for often just now. Look for the mail; else wait {minutes_of(problem)} min."
            if problem.status == 429
            else problem.detail
        )
        response = render(request, "pages/forgot_password.html", context, status=problem.status)
        for name, value in problem.headers.items():
            response.headers[name] = value
        return response
    return SeeOther(f"{reverse('forgot_password')}?asked")


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@unseen
def account_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show whose password it sets; the POST sets it, once, and leads to sign-in."""
    opened = links.find(token)
    if opened is None:
        return _over(request)
    user = request.user
    if isinstance(user, User) and user.is_active and user.id != opened.user:
        context = {"opened": opened, "me": user}
        return render(request, "pages/account_other.html", context, status=403)
    if request.method != "POST":
        return _form(request, opened, token)
    address = request.META.get("REMOTE_ADDR", "")
    try:
        links.use(token=token, password=request.POST.get("password", ""), address=address)
    except WeakPassword as error:
        return _form(request, opened, token, str(error), status=422)
    except Problem as problem:
        if problem.status != 410:
            raise
        return _over(request)
    return SeeOther(f"{reverse('sign_in')}?set")


def _form(
    request: HttpRequest, opened: Opened, token: str, wrong: str = "", status: int = 200
) -> HttpResponse:
    context = {"opened": opened, "token": token, "wrong": wrong}
    return render(request, "pages/account_link.html", context, status=status)


def _over(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/account_over.html", status=410)
