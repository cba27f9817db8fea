"""How sealing keys are written and named.  Pure, so that settings may read them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8


class BadSealingKey(ValueError):
    """A sealing key is 32 random bytes in base64; the message never repeats it."""


def key_id(key: bytes) -> bytes:
    """Return the name of a sealing key, which tells nothing of it."""
    return hashlib.sha256(b"assentry sealing key " + key).digest()[:KEY_ID_BYTES]


def parse_keys(text: str) -> list[bytes]:
    """Return the keys that `text` lists, the one that seals first; blanks or commas between them.

    Raises:
        BadSealingKey: there is none, or one of them is no 32 bytes in base64.
    """
    keys = []
    for number, written in enumerate(filter(None, re.split(r"[\s,]+", text)), start=1):
        try:
            key = base64.b64decode(
                written.replace("-", "+").replace("_", "/") + "=" * (-len(written) % 4),
                validate=True,
            )
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES or len(set(key)) < KEY_BYTES // 4:
            raise BadSealingKey(
                f"Sealing key {number} is not {KEY_BYTES} random bytes in base64: make one with "
                "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        keys.append(key)
    if not keys:
        raise BadSealingKey("There is no sealing key.")
    return keys
