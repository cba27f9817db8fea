"""RFC 6962 trees: the published vectors, a second implementation, and forged proofs."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pymerkle
import pytest

from audit import tree

VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "transparency_log.json").read_text()
)["rfc6962"]
LEAVES = [bytes.fromhex(leaf) for leaf in VECTORS["leaves_hex"]]
EVENTS = [f"event {n}".encode() for n in range(300)]
HASHES = [tree.leaf_hash(event) for event in EVENTS]
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 70, 255, 256, 257, 300]


def root(hashes: list[bytes]) -> bytes:
    """The root over these leaves, grown one by one."""
    frontier = tree.Frontier()
    for digest in hashes:
        frontier.append(digest)
    return frontier.root()


def proof(ranges: list[tuple[int, int]], hashes: list[bytes] = HASHES) -> list[bytes]:
    """The hashes of a proof, from the leaves."""
    return [root(hashes[start:end]) for start, end in ranges]


@pytest.fixture(scope="module")
def oracle() -> pymerkle.InmemoryTree:
    """The same tree, by somebody else."""
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for event in EVENTS:
        other.append_entry(event)
    return other


def test_the_published_roots():
    assert [root([tree.leaf_hash(leaf) for leaf in LEAVES[:size]]).hex() for size in range(9)] == (
        VECTORS["roots_for_sizes_0_to_8"]
    )


def test_the_published_proofs():
    hashes = [tree.leaf_hash(leaf) for leaf in LEAVES]
    inclusion = proof(tree.inclusion_ranges(0, 8), hashes)
    assert [each.hex() for each in inclusion] == VECTORS["inclusion_index_0_size_8"]
    consistency = proof(tree.consistency_ranges(6, 8), hashes)
    assert [each.hex() for each in consistency] == VECTORS["consistency_6_to_8"]


def test_the_published_hashes():
    assert tree.leaf_hash(b"L123456").hex() == (
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    )
    assert tree.node_hash(b"N123", b"N456").hex() == (
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_second_implementation_agrees_on_root_and_proofs(size, oracle):
    assert root(HASHES[:size]) == oracle.get_root(size)
    for position in range(size):
        theirs = oracle.prove_inclusion(position + 1, size)
        ours = proof(tree.inclusion_ranges(position, size))
        # Theirs begins with the leaf itself.
        assert [HASHES[position], *ours] == [bytes.fromhex(h) for h in theirs.serialize()["path"]]
        leads_to = tree.root_from_inclusion(position, size, HASHES[position], ours)
        assert leads_to == oracle.get_root(size)


@pytest.mark.parametrize("new", SIZES)
def test_every_earlier_tree_is_shown_to_be_the_beginning(new, oracle):
    for old in range(1, new + 1):
        ours = proof(tree.consistency_ranges(old, new))
        states = oracle.get_root(old), oracle.get_root(new)
        assert tree.is_consistent(old, new, *states, ours)


@pytest.mark.parametrize(("start", "end"), [(0, 300), (1, 300), (37, 41), (128, 256), (129, 255)])
def test_spans_grow_the_same_tree(start, end):
    frontier = tree.Frontier()
    for digest in HASHES[:start]:
        frontier.append(digest)
    for level, index in tree.spans(start, end):
        frontier.merge(level, root(HASHES[index << level : (index + 1) << level]))
    assert (frontier.size, frontier.root()) == (end, root(HASHES[:end]))


def test_every_subtree_that_fills_is_heard_once():
    heard: dict[tuple[int, int], list[bytes]] = {}
    frontier = tree.Frontier()
    for digest in HASHES[:256]:
        frontier.append(
            digest, lambda level, index, node: heard.setdefault((level, index), []).append(node)
        )
    assert sorted(heard) == sorted(
        (level, index) for level in range(1, 9) for index in range(256 >> level)
    )
    assert heard[8, 0] == [root(HASHES[:256])]
    assert all(len(nodes) == 1 for nodes in heard.values())


def test_a_frontier_is_kept_and_taken_up_again():
    frontier = tree.Frontier()
    for size, digest in enumerate(HASHES, start=1):
        frontier.append(digest)
        assert tree.Frontier.unpack(size, frontier.pack()).root() == frontier.root()
    with pytest.raises(ValueError, match="a tree of 3 leaves has 2 subtrees at its edge, not 1"):
        tree.Frontier(3, [HASHES[0]])
    with pytest.raises(ValueError, match="level 1 does not begin at 1"):
        tree.Frontier(1, [HASHES[0]]).merge(1, HASHES[1])


def forged_inclusions() -> list[tuple[str, int, int, bytes, list[bytes]]]:
    """What a proof of leaf 5 of 13 may be turned into, by name."""
    good = proof(tree.inclusion_ranges(5, 13))
    leaf = HASHES[5]
    return [
        ("another leaf", 5, 13, HASHES[6], good),
        ("another position", 4, 13, leaf, good),
        ("the position after the last", 13, 13, leaf, good),
        ("a negative position", -1, 13, leaf, good),
        ("another size", 5, 8, leaf, good),
        ("twice the size", 5, 26, leaf, good),
        ("no size", 5, 0, leaf, good),
        ("no proof", 5, 13, leaf, []),
        ("a truncated proof", 5, 13, leaf, good[:-1]),
        ("a hash too many", 5, 13, leaf, [*good, HASHES[0]]),
        ("the leaf in front", 5, 13, leaf, [leaf, *good]),
        ("its root behind", 5, 13, leaf, [*good, root(HASHES[:13])]),
        ("two swapped", 5, 13, leaf, [good[1], good[0], *good[2:]]),
        ("an empty hash", 5, 13, leaf, [b"", *good[1:]]),
        ("a short hash", 5, 13, leaf, [good[0][:-1], *good[1:]]),
        *(
            (f"a bit of hash {n}", 5, 13, leaf, [*good[:n], _flipped(good[n]), *good[n + 1 :]])
            for n in range(len(good))
        ),
    ]


def _flipped(digest: bytes) -> bytes:
    return digest[:-1] + bytes([digest[-1] ^ 1])


@pytest.mark.parametrize(
    ("position", "size", "leaf", "hashes"),
    [pytest.param(*case, id=name) for name, *case in forged_inclusions()],
)
def test_a_forged_inclusion_leads_nowhere(position, size, leaf, hashes):
    try:
        leads_to = tree.root_from_inclusion(position, size, leaf, hashes)
    except ValueError:
        return
    assert leads_to != root(HASHES[:13])


@pytest.mark.parametrize("new", [2, 7, 8, 13])
def test_a_forged_consistency_shows_nothing(new):
    roots = [root(HASHES[:size]) for size in range(new + 1)]
    for old in range(1, new):
        good = proof(tree.consistency_ranges(old, new))
        assert tree.is_consistent(old, new, roots[old], roots[new], good)
        forged = [
            (old, new, roots[new], roots[old], good),
            (old, new, roots[old - 1], roots[new], good),
            (old, new, roots[old], roots[new - 1], good),
            (old, new, roots[old], roots[new], good[:-1]),
            (old, new, roots[old], roots[new], [*good, roots[old]]),
            (old, new, roots[old], roots[new], []),
            (new, old, roots[new], roots[old], good),
            (0, new, roots[0], roots[new], good),
            (old, old, roots[old], roots[old], good),
            *(
                (old, new, roots[old], roots[new], [*good[:n], _flipped(good[n]), *good[n + 1 :]])
                for n in range(len(good))
            ),
            *(
                (old, new, roots[old], roots[new], [*good[:n], later, before, *good[n + 2 :]])
                for n, (before, later) in enumerate(pairwise(good))
            ),
        ]
        for case in forged:
            assert not tree.is_consistent(*case), case[:2]
