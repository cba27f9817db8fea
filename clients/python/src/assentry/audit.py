"""Checking an exported log offline: no server, no database, no network.

This one module is the verifier; signed notes, a format of their own, are in `assentry.notes`.  It holds a file
against docs/log-format.md in constant memory, and is meant to be read from top to bottom: what is said of a
file, the tree, events, other lines, the verdict.  `check` is the way in.
"""

from __future__ import annotations

import binascii
import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, NoReturn, TypeAlias

from assentry.errors import BadNote, UnknownSigner, Wrong
from assentry.notes import Checkpoint, Key, from_base64, open_checkpoint, open_note

__all__ = ["BadNote", "Checkpoint", "Key", "Report", "UnknownSigner", "Wrong"]
__all__ += ["check", "check_stream", "open_checkpoint"]

LONGEST: Final = 16 << 20  # bytes of an event
LONGEST_OTHER: Final = 1 << 20  # bytes of any other line
RUN: Final = 256  # events between two leaves lines, at most;
FARTHEST: Final = 16 * RUN  # so many are remembered all the same, to tell which are too many
BACKWARDS: Final = 5  # seconds that time may go back
BLOCK: Final = 1 << 20  # bytes that are hashed at a time
AHEAD: Final = 16  # blocks that may wait for a process
LARGE: Final = 32 << 20  # bytes of a file that is worth several processes
MANIFEST: Final[dict[str, Any]] = {
    **dict.fromkeys(("checkpoint", "created_at", "digest", "export", "origin", "software"), str),
    **dict.fromkeys(("first", "last"), int | None),
    **dict.fromkeys(("events", "size"), int),
} | {"keys": list, "query": dict}
File: TypeAlias = BinaryIO | gzip.GzipFile


@dataclass
class Report:
    """What a file that is right holds.

    Attributes:
        events: how many are in the file; ``size`` is how many there are in the log.
        key: signed the manifest.
        anchored: the sizes of the anchors that were held against it.
    """

    origin: str
    size: int
    root: bytes
    events: int
    export: str
    created_at: str
    query: dict[str, Any]
    key: Key
    anchored: list[int]


def check(
    path: Path, keys: Sequence[Key], anchors: Sequence[Checkpoint] = (), *, jobs: int = 1
) -> Report:
    """Check an exported log; one whose name ends with ``.gz`` is compressed.

    ``keys`` are trusted, ``anchors`` were kept elsewhere.  So many ``jobs`` hash a large file: processes,
    so where Python spawns them, a script guards its beginning with ``if __name__ == "__main__"``.

    Raises:
        Wrong: it is not right; it says where.
        OSError: it cannot be read.
    """
    if path.suffix == ".gz":
        with gzip.open(path) as unpacked:
            return check_stream(unpacked, keys, anchors)
    with path.open("rb") as file:
        if jobs > 1 and path.stat().st_size >= LARGE:
            # Where processes cannot be had, or are killed, this one does it all.
            with suppress(BrokenProcessPool), ProcessPoolExecutor(jobs) as pool:
                return _Reading(keys, anchors).check(file, pool)
            file.seek(0)
        return check_stream(file, keys, anchors)


def check_stream(file: File, keys: Sequence[Key], anchors: Sequence[Checkpoint] = ()) -> Report:
    """Check what comes from an open file, such as standard input; raises as `check` does."""
    return _Reading(keys, anchors).check(file)


# The Merkle tree of RFC 6962, section 2.

_LEAF: Final = sha256(b"\0")  # copies of what began are faster than to begin anew
_NODE: Final = sha256(b"\1")


def leaf_hash(event: bytes) -> bytes:
    """SHA-256 over a byte of zero and the event."""
    leaf = _LEAF.copy()
    leaf.update(event)
    return leaf.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 over a byte of one and both hashes."""
    node = _NODE.copy()
    node.update(left + right)
    return node.digest()


def gap_levels(start: int, end: int) -> list[int]:
    """The levels of the fewest complete subtrees that are the leaves from ``start`` up to before ``end``."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append(min(level, (start & -start).bit_length() - 1) if start else level)
        start += 1 << found[-1]
    return found


