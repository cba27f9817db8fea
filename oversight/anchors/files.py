"""Anchors in a folder of the operator's: one file per workspace, its newest checkpoint.

A file is replaced whole (written beside, synced, renamed), under a lock of the folder, and never by
what contradicts it.  So whoever keeps the folder apart from the database keeps what the log once was.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from core import ids
from oversight.anchors.errors import NotAnchored

SUFFIX: Final = ".checkpoint"
#: A checkpoint has a few hundred bytes; what is longer is none.
MOST_BYTES: Final = 16_384

#: Judges what lies there: True where it may be replaced, False where it is as new as ours.
#: Raises `NotAnchored` where the log contradicts it.
Judge = Callable[[str], bool]


def folder() -> Path | None:
    """The folder that the operator configured, or the embedded instance's own; None: there is none."""
    named: Path | None = settings.ANCHOR_DIR
    return named


def path_of(inside: Path, workspace: UUID) -> Path:
    """Where the checkpoint of a workspace lies."""
    return inside / f"{ids.encode('wsp', workspace)}{SUFFIX}"


def every(inside: Path) -> Iterator[tuple[UUID, Path]]:
    """The checkpoints in the folder, by workspace.

    Raises:
        OSError: the folder cannot be read.
    """
    names = sorted(entry.name for entry in os.scandir(inside) if entry.name.endswith(SUFFIX))
    for name in names:
        try:
            yield ids.decode("wsp", name.removesuffix(SUFFIX)), inside / name
        except ids.BadId:
            continue  # somebody else's file


def read(path: Path) -> str | None:
    """The text of a checkpoint's file; None where there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or too long for a checkpoint.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    if len(content) > MOST_BYTES:
        raise ValueError("the file is too long for a checkpoint")
    return content.decode()


def lay_down(workspace: UUID, note: str, judge: Judge) -> None:
    """Make ``note`` the workspace's checkpoint in the folder, unless a newer one lies there.

    Raises:
        NotAnchored: there is no folder, it cannot be written, or what lies there speaks against it.
    """
    inside = folder()
    if inside is None:
        raise NotAnchored("No folder for anchors: set ASSENTRY_ANCHOR_DIR.")
    try:
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(inside):
            path = path_of(inside, workspace)
            there = read(path)
            if there is None or judge(there):
                _replace(path, note)
    except OSError as error:
        raise NotAnchored(f"{inside} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:
        raise NotAnchored(f"{path_of(inside, workspace)} is no checkpoint: look at it.") from error


def set_aside(workspace: UUID, size: int) -> None:
    """Keep the file beside, under a name that says its size, so that another may take its place.

    Raises:
        OSError: it cannot be renamed.
    """
    inside = folder()
    if inside is not None:
        path = path_of(inside, workspace)
        path.rename(path.with_suffix(f".{size}.set-aside"))


@contextmanager
def _locked(inside: Path) -> Iterator[None]:
    """Only one process at a time compares and replaces."""
    handle = os.open(inside / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)  # what a process left that died here; we hold the lock
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    within = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(within)
    finally:
        os.close(within)
