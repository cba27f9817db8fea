"""What Slack sent, read only as far as is needed to know whose secret it must be signed with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qs

from notifications.slack.signature import Origin

Kind = Literal["interactive", "events_api", "slash_commands", "url_verification"]
#: As much as Slack sends of a modal with everything filled in, several times over.
MOST_BYTES: Final = 512 * 1024


class Unreadable(ValueError):
    """The body is not in the form that Slack sends to this address."""


@dataclass(frozen=True, slots=True)
class Received:
    """A call of Slack's: ``payload`` is as it came, and not to be believed before it is verified."""

    kind: Kind
    payload: Mapping[str, Any]
    origin: Origin


def interaction(body: bytes) -> Received:
    """The body of an interaction: a form whose one field holds JSON."""
    payload = _object(_form(body).get("payload", ""))
    return Received("interactive", payload, origin_of(payload))


def event(body: bytes) -> Received:
    """The body of an event, or of the check of an address (``url_verification``)."""
    payload = _object(body.decode("utf-8", "strict") if _is_utf8(body) else "")
    if payload.get("type") == "url_verification":
        return Received("url_verification", payload, Origin())
    return Received("events_api", payload, origin_of(payload))


def command(body: bytes) -> Received:
    """The body of a slash command: a form."""
    payload = _form(body)
    return Received("slash_commands", payload, origin_of(payload))


def origin_of(payload: Mapping[str, Any]) -> Origin:
    """Which app, team and organisation a payload says it comes from."""
    team = payload.get("team")
    enterprise = payload.get("enterprise")
    return Origin(
        app=_text(payload.get("api_app_id")) or "",
        team=_text(team.get("id") if isinstance(team, dict) else payload.get("team_id")),
        enterprise=_text(
            enterprise.get("id") if isinstance(enterprise, dict) else payload.get("enterprise_id")
        ),
    )


def _form(body: bytes) -> dict[str, str]:
    if not _is_utf8(body):
        raise Unreadable
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise Unreadable from error
    return {name: values[0] for name, values in found.items()}


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable from error
    if not isinstance(value, dict):
        raise Unreadable
    return value


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
