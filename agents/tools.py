"""Which tool calls?  A tool key consumes permits, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from agents.authentication import Presented, check_row, presented_key

#: In the order that `tool_from` reads; more columns may follow.
TOOL_COLUMNS: Final = """
    k.hash, k.kind, k.expires_at, k.revoked_at, k.last_used_at, clock_timestamp(),
    k.id, k.workspace_id, k.name, k.actions
"""
#: The key ``%(key)s`` as ``k``.
TOOL_FROM: Final = "agents_key k"
TOOL_WHERE: Final = "k.id = %(key)s"


@dataclass(frozen=True, slots=True)
class ToolContext:
    """The tool behind a valid key, as the database said at ``now``; no actions means all of them."""

    key_id: UUID
    workspace_id: UUID
    name: str
    actions: Sequence[str]
    now: datetime

    def may(self, action: str) -> bool:
        """Whether its key consumes permits of this action."""
        return not self.actions or action in self.actions


def presented_tool_key(header: str | None) -> Presented:
    """Read the Authorization header of a tool; nothing is looked up yet.

    Raises:
        Problem: 401 for a header that is missing or holds no well-formed key, 403 for an agent's.
    """
    return presented_key(header, kind="tool")


def tool_from(row: Sequence[Any] | None, presented: Presented) -> ToolContext:
    """The tool, from a row that begins with `TOOL_COLUMNS` (or none) for the presented key.

    Raises:
        Problem: 401, as for an agent's key.
    """
    now = check_row(row, presented)
    assert row is not None  # noqa: S101  # it was held against the key
    return ToolContext(row[6], row[7], row[8], row[9], now)
