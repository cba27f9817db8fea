"""A log that went back: a restored backup is behind what lies in the folder of anchors.

Looked for when a process starts, after the database was away, before a file is replaced, and by the
doctor.  What is found is said loudly, and holds the log: nothing is signed that contradicts the anchor.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit import checkpoints, growth, holds
from audit.actor import Actor
from audit.holds import Held
from audit.nodes import Missing
from core.db import pool
from oversight.anchors import errors, files
from people.models import Workspace
from signing.notes import BadNote, Verifier, open_note

logger = logging.getLogger(__name__)

ACTOR: Final = Actor.system("anchors")
LONGEST_REASON: Final = 1_000
#: More events than any log will have, and a number that the database can hold.
LARGEST: Final = 1 << 62
TODO: Final = "see “A log that went back” in docs/operate.md"
_KNOWN: Final = "SELECT id FROM people_workspace WHERE id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An anchor that speaks against the log, or that cannot be read.

    ``what``: ``shorter`` (the log ends before it), ``different`` (the log has another root at its
    size), ``unreadable``, ``no_workspace`` (the database knows none of this id).
    """

    what: str
    path: Path
    workspace: UUID
    #: What the anchor says, and how long the log is; 0 where it cannot be read.
    size: int = 0
    root: bytes = b""
    log_size: int = 0
    #: Whether a key that the database knows has signed the anchor.
    signed: bool = True

    @property
    def sentence(self) -> str:
        """What was found, for people."""
        match self.what:
            case "shorter":
                told = f"the anchor is of {self.size} events, and the log has {self.log_size}"
            case "different":
                told = f"the log at {self.size} events is another one than the anchor's"
            case "no_workspace":
                told = "the anchor is of a workspace that the database does not have"
            case _:
                told = "the anchor cannot be read"
        unsigned = "" if self.signed else "; no key that the database knows has signed the anchor"
        return f"{self.path}: {told}{unsigned}"


def look() -> list[Contradiction]:
    """Hold every anchor in the folder against its log; what speaks against it.  Changes nothing.

    Raises:
        OSError: the folder cannot be read (one that is not there yet is empty).
    """
    inside = files.folder()
    if inside is None or not inside.exists():
        return []
    # The files first: what is in one was in the database before, so a log that grows is no finding.
    read = [(workspace, path, _text(path)) for workspace, path in files.every(inside)]
    with pool().connection() as conn:
        known = {row[0] for row in conn.execute(_KNOWN, [[workspace for workspace, *_ in read]])}
        return list(_compared(conn, read, known))


def _compared(
    conn: Connection[Any], read: list[tuple[UUID, Path, str | None]], known: set[UUID]
) -> Iterator[Contradiction]:
    for workspace, path, text in read:
        if workspace not in known:
            yield Contradiction("no_workspace", path, workspace)
        elif (found := compare(conn, workspace, path, text)) is not None:
            yield found


def _text(path: Path) -> str | None:
    try:
        return files.read(path)
    except ValueError:
        return None


def compare(
    conn: Connection[Any], workspace: UUID, path: Path, text: str | None
) -> Contradiction | None:
    """Hold one anchor against the log; None where the log continues it, or it was accepted."""
    try:
        origin, size, root = checkpoints.claims(text or "")
    except BadNote:
        return Contradiction("unreadable", path, workspace)
    if origin != checkpoints.origin(workspace) or size > LARGEST:
        return Contradiction("unreadable", path, workspace)
    newest = checkpoints.newest(workspace, conn)
    log_size = 0 if newest is None else newest.size
    what = "shorter"
    if log_size >= size:
        if _root_at(conn, workspace, size) == root:
            return None
        what = "different"
    if holds.is_accepted(conn, workspace, size, root):
        return None
    signed = _is_signed(workspace, text or "")
    return Contradiction(what, path, workspace, size, root, log_size, signed)


def _root_at(conn: Connection[Any], workspace: UUID, size: int) -> bytes | None:
    try:
        return growth.root_at(conn, workspace, size)
    except Missing:
        return None  # the tree was damaged: it no longer continues anything


def _is_signed(workspace: UUID, note: str) -> bool:
    verifiers: list[Verifier] = checkpoints.verifiers(workspace)
    try:
        open_note(note, verifiers)
    except BadNote:
        return False
    return True


def notice() -> list[Contradiction]:
    """Look, say what is found as loudly as a log can, and hold the logs that went back."""
    try:
        found = look()
    except OSError as error:
        logger.error("the anchors in %s cannot be read: %s", files.folder(), error.strerror)
        return []
    for each in found:
        say(each)
    return found


def say(found: Contradiction) -> None:
    """Log one finding; where it is a log that went back, hold that log, with the event."""
    logger.critical("THE LOG CONTRADICTS ITS ANCHOR: %s; %s", found.sentence, TODO)
    if found.what not in {"shorter", "different"}:
        return
    with pool().connection() as conn:
        holds.place(
            conn,
            actor=ACTOR,
            workspace=found.workspace,
            size=found.size,
            root=found.root,
            what=found.what,
            log_size=found.log_size,
        )


def accept(*, actor: Actor, workspace: Workspace, reason: str) -> list[Held]:
    """Let a workspace's log go on in spite of the anchors that hold it; those.  The log says why.

    Raises:
        Refusal: there is no reason, or nothing holds the log.
    """
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise errors.NoReason(most=LONGEST_REASON)
    with pool().connection() as conn:
        accepted = holds.accept(conn, actor=actor, workspace=workspace.id, reason=reason)
    if not accepted:
        raise errors.NothingHeld(slug=workspace.slug)
    return accepted
