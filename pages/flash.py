"""One sentence carried over a redirect, kept in the session until it was shown once."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

_KEY = "flash"


@dataclass(frozen=True, slots=True)
class Flash:
    """What was done; ``tone`` is ``ok``, ``no`` or ``quiet``."""

    tone: str
    text: str


def leave(request: HttpRequest, tone: str, text: str) -> None:
    """Say this on the next page."""
    request.session[_KEY] = [tone, text]


def take(request: HttpRequest) -> Flash | None:
    """What the page before wanted said, once."""
    left = request.session.pop(_KEY, None)
    return Flash(*left) if left else None
