"""Changing the keys of an instance: a new signing key with its event, and secrets sealed anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit.actor import Actor
from audit.kinds import SigningKeyRotated
from audit.log import INSERT_EVENTS, Fact, event_rows
from callbacks import endpoints
from core.db import pool
from notifications.others import channels
from notifications.pagers import registry
from notifications.push import subscriptions
from notifications.slack import secrets
from oversight.anchors import webhooks
from people import mfa_adapter
from signing import keys
from signing.sealing import Column, sealer

#: Every sealed column there is; beside them stand secrets of second factors (`people.mfa_adapter`).
SEALED: Final = (
    *keys.SEALED,
    *endpoints.SEALED,
    *webhooks.SEALED,
    *secrets.SEALED,
    *subscriptions.SEALED,
    *channels.SEALED,
    *registry.SEALED,
)
_WORKSPACES: Final = "SELECT id, clock_timestamp() FROM people_workspace ORDER BY id"


def rotate_signing_key(*, actor: Actor, purpose: str = keys.PERMIT) -> keys.Rotated:
    """Sign with a new key from now on; every workspace's log says so.

    Processes that run take it up within a minute; what the old one signed stays readable.
    """
    with pool().connection() as conn, conn.transaction():
        rotated = keys.rotate(conn, purpose)
        data = SigningKeyRotated(purpose=purpose, before=rotated.before, after=rotated.after)
        rows = conn.execute(_WORKSPACES).fetchall()
        if rows:
            facts = [Fact(row[0], actor, ("wsp", row[0]), data) for row in rows]
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows(facts, rows[0][1]))
    keys.signers.forget()
    return rotated


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets were sealed anew, and how many were sealed with the newest key before."""

    changed: int
    unchanged: int


def reseal() -> Resealed:
    """Seal every secret of the database with the first sealing key.  Afterwards the others may go.

    Raises:
        CannotOpen: one was sealed with a key that is not given; nothing was changed.
    """
    changed = unchanged = 0
    with pool().connection() as conn, conn.transaction():
        for column in SEALED:
            for key, sealed in conn.execute(_rows(column)).fetchall():
                if sealer().is_newest(sealed):
                    unchanged += 1
                    continue
                place = column.place(key)
                again = sealer().seal(sealer().open(sealed, place), place)
                conn.execute(_update(column), [again, key])
                changed += 1
        factors = mfa_adapter.reseal(conn)
    return Resealed(changed + factors[0], unchanged + factors[1])


def _rows(column: Column) -> str:
    named = column.column
    return (
        f"SELECT id, {named} FROM {column.table} WHERE {named} IS NOT NULL ORDER BY id FOR UPDATE"
    )


def _update(column: Column) -> str:
    return f"UPDATE {column.table} SET {column.column} = %s WHERE id = %s"
