"""What is needed to send callbacks, read in one statement for a whole batch, and their bytes made once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec
from psycopg import Connection

from audit.log import rfc3339
from callbacks.endpoints import about
from callbacks.schedule import Health
from core import erasing, ids
from core.due import Claimed
from signing.sealing import sealer
from signing.signatures import Pair

#: From requests to their objects as callbacks tell them (JSON), those that are gone left out.
Compose: TypeAlias = Callable[[Connection[Any], Sequence[UUID]], Mapping[UUID, bytes]]

#: Opened secrets are kept: they never change, and opening them is most of what a delivery would cost.
MOST_OPENED: Final = 10_000

_LOAD: Final = """
SELECT c.id, c.workspace_id, c.endpoint_id, c.request_id, c.type, c.url, c.body, c.state, c.tries,
       c.attempts, c.created_at, e.state, e.reason, e.url, e.agent_id, e.headers, e.certificate,
       w.plain_http, e.failures, e.open_until, e.suspect_since, e.failing_since, e.last_failure_at,
       e.last_success_at, clock_timestamp(),
       ARRAY(SELECT k.id FROM callbacks_endpointkey k
              WHERE k.endpoint_id = e.id AND (k.until IS NULL OR k.until > clock_timestamp())
              ORDER BY k.created_at DESC)
  FROM callbacks_callback c
  JOIN callbacks_endpoint e ON e.id = c.endpoint_id
  JOIN people_workspace w ON w.id = c.workspace_id
 WHERE c.id = ANY(%(ids)s)
"""
_KEYS: Final = "SELECT id, secret, private FROM callbacks_endpointkey WHERE id = ANY(%(ids)s)"
_KEEP: Final = """
UPDATE callbacks_callback c SET body = n.body
  FROM unnest(%(ids)s::uuid[], %(bodies)s::bytea[]) AS n (id, body)
 WHERE c.id = n.id AND c.body IS NULL AND c.erased_at IS NULL
RETURNING c.id
"""
_KEPT: Final = "SELECT id, body FROM callbacks_callback WHERE id = ANY(%(ids)s)"


@dataclass(slots=True)
class Job:
    """One callback that is to be sent, with everything that sending it needs."""

    due: Claimed
    workspace: UUID
    endpoint: UUID
    request: UUID | None
    type: str
    url: str
    body: bytes | None
    state: str
    tries: int
    attempts: int
    created_at: datetime
    endpoint_state: str
    endpoint_reason: str | None
    endpoint_url: str
    agent: UUID
    headers: Mapping[str, str]
    certificate: tuple[bytes, bytes] | None
    plain: bool
    health: Health
    #: The database's clock when it was loaded.
    now: datetime
    pairs: tuple[Pair, ...]
    #: This process's own clock at the same moment (`time.monotonic`).
    loaded: float

    @property
    def id(self) -> UUID:
        """The callback's own id, which the receiver knows it by."""
        return self.due.subject


class Opened:
    """Secrets of endpoints, unsealed, by what they were sealed as."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: dict[UUID, Pair] = {}
        self._values: dict[bytes, Any] = {}

    def pairs(self, conn: Connection[Any], key_ids: set[UUID]) -> dict[UUID, Pair]:
        """The signing pairs of these keys."""
        missing = [one for one in key_ids if one not in self._pairs]
        if missing:
            for key_id, secret, private in conn.execute(_KEYS, {"ids": missing}).fetchall():
                pair = Pair(
                    sealer().open(secret, about(key_id, "secret")),
                    sealer().open(private, about(key_id, "private")),
                )
                with self._lock:
                    self._make_room(self._pairs)
                    self._pairs[key_id] = pair
        return {one: self._pairs[one] for one in key_ids if one in self._pairs}

    def value(self, endpoint: UUID, what: str, sealed: bytes | None) -> Any:
        """A sealed JSON value of an endpoint; None where there is none."""
        if sealed is None:
            return None
        if sealed not in self._values:
            value = msgspec.json.decode(sealer().open(sealed, about(endpoint, what)))
            with self._lock:
                self._make_room(self._values)
                self._values[sealed] = value
        return self._values[sealed]

    def _make_room(self, kept: dict[Any, Any]) -> None:
        if len(kept) >= MOST_OPENED:
            kept.clear()


def load(conn: Connection[Any], claimed: Sequence[Claimed], opened: Opened) -> list[Job]:
    """The callbacks behind claimed rows; those that are not there any more are left out."""
    by_subject = {row.subject: row for row in claimed}
    rows = conn.execute(_LOAD, {"ids": list(by_subject)}).fetchall()
    pairs = opened.pairs(conn, {key for row in rows for key in row[25]})
    return [_job(by_subject[row[0]], row, pairs, opened) for row in rows]


def _job(due: Claimed, row: Sequence[Any], pairs: Mapping[UUID, Pair], opened: Opened) -> Job:
    endpoint = row[2]
    certificate = opened.value(endpoint, "certificate", row[16])
    return Job(
        due=due,
        workspace=row[1],
        endpoint=endpoint,
        request=row[3],
        type=row[4],
        url=row[5],
        body=row[6],
        state=row[7],
        tries=row[8],
        attempts=row[9],
        created_at=row[10],
        endpoint_state=row[11],
        endpoint_reason=row[12],
        endpoint_url=row[13],
        agent=row[14],
        headers=opened.value(endpoint, "headers", row[15]) or {},
        certificate=None
        if certificate is None
        else (certificate[0].encode(), certificate[1].encode()),
        plain=row[17],
        health=Health(*row[18:24]),
        now=row[24],
        pairs=tuple(pairs[key] for key in row[25] if key in pairs),
        loaded=time.monotonic(),
    )


def make_bodies(conn: Connection[Any], jobs: Sequence[Job], compose: Compose) -> None:
    """Make the bytes of those that have none, and keep them before anything is sent.

    In the caller's transaction.  A request that is gone leaves its callbacks without a body.
    """
    bare = [job for job in jobs if job.body is None]
    if not bare:
        return
    # An erasure that began before is waited for; one that comes now waits until these bytes stand.
    conn.execute(erasing.BESIDE, {"workspaces": list({job.workspace for job in bare})})
    data = compose(conn, list({job.request for job in bare if job.request is not None}))
    for job in bare:
        about_it = data.get(job.request) if job.request is not None else _endpoint(job)
        if about_it is not None:
            job.body = b'{"type":"%b","timestamp":"%b","data":%b}' % (
                job.type.encode(),
                rfc3339(job.created_at).encode(),
                about_it,
            )
    made = [job for job in bare if job.body is not None]
    values = {"ids": [job.id for job in made], "bodies": [job.body for job in made]}
    kept = {row[0] for row in conn.execute(_KEEP, values).fetchall()}
    others = [job for job in made if job.id not in kept]
    if others:  # made by another process meanwhile: those bytes count
        bodies = dict(conn.execute(_KEPT, {"ids": [job.id for job in others]}).fetchall())
        for job in others:
            job.body = bodies.get(job.id)


def _endpoint(job: Job) -> bytes:
    return msgspec.json.encode(
        {
            "id": ids.encode("end", job.endpoint),
            "agent": ids.encode("agt", job.agent),
            "url": job.endpoint_url,
            "state": job.endpoint_state,
        }
    )
