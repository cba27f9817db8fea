"""The sequencer: no gap, no fork, nobody waits, and a root that a second implementation finds too."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from audit import checkpoints, proofs, tree
from audit.kinds import WorkspaceCreated
from audit.log import INSERT_EVENTS, Fact, event_rows
from audit.nodes import Missing
from audit.sequencer import BATCH, sequence, sequence_all
from core import db
from tests.audit.logs import ACTOR, bodies, oracle, positions, waiting, write
from tests.processes import Worker, eventually
from tests.promises import ask
from tests.together import together, until_waiting

#: Takes the first place of a log.
PLACE = """
INSERT INTO audit_leaf (event_id, workspace_id, position, hash)
VALUES (%s, %s, 0, decode(repeat('00', 32), 'hex'))
"""
SIZES = "SELECT size FROM audit_checkpoint WHERE workspace_id = %s ORDER BY number"


def placed(workspace: UUID, event: UUID, size: int) -> proofs.Inclusion:
    """Where an event is in the log of so many."""
    found = proofs.inclusion(workspace, event, size)
    assert found is not None
    assert found.place is not None
    return found.place


def checked(workspace: UUID) -> checkpoints.Checkpoint:
    """The newest checkpoint, once it was held against the events by a second implementation."""
    found = checkpoints.newest(workspace)
    assert found is not None
    entries = bodies(workspace)
    assert positions(workspace) == list(range(len(entries)))
    assert (found.size, found.root) == (len(entries), oracle(entries).get_root())
    said = checkpoints.parse(found.note, checkpoints.verifiers(workspace))
    assert said == (checkpoints.origin(workspace), found.size, found.root)
    return found


def test_events_get_their_places_and_a_signed_checkpoint():
    workspace = uuid4()
    assert sequence(workspace) == 0
    assert checkpoints.newest(workspace) is None
    written = write(workspace, 3)
    assert sequence(workspace) == 3
    assert checked(workspace).number == 0
    assert waiting(workspace) == 0
    assert [
        row
        for (row,) in ask(
            "SELECT event_id FROM audit_leaf WHERE workspace_id = %s ORDER BY position", workspace
        )
    ] == written
    assert sequence(workspace) == 0
    write(workspace)
    assert sequence(workspace) == 1
    second = checked(workspace)
    assert (second.number, second.size) == (1, 4)


def test_every_workspace_has_a_tree_of_its_own():
    one, other = uuid4(), uuid4()
    write(one, 2)
    write(other, 3)
    sequence_all()
    assert checked(one).size == 2
    assert checked(other).size == 3
    assert checkpoints.origin(one) != checkpoints.origin(other)


def test_more_than_a_batch_is_taken_batch_by_batch():
    workspace = uuid4()
    write(workspace, BATCH + 300)
    assert sequence(workspace) == BATCH + 300
    assert (checked(workspace).number, checked(workspace).size) == (1, BATCH + 300)
    stored = ask(
        "SELECT level, index, hash FROM audit_subtree WHERE workspace_id = %s ORDER BY 1, 2",
        workspace,
    )
    entries = bodies(workspace)
    assert [row[:2] for row in stored] == [(8, index) for index in range(len(entries) // 256)]
    for _, index, digest in stored:
        part = oracle(entries[index * 256 : (index + 1) * 256])
        assert bytes(digest) == part.get_root()


def test_proofs_from_what_is_stored_are_those_of_a_second_implementation():
    workspace = uuid4()
    written = write(workspace, 1_100)
    sequence(workspace)
    write(workspace, 205)
    sequence(workspace)
    other = oracle(bodies(workspace))
    for position in (0, 1, 255, 256, 600, 1_023, 1_024, 1_099):
        for size in (1_100, 1_305):
            place = placed(workspace, written[position], size)
            theirs = other.prove_inclusion(position + 1, size).serialize()["path"]
            assert place.checkpoint.size == size
            assert [place.leaf, *place.hashes] == [bytes.fromhex(each) for each in theirs]
            leads_to = tree.root_from_inclusion(position, size, place.leaf, place.hashes)
            assert leads_to == place.checkpoint.root
    roots = {size: other.get_root(size) for size in range(1, 1_306)}
    for old in (1, 255, 256, 257, 1_024, 1_099, 1_100):
        hashes = proofs.consistency(workspace, old, 1_305)
        assert tree.is_consistent(old, 1_305, roots[old], roots[1_305], hashes)


def test_a_proof_of_what_is_not_there_is_refused():
    workspace = uuid4()
    (event,) = write(workspace)
    found = proofs.inclusion(workspace, event)
    assert found is not None
    assert found.place is None
    sequence(workspace)
    assert proofs.inclusion(workspace, uuid4()) is None
    assert proofs.inclusion(uuid4(), event) is None
    with pytest.raises(LookupError, match="no checkpoint was signed at 7 events"):
        proofs.inclusion(workspace, event, 7)
    with pytest.raises(Missing):
        proofs.consistency(workspace, 1, 2)
    with pytest.raises(ValueError, match="2 leaves is not the beginning of one of 1"):
        proofs.consistency(workspace, 2, 1)


def test_events_are_taken_as_they_become_visible_not_in_order_of_their_ids():
    workspace = uuid4()
    with db.connect() as slow, slow.transaction():
        (now,) = slow.execute("SELECT clock_timestamp()").fetchone() or ()
        rows = event_rows([Fact(workspace, ACTOR, ("wsp", workspace), WorkspaceCreated())], now)
        slow.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
        (later,) = write(workspace)
        assert rows["ev_id"][0] < later
        assert sequence(workspace) == 1
        assert checked(workspace).size == 1
    assert sequence(workspace) == 1
    assert checked(workspace).size == 2
    assert [
        row
        for (row,) in ask(
            "SELECT event_id FROM audit_leaf WHERE workspace_id = %s ORDER BY position", workspace
        )
    ] == [later, rows["ev_id"][0]]


def test_who_holds_the_log_makes_neither_writers_nor_others_wait():
    workspace = uuid4()
    write(workspace, 2)
    (stray,) = write(uuid4())
    holder = threading.Thread(target=sequence, args=[workspace])
    with db.connect() as conn:
        with conn.transaction(force_rollback=True):
            conn.execute(PLACE, [stray, workspace])  # what the holder is about to do waits for this
            holder.start()
            until_waiting(1, "audit_leaf")
            write(workspace, 3)
            assert sequence(workspace) == 0
        holder.join(10)
    assert checked(workspace).size == 2
    sequence(workspace)
    assert checked(workspace).size == 5


def test_many_at_once_neither_fork_nor_leave_a_gap():
    workspace = uuid4()
    together(
        [
            *(partial(write, workspace, 5) for _ in range(24)),
            *(partial(sequence, workspace) for _ in range(12)),
        ]
    )
    sequence(workspace)
    assert checked(workspace).size == 120
    assert waiting(workspace) == 0


def test_a_log_that_cannot_grow_is_left_as_it_is_and_the_others_go_on(caplog):
    broken, well = sorted([uuid4(), uuid4()])
    write(broken)
    (stray,) = write(well)
    # What the runtime role may do at worst: take a place that is not its own.
    ask(f"{PLACE} RETURNING 1", stray, broken)
    write(well)
    ask("DELETE FROM audit_pending WHERE event_id = %s RETURNING 1", stray)
    sequence_all()
    assert f"the log of workspace {broken} could not be sequenced" in caplog.text
    assert (waiting(broken), checkpoints.newest(broken)) == (1, None)
    assert waiting(well) == 0
    assert ask(SIZES, well) == [(1,)]
    ask("DELETE FROM audit_pending WHERE workspace_id = %s RETURNING 1", broken)


def test_a_worker_that_dies_before_the_commit_leaves_the_log_as_it_was(tmp_path: Path):
    workspace = uuid4()
    write(workspace)
    sequence(workspace)
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS="sequence_before_last_statement:kill")
    write(workspace, 2)
    eventually(lambda: doomed.ended is not None)
    assert (positions(workspace), waiting(workspace)) == ([0], 2)
    successor = Worker(tmp_path)
    try:
        eventually(lambda: waiting(workspace) == 0)
        assert checked(workspace).size == 3
    finally:
        successor.kill()
