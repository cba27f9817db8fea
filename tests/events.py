"""Reading the log as an auditor would."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from audit.log import commitment
from audit.models import Event, Side
from core import ids


def events_of(workspace: UUID, kind: str | None = None) -> list[dict[str, Any]]:
    """The bodies of a workspace's events, oldest first, of one kind where one is given."""
    found = Event.objects.filter(workspace_id=workspace).order_by("at", "id")
    if kind is not None:
        found = found.filter(kind=kind)
    return [json.loads(bytes(event.body)) for event in found]


def kinds_of(workspace: UUID) -> list[str]:
    """The kinds of a workspace's events, oldest first."""
    return [event["kind"] for event in events_of(workspace)]


def side_of(event: dict[str, Any], name: str) -> bytes:
    """The bytes beside an event that its commitment of this name commits to, checked."""
    side = Side.objects.get(event_id=ids.decode("evt", event["id"]), name=name)
    body = bytes(side.body or b"")
    assert event["commitments"][name] == commitment(bytes(side.salt), body)
    return body
