"""Short, distinct names for the rows of a table of hostile input."""

from __future__ import annotations

import zlib


def label(part: object) -> str:
    """Return the start of `part` in ASCII; a checksum tells long ones with one start apart."""
    shown = ascii(part)
    return shown if len(shown) <= 30 else f"{shown[:20]}~{zlib.crc32(shown.encode()):08x}"
