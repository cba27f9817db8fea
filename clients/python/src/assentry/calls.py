"""The endpoints, one flow each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from assentry.canonical import digest
from assentry.effects import Call, Flow
from assentry.errors import ApiError, WrongPayload
from assentry.exchange import Retry, exchange
from assentry.idempotency import fresh
from assentry.objects import IssuedPermit, Request

#: A deadline as the API writes it, or a `timedelta` of whole seconds.
Duration = str | timedelta


@dataclass(frozen=True, kw_only=True)
class Said:
    """What an agent may state beside what it asks for; None leaves it out."""

    summary: str | None = None
    context: Mapping[str, Any] | None = None
    evidence: Sequence[Mapping[str, Any]] | None = None
    metadata: Mapping[str, str] | None = None
    run: str | None = None
    expires_in: Duration | None = None
    callback_url: str | None = None

    def body(self) -> dict[str, Any]:
        """As members of a body."""
        given = {
            "summary": self.summary,
            "context": None if self.context is None else dict(self.context),
            "evidence": None if self.evidence is None else [dict(one) for one in self.evidence],
            "metadata": None if self.metadata is None else dict(self.metadata),
            "run": self.run,
            "expires_in": duration(self.expires_in),
            "callback_url": self.callback_url,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Page:
    """One page of a list.

    Attributes:
        cursor: of the page after it; None where there is none.
    """

    results: list[Request] = field(default_factory=list)
    cursor: str | None = None


def duration(value: Duration | None) -> str | None:
    """As the API writes it: whole seconds where it was a `timedelta`."""
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    return value


def submit(
    retry: Retry, action: str, payload: Mapping[str, Any], said: Said, idempotency_key: str | None
) -> Flow[Request]:
    """Ask for an action; the request as it stands, which may have ended already."""
    body = {"action": action, "payload": dict(payload), **said.body()}
    sent = digest(body["payload"])
    answer = yield from exchange(_creates("/requests", body, idempotency_key), retry)
    request = Request(answer.json()).checked()
    if request.revision == 1 and request.payload_digest != sent:
        raise WrongPayload(request, f"{request.id} was stored with another payload than was sent.")
    return request


def question(
    to: str,
    prompt: str,
    options: Sequence[str | Mapping[str, str]] | None,
    answer_schema: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The members of a question that were given."""
    chosen = None
    if options is not None:
        chosen = [one if isinstance(one, str) else dict(one) for one in options]
    given = {"to": to, "prompt": prompt, "options": chosen, "answer_schema": answer_schema}
    return {name: value for name, value in given.items() if value is not None}


def ask(
    retry: Retry, asked: Mapping[str, Any], said: Said, idempotency_key: str | None
) -> Flow[Request]:
    """Ask people something."""
    body = {**asked, **said.body()}
    answer = yield from exchange(_creates("/questions", body, idempotency_key), retry)
    return Request(answer.json())


def _creates(path: str, body: Any, idempotency_key: str | None) -> Call:
    headers = {"Idempotency-Key": idempotency_key or fresh()}
    return Call("POST", path, body, headers=headers, idempotent=True)


def read(retry: Retry, request_id: str) -> Flow[Request]:
    """One of the agent's own."""
    answer = yield from exchange(Call("GET", f"/requests/{request_id}", idempotent=True), retry)
    return Request(answer.json())


def page(retry: Retry, query: Mapping[str, str | None]) -> Flow[Page]:
    """One page of the agent's own, newest first."""
    given = {name: value for name, value in query.items() if value is not None}
    given.setdefault("limit", "100")
    answer = yield from exchange(Call("GET", "/requests", query=given, idempotent=True), retry)
    body = answer.json()
    return Page([Request(one) for one in body["results"]], _cursor(body.get("next")))


def _cursor(address: str | None) -> str | None:
    # Only its cursor: the address is the server's public one, which may not be how we reach it.
    return dict(parse_qsl(urlsplit(address or "").query)).get("cursor")


def message(
    retry: Retry, request_id: str, text: str, evidence: Sequence[Mapping[str, Any]] | None
) -> Flow[Request]:
    """Answer a return, or add evidence."""
    body: dict[str, Any] = {"text": text}
    if evidence is not None:
        body["evidence"] = [dict(one) for one in evidence]
    answer = yield from exchange(_creates(f"/requests/{request_id}/messages", body, None), retry)
    return Request(answer.json())


def revise(retry: Retry, request_id: str, payload: Mapping[str, Any], said: Said) -> Flow[Request]:
    """Change the payload."""
    body = {"payload": dict(payload), **said.body()}
    answer = yield from exchange(Call("POST", f"/requests/{request_id}/revise", body), retry)
    return Request(answer.json()).checked()


def cancel(retry: Retry, request_id: str, reason: str | None) -> Flow[Request]:
    """Withdraw it."""
    body = {} if reason is None else {"reason": reason}
    answer = yield from exchange(Call("POST", f"/requests/{request_id}/cancel", body), retry)
    return Request(answer.json())


def permit(retry: Retry, request_id: str) -> Flow[IssuedPermit]:
    """A permit of an approved request; those before it end, so asking again is safe."""
    call = Call("POST", f"/requests/{request_id}/permit", {}, idempotent=True)
    return IssuedPermit.of((yield from _object(call, retry)))


def preview(
    retry: Retry, action: str, payload: Mapping[str, Any], said: Said
) -> Flow[dict[str, Any]]:
    """What policy would say."""
    body = {"action": action, "payload": dict(payload), **said.body()}
    call = Call("POST", "/requests/preview", body, idempotent=True)
    return (yield from _object(call, retry))


def me(retry: Retry) -> Flow[dict[str, Any]]:
    """Who the key is."""
    return (yield from _object(Call("GET", "/me", idempotent=True), retry))


def record(
    retry: Retry, action: str, payload: Mapping[str, Any], more: Mapping[str, Any]
) -> Flow[dict[str, Any]]:
    """Tell of an action that was taken without asking."""
    body = {"action": action, "payload": dict(payload)}
    body |= {name: value for name, value in more.items() if value is not None}
    return (yield from _object(_creates("/actions/record", body, None), retry))


def report(
    retry: Retry, request_id: str, status: str, *, detail: str | None, cost: float | None
) -> Flow[Request]:
    """Tell what came of an approved action.  Telling the same again changes nothing."""
    given = {"status": status, "detail": detail, "cost": cost}
    body = {name: value for name, value in given.items() if value is not None}
    call = Call("POST", f"/requests/{request_id}/result", body, idempotent=True)
    try:
        answer = yield from exchange(call, retry)
    except ApiError as error:
        if error.code != "result_reported":
            raise
        # Perhaps by this very call, whose first answer was lost.
        request = yield from read(retry, request_id)
        if (request.result or {}).get("status") != status:
            raise
        return request
    return Request(answer.json())


def _object(call: Call, retry: Retry) -> Flow[dict[str, Any]]:
    answer = yield from exchange(call, retry)
    found: dict[str, Any] = answer.json()
    return found
