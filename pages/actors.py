"""Who did what an event says, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents import names as agents
from core import ids
from people import names as people


def names_of(workspace: UUID, actors: Sequence[dict[str, Any]]) -> list[str]:
    """What the actors of events are called, in their order."""
    named = _names(workspace, [actor["id"] for actor in actors if actor["id"]])
    return [named.get(actor["id"] or "", _nameless(actor)) for actor in actors]


def _names(workspace: UUID, shown: Sequence[str]) -> dict[str, str]:
    decoded = {text: ids.decode(text.partition("_")[0], text) for text in shown}
    programs = [one for text, one in decoded.items() if not text.startswith("per_")]
    persons = [one for text, one in decoded.items() if text.startswith("per_")]
    found = agents.names(workspace, programs) | people.names(workspace, persons)
    return {text: found[one] for text, one in decoded.items() if one in found}


def _nameless(actor: dict[str, Any]) -> str:
    match actor["type"]:
        case "system":
            return "Assentry"
        case "operator":
            return "An operator at the machine"
        case _:
            return str(actor["id"])
