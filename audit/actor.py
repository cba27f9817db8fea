"""Who did it: the required first argument of every service that writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from core import ids

ActorKind = Literal["agent", "tool", "auditor", "person", "system", "operator"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody or something that acts, named by opaque id.

    ``via`` says through what: the key's id for an agent, the channel for a person, the part of the
    server for ``system`` (``clock``, ``policy``), the command for an ``operator`` at the machine.
    """

    kind: ActorKind
    id: UUID | None
    via: str

    @classmethod
    def agent(cls, agent_id: UUID, *, key_id: UUID) -> Actor:
        """An agent, through one of its keys."""
        return cls("agent", agent_id, ids.encode("key", key_id))

    @classmethod
    def tool(cls, key_id: UUID) -> Actor:
        """A tool, which is known by its key."""
        return cls("tool", key_id, ids.encode("key", key_id))

    @classmethod
    def auditor(cls, key_id: UUID) -> Actor:
        """An auditor, who is known by their key."""
        return cls("auditor", key_id, ids.encode("key", key_id))

    @classmethod
    def person(cls, person_id: UUID, *, channel: str) -> Actor:
        """A person, through the channel that proved who they are (``web``)."""
        return cls("person", person_id, channel)

    @classmethod
    def system(cls, part: str) -> Actor:
        """The server itself, by its own rules."""
        return cls("system", None, part)

    @classmethod
    def operator(cls, command: str) -> Actor:
        """Whoever runs a management command on the machine."""
        return cls("operator", None, command)

    def to_json(self) -> dict[str, str | None]:
        """As it stands in an event: ``{type, id, via}``, the id a TypeID or null."""
        prefix = {"agent": "agt", "tool": "key", "auditor": "key", "person": "per"}.get(self.kind)
        shown = ids.encode(prefix, self.id) if prefix and self.id else None
        return {"type": self.kind, "id": shown, "via": self.via}
