"""What a page's form carries of a passkey: which challenge it answers, and the browser's answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from core import strict_json
from core.problems import Problem
from people.passkeys import Asked

MAX_ANSWER: Final = 20_000


@dataclass(frozen=True, slots=True)
class PasskeyAnswer:
    """A browser's answer, as `people.passkeys` reads it; empty where there is none."""

    challenge: str
    answer: dict[str, Any]

    @classmethod
    def of(cls, request: HttpRequest) -> PasskeyAnswer | None:
        """What was posted; None: the form holds no passkey's answer."""
        written = request.POST.get("credential", "")
        if not written:
            return None
        try:
            read = strict_json.loads(written[:MAX_ANSWER].encode(errors="replace"))
        except Problem:
            read = None
        return cls(request.POST.get("challenge", ""), read if isinstance(read, dict) else {})


def asked(ask: Callable[[], Asked]) -> HttpResponse:
    """A challenge for the script of a page, or why there is none."""
    body: dict[str, Any]
    try:
        made = ask()
    except Problem as problem:
        body, status = {"detail": problem.detail}, problem.status
    else:
        body, status = {"id": made.id, "options": made.options}, 200
    response = HttpResponse(msgspec.json.encode(body), "application/json", status)
    response.headers["Cache-Control"] = "no-store"
    return response
