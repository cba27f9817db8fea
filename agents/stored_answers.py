"""Answers kept for a day, so that a call repeated with its Idempotency-Key acts only once.

Requests and questions keep their key themselves, for as long as they live (`approvals.submit`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from core import ids
from core.problems import Problem, conflict, invalid

KEPT: Final = "24 hours"

_LOOK: Final = f"""
SELECT digest, status, body FROM agents_storedanswer
 WHERE agent_id = %(agent)s AND key = %(key)s AND at > clock_timestamp() - interval '{KEPT}'
"""
#: What is past its day goes with the next answer that is kept.
_FORGET: Final = f"""
DELETE FROM agents_storedanswer
 WHERE agent_id = %(agent)s AND at <= clock_timestamp() - interval '{KEPT}'
"""
_KEEP: Final = """
INSERT INTO agents_storedanswer (id, agent_id, key, digest, status, body, at)
VALUES (%(id)s, %(agent)s, %(key)s, %(digest)s, %(status)s, %(body)s, clock_timestamp())
"""


@dataclass(frozen=True, slots=True)
class Idempotency:
    """An idempotency key of an agent, and the digest of the call it came with."""

    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call was answered; ``replayed`` where an earlier one was."""

    status: int
    body: bytes
    replayed: bool = False


def lock(conn: Connection[Any], agent_id: UUID, key: str) -> None:
    """Hold an idempotency key until this transaction ends.

    A statement of its own: the look that follows must see what its last holder wrote.

    Raises:
        Problem: 409 ``idempotency_in_flight`` while another call holds it.
    """
    seed = hashlib.sha256(agent_id.bytes + key.encode()).digest()
    number = int.from_bytes(seed[:8], "big", signed=True)
    locked = conn.execute("SELECT pg_try_advisory_xact_lock(%s)", [number]).fetchone()
    if not (locked and locked[0]):
        raise in_flight()


def replay(conn: Connection[Any], agent_id: UUID, idempotency: Idempotency | None) -> Reply | None:
    """What an earlier call with this key was answered; None where this is the first, or has none.

    Raises:
        Problem: 409 while the first is being worked on, 422 ``idempotency_key_reused`` where it was
            another call.
    """
    if idempotency is None:
        return None
    lock(conn, agent_id, idempotency.key)
    found = conn.execute(_LOOK, {"agent": agent_id, "key": idempotency.key}).fetchone()
    if found is None:
        return None
    if found[0] != idempotency.digest:
        raise reused()
    return Reply(found[1], found[2], replayed=True)


def keep(
    conn: Connection[Any], agent_id: UUID, idempotency: Idempotency | None, reply: Reply
) -> Reply:
    """Keep an answer in the transaction of what it tells; the answer itself."""
    if idempotency is not None:
        values = {"agent": agent_id, "key": idempotency.key}
        conn.execute(_FORGET, values)
        conn.execute(
            _KEEP,
            {
                **values,
                "id": ids.uuid7(),
                "digest": idempotency.digest,
                "status": reply.status,
                "body": reply.body,
            },
        )
    return reply


def in_flight() -> Problem:
    """409: the first call with this idempotency key has not been answered yet."""
    return conflict(
        "idempotency_in_flight",
        "A call with this Idempotency-Key is still being worked on: repeat this one in a second.",
        retry_after_s=1,
    )


def reused() -> Problem:
    """422: the same key came with something else."""
    return invalid(
        [],
        code="idempotency_key_reused",
        detail="This Idempotency-Key was used with another body: use a new key for a new request.",
    )
