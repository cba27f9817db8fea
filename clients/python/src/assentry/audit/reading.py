"""A file of the log, line by line: all that docs/log-format.md says of it is held here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NoReturn

from assentry.audit.found import Wrong
from assentry.audit.notes import (
    BadNote,
    Checkpoint,
    Key,
    UnknownSigner,
    from_base64,
    open_checkpoint,
)
from assentry.audit.tree import EMPTY_ROOT, Tree, gap_levels, subtrees

#: No line of an export is longer; no note that is kept, either.
LONGEST: Final = 16 << 20
#: Nor is one that is no event longer than this.
LONGEST_OTHER: Final = 1 << 20
#: Leaves lines come at least so often.
RUN: Final = 256
#: Where they do not, so many events are remembered to tell which are too many.
FARTHEST: Final = 16 * RUN
BACKWARDS: Final = timedelta(seconds=5)

EVENT: Final = b'{"actor":'
AT: Final = b'},"at":"'
_INSTANT: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_ORIGIN: Final = re.compile(r"assentry/(wsp_[0-9a-z]{26})")


class Reading:
    """A file that is being read: `line` takes its lines in order, then `assentry.audit.verdict` says what it is."""

    def __init__(self, keys: Sequence[Key], anchors: Sequence[Checkpoint] = ()) -> None:
        self.keys = keys
        self.anchors = sorted(anchors, key=lambda anchor: anchor.size)
        self.cuts = frozenset(anchor.size for anchor in anchors)
        self.tree = Tree()
        self.digest = hashlib.sha256()
        self.position = self.events = self.number = 0
        self.origin, self.ending = "", b""
        self.query: dict[str, Any] = {}
        self.first: int | None = None
        self.last: int | None = None
        #: The instant of the last event line, as it stands there; the first position that goes back.
        self.at = b""
        self.backwards: tuple[int, str] | None = None
        #: Roots at the sizes of the anchors.
        self.roots: dict[int, bytes] = {0: EMPTY_ROOT}
        #: Hashes of the events since the last leaves line or gap; those not in the tree yet are its end.
        self.leaves: list[bytes] = []
        self.unmerged = 0
        #: By the leaves lines: the first event that is another one, and the line that says so.
        self.suspect: tuple[int, int] | None = None
        #: By the signed checkpoints: so far all is right; and by here it is not.
        self.good = 0
        self.bad: int | None = None
        self.manifest: bytes | None = None

    def line(self, line: bytes) -> None:
        """Take the next line, with its newline.

        Raises:
            Wrong: no file that is right has it here.
        """
        self.number += 1
        if not line.endswith(b"\n"):
            if len(line) > LONGEST:
                self.refuse("The line is longer than 16 MiB.")
            self.refuse("The line does not end: the file was cut off.")
        if self.manifest is not None:
            self.refuse("Something follows the manifest.")
        if line.startswith(b'{"manifest":'):
            self.manifest = line
            return
        if line.startswith(EVENT) and self.number > 1:
            self._event(line[:-1])
            return
        self.digest.update(line)
        if self.number == 1:
            self._header(line[:-1])
        else:
            self.other(line[:-1])

    def _header(self, line: bytes) -> None:
        said = self.object_in(line)
        match said:
            case {"assentry": "log/1", "origin": str(origin), "query": dict(query)}:
                pass
            case _:
                self.refuse("It is no export of a log: the first line is no header.")
        match = _ORIGIN.fullmatch(origin)
        if len(said) != 3 or match is None:
            self.refuse("The header names no log.")
        self.origin, self.query = origin, query
        self.ending = f',"v":1,"workspace":"{match[1]}"}}'.encode()
        if not any(key.name == origin for key in self.keys):
            names = ", ".join(sorted({key.name for key in self.keys}))
            self.refuse(f"The file is of {origin}, and the keys are of {names or 'nobody'}.")

    def _event(self, line: bytes) -> None:
        if len(self.leaves) >= FARTHEST:
            self.refuse("The hashes of the leaves before this event are missing.", event=True)
        at = line.find(AT) + len(AT)
        instant = line[at : at + 27]
        if at < len(AT) or not _INSTANT.fullmatch(instant):
            self.refuse("The event does not say when it was.", event=True)
        if not line.endswith(self.ending):
            self.refuse("The event is not one of this workspace's log.", event=True)
        self.seen(instant, instant, 1)
        self.leaves.append(sha256(b"\0" + line).digest())
        self.unmerged += 1
        if self.position in self.cuts:
            self._merge()

    def seen(self, first_at: bytes, last_at: bytes, count: int) -> None:
        """Count events that begin and end at these instants."""
        if first_at < self.at and self.backwards is None:
            back = _seconds(self.at) - _seconds(first_at)
            if back > BACKWARDS:
                self.backwards = self.position, f"{back.total_seconds():,.0f}"
        self.at = last_at
        self.first = self.position if self.first is None else self.first
        self.position += count
        self.last, self.events = self.position - 1, self.events + count

    def _merge(self) -> None:
        """Bring the tree to the reader's position."""
        if self.unmerged:
            for level, digest in subtrees(self.tree.size, self.leaves[-self.unmerged :]):
                self.tree.add(level, digest)
            self.unmerged = 0
        self.at_cut()

    def at_cut(self) -> None:
        """Remember the root where there is an anchor."""
        if self.tree.size in self.cuts:
            self.roots[self.tree.size] = self.tree.root()

    def other(self, line: bytes) -> None:
        """Take a line that is neither header, event nor manifest."""
        said = self.object_in(line)
        match said:
            case {"leaves": list(hashes), "to": int(to)} if len(said) == 2 and to is not True:
                self._merge()
                self._leaves(self._hashes(hashes), to)
            case {"gap": list(hashes), "to": int(to)} if len(said) == 2 and to is not True:
                self._gap(self._hashes(hashes), to)
            case {"checkpoint": str(note)} if len(said) == 1:
                self._merge()
                self._checkpoint(note)
            case _:
                self.refuse("It is no line of an export.")

    def _leaves(self, hashes: list[bytes], to: int) -> None:
        found, start = self.leaves, self.position - len(self.leaves)
        self.leaves = []
        if to == self.position and len(hashes) < len(found):
            why = "The hashes of earlier leaves are missing."
            raise Wrong(why, within=(start, to - len(hashes) - 1), line=self.number)
        differs = next((n for n, pair in enumerate(zip(found, hashes)) if pair[0] != pair[1]), None)  # noqa: B905
        if to == self.position and len(hashes) == len(found):
            if differs is not None and self.suspect is None:
                self.suspect = start + differs, self.number
            return
        at = min(len(found), len(hashes)) if differs is None else differs
        if at == len(found) == len(hashes):
            self.refuse(f"It ends at {to:,}, and the events before it at {self.position:,}.")
        raise Wrong("An event was removed, added or moved.", position=start + at)

    def _gap(self, hashes: list[bytes], to: int) -> None:
        if self.leaves:
            self.refuse("The hashes of the leaves before the gap are missing.", event=True)
        if not self.position < to < 1 << 62:
            self.refuse(f"A gap ends at {to:,}, and begins at {self.position:,}.")
        levels = gap_levels(self.position, to)
        if len(levels) != len(hashes):
            self.refuse(f"The gap has {len(hashes)} hashes, and needs {len(levels)}.")
        for level, digest in zip(levels, hashes, strict=True):
            self.tree.add(level, digest)
        self.position = to
        self.at_cut()

    def _checkpoint(self, note: str) -> None:
        try:
            said = open_checkpoint(note, self.trusted())
        except UnknownSigner:
            return
        except BadNote as error:
            within = self.good, max(self.good, self.position - 1)
            raise Wrong(f"The checkpoint: {error}", within=within, line=self.number) from None
        if said.size != self.position:
            why = f"A checkpoint of {said.size:,} events stands at {self.position:,}."
            raise Wrong(why, within=(self.good, max(self.good, self.position - 1)))
        if self.bad is None:
            if said.root == self.tree.root():
                self.good = self.position
            else:
                self.bad = self.position

    def trusted(self) -> list[Key]:
        """The keys that were given for this log."""
        return [key for key in self.keys if key.name == self.origin]

    def _hashes(self, hashes: list[Any]) -> list[bytes]:
        raw = [from_base64(one) if isinstance(one, str) else None for one in hashes]
        if not raw or len(raw) > RUN or any(one is None or len(one) != 32 for one in raw):
            self.refuse("The hashes are none.")
        return [one for one in raw if one is not None]

    def object_in(self, line: bytes) -> dict[str, Any]:
        """The object in a line that is in canonical form (there are no fractions, and ASCII names)."""
        if len(line) > LONGEST_OTHER:
            self.refuse("The line is longer than 1 MiB.")
        said: Any = None
        try:
            said = json.loads(
                line.decode(), parse_float=_refuse_number, parse_constant=_refuse_number
            )
            again = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            canonical = isinstance(said, dict) and again.encode() == line
        except (ValueError, RecursionError):
            canonical = False
        if not canonical:
            self.refuse("It is no JSON object in canonical form.")
        return dict(said)

    def refuse(self, why: str, *, event: bool = False) -> NoReturn:
        """Raise `Wrong` for the line that was taken last, or for the event in it."""
        raise Wrong(why, line=self.number, position=self.position if event else None)


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(text)


def _seconds(at: bytes) -> datetime:
    try:
        return datetime.strptime(at.decode(), "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - both UTC
    except ValueError:
        raise Wrong("An event's time is no instant.") from None
