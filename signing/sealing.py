"""Secrets at rest: sealed with keys that lie outside the database (AES-256-GCM).

A sealed value names the key that sealed it, and is bound to the place it stands at: copied into
another row or column it does not open.  The first key of the instance seals, every one opens, so that
keys are changed without a stop: put a new one in front, run ``manage.py secrets_reseal``, take the old
one out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from signing.sealing_keys import KEY_ID_BYTES, key_id

NONCE_BYTES: Final = 12
#: The first byte of a sealed value: how the rest is read.
FORMAT: Final = b"\x01"


class CannotOpen(RuntimeError):
    """A sealed value was changed or moved, or the key that sealed it is no longer given."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of sealed values, and the place that the value of a row is sealed to, by its id."""

    table: str
    column: str
    place: Callable[[Any], str]


class Sealer:
    """Seals and opens with a list of keys, of which the first one seals."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """`keys` have 32 bytes each; there is at least one."""
        self._keys = {key_id(key): AESGCM(key) for key in keys}
        self.key_id: Final = key_id(keys[0])

    def seal(self, plain: bytes, about: str) -> bytes:
        """Return `plain` sealed to its place, such as ``endpoint <id> secret``."""
        nonce = os.urandom(NONCE_BYTES)
        head = FORMAT + self.key_id
        return head + nonce + self._keys[self.key_id].encrypt(nonce, plain, head + about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Return what was sealed to this place.

        Raises:
            CannotOpen: it was changed, moved, or sealed with a key that is not given.
        """
        head, rest = sealed[: 1 + KEY_ID_BYTES], sealed[1 + KEY_ID_BYTES :]
        key = self._keys.get(head[1:])
        if head[:1] != FORMAT or key is None:
            raise CannotOpen(
                f"{about}: the key that sealed it is not in ASSENTRY_SEALING_KEY: put it back, last"
            )
        try:
            return key.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], head + about.encode())
        except (InvalidTag, ValueError) as error:
            raise CannotOpen(f"{about}: the sealed value was changed or moved") from error

    def is_newest(self, sealed: bytes) -> bool:
        """Return whether the key that seals now sealed it."""
        return sealed[1 : 1 + KEY_ID_BYTES] == self.key_id


@lru_cache(maxsize=1)
def _sealer(keys: tuple[bytes, ...]) -> Sealer:
    return Sealer(keys)


def sealer() -> Sealer:
    """Return this instance's sealer."""
    return _sealer(tuple(settings.SEALING_KEYS))
