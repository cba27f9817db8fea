"""Keeps the due kind ``audit.export``: writes each export once, to know its length and hash, or sends it.

Writing may take longer than a lease: it is made longer while there is progress.  A process may die
anywhere: the lease ends, another begins anew, and an upload that was under way is given up first.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from psycopg import Connection

from audit.actor import Actor
from audit.export_format import Place
from audit.kinds import LogExportSent
from audit.log import INSERT_EVENTS, Fact, event_rows
from audit.nodes import Missing
from core import db, due, failpoints, http, ids
from core.db import pool
from core.due import SETTLE_DUE, Claimed
from oversight.exports import s3, writing
from oversight.exports.errors import Lost, NoStore, NotExported
from oversight.models import Export

logger = logging.getLogger(__name__)

#: The due kind: an export is to be written.
EXPORT: Final = "audit.export"
ACTOR: Final = Actor.system("exports")
#: How long it is ours without a sign of life; longer while one part is on its way to the store.
LEASE: Final = timedelta(seconds=30)
PART_LEASE: Final = timedelta(seconds=s3.DEADLINE_S * s3.TRIES + 30)
#: So often progress is told.
BEAT_S: Final = 1.0
#: Attempts before it is given up, and the pause before the second one; each further one is twice as long.
MOST_ATTEMPTS: Final = 5
FIRST_PAUSE: Final = timedelta(seconds=10)
CONTENT_TYPES: Final = {
    Export.Format.JSONL: "application/jsonl",
    Export.Format.CSV: "text/csv; charset=utf-8",
}

_BEAT: Final = """
WITH ours AS (
    UPDATE core_due SET ready_at = clock_timestamp() + %(lease)s
     WHERE id = %(due)s AND fence = %(fence)s
    RETURNING id
)
UPDATE oversight_export
   SET walked = %(walked)s, events = %(events)s, bytes = %(bytes)s, upload = %(upload)s
 WHERE id = %(export)s AND EXISTS (SELECT FROM ours)
