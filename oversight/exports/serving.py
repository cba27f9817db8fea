"""A finished export as an answer: the whole file, or the bytes that are asked for, made as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.http import HttpResponse

from audit.actor import Actor
from core.downloads import Download, NotSatisfiable, asked_range
from core.problems import Problem
from oversight.exports import asking, writing
from oversight.exports.keeping import CONTENT_TYPES
from oversight.models import Export

MANIFEST_TYPE: Final = "text/plain; charset=utf-8"


def content(*, actor: Actor, export: Export, headers: Mapping[str, str], method: str) -> Download:
    """The file, or the range of it that ``Range`` asks for; that somebody reads it is an event.

    Args:
        headers: of the call.
        method: ``GET``, or ``HEAD``, which is no event.

    Raises:
        Problem: 416 for a range behind its end.
    """
    etag = f'"{bytes(export.sha256 or b"").hex()}"'
    asked = headers.get("Range")
    if headers.get("If-Range", etag) != etag:
        asked = None
    try:
        part = asked_range(asked, export.bytes)
    except NotSatisfiable:
        raise Problem(
            416,
            "range_not_satisfiable",
            "Range Not Satisfiable",
            f"The file has {export.bytes} bytes.",
            headers={"Content-Range": f"bytes */{export.bytes}", "Accept-Ranges": "bytes"},
        ) from None
    first, last = (part.first, part.last) if part else (0, export.bytes - 1)
    if method != "HEAD":
        asking.downloads(actor=actor, export=export, start=first)
    answer = Download(
        writing.from_byte(export, first, last),
        status=206 if part else 200,
        content_type=CONTENT_TYPES[Export.Format(export.format)],
    )
    answer.headers["Content-Length"] = str(last + 1 - first)
    answer.headers["Content-Disposition"] = f'attachment; filename="{asking.file_name(export)}"'
    answer.headers["Accept-Ranges"] = "bytes"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["ETag"] = etag
    if part:
        answer.headers["Content-Range"] = str(part)
    return answer


def manifest(export: Export) -> HttpResponse:
    """The signed note about a finished file."""
    answer = HttpResponse(export.manifest, content_type=MANIFEST_TYPE)
    name = f"{asking.file_name(export)}.manifest"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer
