"""The Merkle tree of RFC 6962, section 2: hashes, roots, and which of them a proof holds.

Pure: nothing here reads or writes.  A *span* is a complete subtree, ``(level, index)``: the
``2**level`` leaves from ``index * 2**level`` on.  Every hash a proof needs is put together from spans,
so whoever stores some of them (`audit.nodes`) finds the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

Span: TypeAlias = tuple[int, int]

#: The root of a tree without leaves (RFC 6962, 2.1).
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
SIZE: Final = hashlib.sha256().digest_size


def leaf_hash(content: bytes) -> bytes:
    """SHA-256(0x00 ‖ content)."""
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """The complete subtrees at the right edge of a growing tree: all that growing needs.

    ``hashes`` holds one per bit that is set in ``size``, the largest subtree first.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError(
                f"a tree of {size} leaves has {size.bit_count()} subtrees at its edge, "
                f"not {len(self.hashes)}"
            )

    @classmethod
    def unpack(cls, size: int, packed: bytes) -> Frontier:
        """The reverse of `pack`."""
        return cls(size, (packed[at : at + SIZE] for at in range(0, len(packed), SIZE)))

    def pack(self) -> bytes:
        """The hashes one after another."""
        return b"".join(self.hashes)

    def append(
        self, leaf: bytes, completed: Callable[[int, int, bytes], None] | None = None
    ) -> None:
        """Add one leaf's hash; ``completed(level, index, hash)`` hears of each subtree that it fills."""
        self.merge(0, leaf, completed)

    def merge(
        self, level: int, subtree: bytes, completed: Callable[[int, int, bytes], None] | None = None
    ) -> None:
        """Add a complete subtree of ``2**level`` leaves; the size must be a multiple of that."""
        if self.size & ((1 << level) - 1):
            raise ValueError(f"a subtree of level {level} does not begin at {self.size}")
        at = self.size >> level
        self.size += 1 << level
        while at & 1:
            subtree = node_hash(self.hashes.pop(), subtree)
            level, at = level + 1, at >> 1
            if completed is not None:
                completed(level, at, subtree)
        self.hashes.append(subtree)

    def root(self) -> bytes:
        """The root hash of the tree as it is."""
        return fold(self.hashes)


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring subtrees, the largest first, as the right edge of a tree has them."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def spans(start: int, end: int) -> list[Span]:
    """The fewest complete subtrees that together are the leaves from ``start`` up to before ``end``."""
    found = []
    while start < end:
        level = min(
            (start & -start).bit_length() - 1 if start else 64, (end - start).bit_length() - 1
        )
        found.append((level, start >> level))
        start += 1 << level
    return found


def _split(size: int) -> int:
    """The largest power of two below ``size`` (RFC 6962, 2.1: k < n <= 2k)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_ranges(position: int, size: int) -> list[tuple[int, int]]:
    """The leaves ``(start, end)`` under each hash of an inclusion proof, from the leaf up (2.1.1).

    Raises:
        ValueError: there is no such leaf in a tree of this size.
    """
    if not 0 <= position < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {position}")
    path: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if position < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    path.reverse()
    return path


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The leaves under each hash of the proof that a tree of ``old`` leaves begins one of ``new`` (2.1.2).

    Raises:
        ValueError: unless ``0 < old <= new``.
    """
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {new}")
    path: list[tuple[int, int]] = []
    start, end, whole = 0, new, True
    while old - start != end - start:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    if not whole:
        path.append((start, end))
    path.reverse()
    return path


def root_from_inclusion(position: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2).

    Raises:
        ValueError: a proof of this length cannot be one for this leaf and size.
    """
    ranges = inclusion_ranges(position, size)
    if len(proof) != len(ranges):
        raise ValueError(f"this proof has {len(ranges)} hashes, not {len(proof)}")
    root = leaf
    for (start, _end), sibling in zip(ranges, proof, strict=True):
        root = node_hash(sibling, root) if start < position else node_hash(root, sibling)
    return root


def is_consistent(
    old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether ``proof`` shows that the tree of ``old`` leaves begins the one of ``new`` (2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    rest = list(proof)
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    if old & (old - 1) == 0:
        seed = old_root
    else:
        seed = rest.pop(0)
    before = after = seed
    for sibling in rest:
        if last == 0:
            return False
        if index & 1 or index == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
