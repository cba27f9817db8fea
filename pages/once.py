"""A secret carried over one redirect: sealed in the session meanwhile, shown once, gone then."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

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
    plain = msgspec.json.encode([made.secret, made.public, rotated])
    sealed = sealer().seal(plain, _place(endpoint))
    request.session[_KEY] = [endpoint, base64.b64encode(sealed).decode()]


def take(request: HttpRequest, endpoint: str) -> Once | None:
    """What was left for the page of this endpoint, once."""
    left = request.session.get(_KEY)
    if request.method != "GET" or not left or left[0] != endpoint:
        return None
    del request.session[_KEY]
    try:
        plain = sealer().open(base64.b64decode(left[1]), _place(endpoint))
    except CannotOpen:  # the instance's key was changed in between: there is rotation for that
        return None
    return Once(*msgspec.json.decode(plain))


def leave_link(request: HttpRequest, about: str, link: str) -> None:
    """Show a link on the next page of what it is about."""
    sealed = sealer().seal(link.encode(), _place(about))
    request.session[_LINK] = [about, base64.b64encode(sealed).decode()]


def take_link(request: HttpRequest, about: str) -> str | None:
    """The link that was left for the page of this, once."""
    left = request.session.get(_LINK)
    if request.method != "GET" or not left or left[0] != about:
        return None
    del request.session[_LINK]
    try:
        return sealer().open(base64.b64decode(left[1]), _place(about)).decode()
    except CannotOpen:
        return None


def _place(endpoint: str) -> str:
    return f"session shown once {endpoint}"
