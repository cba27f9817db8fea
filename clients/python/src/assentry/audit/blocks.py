"""Large files, hashed by several processes: blocks of lines come back as the subtrees over their events.

It only ever says that a file is right.  Whatever it finds odd, it leaves to `assentry.audit.reading`.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from assentry.audit.found import Report
from assentry.audit.notes import BadNote, Checkpoint, Key, stated
from assentry.audit.reading import AT, EVENT, LONGEST, LONGEST_OTHER, Reading
from assentry.audit.tree import subtrees
from assentry.audit.verdict import finish

#: So much of a file, up to the end of a line, is hashed at a time.
BLOCK: Final = 1 << 20
#: What a process may know of the blocks that it is still to hash.
AHEAD: Final = 4
_TO: Final = re.compile(rb'"to":([0-9]{1,18})\}')


class Odd(Exception):
    """Something is to be looked at line by line."""


class Run(NamedTuple):
    """Events that follow each other: where the block says that they begin, and the subtrees over them.

    ``start`` is None where it does not say; then the subtrees are the leaves.
    """

    start: int | None
    length: int
    subtrees: list[tuple[int, bytes]]
    first_at: bytes
    last_at: bytes


def check(
    path: Path, keys: Sequence[Key], anchors: Sequence[Checkpoint], jobs: int, *, block: int = BLOCK
) -> Report:
    """Check a file with so many processes, each of which takes so many bytes at a time.

    Raises:
        Odd, Wrong: something is not right.
    """
    reading = Reading(keys, anchors)
    with path.open("rb") as file:
        end, manifest = _last_line(file)
        reading.line(file.readline(LONGEST + 1))
        how = str(path), reading.ending, sorted(reading.cuts)
        waiting: deque[Future[list[Run | bytes]]] = deque()
        with ProcessPoolExecutor(jobs, mp_context=_context()) as pool:
            for begin, stop in _blocks(file, end, block):
                waiting.append(pool.submit(hashed, *how, begin, stop))
                if len(waiting) >= AHEAD * jobs:
                    _take(reading, waiting.popleft().result())
            while waiting:
                _take(reading, waiting.popleft().result())
    reading.line(manifest)
    return finish(reading)


def _context() -> multiprocessing.context.BaseContext:
    """Forking is instant, and safe on Linux in a process without other threads."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


def _last_line(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last line begins, and itself."""
    size = file.seek(0, 2)
    begin = max(0, size - LONGEST_OTHER)
    file.seek(begin)
    tail = file.read(size - begin)
    file.seek(0)
    at = tail.rfind(b"\n", 0, -1)
    if at < 0 or not tail.endswith(b"\n"):
        raise Odd
    return begin + at + 1, tail[at + 1 :]


def _blocks(file: BinaryIO, end: int, block: int) -> Iterator[tuple[int, int]]:
    """From where the file stands up to ``end``, blocks of whole lines: where they begin and stop."""
    begin = file.tell()
    while begin < end:
        file.seek(min(begin + block, end) - 1)
        if not file.readline(LONGEST + 1).endswith(b"\n"):
            raise Odd
        stop = file.tell()
        if stop > end:
            raise Odd
        yield begin, stop
        begin = stop


def _take(reading: Reading, steps: list[Run | bytes]) -> None:
    for step in steps:
        if isinstance(step, bytes):
            _take_line(reading, step)
            continue
        if step.start not in (None, reading.position):
            raise Odd
        reading.seen(step.first_at, step.last_at, step.length)
        for level, digest in step.subtrees:
            reading.tree.add(level, digest)
            reading.at_cut()


def _take_line(reading: Reading, line: bytes) -> None:
    """A line that is no event.  A checkpoint's signature need not be looked at where it speaks of this tree."""
    reading.digest.update(line + b"\n")
    if line.startswith(b'{"leaves":'):
        if _to(line) != reading.position:
            raise Odd
    elif not line.startswith(b'{"checkpoint":'):
        reading.other(line)
    elif _stated(line) != (reading.position, reading.tree.root()):
        raise Odd


def _stated(line: bytes) -> tuple[int, bytes]:
    try:
        return stated(json.loads(line)["checkpoint"])[1:]
    except (BadNote, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Odd from None


def hashed(
    path: str, ending: bytes, cuts: Sequence[int], begin: int, stop: int
) -> list[Run | bytes]:
    """The runs of events in a part of a file that is whole lines, and the other lines between them.

    Raises:
        Odd: a line is none of this log.
    """
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        block = file.read(stop - begin)
    lines = block.split(b"\n")
    lines.pop()
    others = [n for n, line in enumerate(lines) if not line.startswith(EVENT)]
    # No line can end twice, so that none ends otherwise.
    if block.count(ending + b"\n") != len(lines) - len(others):
        raise Odd
    position, at = _start(lines, others), 0
    found: list[Run | bytes] = []
    for other in [*others, len(lines)]:
        for length in _parts(position, other - at, cuts):
            found.append(_run(lines[at : at + length], position))
            at += length
            position = None if position is None else position + length
        if other < len(lines):
            found.append(lines[other])
            if lines[other].startswith(b'{"gap":'):
                position = _to(lines[other])
        at = other + 1
    return found


def _start(lines: list[bytes], others: list[int]) -> int | None:
    """The position of the first event of a block, as its first leaves line tells; None without one."""
    for passed, other in enumerate(others):
        if lines[other].startswith(b'{"leaves":'):
            return _to(lines[other]) - (other - passed)
        if not lines[other].startswith(b'{"checkpoint":'):
            break
    return None


def _to(line: bytes) -> int:
    match = _TO.search(line, max(0, len(line) - 30))
    if match is None:
        raise Odd
    return int(match[1])


def _parts(position: int | None, count: int, cuts: Sequence[int]) -> Iterator[int]:
    """So many events, in parts that end at the cuts."""
    if position is not None:
        for cut in cuts:
            if position < cut < position + count:
                yield cut - position
                position, count = cut, count - (cut - position)
    if count:
        yield count


def _run(lines: list[bytes], start: int | None) -> Run:
    hashes = [sha256(b"\0" + line).digest() for line in lines]
    instants = [line[(at := line.find(AT) + 8) : at + 27] for line in lines]
    if sorted(instants) != instants:
        raise Odd
    over = [(0, digest) for digest in hashes] if start is None else subtrees(start, hashes)
    return Run(start, len(lines), over, instants[0], instants[-1])
