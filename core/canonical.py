"""The one byte form of a JSON value (RFC 8785), and its digest.

These bytes are what is stored, shown, digested and evaluated.
"""

from __future__ import annotations

import hashlib
import json.encoder
import re
from typing import Final, TypeAlias

import rfc8785

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"

#: Raised for values that have no canonical form: NaN, integers beyond ±(2^53 - 1), lone
#: surrogates, keys that are not strings, other types.
NotCanonical: TypeAlias = rfc8785.CanonicalizationError

MAX_INTEGER: Final = 2**53 - 1

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
_CONSTANTS: Final = {None: "null", True: "true", False: "false"}
_quote: Final = json.encoder.encode_basestring


def canonical(value: object) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    NotCanonical (a ValueError) when there are none. The bytes are those of the `rfc8785`
    package; ordinary values take a faster way that a property test holds equal to it.
    """
    try:
        text = _write(value)
        # RFC 8785 sorts keys by UTF-16 units. That differs from Python's order only where a
        # character outside the basic plane meets one above the surrogates.
        if text.isascii() or _ASTRAL.search(text) is None:
            return text.encode()
    except (TypeError, UnicodeEncodeError):
        pass  # the reference below says what is wrong, or knows the type
    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]  # it checks the type itself
    except UnicodeEncodeError as error:
        raise NotCanonical("a key contains a lone surrogate") from error


def _write(value: object) -> str:
    kind = type(value)
    if kind is str:
        return _quote(value)  # type: ignore[arg-type]  # narrowed by identity, not isinstance
    if isinstance(value, dict) and kind is dict:
        return "{" + ",".join([_quote(k) + ":" + _write(v) for k, v in sorted(value.items())]) + "}"
    if isinstance(value, list) and kind is list:
        return "[" + ",".join([_write(item) for item in value]) + "]"
    if value is None or kind is bool:
        return _CONSTANTS[value]  # type: ignore[index]  # narrowed by identity
    if isinstance(value, int) and kind is int and -MAX_INTEGER <= value <= MAX_INTEGER:
        return str(value)
    if isinstance(value, float) and kind is float:
        text = repr(value)
        if text.endswith(".0"):
            return text[:-2] if value else "0"
        if "e" not in text and "n" not in text:
            return text
    return rfc8785.dumps(value).decode()  # type: ignore[arg-type]  # it checks the type itself


def digest(data: bytes) -> bytes:
    """Return the SHA-256 of `data`, 32 bytes."""
    return hashlib.sha256(data).digest()


def show_digest(value: bytes) -> str:
    """Return `sha256:<64 lower-case hex digits>`; ValueError unless given 32 bytes."""
    if len(value) != hashlib.sha256().digest_size:
        raise ValueError("a SHA-256 digest has 32 bytes")
    return "sha256:" + value.hex()


def parse_digest(text: str) -> bytes:
    """Return the 32 bytes of what `show_digest` writes; ValueError for any other spelling."""
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise ValueError("A digest is written sha256: and 64 lower-case hexadecimal digits.")
    return bytes.fromhex(match[1])
