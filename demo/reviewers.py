"""Scripted reviewers: they sign in and decide over HTTP, as people's programs would.

What they decide follows from the request alone, so that they decide alike in every replay.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx2

#: Pauses of somebody who found nothing to decide.
PAUSE_S: Final = 0.1
#: Until somebody who was signed out, or found the server away, tries again.
AGAIN_S: Final = 1.0
REASONS: Final = (
    "The order does not show what the customer says.",
    "Please ask the customer for a photo first.",
    "This customer has a case of this kind open.",
)


@dataclass(frozen=True)
class Login:
    """Somebody who decides."""

    email: str
    password: str


def work(
    base_url: str,
    logins: Sequence[Login],
    over: threading.Event,
    say: Callable[[str], None] = lambda _: None,
) -> list[threading.Thread]:
    """Start a thread for each of them; they end when `over` is set."""
    threads = [
        threading.Thread(target=_sit, args=(base_url, login, over, say), daemon=True)
        for login in logins
    ]
    for thread in threads:
        thread.start()
    return threads


def verdict(request: dict[str, Any]) -> dict[str, Any]:
    """What is decided on a request, as the body of the call says it."""
    if request["kind"] == "question":
        return {"verdict": "answer", "answer": request["payload"]["options"][0]["value"]}
    number = _number(request)
    given_back = any(said["kind"] == "return" for said in request["messages"])
    if number % 17 == 3 and not given_back:
        return {"verdict": "return", "comment": "What exactly does the customer want?"}
    if number % 7 == 1:
        return {"verdict": "reject", "comment": REASONS[number % len(REASONS)]}
    if request["action"] == "orders.cancel" and number % 5 == 2 and request["revision"] == 1:
        return {"verdict": "edit", "edits": {"/reason": "no longer needed, checked by support"}}
    return {"verdict": "approve"}


def _number(request: dict[str, Any]) -> int:
    told = f"{(request['run'] or {}).get('external_id')} {request['context'].get('call')}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "big")


def _sit(base_url: str, login: Login, over: threading.Event, say: Callable[[str], None]) -> None:
    """Work as long as it lasts; sessions end and servers are started again meanwhile."""
    while not over.is_set():
        try:
            with httpx2.Client(base_url=f"{base_url}/api/v1", timeout=30) as http:
                _sign_in(http, login)
                while not over.is_set():
                    if not _decide_some(http):
                        over.wait(PAUSE_S)
        except httpx2.HTTPError as error:
            if not over.is_set():
                say(f"{login.email} begins again: {error}")
            over.wait(AGAIN_S)


def _sign_in(http: httpx2.Client, login: Login) -> None:
    body = {"email": login.email, "password": login.password}
    http.post("/session", json=body).raise_for_status()
    token = http.cookies.get("csrftoken") or http.cookies.get("__Host-csrftoken") or ""
    http.headers["X-CSRFToken"] = token


def _decide_some(http: httpx2.Client) -> bool:
    """Decide what waits in the inbox; whether anything was."""
    waiting = http.get("/inbox?view=mine&order=urgency&limit=20").raise_for_status()
    decided = False
    for request in waiting.json()["results"]:
        # Others decide too: a vote that comes too late is refused, and that is all.
        answer = http.post(f"/requests/{request['id']}/decisions", json=_body(request))
        decided = decided or answer.is_success
    return decided


def _body(request: dict[str, Any]) -> dict[str, Any]:
    looked_at = {"stage": request["stage"], "payload_digest": request["payload_digest"]}
    return looked_at | verdict(request)
