"""What Slack sends to the product, signed over its exact bytes; https://docs.slack.dev/authentication/verifying-requests-from-slack"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict
from urllib.parse import urlencode, urlsplit

from demo.slack.records import Links
from demo.slack.state import Team

#: Slack waits no longer for an answer.
PATIENCE_S: Final = 3.0
#: The double does, to say how long it took.
WAIT_S: Final = 10.0
AGENT: Final = "Slackbot 1.0 (+https://api.slack.com/robots)"
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
#: Where each kind goes at the product.
INTERACTIONS: Final = "/slack/interactions"
EVENTS: Final = "/slack/events"
COMMANDS: Final = "/slack/commands"
#: What an envelope on a socket calls them.
ENVELOPE: Final = {INTERACTIONS: "interactive", EVENTS: "events_api", COMMANDS: "slash_commands"}


class How(TypedDict, total=False):
    """What a test changes about a request that is otherwise as Slack sends it.

    change: the payload, before it is written and signed.
    tamper: the bytes, after they were signed.
    timestamp, secret, signature: instead of the right ones; an empty signature or timestamp is left out.
    """

    change: Callable[[dict[str, Any]], None]
    tamper: Callable[[bytes], bytes]
    timestamp: int | str
    secret: str
    signature: str


@dataclass(frozen=True)
class Answer:
    """What the product said: status 0 where nothing came, or nobody was connected."""

    status: int
    body: str
    elapsed: float
    team: str
    path: str
    payload: dict[str, Any] = field(repr=False)
    raw: bytes = field(default=b"", repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def taken(self) -> bool:
        """Whether Slack would count it: 200, in time."""
        return self.status == 200 and self.elapsed <= PATIENCE_S

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def sign(secret: str, timestamp: int | str, body: bytes) -> str:
    """The signature of a request."""
    base = b"v0:" + str(timestamp).encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def written(path: str, payload: dict[str, Any]) -> tuple[str, bytes]:
    """A payload's content type and bytes: commands are forms, interactions JSON in a form, events JSON."""
    if path == COMMANDS:
        return FORM, urlencode(payload).encode()
    if path == INTERACTIONS:
        return FORM, urlencode({"payload": json.dumps(payload)}).encode()
    return JSON, json.dumps(payload).encode()


@dataclass(frozen=True)
class Sender:
    """Sends to the product at `app` for a workspace, as of `now`, with what a test changes."""

    app: str
    team: str
    secret: str
    now: float
    how: How

    def post(
        self, path: str, payload: dict[str, Any], more: dict[str, str], raw: bytes | None = None
    ) -> Answer:
        """Send a payload, or `raw` where the same bytes go out again; a product that is away is an answer too."""
        kind, body = written(path, payload)
        body = body if raw is None else raw
        headers = {"Content-Type": kind, "User-Agent": AGENT, **more, **self._signed(body)}
        if "tamper" in self.how:
            body = self.how["tamper"](body)
        began = time.monotonic()
        try:
            status, text = _exchange(self.app + path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            status, text = 0, str(error)
        elapsed = time.monotonic() - began
        return Answer(status, text, elapsed, self.team, path, payload, body, headers)

    def _signed(self, body: bytes) -> dict[str, str]:
        timestamp = self.how.get("timestamp", int(self.now))
        right = sign(self.how.get("secret", self.secret), timestamp, body)
        signature = self.how.get("signature", right)
        given = {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": signature}
        return {name: value for name, value in given.items() if value}


def hand_over(
    links: Links,
    team: Team,
    path: str,
    payload: dict[str, Any],
    how: How,
    more: dict[str, str],
) -> Answer:
    """Send a payload over the team's socket; an acknowledgement counts as 200, and carries the answer.

    Raises:
        ValueError: a signature was to be changed; what comes over a socket has none.
    """
    if how.keys() - {"change"}:
        raise ValueError(f"over a socket there is no {', '.join(how.keys() - {'change'})}")
    envelope: dict[str, Any] = {"envelope_id": str(uuid.uuid4()), "type": ENVELOPE[path]}
    envelope |= {"payload": payload, "accepts_response_payload": path != EVENTS}
    if path == EVENTS:
        envelope["retry_attempt"] = int(more.get("X-Slack-Retry-Num", 0))
        envelope["retry_reason"] = more.get("X-Slack-Retry-Reason", "")
    began = time.monotonic()
    said = links.deliver(team, envelope)
    elapsed = time.monotonic() - began
    status = 0 if said is None else 200
    return Answer(status, said or "", elapsed, team.id, path, payload)


def _exchange(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """POST, following no redirect."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WAIT_S)
    try:
        connection.request("POST", parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
