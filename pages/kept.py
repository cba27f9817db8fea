"""Secrets that a page needs again a moment later: sealed in the session meanwhile, to their name."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from django.http import HttpRequest

from signing.sealing import CannotOpen, sealer


def keep(request: HttpRequest, name: str, value: Any) -> None:
    """Keep this (JSON) under a name."""
    sealed = sealer().seal(msgspec.json.encode(value), _place(name))
    request.session[name] = base64.b64encode(sealed).decode()


def look(request: HttpRequest, name: str) -> Any:
    """What is kept; None: nothing is, or the instance's key was changed in between."""
    left = request.session.get(name)
    if not left:
        return None
    try:
        return msgspec.json.decode(sealer().open(base64.b64decode(left), _place(name)))
    except CannotOpen:
        return None


def take(request: HttpRequest, name: str) -> Any:
    """What is kept, which is gone then."""
    found = look(request, name)
    request.session.pop(name, None)
    return found


def _place(name: str) -> str:
    return f"session kept {name}"
