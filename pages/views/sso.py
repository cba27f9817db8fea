"""Signing in at the operator's identity provider, and linking an account with somebody there.

The way to the provider is a link, not a form: the pages' policy lets no form lead to another site.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from core.problems import Problem
from pages import flash
from pages.views.problems import told
from pages.views.sessions import minutes_of, ours
from pages.views.settings import named
from pages.visitor import Visitor, signed_in
from people.models import User
from people.sso import flow
from people.sso.settings import Provider
from people.sso.trouble import Reason, Trouble

logger = logging.getLogger(__name__)

#: What the page says, and its status.
_SAID: Final[Mapping[Reason, tuple[str, int]]] = {
    "cancelled": ("Nobody was signed in there: it was cancelled, or refused.", 403),
    "stale": (
        "This sign-in was begun in another browser, too long ago, or was answered already. Begin again.",
        400,
    ),
    "silent": (
        "It does not answer as it should. Try again in a minute; the log of this server has the reason.",
        502,
    ),
    "unproven": (
        "What it says about you cannot be trusted. The log of this server has the reason.",
        502,
    ),
    "unverified": (
        "It does not vouch for the e-mail address of an account here. Have it verified or corrected there.",
        403,
    ),
    "unknown": ("Nobody here has your e-mail address. Whoever runs this server adds people.", 403),
    "inactive": ("Your account here is not active.", 403),
    "password": (
        "Your account here has a password. Sign in with it once, and link the two on Settings.",
        403,
    ),
    "linked": (
        "This account is linked with somebody else there. Whoever runs this server can unlink it.",
        403,
    ),
}
#: Nothing of the answer's address goes on to another page or a cache.
_HEADERS: Final = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


@require_GET
def begin_view(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider."""
    provider = _provider()
    there = ours(request.GET.get("next", ""))
    again = "again" in request.GET
    if isinstance(request.user, User) and not again:
        return HttpResponseRedirect(there)
    try:
        leaving = flow.begin(
            provider,
            redirect_uri=_redirect_uri(),
            there=there,
            cookie=_cookie(request),
            again=again,
        )
    except Trouble as trouble:
        return _refused(request, provider, trouble)
    response = HttpResponseRedirect(leaving.url)
    _keep(response, leaving.cookie)
    return response


@require_GET
def callback_view(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer."""
    provider = _provider()
    query = request.GET.dict()
    taken = flow.take(query, cookie=_cookie(request))
    try:
        response = flow.finish(
            request,
            provider,
            taken.begun,
            query,
            redirect_uri=_redirect_uri(),
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except Trouble as trouble:
        response = _refused(request, provider, trouble)
    except Problem as problem:
        response = _throttled(request, provider, problem)
    else:
        if taken.begun is not None and taken.begun.user:
            flash.leave(request, "ok", f"From now on you sign in with {provider.name}, too.")
    _keep(response, taken.cookie)
    return response


@require_POST
@signed_in
@told
def link_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Begin to link the visitor: a page with the way to the provider."""
    visitor = named(request, visitor)
    provider = _provider()
    try:
        leaving = flow.begin(
            provider,
            redirect_uri=_redirect_uri(),
            there=reverse("settings"),
            cookie=_cookie(request),
            user=visitor.user,
        )
    except Trouble as trouble:
        return _refused(request, provider, trouble)
    context = {"shell": visitor.shell, "provider": provider, "url": leaving.url}
    response = render(request, "pages/sso_link.html", context)
    _keep(response, leaving.cookie)
    return response


@require_GET
def leave_view(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider's own sign-out, where it has one."""
    provider = _provider()
    back = urljoin(settings.BASE_URL, reverse("sign_in") + "?out")
    try:
        url = flow.leaving_url(provider, back=back)
    except Trouble as trouble:
        return _refused(request, provider, trouble)
    return HttpResponseRedirect(url or back)


def _provider() -> Provider:
    provider = flow.configured()
    if provider is None:
        raise Http404
    return provider


def _redirect_uri() -> str:
    """The address the provider answers to; it is registered there."""
    return urljoin(settings.BASE_URL, reverse("oidc_callback"))


def _cookie_name() -> str:
    return "__Host-oidc" if settings.SESSION_COOKIE_SECURE else "oidc"


def _cookie(request: HttpRequest) -> str:
    return request.COOKIES.get(_cookie_name(), "")


def _keep(response: HttpResponse, value: str) -> None:
    """Set the cookie of what was begun, or take it away.

    Lax: the answer comes with a navigation from the provider, which Strict would not let it along with.
    """
    response.set_cookie(
        _cookie_name(),
        value,
        max_age=flow.WAITS_S if value else 0,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _refused(request: HttpRequest, provider: Provider, trouble: Trouble) -> HttpResponse:
    logger.warning("single sign-on: %s", trouble)
    said, status = _SAID[trouble.reason]
    return _page(request, provider, said, status, password=trouble.reason == "password")


def _throttled(request: HttpRequest, provider: Provider, problem: Problem) -> HttpResponse:
    said = f"Too many tries. Wait {minutes_of(problem)} min, then try again."
    response = _page(request, provider, said, problem.status)
    if "Retry-After" in problem.headers:
        response.headers["Retry-After"] = problem.headers["Retry-After"]
    return response


def _page(
    request: HttpRequest, provider: Provider, said: str, status: int, *, password: bool = False
) -> HttpResponse:
    context = {"provider": provider, "said": said, "password": password}
    response = render(request, "pages/sso_refused.html", context, status=status)
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response