class Tree:
    """A growing tree: the complete subtrees at its right edge, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def add(self, level: int, subtree: bytes) -> None:
        """Put a complete subtree of ``2**level`` leaves on the right."""
        at = self.size >> level
        self.size += 1 << level
        while at & 1:
            subtree = node_hash(self._edge.pop(), subtree)
            at >>= 1
        self._edge.append(subtree)

    def root(self) -> bytes:
        """The root as it is now."""
        if not self._edge:
            return sha256(b"").digest()
        return reduce(lambda right, left: node_hash(left, right), reversed(self._edge))


# Events, by the block: nearly all of a file, and of the work.

_EVENT: Final = b'{"actor":'
_AT: Final = b'},"at":"'
_INSTANT: Final = b"0000-00-00T00:00:00.000000Z"
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")


class Events(NamedTuple):
    """Events that follow each other, hashed.

    Attributes:
        leaves: their hashes as leaves, in base64.
        subtree: of `RUN` events, the hash over all; of fewer or more, nothing.
        instants: when each was; where they are instants in order, only the first and the last one.
    """

    leaves: list[bytes]
    subtree: bytes
    instants: list[bytes]


def hashed(block: bytes, ending: bytes) -> list[Events | bytes]:
    """The events in a block of lines, each of which ends with ``ending``, and all other lines."""
    *lines, cut_off = block.split(b"\n")
    other = [not line.startswith(_EVENT) or not line.endswith(ending) for line in lines]
    others = [n for n, line in enumerate(lines) if other[n] or len(line) > LONGEST]
    found: list[Events | bytes] = []
    begin = 0
    for end in [*others, len(lines)]:
        if begin < end:
            found.append(_hashed(lines[begin:end]))
        found += [line + b"\n" for line in lines[end : end + 1]]
        begin = end + 1
    return [*found, cut_off] if cut_off else found


def _hashed(lines: list[bytes]) -> Events:
    hashes = [leaf_hash(line) for line in lines]
    leaves = [binascii.b2a_base64(leaf, newline=False) for leaf in hashes]
    while len(lines) == RUN and len(hashes) > 1:
        hashes = list(map(node_hash, hashes[::2], hashes[1::2]))
    instants = [line[(at := line.find(_AT) + len(_AT)) : at + len(_INSTANT)] for line in lines]
    told = b"".join(instants).translate(_DIGITS) == _INSTANT * len(lines)
    if told and instants == sorted(instants):
        instants = [instants[0], instants[-1]]
    return Events(leaves, hashes[0] if len(lines) == RUN else b"", instants)


def _blocks(
    file: File, ending: bytes, pool: ProcessPoolExecutor | None
) -> Iterator[list[Events | bytes]]:
    """The rest of a file by the block, `hashed` here or by the processes of a pool."""
    if pool is None:
        while block := file.read(BLOCK):
            yield hashed(block + _to_leaves(file), ending)
        return
    waiting: deque[Future[list[Events | bytes]]] = deque()
    begin, size = file.tell(), Path(file.name).stat().st_size
    while begin < size or waiting:
        if begin < size:
            file.seek(begin + BLOCK)
            goes_on = _to_leaves(file).endswith(b"\n")
            waiting.append(pool.submit(_hashed_at, file.name, begin, file.tell(), ending))
            begin = file.tell() if goes_on else size
        if begin >= size or len(waiting) > AHEAD:
            yield waiting.popleft().result()


def _to_leaves(file: File) -> bytes:
    """The rest of a line, and more up to a leaves line, where that is not far: so runs stay whole."""
    lines = [file.readline(LONGEST + 1)]
    far = BLOCK
    while far > 0 and lines[-1].endswith(b"\n") and not lines[-1].startswith(b'{"leaves":'):
        lines.append(file.readline(LONGEST + 1))
        far -= len(lines[-1])
    return b"".join(lines)


def _hashed_at(path: Any, begin: int, end: int, ending: bytes) -> list[Events | bytes]:
    with open(path, "rb", buffering=0) as file:
        file.seek(begin)
        return hashed(file.read(end - begin), ending)


# The lines in their order, and the verdict.


class _Reading:
    """A file that is being read, and what is known of it up to a line."""

    def __init__(self, keys: Sequence[Key], anchors: Sequence[Checkpoint]) -> None:
        self.keys, self.sizes = keys, sorted({anchor.size for anchor in anchors})
        self.anchors = deque(sorted(anchors, key=lambda anchor: anchor.size))  # still to come
        # By anchors, and by the checkpoints in the file: up to here all is right, and by here it is not.
        self.good, self.bad = {"anchor": 0, "checkpoint": 0}, dict[str, int]()
        self.left_out: int | None = None  # an anchor inside a gap
        self.tree = Tree()
        self.digest = sha256()  # over the lines that are no events
        self.number = self.events = 0  # how many lines were taken, and events
        self.first: int | None = None
        self.last: int | None = None
        self.at = b""  # when the last event was
        self.backwards: Wrong | None = None  # the first that was earlier than the one before it
        self.leaves: list[bytes] = []  # of the events since the last leaves line or gap
        self.suspect: int | None = None  # by the leaves lines, the first event that is another one
        self.manifest = b""
        self._hold_anchors()

    def check(self, file: File, pool: ProcessPoolExecutor | None = None) -> Report:
        """Take all lines, and say what the file is."""
        try:
            self._header(file.readline(LONGEST + 1))
            for steps in _blocks(file, self.ending, pool):
                for step in steps:
                    self._line(step) if isinstance(step, bytes) else self._events(step)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.number += 1
            self._refuse("What is compressed is damaged, or cut off, at about this event.", at=True)
        return self._verdict()

    def _refuse(self, why: str, *, at: bool = False) -> NoReturn:
        raise Wrong(why, line=self.number, position=self.tree.size if at else None)

    def _next(self, line: bytes) -> None:
        self.number += 1
        if len(line) - line.endswith(b"\n") > LONGEST:
            self._refuse("The line is longer than 16 MiB.")
        if not line.endswith(b"\n"):
            self._refuse("The line does not end: the file was cut off.")
        if self.manifest:
            self._refuse("Something follows the manifest.")
        self.digest.update(b"" if line.startswith(b'{"manifest":') else line)

    def _header(self, line: bytes) -> None:
        if not line:
            raise Wrong("The file is empty.")
        self._next(line)
        said = self._members(line, assentry=str, origin=str, query=dict)
        if said["assentry"] != "log/1":
            self._refuse("It is an export of another version.")
        self.origin, self.query = said["origin"], said["query"]
        workspace = re.fullmatch("assentry/(wsp_[0-9a-z]{26})", self.origin)
        if workspace is None:
            self._refuse("The header names no log.")
        self.ending = f',"v":1,"workspace":"{workspace[1]}"}}'.encode()
        self.trusted = [key for key in self.keys if key.name == self.origin]
        if not self.trusted:
            names = ", ".join(sorted({key.name for key in self.keys})) or "nobody"
            self._refuse(f"The file is of {self.origin}, and the keys are of {names}.")

    def _events(self, events: Events) -> None:
        if self.manifest:
            self._next(b"\n")
        begin, end = self.tree.size, self.tree.size + len(events.leaves)
        for n, (before, at) in enumerate(pairwise([self.at, *events.instants])):
            if at.translate(_DIGITS) != _INSTANT:
                raise Wrong("The event does not say when it was.", position=begin + n)
            if at < before and not self.backwards:
                back = _instant(before) - _instant(at)
                why = f"The event is {back:,.0f} seconds earlier than the one before it."
                self.backwards = Wrong(why, position=begin + n) if back > BACKWARDS else None
        cut = self.anchors and self.anchors[0].size < end
        if events.subtree and begin % RUN == 0 and not cut:
            self._grow(RUN.bit_length() - 1, events.subtree)
        else:
            for leaf in events.leaves:
                self._grow(0, binascii.a2b_base64(leaf))
        self.at = events.instants[-1]
        self.leaves += events.leaves
        if len(self.leaves) > FARTHEST:
            why = "The hashes of the leaves before this event are missing."
            raise Wrong(why, position=end - len(self.leaves) + RUN)
        self.first, self.last = begin if self.first is None else self.first, end - 1
        self.events, self.number = self.events + end - begin, self.number + end - begin

    def _grow(self, level: int, subtree: bytes) -> None:
        self.tree.add(level, subtree)
        self._hold_anchors()

    def _hold_anchors(self) -> None:
        while self.anchors and self.anchors[0].size <= self.tree.size:
            anchor = self.anchors.popleft()
            if anchor.size == self.tree.size:
                self._hold("anchor", anchor.root)
            else:
                self.left_out = anchor.size

    def _hold(self, by: str, root: bytes) -> None:
        if by not in self.bad:
            (self.good if root == self.tree.root() else self.bad)[by] = self.tree.size

    def _line(self, line: bytes) -> None:
        self._next(line)
        if line.startswith(_EVENT):
            self._refuse("The event is not one of this workspace's log.", at=True)
        if line.startswith(b'{"manifest":'):
            self.manifest = line
            return
        told = b'","'.join(self.leaves), self.tree.size
        if 0 < len(self.leaves) <= RUN and line == b'{"leaves":["%b"],"to":%d}\n' % told:
            self.leaves = []
            return
        if line.startswith(b'{"leaves":'):
            said = self._members(line, leaves=list, to=int)
            self._leaves(self._hashes(said["leaves"]), said["to"])
        elif line.startswith(b'{"gap":'):
            said = self._members(line, gap=list, to=int)
            self._gap(self._hashes(said["gap"]), said["to"])
        elif line.startswith(b'{"checkpoint":'):
            self._checkpoint(self._members(line, checkpoint=str)["checkpoint"])
        else:
            self._refuse("It is no line of an export.")

    def _leaves(self, hashes: list[bytes], to: int) -> None:
        """Take a leaves line that is not the one of the events before it: where does it differ?"""
        found, self.leaves = [binascii.a2b_base64(leaf) for leaf in self.leaves], []
        begin, end = self.tree.size - len(found), self.tree.size
        if to == end and len(hashes) < len(found):
            why = "The hashes of earlier leaves are missing."
            raise Wrong(why, within=(begin, end - len(hashes) - 1), line=self.number)
        pairs = enumerate(zip(found, hashes, strict=False))
        at = next((n for n, (one, two) in pairs if one != two), min(len(found), len(hashes)))
        if to == end and len(hashes) == len(found):
            self.suspect = begin + at if self.suspect is None else self.suspect
        elif at == len(found) == len(hashes):
            self._refuse(f"It ends at {to:,}, and the events before it at {end:,}.")
        else:
            raise Wrong("An event was removed, added or moved.", position=begin + at)

    def _gap(self, hashes: list[bytes], to: int) -> None:
        if self.leaves:
            self._refuse("The hashes of the leaves before the gap are missing.", at=True)
        if not self.tree.size < to < 1 << 62:
            self._refuse(f"A gap ends at {to:,}, and begins at {self.tree.size:,}.")
        levels = gap_levels(self.tree.size, to)
        if len(levels) != len(hashes):
            self._refuse(f"The gap has {len(hashes)} hashes, and needs {len(levels)}.")
        for level, subtree in zip(levels, hashes, strict=True):
            self._grow(level, subtree)

    def _checkpoint(self, note: str) -> None:
        size, good = self.tree.size, self.good["checkpoint"]
        within = good, max(good, size - 1)
        try:
            said = open_checkpoint(note, self.trusted)
        except UnknownSigner:
            return
        except BadNote as error:
            raise Wrong(f"The checkpoint: {error}", within=within, line=self.number) from None
        if said.size != size:
            raise Wrong(f"A checkpoint of {said.size:,} events stands at {size:,}.", within=within)
        self._hold("checkpoint", said.root)

    def _hashes(self, hashes: list[Any]) -> list[bytes]:
        raw = [(isinstance(one, str) and from_base64(one)) or b"" for one in hashes]
        if not 0 < len(raw) <= RUN or any(len(one) != 32 for one in raw):
            self._refuse("The hashes are none.")
        return raw

    def _members(self, line: bytes, **kinds: Any) -> dict[str, Any]:
        """Those of a line in canonical form (there are no fractions, and ASCII names), all of their kinds."""
        if len(line) > LONGEST_OTHER + 1:
            self._refuse("The line is longer than 1 MiB.")
        try:
            said = json.loads(line.decode(), parse_float=complex, parse_constant=complex)
            again = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            right = again.encode() + b"\n" == line and said.keys() == kinds.keys()
        except (AttributeError, TypeError, ValueError, RecursionError):
            said, right = {}, False
        ok = right and all(isinstance(said[name], kind) for name, kind in kinds.items())
        if not ok or any(
            isinstance(value, bool) for value in said.values()
        ):  # they are numbers, too
            self._refuse(f"It is no JSON object in canonical form with {', '.join(kinds)}.")
        return dict(said)

    def _verdict(self) -> Report:
        end = self.tree.size
        if not self.manifest:
            raise Wrong("The file was cut off: it has no manifest.", position=end)
        if self.leaves:
            self._refuse("At least the hashes of the last leaves are missing.", at=True)
        what = "The manifest"
        try:
            manifest = self._members(self.manifest, manifest=str)["manifest"]
            text, key = open_note(manifest, self.trusted)
            title, _, rest = text.partition("\n")
            told = self._members(rest.encode(), **MANIFEST)
            what = "The checkpoint in the manifest"
            checkpoint = open_checkpoint(told["checkpoint"], self.trusted)
        except BadNote as error:
            self._refuse(f"{what}: {error}")
        query = title, told["origin"], told["query"]
        if query != ("assentry export/1", self.origin, self.query):
            self._refuse("The manifest is of another format, log or query than the header.")
        if (end, self.tree.root()) != (checkpoint.size, checkpoint.root):
            raise self._elsewhere(checkpoint.size)
        counts = told["size"], told["events"], told["first"], told["last"]
        if counts != (end, self.events, self.first, self.last):
            self._refuse(f"The file has {self.events:,} events, and its manifest counts otherwise.")
        if told["digest"] != f"sha256:{self.digest.hexdigest()}":
            raise Wrong("The events are right, and another line of the file was changed.")
        self._hold_history()
        held = told["export"], told["created_at"], self.query, key, self.sizes
        return Report(self.origin, end, checkpoint.root, self.events, *held)

    def _hold_history(self) -> None:
        """Against what was signed before: checkpoints in the file, clocks, and anchors."""
        if (bad := self.bad.get("checkpoint")) is not None:
            why = "A signed checkpoint speaks of other events: the key signed two histories."
            raise Wrong(why, within=(self.good["checkpoint"], bad - 1))
        if self.backwards:
            raise self.backwards
        if (bad := self.bad.get("anchor")) is not None:
            why = f"The anchor of {bad:,} events speaks of others: history was rewritten."
            raise Wrong(why, within=(self.good["anchor"], max(0, bad - 1)))
        if self.anchors:
            why = f"The file is older than the anchor of {self.sizes[-1]:,} events, or cut back."
            raise Wrong(why, position=self.tree.size)
        if self.left_out is not None:
            raise Wrong(f"The events around the anchor of {self.left_out:,} events are left out.")

    def _elsewhere(self, size: int) -> Wrong:
        """The root is wrong: where?"""
        bad = self.bad.values()
        end = min([self.tree.size, *bad])
        good = max(good for good in self.good.values() if good <= end)
        if self.suspect is not None and good <= self.suspect < end:
            why = "The event is not the one that was logged, as its leaf's hash tells."
            return Wrong(why, position=self.suspect)
        if self.tree.size < size and not bad:
            why = f"The events from here up to {size - 1:,} are missing."
            return Wrong(why, position=self.tree.size)
        if self.tree.size > size and not bad:
            return Wrong(f"The log ended before this event: it had {size:,}.", position=size)
        if not end:
            return Wrong("A signed checkpoint is not that of a log without events.")
        why = "An event among these is not the one that was logged, as the signed checkpoints tell."
        return Wrong(why, within=(min(good, end - 1), end - 1))


def _instant(at: bytes) -> float:
    try:
        return datetime.fromisoformat(at.decode()).timestamp()
    except ValueError:
        raise Wrong("An event's time is no instant.") from None
