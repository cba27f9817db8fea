"""Signing in and out over JSON."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request

from api.answers import Answer
from api.authentication import SessionAuthentication
from api.doors import Door, answer, body_of
from api.errors import respond
from api.messages import Credentials, SignedIn, WorkspaceRef
from core import ids
from core.problems import forbidden
from people.models import Person
from people.sign_in import sign_in, sign_out


class SessionDoor(Door):
    """``/session``: POST signs in and needs no token, DELETE signs out like any other write."""

    def get_authenticators(self) -> list[Any]:
        """Nobody is known before they signed in; a cookie of before must not get in the way."""
        return [SessionAuthentication()] if self.request.method == "DELETE" else []

    def get_permissions(self) -> list[Any]:
        """Everybody may try to sign in."""
        return [IsAuthenticated()] if self.request.method == "DELETE" else [AllowAny()]

    def post(self, request: Request) -> HttpResponse:
        """Sign in: the cookies of a session and of its CSRF token."""
        raw = request._request
        check_origin(raw)
        body = body_of(request, Credentials)
        address = raw.META.get("REMOTE_ADDR", "")
        user = sign_in(
            raw, email=body.email, password=body.password, address=address, code=body.code
        )
        token = get_token(raw)  # also makes the middleware set its cookie
        persons = Person.objects.select_related("workspace").filter(user=user, active=True)
        workspaces = [
            WorkspaceRef(
                ids.encode("wsp", one.workspace.id), one.workspace.slug, one.workspace.name
            )
            for one in persons.order_by("workspace__slug")
        ]
        return answer(request, SignedIn(user.email, str(user), workspaces, token))

    def delete(self, request: Request) -> HttpResponse:
        """Sign out: the session ends."""
        raw = request._request
        sign_out(raw)
        return respond(Answer(204, b""), raw)


def check_origin(request: HttpRequest) -> None:
    """Refuse a sign-in that another site started in somebody's browser.

    There is no CSRF token before a session; the JSON content type and the origin stand in for it.

    Raises:
        Problem: 403.
    """
    origin = request.META.get("HTTP_ORIGIN")
    own = f"{request.scheme}://{request.get_host()}"
    foreign = origin is not None and origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS
    if foreign or request.META.get("HTTP_SEC_FETCH_SITE", "same-origin") in (
        "cross-site",
        "same-site",
    ):
        raise forbidden("Another site must not sign anybody in here.", code="wrong_origin")
