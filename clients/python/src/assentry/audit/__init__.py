"""Checking an exported log offline, as docs/log-format.md says: no server, no database, no network.

`check` reads a file from its first line to its last, in constant memory, and raises `Wrong` with the
first position that is known to be wrong.  It needs the extra ``audit`` (`cryptography`).
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import BinaryIO, Final

from assentry.audit import blocks
from assentry.audit.found import Report, Wrong
from assentry.audit.notes import BadNote, Checkpoint, Key, UnknownSigner, open_checkpoint
from assentry.audit.reading import LONGEST, Reading
from assentry.audit.verdict import finish

__all__ = [
    "BadNote",
    "Checkpoint",
    "Key",
    "Report",
    "UnknownSigner",
    "Wrong",
    "check",
    "check_stream",
    "open_checkpoint",
]

#: Files from this size on are worth several processes.
LARGE: Final = 32 << 20


def check(
    path: Path, keys: Sequence[Key], anchors: Sequence[Checkpoint] = (), *, jobs: int = 1
) -> Report:
    """Check an exported log; one whose name ends with ``.gz`` is compressed.

    Args:
        keys: those that are trusted.
        anchors: checkpoints that were kept elsewhere.
        jobs: how many processes hash a large file.  They are spawned: a script that asks for them
            guards its own beginning with ``if __name__ == "__main__"``.

    Raises:
        Wrong: it is not right; it says where.
        OSError: it cannot be read.
    """
    if path.suffix == ".gz":
        with gzip.open(path) as unpacked:
            return check_stream(unpacked, keys, anchors)
    if jobs > 1 and path.stat().st_size >= LARGE:
        with contextlib.suppress(Wrong, blocks.Odd, BrokenProcessPool):
            return blocks.check(path, keys, anchors, jobs)
    with path.open("rb") as file:
        return check_stream(file, keys, anchors)


def check_stream(
    file: BinaryIO | gzip.GzipFile, keys: Sequence[Key], anchors: Sequence[Checkpoint] = ()
) -> Report:
    """Check what comes from an open file, such as standard input; raises as `check` does."""
    reading = Reading(keys, anchors)
    try:
        while line := file.readline(LONGEST + 1):
            reading.line(line)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        why = "What is compressed is damaged, or cut off."
        raise Wrong(why, position=reading.position, line=reading.number + 1) from None
    return finish(reading)