RETURNING id
"""
_READY: Final = f"""
WITH written AS (
    UPDATE oversight_export
       SET state = 'ready', walked = size, events = %(events)s, bytes = %(bytes)s, sha256 = %(sha256)s,
           manifest = %(manifest)s, places = %(places)s, upload = NULL, error = '',
           finished_at = %(at)s
     WHERE id = %(export)s
),
{INSERT_EVENTS}
SELECT 1
"""
_FAILED: Final = f"""
WITH {SETTLE_DUE},
failed AS (
    UPDATE oversight_export
       SET attempts = attempts + 1, error = %(error)s, upload = %(upload)s,
           state = CASE WHEN %(ends)s THEN 'failed' ELSE state END,
           finished_at = CASE WHEN %(ends)s THEN clock_timestamp() END
     WHERE id = %(export)s AND (EXISTS (SELECT FROM kept) OR EXISTS (SELECT FROM again))
)
SELECT count(*) FROM kept
"""

#: Hears of progress: events written, how much of the log was looked at, of how much.
Told = Callable[[int, int, int], None]
#: Takes the bytes as they are written.
Taken = Callable[[bytes], object]

client: Final = http.Client(user_agent="Assentry")


def keep(claimed: Sequence[Claimed]) -> None:
    """Write the exports of claimed rows, one after another."""
    for row in claimed:
        write(row)


def write(row: Claimed, *, told: Told | None = None, taken: Taken | None = None) -> None:
    """Write one export: it is ready or failed then, or is tried again, or somebody else's.

    Args:
        told: hears of progress.
        taken: takes the bytes as they are written, for whoever wants them at once.
    """
    export = Export.objects.filter(id=row.subject, state=Export.State.WRITING).first()
    if export is None:
        with suppress(due.LostLease), pool().connection() as conn, conn.transaction():
            due.finish(conn, [row])
        return
    attempt = _Attempt(row, export, told, taken)
    try:
        attempt.beat()
        attempt.run()
    except (Lost, due.LostLease):
        logger.info("export %s is written by somebody else", export.id)
    except db.Unavailable:
        logger.warning("an export waits for its lease to end: the database is away")
    except NotExported as error:
        attempt.failed(str(error), lasting=error.lasting)
    except (Missing, NoStore) as error:
        attempt.failed(_sentence(error), lasting=True)
    except OSError as error:  # of whoever takes the bytes
        attempt.failed(f"The file cannot be written: {error.strerror}.", lasting=True)
    except Exception:
        logger.exception("export %s failed", export.id)
        attempt.failed("The server failed at it; its log says why.", lasting=False)


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


@dataclass(slots=True)
class _Sent:
    """An upload that is under way."""

    object: s3.Object
    upload: str
    waiting: bytearray
    parts: list[str]


class _Attempt:
    """One try to write an export."""

    def __init__(
        self, row: Claimed, export: Export, told: Told | None, taken: Taken | None
    ) -> None:
        self.row, self.export = row, export
        self._told, self._taken = told, taken
        self._place = Place()
        self._walked = 0
        self._next_beat = 0.0
        self._sent: _Sent | None = None

    def run(self) -> None:
        """Write it from its beginning to its end."""
        if self.export.target == Export.Target.S3:
            self._begin()
        digest, places, last = hashlib.sha256(), writing.Places(), b""
        for content, place in writing.pieces(self.export, walked=self._walks):
            digest.update(content)
            places.passed(place)
            self._place, self._walked = place, max(self._walked, place.position)
            if self._taken is not None:
                self._taken(content)
            if self._sent is not None:
                self._send(content)
            last = content or last
            self._beat_now_and_then()
        manifest = writing.manifest_of(self.export, last, self._place, digest.digest())
        if self._sent is not None:
            self._end(manifest)
        failpoints.hit("export_before_last_statement")
        self._ready(digest.digest(), manifest, places.pack())
        self._tell()

    # -- signs of life -----------------------------------------------------------------------------
    def beat(self, lease: timedelta = LEASE) -> None:
        """Say how far it is, and keep the row.

        Raises:
            Lost: it is somebody else's.
        """
        values = {
            "due": self.row.id,
            "fence": self.row.fence,
            "lease": lease,
            "export": self.export.id,
            "walked": self._walked,
            "events": self._place.events,
            "bytes": self._place.offset,
            "upload": self._sent.upload if self._sent else self.export.upload,
        }
        with pool().connection() as conn:
            if conn.execute(_BEAT, values).fetchone() is None:
                raise Lost
        self._next_beat = time.monotonic() + BEAT_S
        self._tell()

    def _walks(self, walked: int) -> None:
        self._walked = walked
        self._beat_now_and_then()

    def _beat_now_and_then(self) -> None:
        if time.monotonic() >= self._next_beat:
            self.beat()

    def _tell(self) -> None:
        if self._told is not None:
            self._told(self._place.events, self._walked, self.export.size)

    # -- to the store ------------------------------------------------------------------------------
    def _begin(self) -> None:
        self.beat(PART_LEASE)
        found = s3.Object(s3.store(), self.export.object_key or "", client)
        if self.export.upload is not None:
            found.abort(self.export.upload)
            self.export.upload = None
        kind = CONTENT_TYPES[Export.Format(self.export.format)]
        self._sent = _Sent(found, found.begin(kind), bytearray(), [])
        self.beat(PART_LEASE)

    def _send(self, content: bytes) -> None:
        sent = self._sent
        assert sent is not None  # noqa: S101  # whoever calls looked
        sent.waiting += content
        while len(sent.waiting) >= s3.PART_BYTES:
            self._part(bytes(sent.waiting[: s3.PART_BYTES]))
            del sent.waiting[: s3.PART_BYTES]

    def _part(self, content: bytes) -> None:
        sent = self._sent
        assert sent is not None  # noqa: S101  # whoever calls looked
        self.beat(PART_LEASE)
        sent.parts.append(sent.object.part(sent.upload, len(sent.parts) + 1, content))
        failpoints.hit("export_after_part")

    def _end(self, manifest: str) -> None:
        """Send the rest; what lies beside it is there before it is."""
        sent = self._sent
        assert sent is not None  # noqa: S101  # whoever calls looked
        self._part(bytes(sent.waiting))
        if self.export.format == Export.Format.CSV:
            self.beat(PART_LEASE)
            beside = s3.Object(sent.object.store, f"{sent.object.key}.manifest", client)
            beside.put(manifest.encode(), "text/plain; charset=utf-8")
        self.beat(PART_LEASE)
        sent.object.complete(sent.upload, sent.parts)

    # -- how it ended ------------------------------------------------------------------------------
    def _ready(self, digest: bytes, manifest: str, places: bytes) -> None:
        with pool().connection() as conn, conn.transaction():
            due.finish(conn, [self.row])
            (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
            assert now is not None  # noqa: S101  # a SELECT without FROM always answers
            facts = []
            if self._sent is not None:
                data = LogExportSent(events=self._place.events, sha256=digest.hex())
                facts = [Fact(self.export.workspace_id, ACTOR, ("exp", self.export.id), data)]
            values = {
                "export": self.export.id,
                "events": self._place.events,
                "bytes": self._place.offset,
                "sha256": digest,
                "manifest": manifest,
                "places": places,
                "at": now,
                **event_rows(facts, now),
            }
            conn.execute(_READY, values)

    def failed(self, error: str, *, lasting: bool) -> None:
        """Record that it failed: it is tried again after a while, unless that is in vain."""
        upload = self._given_up()
        ends = lasting or self.export.attempts + 1 >= MOST_ATTEMPTS
        pause = FIRST_PAUSE * (1 << self.export.attempts)
        with pool().connection() as conn:
            _record(conn, self.row, self.export, error, upload, None if ends else pause)

    def _given_up(self) -> str | None:
        """Let the store forget what it has; the id of the upload that it may still keep."""
        if self._sent is None:
            return self.export.upload
        try:
            self._sent.object.abort(self._sent.upload)
        except NotExported as error:
            logger.warning("the parts of an export may still lie in the store: %s", error)
            return self._sent.upload
        return None


def _record(
    conn: Connection[Any],
    row: Claimed,
    export: Export,
    error: str,
    upload: str | None,
    pause: timedelta | None,
) -> None:
    (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
    assert now is not None  # noqa: S101  # a SELECT without FROM always answers
    values = {
        "due_id": [row.id],
        "due_fence": [row.fence],
        "due_again": [None if pause is None else now + pause],
        "export": export.id,
        "error": error[:500],
        "upload": upload,
        "ends": pause is None,
    }
    conn.execute(_FAILED, values)
    logger.warning("export %s: %s", ids.encode("exp", export.id), error)
