"""Private files in the data folder."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from runtime.errors import Refused

PROBE_BYTES = 4096


def make_private(data: Path) -> None:
    """Make the data folder (mode 0700) and try to write there; raises `Refused`."""
    probe = data / f".probe.{os.getpid()}"
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            probe.write_bytes(b"x" * PROBE_BYTES)
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
    except OSError as error:
        raise Refused(
            f"The data folder {data} cannot be used ({error.strerror}): free space or make it "
            "writable, or name another with ASSENTRY_DATA=…"
        ) from error


def write_private(path: Path, text: str) -> None:
    """Replace a file of mode 0600 in one step, on the disk when this returns."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
    finally:
        scratch.unlink(missing_ok=True)


def ensure_keys(data: Path) -> None:
    """Make the instance's secret key and sealing key where it has none; they are never replaced."""
    for name, size in (("secret_key", 48), ("sealing_key", 32)):
        path = data / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(size) + "\n")
