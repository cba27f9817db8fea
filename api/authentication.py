"""Who calls a Django view of the API: an agent by its key, or a person by their session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework import authentication
from rest_framework.request import Request

from agents import limits
from agents.auditors import AuditorContext, authenticate_auditor
from agents.authentication import KeyContext, authenticate
from core.db import pool
from core.problems import forbidden
from people.models import User


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """The "user" of a call that carries a key: authenticated, and nobody who could sign in."""

    caller: KeyContext
    is_authenticated: bool = True
    is_active: bool = True


def bearer(request: Any) -> str | None:
    """The Authorization header of a call, where it is a key's."""
    header: str = request.META.get("HTTP_AUTHORIZATION", "")
    return header if header[:7].lower() == "bearer " else None


class KeyAuthentication(authentication.BaseAuthentication):
    """An agent's key.  Where one is sent, cookies do not count."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, KeyContext] | None:
        """The agent, or None without a key; Problem 401 or 429 otherwise."""
        header = bearer(request)
        if header is None:
            return None
        with pool().connection() as conn:
            caller = authenticate(conn, header)
            limits.spend(conn, caller)
        return KeyHolder(caller), caller

    def authenticate_header(self, request: Request) -> str:
        """What WWW-Authenticate asks for."""
        return "Bearer"


@dataclass(frozen=True, slots=True)
class AuditorKeyHolder:
    """The "user" of a call that carries an auditor's key."""

    auditor: AuditorContext
    is_authenticated: bool = True
    is_active: bool = True


class AuditorKeyAuthentication(authentication.BaseAuthentication):
    """An auditor's key.  Where one is sent, cookies do not count."""

    def authenticate(self, request: Request) -> tuple[AuditorKeyHolder, AuditorContext] | None:
        """The auditor, or None without a key; Problem 401 or 403 otherwise."""
        header = bearer(request)
        if header is None:
            return None
        with pool().connection() as conn:
            auditor = authenticate_auditor(conn, header)
        return AuditorKeyHolder(auditor), auditor

    def authenticate_header(self, request: Request) -> str:
        """What WWW-Authenticate asks for."""
        return "Bearer"


class SessionAuthentication(authentication.SessionAuthentication):
    """A person's session, with the CSRF token on everything that writes."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        """The user, or None without a session that counts; Problem 403 for a key."""
        if bearer(request) is not None:
            raise forbidden(
                "This endpoint is for people: a key cannot be used here.", code="people_only"
            )
        return super().authenticate(request)

    def authenticate_header(self, request: Request) -> str:
        """What WWW-Authenticate asks for; with it, DRF answers 401 and not 403."""
        return "Session"
