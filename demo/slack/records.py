"""What the double keeps and answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from demo.slack.arguments import Arguments
from demo.slack.state import Team


@dataclass
class Call:
    """One call of the API: when it came, by the double's clock, and what it was told."""

    method: str
    team: str
    token: str
    arguments: Arguments
    at: float
    status: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Violation:
    """Something that Slack does not take."""

    method: str
    team: str
    code: str
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer; None in `body` is one that is no JSON. `drop`: the connection closes instead."""

    status: int
    body: dict[str, Any] | None
    retry_after: int | None = None
    drop: bool = False


class Links(Protocol):
    """Socket Mode, where it is played."""

    def address(self, team: Team) -> str:
        """A fresh address to connect to."""

    def deliver(self, team: Team, envelope: dict[str, Any]) -> str | None:
        """Hand an envelope to one connection: the acknowledgement's payload, or None where none came."""

    def close(self) -> None:
        """Close every connection, and listen no longer."""
