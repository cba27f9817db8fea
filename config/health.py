"""Is the process alive, and can it serve?  Plain functions: the front and Django's urls call the same.

Each returns (status, body). `ready` looks at the database over a connection of its own, in a thread
that nobody waits for longer than two seconds, so that neither a full pool nor a stopped server can
make it hang.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import psycopg
from django.db.migrations.loader import MigrationLoader

from audit.log import rfc3339
from core import db, due
from core.problems import unavailable
from oversight.watching.standing import Standing, standing

logger = logging.getLogger(__name__)

Answer: TypeAlias = tuple[int, dict[str, object]]

PATIENCE_S: Final = 2.0


class NotReady(Exception):
    """The database is there, but not as this version needs it."""


def alive() -> Answer:
    """200: the process answers."""
    return 200, {"status": "ok"}


def ready() -> Answer:
    """200 `ok`, or `degraded` with what is late or nobody watches; 503 problem details when it cannot serve."""
    try:
        seen = _probe.ask()
    except NotReady as error:
        return 503, unavailable(str(error), retry_after_s=5, code="not_ready").as_dict()
    except (psycopg.Error, TimeoutError):
        problem = unavailable(
            "The database does not answer.", retry_after_s=2, code="database_unavailable"
        )
        return 503, problem.as_dict()
    if not seen.overdue and seen.watch.well:
        return 200, {"status": "ok"}
    told = [
        {"kind": kind, "count": count, "oldest_s": round(oldest_s, 1)}
        for kind, count, oldest_s in seen.overdue
    ]
    return 200, {"status": "degraded", "overdue": told, "watch": _told(seen.watch)}


def _told(watch: Standing) -> dict[str, object]:
    """What the watch found, without a name of anything in a workspace: everybody may ask."""
    return {
        "looked_at": watch.looked_at and rfc3339(watch.looked_at),
        "silent": watch.silent,
        "found": [
            {"what": each.what, "kind": each.kind, "count": each.count} for each in watch.found
        ],
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at the database came to."""

    overdue: list[tuple[str, int, float]]
    watch: Standing


class _Probe:
    """Asks the database; those who come meanwhile share the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asking: Future[Seen] | None = None
        self._since = 0.0
        self._conn: db.Connection | None = None
        self._migrated = False

    def ask(self) -> Seen:
        """Return what is seen. TimeoutError after two seconds; psycopg.Error; NotReady."""
        with self._lock:
            if self._asking is None or self._asking.done():
                self._asking, self._since = Future(), time.monotonic()
                threading.Thread(
                    target=self._work, args=(self._asking,), name="health", daemon=True
                ).start()
            asking = self._asking
            left = self._since + PATIENCE_S - time.monotonic()
        return asking.result(max(0.0, left))

    def _work(self, answer: Future[Seen]) -> None:
        try:
            found = self._look()
        except BaseException as error:  # noqa: BLE001 - whoever asked raises it
            answer.set_exception(error)
        else:
            answer.set_result(found)

    def _look(self) -> Seen:
        kept = self._conn is not None
        try:
            return self._look_once()
        except psycopg.OperationalError:
            if not kept:
                raise
        return self._look_once()  # the kept connection was dead, which says nothing of the database

    def _look_once(self) -> Seen:
        conn, self._conn = self._conn, None
        if conn is None:
            conn = db.connect(connect_timeout=2, application_name=f"{db.application_name()} health")
            conn.execute("SELECT set_config('statement_timeout', '2s', false)")
        try:
            if not self._migrated:
                self._check_migrations(conn)
            found = Seen(due.overdue(conn=conn), standing(conn))
        except BaseException:
            conn.close()
            raise
        self._conn = conn
        return found

    def close(self) -> None:
        """Close the kept connection."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()

    def _check_migrations(self, conn: db.Connection) -> None:
        missing = missing_migrations(conn)
        if missing:
            raise NotReady(
                f"Migrations are missing: {', '.join(missing[:5])}. Run manage.py migrate."
            )
        self._migrated = True


def missing_migrations(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the migrations on disk that the database has not had, as `app.name`."""
    known = conn.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()
    applied: set[tuple[str, str]] = set()
    if known and known[0]:
        applied = set(conn.execute("SELECT app, name FROM django_migrations").fetchall())
    on_disk = MigrationLoader(None).graph.nodes
    return sorted(f"{app}.{name}" for app, name in on_disk if (app, name) not in applied)


_probe: Final = _Probe()
atexit.register(_probe.close)
