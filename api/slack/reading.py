"""What Slack sent, read only as far as is needed to know whose secret it must be signed with."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qs

from core import strict_json
from core.problems import Problem
from notifications.slack.signature import Origin

Kind = Literal["interactive", "events_api", "slash_commands", "url_verification"]
#: As much as Slack sends of a modal with everything filled in, several times over.
MOST_BYTES: Final = 512 * 1024
#: How Slack writes the ids of apps, teams, people and channels.
_ID: Final = re.compile(r"[A-Za-z0-9]{1,30}")


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
    payload = _object(_form(body).get("payload", "").encode())
    return Received("interactive", payload, origin_of(payload))


def event(body: bytes) -> Received:
    """The body of an event, or of the check of an address (``url_verification``)."""
    payload = _object(body)
    if payload.get("type") == "url_verification":
        return Received("url_verification", payload, Origin())
    return Received("events_api", payload, origin_of(payload))


def envelope(kind: Kind, payload: Mapping[str, Any]) -> Received:
    """What came over a socket, held to the same as a body.

    Raises:
        Unreadable: it says what no body may.
    """
    checked = _object(json.dumps(payload).encode())
    return Received(kind, checked, origin_of(checked))


def command(body: bytes) -> Received:
    """The body of a slash command: a form."""
    payload = _form(body)
    return Received("slash_commands", payload, origin_of(payload))


def origin_of(payload: Mapping[str, Any]) -> Origin:
    """Which app, team and organisation a payload says it comes from.

    Raises:
        Unreadable: it names neither a team nor an organisation, or what is no id of Slack's.
    """
    team = part(payload, "team").get("id") or payload.get("team_id")
    enterprise = part(payload, "enterprise").get("id") or payload.get("enterprise_id")
    origin = Origin(app=_id(payload.get("api_app_id")), team=_id(team), enterprise=_id(enterprise))
    if origin.team is None and origin.enterprise is None:
        raise Unreadable
    return origin


def part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside a payload; an empty one where there is none."""
    found = payload.get(name)
    return found if isinstance(found, dict) else {}


def text(payload: Mapping[str, Any], name: str) -> str:
    """A text inside a payload; the empty one where there is none."""
    found = payload.get(name)
    return found if isinstance(found, str) else ""


def _form(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise Unreadable from error
    if any("\0" in value for values in found.values() for value in values):
        raise Unreadable
    return {name: values[0] for name, values in found.items()}


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(body, max_bytes=MOST_BYTES)
    except Problem as error:
        raise Unreadable from error
    if not isinstance(value, dict):
        raise Unreadable
    return value


def _id(value: Any) -> str | None:
    """An id of Slack's, or None where none is given."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        raise Unreadable
    return value
