"""The pooled psycopg connections of the hot calls, beside Django's own.

Autocommit, rows as tuples, statements prepared on first use. `with pool().connection() as conn:`
gives one; several statements of one transaction go into `with conn.transaction():`.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, TypeAlias

import psycopg
from django.conf import settings
from psycopg import errors
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from core import failpoints
from core.problems import Problem
from core.statements import HotConnection, spare

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

MAX_SIZE: Final = 8
#: How long a call waits for a connection before it answers 503.
WAIT_S: Final = 5.0
#: A dead connection is tried again this long; afterwards the next call begins anew. Short, since
#: the pauses between attempts double and an outage must not outlive the database's return.
RECONNECT_S: Final = 4.0
STATEMENT_TIMEOUT: Final = "30s"
#: A stopped process must not hold row locks that everybody else waits for.
IDLE_IN_TRANSACTION_TIMEOUT: Final = "10s"

#: How the statements of the hot calls are planned: once, and by index. A plan is kept for as long as
#: its connection lives; one that was made while a table was new would read all of it, row by row of
#: another, long after it has grown. Each of these statements finds a few rows by their keys.
PLANNING: Final = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
#: How a statement that looks for few rows among very many is planned: for the very values it is asked with.
LOOKING: Final = {
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "on",
    "enable_bitmapscan": "on",
    "enable_hashjoin": "on",
    "enable_mergejoin": "on",
    "jit": "off",
    "statement_timeout": "10s",
}
_LOOK: Final = "SELECT set_config(s.name, s.setting, true) FROM unnest(%s::text[], %s::text[]) AS s (name, setting)"
_CONFIGURE: Final = "SELECT set_config(s.name, s.setting, false) FROM unnest(%s::text[], %s::text[]) AS s (name, setting)"
#: The other end is gone: found within seconds instead of the system's two hours.
_NETWORK: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_NOT_LIBPQ: Final = frozenset({"pool", "server_side_binding", "isolation_level", "assume_role"})


class Unavailable(Problem):
    """503: the database did not answer; the same call may be repeated."""

    def __init__(self) -> None:
        super().__init__(
            503,
            "database_unavailable",
            "Service Unavailable",
            "The database does not answer. Repeat the call, with the same Idempotency-Key if it has one.",
            headers={"Retry-After": "2"},
        )


class Pool(ConnectionPool[Connection]):
    """A pool that never serves a connection its server has closed, and speaks in `Unavailable`."""

    def getconn(self, timeout: float | None = None) -> Connection:
        """Return a live connection; `Unavailable` when there is none within `timeout` seconds."""
        until = monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            try:
                conn = super().getconn(until - monotonic())
            except (PoolTimeout, PoolClosed) as error:
                raise Unavailable from error
            if _alive(conn):
                return conn
            self.putconn(conn)

    @contextmanager
    def connection(self, timeout: float | None = None) -> Iterator[Connection]:
        """Lend a connection; one that breaks meanwhile becomes `Unavailable`.

        In autocommit there is nothing to commit at the end; an open transaction is rolled back.
        """
        conn = self.getconn(timeout)
        try:
            yield conn
        except psycopg.OperationalError as error:
            if conn.closed or isinstance(error, errors.QueryCanceled):
                raise Unavailable from error
            raise
        finally:
            kinds = conn.kinds if isinstance(conn, HotConnection) else frozenset()
            if kinds:
                conn.kinds = frozenset()  # type: ignore[attr-defined]  # it is one of ours
            self.putconn(conn)
            if kinds:
                _nudge(kinds)


@contextmanager
def looking() -> Iterator[Connection]:
    """Lend a connection, in a transaction, whose statements are planned each time anew, by any means.

    For lists and searches: which way is short depends on what is looked for.
    """
    with pool().connection() as conn, conn.transaction():
        conn.execute(_LOOK, (list(LOOKING), list(LOOKING.values())))
        yield conn


def nudge_later(conn: Connection, kind: str) -> None:
    """Have workers told that rows of `kind` are due, once `conn` is given back: after its commit.

    For statements that find out themselves whether there is something to tell. Where the
    transaction is rolled back, a worker looks once for nothing.
    """
    if isinstance(conn, HotConnection):
        conn.kinds |= {kind}


def nudge_with(nudge: Callable[[str], None]) -> None:
    """Say who tells the workers (`core.nudge` does, which builds upon this module)."""
    global _tell
    _tell = nudge


_tell: Callable[[str], None] | None = None


def _nudge(kinds: frozenset[str]) -> None:
    failpoints.hit("after_commit_before_nudge")
    for kind in kinds:
        if _tell is not None:
            _tell(kind)


def _alive(conn: Connection) -> bool:
    # An idle server says nothing: when there is something to read, it is mostly its farewell.
    # poll, because select fails on descriptors above 1,023 and waiting agents hold thousands.
    heard = select.poll()
    heard.register(conn.fileno(), select.POLLIN)
    if not heard.poll(0):
        return True
    try:
        conn.execute("")
    except psycopg.Error:
        return False
    return True


def conninfo(alias: str = "default", **overrides: Any) -> str:
    """Return the libpq connection string of one of Django's databases: the runtime role's."""
    entry = settings.DATABASES[alias]
    written = {
        key: value for key, value in entry.get("OPTIONS", {}).items() if key not in _NOT_LIBPQ
    }
    named = {
        "dbname": entry.get("NAME"),
        "user": entry.get("USER"),
        "password": entry.get("PASSWORD"),
        "host": entry.get("HOST"),
        "port": entry.get("PORT"),
        "application_name": application_name(),
    }
    known = {key: value for key, value in named.items() if value}
    return make_conninfo(**{**_NETWORK, **known, **written, **overrides})


def application_name() -> str:
    """Return how this process appears in pg_stat_activity: `assentry web`, `assentry worker`."""
    return f"assentry {os.environ.get('ASSENTRY_PROCESS') or 'command'}"


def connect(alias: str = "default", **overrides: Any) -> Connection:
    """Open a connection of one's own, in autocommit, for LISTEN and the like.

    `overrides` are libpq parameters. psycopg.OperationalError when the database does not answer.
    """
    return psycopg.connect(conninfo(alias, **overrides), autocommit=True)


_lock = threading.Lock()
_pool: Pool | None = None


def pool() -> Pool:
    """Return this process's pool, made on first use."""
    return _pool or _open()


def _open() -> Pool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = Pool(
                conninfo(),
                connection_class=HotConnection,
                kwargs={"autocommit": True, "prepare_threshold": 0},
                min_size=1,
                max_size=MAX_SIZE,
                timeout=WAIT_S,
                reconnect_timeout=RECONNECT_S,
                configure=_configure,
                num_workers=2,
                name="hot",
                open=True,
            )
        return _pool


def _configure(conn: Connection) -> None:
    session = {
        "TimeZone": "UTC",
        "statement_timeout": STATEMENT_TIMEOUT,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT,
        **PLANNING,
    }
    conn.execute(_CONFIGURE, (list(session), list(session.values())), prepare=False)
    spare(conn)


def close() -> None:
    """Close the pool; the next `pool()` opens a new one."""
    global _pool
    with _lock:
        closing, _pool = _pool, None
    if closing is not None:
        closing.close()


def _forget() -> None:
    # A forked child shares the sockets but not the threads: it must leave the parent's pool alone.
    global _pool, _lock
    _lock = threading.Lock()
    _pool = None


atexit.register(close)
os.register_at_fork(after_in_child=_forget)
