"""The only writer of events.

`record` writes one inside the caller's Django transaction.  `event_rows` with `INSERT_EVENTS` serves
statements composed elsewhere: the same rows, as arrays and a piece of SQL.  Either way the event
commits or vanishes with the fact it tells (guarantee 6).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connections, transaction

from audit.actor import Actor
from audit.kinds import KINDS, Data
from core import ids

SALT_BYTES = 16
#: The version of the event's own shape.
FORMAT = 1

# Sorted keys, no floats and ASCII names only: these bytes are RFC 8785 (held by a property test).
_encoder = msgspec.json.Encoder(order="sorted")


class NotInTransaction(RuntimeError):
    """An event was to be written outside a transaction: it could survive its fact, or the reverse."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """Bytes the event commits to.  ``kept`` is false where they stand in a row of their own."""

    content: bytes
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Fact:
    """One event before it is written."""

    workspace: UUID
    actor: Actor
    subject: tuple[str, UUID]
    data: Data
    commits: Mapping[str, Commitment] = field(default_factory=dict)


def rfc3339(at: datetime) -> str:
    """An instant as RFC 3339 in UTC, with microseconds and ``Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def commitment(salt: bytes, content: bytes) -> str:
    """SHA-256 over salt and bytes, as ``sha256:<hex>`` (audit.md, Events)."""
    return "sha256:" + hashlib.sha256(salt + content).hexdigest()


def event_rows(facts: Sequence[Fact], at: datetime) -> dict[str, list[Any]]:
    """The parameters of `INSERT_EVENTS` for these facts, in their order.

    Args:
        facts: the events to write.
        at: the database's clock inside the transaction that writes them.
    """
    rows: dict[str, list[Any]] = {name: [] for name in PARAMETERS}
    for fact in facts:
        if KINDS.get(fact.data.KIND) is not type(fact.data):
            raise LookupError(f"{fact.data.KIND} is not in the registry of kinds")
        event_id = ids.uuid7()
        prefix, subject = fact.subject
        salts = {name: secrets.token_bytes(SALT_BYTES) for name in fact.commits}
        body = _encoder.encode(
            {
                "v": FORMAT,
                "id": ids.encode("evt", event_id),
                "kind": fact.data.KIND,
                "workspace": ids.encode("wsp", fact.workspace),
                "at": rfc3339(at),
                "actor": fact.actor.to_json(),
                "subject": ids.encode(prefix, subject),
                "data": fact.data,
                "commitments": {
                    name: commitment(salts[name], held.content)
                    for name, held in fact.commits.items()
                },
            }
        )
        rows["ev_id"].append(event_id)
        rows["ev_workspace"].append(fact.workspace)
        rows["ev_kind"].append(fact.data.KIND)
        rows["ev_at"].append(at)
        rows["ev_subject"].append(subject)
        rows["ev_body"].append(body)
        for name, held in fact.commits.items():
            rows["side_id"].append(ids.uuid7())
            rows["side_workspace"].append(fact.workspace)
            rows["side_event"].append(event_id)
            rows["side_name"].append(name)
            rows["side_salt"].append(salts[name])
            rows["side_body"].append(held.content if held.kept else None)
    return rows


#: The names `INSERT_EVENTS` wants, each an array.
PARAMETERS = (
    "ev_id",
    "ev_workspace",
    "ev_kind",
    "ev_at",
    "ev_subject",
    "ev_body",
    "side_id",
    "side_workspace",
    "side_event",
    "side_name",
    "side_salt",
    "side_body",
)

#: Three members of a WITH list: the events, their places in the queue of the sequencer, side rows.
INSERT_EVENTS = """
logged AS (
    INSERT INTO audit_event (id, workspace_id, kind, at, subject, body)
    SELECT * FROM unnest(%(ev_id)s::uuid[], %(ev_workspace)s::uuid[], %(ev_kind)s::text[],
                         %(ev_at)s::timestamptz[], %(ev_subject)s::uuid[], %(ev_body)s::bytea[])
),
queued AS (
    INSERT INTO audit_pending (event_id, workspace_id)
    SELECT * FROM unnest(%(ev_id)s::uuid[], %(ev_workspace)s::uuid[])
),
sided AS (
    INSERT INTO audit_side (id, workspace_id, event_id, name, salt, body)
    SELECT * FROM unnest(%(side_id)s::uuid[], %(side_workspace)s::uuid[], %(side_event)s::uuid[],
                         %(side_name)s::text[], %(side_salt)s::bytea[], %(side_body)s::bytea[])
)
"""


def record(
    *,
    actor: Actor,
    workspace: UUID,
    subject: tuple[str, UUID],
    data: Data,
    commits: Mapping[str, Commitment] | None = None,
    using: str = "default",
) -> None:
    """Write one event inside the caller's transaction.

    Args:
        actor: who did it.
        workspace: whose log.
        subject: prefix and id of what it is about (``("agt", agent.id)``).
        data: the fact, one of `audit.kinds`.
        commits: bytes to commit to, by name; they are kept in erasable side rows.
        using: the database alias of the caller's transaction.

    Raises:
        NotInTransaction: there is no transaction to share.
    """
    if not transaction.get_connection(using).in_atomic_block:
        raise NotInTransaction(f"{data.KIND} must be recorded in the transaction of its fact")
    fact = Fact(workspace, actor, subject, data, commits or {})
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
        cursor.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], at))
