"""A secret carried over one redirect: sealed in the session meanwhile, shown once, gone then."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.http import HttpRequest

from callbacks.endpoints import Secret
from core import ids
from signing.sealing import CannotOpen, sealer

_KEY: Final = "shown_once"
_LINK: Final = "link_shown_once"


@dataclass(frozen=True, slots=True)
class Once:
    """What is shown of an endpoint's new secret, and whether there was one before it."""

    secret: str
    public: str
    rotated: bool


def leave(request: HttpRequest, made: Secret, *, rotated: bool) -> None:
    """Show it on the next page of its endpoint."""
    endpoint = ids.encode("end", made.endpoint.id)
    _leave(request, _KEY, endpoint, [made.secret, made.public, rotated])


def take(request: HttpRequest, endpoint: str) -> Once | None:
    """What was left for the page of this endpoint, once."""
    left = _take(request, _KEY, endpoint)
    return None if left is None else Once(*left)


def leave_key(request: HttpRequest, key: str, token: str) -> None:
    """Show the text of this key on its next page."""
    _leave(request, _KEY, key, [token])


def take_key(request: HttpRequest, key: str) -> str:
    """The text that was left for the page of this key, once; empty otherwise."""
    left = _take(request, _KEY, key)
    return "" if left is None else str(left[0])


def leave_link(request: HttpRequest, about: str, link: str) -> None:
    """Show a link on the next page of what it is about."""
    _leave(request, _LINK, about, [link])


def take_link(request: HttpRequest, about: str) -> str | None:
    """The link that was left for the page of this, once."""
    left = _take(request, _LINK, about)
    return None if left is None else str(left[0])


def _leave(request: HttpRequest, kind: str, subject: str, told: list[Any]) -> None:
    sealed = sealer().seal(msgspec.json.encode(told), _place(subject))
    request.session[kind] = [subject, base64.b64encode(sealed).decode()]


def _take(request: HttpRequest, kind: str, subject: str) -> list[Any] | None:
    left = request.session.get(kind)
    if request.method != "GET" or not left or left[0] != subject:
        return None
    del request.session[kind]
    try:
        plain = sealer().open(base64.b64decode(left[1]), _place(subject))
    except CannotOpen:  # the instance's key was changed in between: there is rotation for that
        return None
    told: list[Any] = msgspec.json.decode(plain)
    return told


def _place(subject: str) -> str:
    return f"session shown once {subject}"
