"""Asking for exports, and what became of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from msgspec import Meta, Struct

from audit.actor import Actor
from audit.export_format import end_of_log
from audit.kinds import LogExportDownloaded, LogExported
from audit.log import record, rfc3339
from core import ids, paging
from core.canonical import canonical
from core.clock import ClockTimestamp
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from core.nudge import nudger
from core.paging import Page
from core.problems import Problem, conflict, not_found
from oversight.exports import s3, writing
from oversight.exports.keeping import EXPORT
from oversight.exports.query import Query
from oversight.models import Export
from people.models import Workspace

#: How long a file may be downloaded.
KEPT: Final = timedelta(days=7)
#: Exports of one workspace that may be under way at once.
MOST_WRITING: Final = 5
ORDER: Final = "exports"
SUFFIXES: Final = {Export.Format.JSONL: "jsonl", Export.Format.CSV: "csv"}


class ExportShown(Struct, frozen=True, kw_only=True):
    """One export: what was asked for, how far it is, what it came to."""

    id: str
    state: Annotated[str, Meta(description="`writing`, `ready` or `failed`")]
    format: str
    target: str
    query: Annotated[dict[str, str], Meta(description="What was asked for; `{}`: the whole log")]
    by: Annotated[dict[str, str | None], Meta(description="Who asked: `type`, `id`, `via`")]
    size: Annotated[int, Meta(description="The length of the log that it is taken from")]
    walked: Annotated[int, Meta(description="How much of that was looked at so far")]
    events: Annotated[int, Meta(description="Events written so far")]
    bytes: Annotated[int, Meta(description="Bytes written so far")]
    sha256: Annotated[str | None, Meta(description="Of the file, in hex, once it is ready")]
    created_at: str
    finished_at: str | None
    expires_at: Annotated[str, Meta(description="Until when it may be downloaded")]
    object: Annotated[str | None, Meta(description="Where it lies in the store: bucket and key")]
    error: Annotated[str, Meta(description="What went wrong the last time")]


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants exported, and how."""

    query: Query
    format: Export.Format = Export.Format.JSONL
    target: Export.Target = Export.Target.DOWNLOAD


def ask(*, actor: Actor, workspace: UUID, wanted: Ask) -> Export:
    """Let an export be written of what is in the log by now; asking is an event.

    Raises:
        NoStore: it is to go to a store, and there is none.
        Problem: 409 when too many are under way.
    """
    export = Export(
        id=ids.uuid7(),
        workspace_id=workspace,
        actor=canonical(actor.to_json()),
        query=canonical(wanted.query.to_json()),
        format=wanted.format,
        target=wanted.target,
    )
    if wanted.target == Export.Target.S3:
        export.object_key = _key(export, s3.store())
    checkpoint = end_of_log(workspace)
    export.checkpoint, export.size = checkpoint.note, checkpoint.size
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(id=workspace)
        _check_few(workspace)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            (now,) = cursor.fetchone()
            export.created_at, export.expires_at = now, now + KEPT
            with pool().connection() as conn:
                export.anchored = writing.recently_anchored(conn, workspace, export.size, now)
            export.save(force_insert=True)
            promise = Promise(EXPORT, workspace, export.id, now)
            cursor.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows([promise]))
        record(
            actor=actor,
            workspace=workspace,
            subject=("exp", export.id),
            data=LogExported(
                query=wanted.query.words(),
                format=wanted.format.value,
                target=wanted.target.value,
                size=export.size,
            ),
        )
        transaction.on_commit(partial(nudger.nudge, EXPORT))
    return export


def _check_few(workspace: UUID) -> None:
    under_way = Export.objects.filter(workspace_id=workspace, state=Export.State.WRITING)
    if under_way.count() >= MOST_WRITING:
        raise conflict(
            "too_many_exports",
            f"{MOST_WRITING} exports are being written: wait for one of them.",
            retry_after_s=10,
        )


def _key(export: Export, store: s3.Store) -> str:
    prefix = f"{store.prefix.strip('/')}/" if store.prefix.strip("/") else ""
    return f"{prefix}{ids.encode('wsp', export.workspace_id)}/{file_name(export)}"


def newest(workspace: UUID) -> QuerySet[Export]:
    """The exports of a workspace, the newest first."""
    return Export.objects.filter(workspace_id=workspace).order_by("-id")


def listed(*, workspace: UUID, cursor: str | None, limit: int) -> Page[Export]:
    """One page of them.

    Raises:
        Problem: 422 for a foreign cursor or a limit out of range.
    """
    paging.check_limit(limit)
    place = paging.decode(cursor, ORDER, 1) if cursor is not None else None
    found = newest(workspace)
    if place is not None:
        try:
            at = ids.decode("exp", place.key[0])
        except ids.BadId:
            raise paging.not_ours() from None
        found = (
            found.filter(id__gt=at).order_by("id") if place.backwards else found.filter(id__lt=at)
        )
    keyed = [([ids.encode("exp", one.id)], one) for one in found[: limit + 1]]
    return paging.page(keyed, limit, ORDER, place)


def one(workspace: UUID, export_id: str) -> Export:
    """One of them, by its id as text.

    Raises:
        Problem: 404, whether it is absent or another workspace's.
    """
    try:
        found = newest(workspace).filter(id=ids.decode("exp", export_id)).first()
    except ids.BadId:
        raise not_found() from None
    if found is None:
        raise not_found()
    return found


def finished(workspace: UUID, export_id: str) -> Export:
    """One whose bytes can be had.

    Raises:
        Problem: 404 as `one`, and when its time is over; 409 while it is being written, or failed.
    """
    export = one(workspace, export_id)
    if export.state == Export.State.WRITING:
        raise conflict("export_not_ready", "It is still being written: ask again.", retry_after_s=1)
    if export.state == Export.State.FAILED:
        raise conflict("export_failed", f"It failed: {export.error}")
    if newest(workspace).filter(id=export.id, expires_at__lte=ClockTimestamp()).exists():
        raise Problem(
            404, "export_expired", "Not Found", "It is too old to be downloaded: export again."
        )
    return export


def downloads(*, actor: Actor, export: Export, start: int) -> None:
    """Record that somebody begins to download it from this byte on."""
    with transaction.atomic():
        record(
            actor=actor,
            workspace=export.workspace_id,
            subject=("exp", export.id),
            data=LogExportDownloaded(start=start),
        )


def file_name(export: Export) -> str:
    """What its file is called."""
    return f"{ids.encode('exp', export.id)}.{SUFFIXES[Export.Format(export.format)]}"


def shown(export: Export) -> ExportShown:
    """As the API and the commands tell of it."""
    place = None
    if export.object_key is not None and export.state == Export.State.READY:
        place = export.object_key
    return ExportShown(
        id=ids.encode("exp", export.id),
        state=export.state,
        format=export.format,
        target=export.target,
        query=_json(export.query),
        by=_json(export.actor),
        size=export.size,
        walked=export.walked,
        events=export.events,
        bytes=export.bytes,
        sha256=bytes(export.sha256).hex() if export.sha256 else None,
        created_at=rfc3339(export.created_at),
        finished_at=_instant(export.finished_at),
        expires_at=rfc3339(export.expires_at),
        object=place,
        error=export.error,
    )


def _instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _json(content: bytes | memoryview) -> Any:
    return json.loads(bytes(content))
