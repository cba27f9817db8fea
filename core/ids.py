"""Identifiers: UUID version 7 inside, TypeIDs outside (`req_01h455vb4pex5vsknk084sn02q`).

The text form follows https://github.com/jetify-com/typeid/tree/main/spec (0.3.0).
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "wsp": "workspace",
        "usr": "user",
        "per": "person",
        "agt": "agent",
        "key": "key",
        "run": "run",
        "stp": "step",
        "req": "request",
        "msg": "message",
        "rec": "recorded action",
        "rev": "revision",
        "dec": "decision",
        "pmt": "permit",
        "evt": "event",
        "end": "endpoint",
        "cbk": "callback",
        "att": "attempt",
        "ntf": "notification",
        "pol": "policy",
        "sch": "schedule",
        "ovr": "override of a schedule",
        "abs": "absence",
        "kil": "use of the kill switch",
        "anc": "anchor",
        "exp": "export",
        "ers": "erasure",
        "hld": "legal hold",
        "sla": "Slack installation",
        "slu": "Slack user of a person",
        "psh": "push subscription",
        "viw": "saved view of the inbox",
        "oth": "channel that only tells",
        "pgr": "pager",
        "drl": "drill",
        "ses": "session",
    }
)

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_SHIFTS: Final = tuple(range(120, -1, -10))
_SUFFIX: Final = re.compile(r"[0-7][0-9a-hjkmnp-tv-z]{25}")
_TO_PYTHON_BASE32: Final = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")

_MAX_MS: Final = (1 << 48) - 1
_TAIL_BITS: Final = 74
_STEP_BITS: Final = 32

#: Randomness that is asked for at once: some hundred ids.
_RANDOM_BYTES: Final = 4096


class BadId(ValueError):
    """The text is not an id of the kind asked for. The message never repeats the text."""


class _Clock:
    """The last (milliseconds, tail) handed out, so that the next one is always greater."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms = -1
        self._tail = 0
        self._random = b""
        self._used = 0

    def next(self, ms: int, *, exact: bool) -> tuple[int, int]:
        """Return a pair greater than the one before; with `exact` only among equal `ms`."""
        with self._lock:
            if ms > self._ms or (exact and ms != self._ms):
                self._ms, self._tail = ms, self._fresh_tail()
            else:
                self._tail += 1 + self._bits(_STEP_BITS)
                if self._tail >> _TAIL_BITS:
                    if exact:
                        raise OverflowError(f"too many ids were made for millisecond {ms}")
                    self._ms, self._tail = self._ms + 1, self._fresh_tail()
            return self._ms, self._tail

    def _fresh_tail(self) -> int:
        # The top bit stays clear: there is always room to count up within a millisecond.
        return self._bits(_TAIL_BITS - 1)

    def _bits(self, count: int) -> int:
        # Asking the system lets go of the interpreter's lock, and then every thread of the process
        # stands in line behind ours: so seldom, and much at a time.
        size = (count + 7) // 8
        if self._used + size > len(self._random):
            self._random, self._used = secrets.token_bytes(_RANDOM_BYTES), 0
        taken = self._random[self._used : self._used + size]
        self._used += size
        return int.from_bytes(taken, "big") >> (8 * size - count)


_now_clock = _Clock()
_given_clock = _Clock()


def _after_fork() -> None:
    # A child must not continue the parent's sequence, nor inherit a lock somebody holds.
    global _now_clock, _given_clock
    _now_clock, _given_clock = _Clock(), _Clock()


os.register_at_fork(after_in_child=_after_fork)


def uuid7(at_ms: int | None = None) -> UUID:
    """Return a new UUID version 7 (RFC 9562).

    Without `at_ms` the ids of this process strictly increase, also when the host clock steps
    back. With `at_ms` (milliseconds since 1970) the id carries exactly that time, and ids made
    one after the other for the same millisecond increase. ValueError outside 48 bits.
    """
    if at_ms is None:
        ms, tail = _now_clock.next(time.time_ns() // 1_000_000, exact=False)
    elif 0 <= at_ms <= _MAX_MS:
        ms, tail = _given_clock.next(at_ms, exact=True)
    else:
        raise ValueError("milliseconds of a version 7 UUID must fit 48 bits")
    return UUID(int=ms << 80 | 0x7 << 76 | (tail >> 62) << 64 | 0b10 << 62 | tail & ((1 << 62) - 1))


def time_ms(uuid: UUID) -> int:
    """Return the milliseconds since 1970 that a version 7 UUID carries."""
    return uuid.int >> 80


def encode(prefix: str, uuid: UUID) -> str:
    """Return the TypeID of `uuid`; `prefix` is one of PREFIXES (KeyError otherwise)."""
    if prefix not in PREFIXES:
        raise KeyError(prefix)
    return f"{prefix}_{encode_suffix(uuid)}"


def decode(prefix: str, text: str) -> UUID:
    """Return the UUID of a TypeID that must carry `prefix`.

    BadId for anything else: another prefix, upper case, another length or alphabet, more than
    128 bits. KeyError when `prefix` itself is not registered.
    """
    if prefix not in PREFIXES:
        raise KeyError(prefix)
    head = prefix + "_"
    if not text.startswith(head):
        raise BadId(f"The id of a {PREFIXES[prefix]} starts with “{head}”.")
    return decode_suffix(text[len(head) :])


def encode_suffix(uuid: UUID) -> str:
    """Return the 26 characters of Crockford base32, lower case, that stand for `uuid`."""
    number = uuid.int
    return "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])


def decode_suffix(text: str) -> UUID:
    """Return the UUID behind 26 characters of `encode_suffix`; BadId for anything else."""
    if _SUFFIX.fullmatch(text) is None:
        raise BadId("After its prefix, an id has 26 characters of 0-9 and a-z without i, l, o, u.")
    return UUID(int=int(text.translate(_TO_PYTHON_BASE32), 32))
