"""Agents, their keys, and the runs they report."""

from __future__ import annotations

from audit.kinds.base import Data


class RunStarted(Data, frozen=True, kw_only=True):
    """Commits to ``external_id`` and ``agent_version``."""

    KIND = "run.started"
    agent: str
    parent: str | None
    initiator: str | None


class RunEnded(Data, frozen=True, kw_only=True):
    KIND = "run.ended"
    state: str


class StepsReported(Data, frozen=True, kw_only=True):
    """A batch of steps.  Commits to ``steps``: the batch as it was read, its bytes in the steps' rows."""

    KIND = "run.steps_reported"
    first: int
    count: int


class AgentCreated(Data, frozen=True, kw_only=True):
    KIND = "agent.created"
    name: str
    owner: str


class AgentStateChanged(Data, frozen=True, kw_only=True):
    KIND = "agent.state_changed"
    before: str
    after: str


class AgentOwnerChanged(Data, frozen=True, kw_only=True):
    """Somebody else answers for it from now on; people by their ids."""

    KIND = "agent.owner_changed"
    before: str
    after: str


class KeyCreated(Data, frozen=True, kw_only=True):
    """``agent`` is none for a tool's key and an auditor's; ``actions`` are those it may consume permits of."""

    KIND = "key.created"
    kind: str
    agent: str | None
    scopes: list[str]
    name: str = ""
    actions: list[str] = []


class KeyRevoked(Data, frozen=True, kw_only=True):
    KIND = "key.revoked"


class KeyRotated(Data, frozen=True, kw_only=True):
    """``after`` takes its place; the key itself ends so many seconds later, or earlier where it expires."""

    KIND = "key.rotated"
    after: str
    overlap_s: int
