"""One request with its present revision, as it is read from the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(slots=True)
class Row:
    """One request with its present revision, in the order of `approvals.sql.REQUEST_COLUMNS`."""

    id: UUID
    kind: str
    workspace_id: UUID
    workspace: str
    action: str
    payload: bytes
    digest: bytes
    revision: int
    status: str
    waiting_on: str | None
    basis: str | None
    risk: str
    title: str
    stated: bytes
    agent_id: UUID
    agent_name: str
    owner_id: UUID
    owner_name: str
    plan: bytes
    stage: int | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    sequence: int
    decisions: list[dict[str, Any]] | None
    run_id: UUID | None = None
    run_external_id: str | None = None
    agent_version: str | None = None
    initiator_id: UUID | None = None
    initiator_name: str | None = None
    claimed_by_id: UUID | None = None
    claimed_by_name: str | None = None
    #: The payload of the revision before this one.
    before: bytes | None = None
    author_id: UUID | None = None
    author_name: str | None = None
    messages: list[dict[str, Any]] | None = None
    result: dict[str, Any] | None = None
    confirmations: list[dict[str, Any]] | None = None
    review: dict[str, Any] | None = None
    #: Of an approved action: the state of its permit, and the newest one there was.
    permit: dict[str, Any] | None = None
    agent_state: str = "active"
    #: When its content was erased, by whom (none: no person), and as what.
    erased_at: datetime | None = None
    erased_by_id: UUID | None = None
    erased_by_name: str | None = None
    erased_as: str | None = None
    #: A reviewer gave it more time: when, and who.
    extended_at: datetime | None = None
    extended_by_id: UUID | None = None
    extended_by_name: str | None = None
    #: Whom the open stage asks now, as ``[name, title]``: an escalation may have added roles.
    asked_now: list[list[str]] | None = None
