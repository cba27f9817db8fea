"""How many calls a key may make in a minute, where somebody set a limit.

Counted where every process sees it: in Redis when there is one, else in PostgreSQL by one atomic
statement.  Redis that does not answer is replaced by a count of this process alone, which is
stricter than nothing and looser than one count for all; a call never fails because of it.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.conf import settings
from psycopg import Connection

from agents.authentication import KeyContext
from core.problems import Problem, too_many

if TYPE_CHECKING:
    import redis

logger = logging.getLogger(__name__)

WINDOW_S: Final = 60
REDIS_TIMEOUT_S: Final = 0.2
#: How long Redis is left alone after it failed.
REDIS_REST_S: Final = 1.0

# No row comes back once the limit is reached, and nothing is written then.
_SPEND: Final = f"""
INSERT INTO core_ratewindow AS r (key_id, "window", count)
VALUES (%(key)s, floor(extract(epoch FROM clock_timestamp()) / {WINDOW_S})::bigint, 1)
ON CONFLICT (key_id, "window") DO UPDATE SET count = r.count + 1 WHERE r.count < %(limit)s
RETURNING count, "window"
"""
_FORGET: Final = 'DELETE FROM core_ratewindow WHERE key_id = %s AND "window" < %s'


@dataclass(frozen=True, slots=True)
class Spent:
    """What is left of a limit after one call: calls, and seconds until there are more."""

    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers writes it."""
        return {
            "RateLimit-Policy": f'"key";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"key";r={self.remaining};t={self.reset_s}',
        }


def spend(conn: Connection[Any], caller: KeyContext) -> Spent | None:
    """Count one call of the caller's key; None where it has no limit.

    Args:
        conn: in autocommit, so that a call that fails later still counts.

    Raises:
        Problem: 429 with Retry-After and RateLimit headers.
    """
    limit = caller.rate_limit
    if limit is None:
        return None
    count: int | None
    if settings.REDIS_URL:
        count = _shared.count(settings.REDIS_URL, caller.key_id)
    else:
        count = _count_in_database(conn, caller.key_id, limit)
    reset_s = max(1, WINDOW_S - int(caller.now.timestamp()) % WINDOW_S)
    if count is None or count > limit:
        raise _exceeded(Spent(limit, 0, reset_s))
    return Spent(limit, limit - count, reset_s)


def _exceeded(spent: Spent) -> Problem:
    problem = too_many(
        f"This key may make {spent.limit} calls a minute; try again in {spent.reset_s} s.",
        retry_after_s=spent.reset_s,
        code="rate_limited",
    )
    problem.headers.update(spent.headers())
    return problem


def _count_in_database(conn: Connection[Any], key_id: UUID, limit: int) -> int | None:
    row = conn.execute(_SPEND, {"key": key_id, "limit": limit}, prepare=True).fetchone()
    if row is None:
        return None
    count: int = row[0]
    if count == 1:
        conn.execute(_FORGET, [key_id, row[1]])
    return count


def _library() -> Any:
    """The client of Redis: 10 MiB and 0.3 s of every start, spared where there is no Redis."""
    return importlib.import_module("redis")


class _Shared:
    """Counts in Redis, and in this process while Redis is gone."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget connections and counts: a forked child must not share its parent's sockets."""
        self._client: redis.Redis | None = None
        self._rest_until = 0.0
        self._lock = threading.Lock()
        self._window = 0
        self._local: dict[UUID, int] = {}

    def count(self, url: str, key_id: UUID) -> int:
        """How many calls of this window there are with this one."""
        window = int(time.time()) // WINDOW_S
        if time.monotonic() >= self._rest_until:
            try:
                return self._in_redis(url, key_id, window)
            except _library().RedisError as error:
                self._rest_until = time.monotonic() + REDIS_REST_S
                logger.warning("Redis does not answer, rate limits count per process: %s", error)
        return self._here(key_id, window)

    def _in_redis(self, url: str, key_id: UUID, window: int) -> int:
        if self._client is None:
            self._client = _library().Redis.from_url(
                url,
                socket_timeout=REDIS_TIMEOUT_S,
                socket_connect_timeout=REDIS_TIMEOUT_S,
                retry=None,
            )
        name = f"assentry:rate:{key_id.hex}:{window}"
        with self._client.pipeline(transaction=False) as pipeline:
            pipeline.incr(name)
            pipeline.expire(name, 2 * WINDOW_S)
            counted: int = pipeline.execute()[0]
        return counted

    def _here(self, key_id: UUID, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._local = window, {}
            self._local[key_id] = counted = self._local.get(key_id, 0) + 1
            return counted


_shared = _Shared()

os.register_at_fork(after_in_child=_shared.begin_anew)
