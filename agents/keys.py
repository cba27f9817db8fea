"""How an agent's key is written: ``assentry_<kind>_<id>_<secret><checksum>``.  Pure: no database.

The prefix and the checksum let secret scanners find a leaked key without asking the server (the
design of GitHub's tokens); the id is what the database is asked for; the secret has 178 random bits
and only its SHA-256, taken over the whole key, is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from core import ids

PREFIX: Final = "assentry"
KINDS: Final = ("agt", "tool", "aud")

SECRET_LENGTH: Final = 30  # of 62 letters: 178 bits
CHECKSUM_LENGTH: Final = 6  # of 62 letters: CRC-32 fits

#: For secret scanners (docs/keys.md).  The last six characters check the rest, see `checksum`.
PATTERN: Final = r"assentry_(agt|tool|aud|ops)_[0-7][0-9a-hjkmnp-tv-z]{25}_[0-9A-Za-z]{36}"

_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_KEY: Final = re.compile(PATTERN)


class BadKey(ValueError):
    """The text is not a key of a known kind, or a character of it is wrong."""


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """What a well-formed key says.  Whether it is one of ours, only the kept hash can tell."""

    kind: str
    id: UUID
    hash: bytes

    def matches(self, kept: bytes) -> bool:
        """Whether this is the key whose hash was kept, compared in constant time."""
        return hmac.compare_digest(self.hash, kept)


def make(kind: str, key_id: UUID) -> tuple[str, bytes]:
    """A new key of this kind: its text, to be shown once, and the hash to keep."""
    if kind not in KINDS:
        raise BadKey(f"There is no kind of key called {kind!r}.")
    secret = "".join(secrets.choice(_LETTERS) for _ in range(SECRET_LENGTH))
    text = f"{prefix(kind, key_id)}_{secret}"
    token = text + checksum(text)
    return token, digest(token)


def prefix(kind: str, key_id: UUID) -> str:
    """What the text of this key begins with: the part that is not secret, and names it."""
    return f"{PREFIX}_{kind}_{ids.encode_suffix(key_id)}"


def parse(token: str) -> ParsedKey:
    """Read a key.

    Raises:
        BadKey: not the form of a key, a kind that opens nothing, or the checksum does not fit.
    """
    match = _KEY.fullmatch(token)
    if match is None or match[1] not in KINDS:
        raise BadKey
    text, check = token[:-CHECKSUM_LENGTH], token[-CHECKSUM_LENGTH:]
    if checksum(text) != check:
        raise BadKey
    suffix = text[len(PREFIX) + len(match[1]) + 2 :][:26]
    return ParsedKey(match[1], ids.decode_suffix(suffix), digest(token))


def checksum(text: str) -> str:
    """CRC-32 of all that stands before it, in six digits of base 62 (0-9, A-Z, a-z)."""
    number, shown = zlib.crc32(text.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_LETTERS))
        shown = _LETTERS[digit] + shown
    return shown


def digest(token: str) -> bytes:
    """What is kept of a key.  At 178 random bits nothing slower is needed (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(token.encode()).digest()
