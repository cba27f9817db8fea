"""What a file is, once it was read: signed, whole, and the log that its checkpoint speaks of, or not."""

from __future__ import annotations

from typing import Any, Final

from assentry.audit.found import Report, Wrong
from assentry.audit.notes import BadNote, Checkpoint, Key, open_checkpoint, open_note
from assentry.audit.reading import Reading

TITLE: Final = "assentry export/1"
_MANIFEST: Final = {
    "checkpoint": str,
    "created_at": str,
    "digest": str,
    "events": int,
    "export": str,
    "first": (int, type(None)),
    "keys": list,
    "last": (int, type(None)),
    "origin": str,
    "query": dict,
    "size": int,
    "software": str,
}


def finish(reading: Reading) -> Report:
    """Say what the file holds, once its lines were taken.

    Raises:
        Wrong: it is not what was signed, is not whole, or contradicts an anchor.
    """
    if reading.manifest is None:
        why = (
            "The file was cut off: it has no manifest." if reading.number else "The file is empty."
        )
        raise Wrong(why, position=reading.position if reading.number else None)
    if reading.number == 1 or not reading.origin:
        reading.refuse("It is no export of a log: the first line is no header.")
    if reading.leaves:
        reading.refuse(
            "Lines are missing here: at least the hashes of the last leaves.", event=True
        )
    told, key = _told(reading, reading.object_in(reading.manifest[:-1]))
    checkpoint = _open_at_end(reading, told["checkpoint"])
    _hold_counts(reading, told, checkpoint)
    if reading.tree.root() != checkpoint.root:
        raise _elsewhere(reading)
    if told["digest"] != f"sha256:{reading.digest.hexdigest()}":
        line = None if reading.suspect is None else reading.suspect[1]
        why = "The events are those that were signed; another line of the file was changed."
        raise Wrong(why, line=line)
    if reading.bad is not None:
        why = (
            "A signed checkpoint in the file speaks of other events: the key signed two histories."
        )
        raise Wrong(why, within=(reading.good, reading.bad - 1))
    if reading.backwards is not None:
        why = f"The event is {reading.backwards[1]} seconds earlier than the one before it."
        raise Wrong(why, position=reading.backwards[0])
    _hold_anchors(reading)
    return Report(
        origin=reading.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        events=reading.events,
        export=told["export"],
        created_at=told["created_at"],
        query=reading.query,
        key=key,
        anchored=sorted(reading.cuts),
    )


def _told(reading: Reading, said: dict[str, Any]) -> tuple[dict[str, Any], Key]:
    note = said.get("manifest")
    if len(said) != 1 or not isinstance(note, str):
        reading.refuse("It is no manifest.")
    try:
        text, key = open_note(note, reading.trusted())
    except BadNote as error:
        reading.refuse(f"The manifest: {error}")
    title, _, rest = text.partition("\n")
    told = reading.object_in(rest[:-1].encode())
    shaped = told.keys() == _MANIFEST.keys() and all(
        isinstance(told[name], kind) and not isinstance(told[name], bool)  # type: ignore[arg-type]  # a tuple as well
        for name, kind in _MANIFEST.items()
    )
    if title != TITLE or not shaped:
        reading.refuse("The manifest is none of this format.")
    return told, key


def _open_at_end(reading: Reading, note: str) -> Checkpoint:
    try:
        return open_checkpoint(note, reading.trusted())
    except BadNote as error:
        reading.refuse(f"The checkpoint in the manifest: {error}")


def _hold_counts(reading: Reading, told: dict[str, Any], checkpoint: Checkpoint) -> None:
    if (told["origin"], told["query"]) != (reading.origin, reading.query):
        reading.refuse("The manifest is of another log or query than the header.")
    if told["size"] != checkpoint.size:
        reading.refuse("The manifest and its checkpoint speak of different sizes.")
    told_where = reading.bad is not None or reading.suspect is not None
    if reading.position != checkpoint.size and told_where:
        raise _elsewhere(reading)
    if reading.position < checkpoint.size:
        why = f"The events from here up to {checkpoint.size - 1:,} are missing."
        raise Wrong(why, position=reading.position)
    if reading.position > checkpoint.size:
        why = f"The log ended before this event: it had {checkpoint.size:,}."
        raise Wrong(why, position=checkpoint.size)
    counted = reading.events, reading.first, reading.last
    if (told["events"], told["first"], told["last"]) != counted:
        reading.refuse(
            f"The file has {reading.events:,} events, and its manifest counts otherwise."
        )


def _elsewhere(reading: Reading) -> Wrong:
    """The root is wrong: where?"""
    for anchor in reading.anchors:
        root = reading.roots.get(anchor.size)
        if root == anchor.root and reading.bad is None:
            reading.good = max(reading.good, anchor.size)
        elif root is not None and root != anchor.root:
            reading.bad = anchor.size if reading.bad is None else min(reading.bad, anchor.size)
    end = (reading.position if reading.bad is None else reading.bad) - 1
    if reading.suspect is not None and reading.good <= reading.suspect[0] <= end:
        why = "The event is not the one that was logged, as its leaf's hash tells."
        return Wrong(why, position=reading.suspect[0])
    if end < 0:
        return Wrong("The checkpoint is not that of a log without events.")
    why = "An event among these is not the one that was logged, as the signed checkpoints tell."
    return Wrong(why, within=(min(reading.good, end), end))


def _hold_anchors(reading: Reading) -> None:
    for anchor in reading.anchors:
        if anchor.size > reading.position:
            why = (
                f"The anchor is of {anchor.size:,} events, and the file ends before: it is "
                "older than the anchor, or the log was cut back."
            )
            raise Wrong(why, position=reading.position)
        root = reading.roots.get(anchor.size)
        if root is None:
            why = f"The events around {anchor.size:,} are left out: the anchor cannot be held against it."
            raise Wrong(why)
        if root != anchor.root:
            raise Wrong(
                f"The anchor of {anchor.size:,} events speaks of others: history was rewritten.",
                within=(_before(reading, anchor), max(0, anchor.size - 1)),
            )


def _before(reading: Reading, anchor: Checkpoint) -> int:
    """Up to here an earlier anchor says that all is right."""
    return max((one.size for one in reading.anchors if one.size < anchor.size), default=0)
