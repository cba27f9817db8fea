"""Checkpoints: signed statements of a log's length and root (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from audit.tree import SIZE
from core import ids
from core.db import pool
from signing import keys
from signing.keys import Signer
from signing.notes import BadNote, Verifier, open_note, sign

_COLUMNS: Final = "number, size, root, note, at"
_NEWEST: Final = f"""
SELECT {_COLUMNS} FROM audit_checkpoint WHERE workspace_id = %s ORDER BY number DESC LIMIT 1
"""
_AT_SIZE: Final = f"""
SELECT {_COLUMNS} FROM audit_checkpoint WHERE workspace_id = %s AND size = %s
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that was signed; ``note`` is the whole signed note."""

    number: int
    size: int
    root: bytes
    note: str
    at: datetime


def origin(workspace: UUID) -> str:
    """The name of a workspace's log, and of the keys that sign it.

    Made from the workspace's id and nothing else: it stays when the server gets another address.
    """
    return f"assentry/{ids.encode('wsp', workspace)}"


def make(workspace: UUID, size: int, root: bytes, signer: Signer) -> str:
    """Return the signed checkpoint of a log of ``size`` events."""
    name = origin(workspace)
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    return sign(text, name=name, signer=signer)


def parse(note: str, verifiers: Iterable[Verifier]) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that one of ``verifiers`` signed.

    Raises:
        BadNote: it is not signed by them, or is no checkpoint.
    """
    text, verifier = open_note(note, verifiers)
    said = _said(text)
    if said[0] != verifier.name:
        raise BadNote(f"a checkpoint of {said[0]!r} is signed by a key of {verifier.name!r}")
    return said


def claims(note: str) -> tuple[str, int, bytes]:
    """Return origin, size and root that a checkpoint claims, whoever signed it.

    Raises:
        BadNote: it is no checkpoint.
    """
    text, gap, _ = note.rpartition("\n\n")
    if not gap:
        raise BadNote("this is not a signed note")
    return _said(text)


def _said(text: str) -> tuple[str, int, bytes]:
    lines = text.splitlines()
    if len(lines) < 3 or not lines[1].isascii() or not lines[1].isdigit():
        raise BadNote("the note is no checkpoint")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        root = b""
    if len(root) != SIZE or str(int(lines[1])) != lines[1]:
        raise BadNote("the note is no checkpoint")
    return lines[0], int(lines[1]), root


def verifiers(workspace: UUID) -> list[Verifier]:
    """The keys that sign, or once signed, the log of a workspace; the one that signs now first."""
    return [Verifier(origin(workspace), public) for _, public in keys.publics(keys.LOG)]


def newest(workspace: UUID, conn: Connection[Any] | None = None) -> Checkpoint | None:
    """The newest checkpoint of a workspace; None before its first event has a place."""
    return _one(_NEWEST, [workspace], conn)


def at_size(workspace: UUID, size: int, conn: Connection[Any] | None = None) -> Checkpoint | None:
    """The checkpoint of a log of exactly this size; None where none was signed at it."""
    return _one(_AT_SIZE, [workspace, size], conn)


def _one(query: str, values: list[Any], conn: Connection[Any] | None) -> Checkpoint | None:
    if conn is None:
        with pool().connection() as own:
            row = own.execute(query, values).fetchone()
    else:
        row = conn.execute(query, values).fetchone()
    return None if row is None else Checkpoint(*row)
