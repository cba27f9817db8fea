"""The Merkle tree of RFC 6962, section 2."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()


def subtrees(start: int, hashes: list[bytes]) -> list[tuple[int, bytes]]:
    """The fewest complete subtrees over leaves from ``start`` on: their levels and hashes, left to right."""
    left: list[tuple[int, bytes]] = []
    right: list[tuple[int, bytes]] = []
    level = 0
    while hashes:
        if start & 1:
            left.append((level, hashes[0]))
            hashes, start = hashes[1:], start + 1
        if len(hashes) & 1:
            right.append((level, hashes[-1]))
        pairs = iter(hashes)
        hashes = [sha256(b"\1" + one + two).digest() for one, two in zip(pairs, pairs)]  # noqa: B905 - the odd one is out
        start, level = start >> 1, level + 1
    return left + right[::-1]


def gap_levels(start: int, end: int) -> list[int]:
    """The levels of the fewest complete subtrees that are the leaves from ``start`` up to before ``end``."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        found.append(level)
        start += 1 << level
    return found


class Tree:
    """A growing tree: the complete subtrees at its right edge, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[bytes] = []

    def add(self, level: int, subtree: bytes) -> None:
        """Put a complete subtree of ``2**level`` leaves on the right."""
        at = self.size >> level
        self.size += 1 << level
        while at & 1:
            subtree = sha256(b"\1" + self._edge.pop() + subtree).digest()
            at >>= 1
        self._edge.append(subtree)

    def root(self) -> bytes:
        """The root as it is now."""
        if not self._edge:
            return EMPTY_ROOT
        root = self._edge[-1]
        for left in reversed(self._edge[:-1]):
            root = sha256(b"\1" + left + root).digest()
        return root
