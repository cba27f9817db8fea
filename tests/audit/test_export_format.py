"""What an export's lines are: the whole log, parts of it, and the same bytes again."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from audit import checkpoints
from audit.export_format import PAGE, Selected, end_of_log, lines
from audit.nodes import Missing
from audit.sequencer import sequence
from core import db, ids
from core.version import VERSION
from oversight.rotation import rotate_signing_key
from signing import keys
from signing.keys import signers
from tests.audit.exports import (
    CLIENT,
    EVENT,
    as_owner,
    events_in,
    export,
    exported,
    grown,
    verifier,
    verify,
)
from tests.audit.logs import ACTOR, bodies, oracle, write

EVERY_NTH = """
SELECT position FROM audit_leaf
 WHERE workspace_id = %(workspace)s AND position > %(after)s AND position % %(nth)s = 0
 ORDER BY position LIMIT %(limit)s
"""


@pytest.fixture(scope="module")
def workspace() -> UUID:
    """A log of 2,400 events with a checkpoint after every 300."""
    return grown(2_400, batches=8, sequence=sequence)


def kinds(file: list[bytes]) -> list[str]:
    """What each line is, by its first member."""
    return [line[2 : line.index(b'"', 2)].decode() for line in file]


def told(file: list[bytes]) -> dict[str, Any]:
    """What the manifest says."""
    note = json.loads(file[-1])["manifest"]
    title, text, *_ = note.split("\n")
    assert title == "assentry export/1"
    said: dict[str, Any] = json.loads(text)
    return said


def saved(folder: Path, file: list[bytes]) -> Path:
    """The file on a disk."""
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(file))
    return path


def test_the_whole_log(workspace: UUID, tmp_path: Path) -> None:
    file = exported(workspace)
    entries = bodies(workspace)
    newest = checkpoints.newest(workspace)
    assert newest is not None
    assert events_in(file) == entries
    # A second implementation finds the root from the lines of events and nothing else.
    assert oracle(events_in(file)).get_root() == newest.root
    assert json.loads(file[0]) == {
        "assentry": "log/1",
        "origin": checkpoints.origin(workspace),
        "query": {},
    }
    ends = [json.loads(line)["to"] for line in file if line.startswith(b'{"leaves":')]
    assert ends == [*range(256, 2_400, 256), 2_400]
    signed = [json.loads(line)["checkpoint"] for line in file if line.startswith(b'{"check')]
    sizes = [checkpoints.parse(n, checkpoints.verifiers(workspace))[1] for n in signed]
    assert sizes == list(range(300, 2_400, 300))
    assert told(file) == {
        "checkpoint": newest.note,
        "created_at": "2026-03-29T01:59:59.000000Z",
        "digest": told(file)["digest"],
        "events": 2_400,
        "export": ids.encode("exp", UUID(int=7 << 76)),
        "first": 0,
        "keys": [str(each) for each in checkpoints.verifiers(workspace)],
        "last": 2_399,
        "origin": checkpoints.origin(workspace),
        "query": {},
        "size": 2_400,
        "software": VERSION,
    }
    others = b"".join(line for line in file[:-1] if not line.startswith(EVENT))
    assert told(file)["digest"] == f"sha256:{hashlib.sha256(others).hexdigest()}"
    code, found = verify(saved(tmp_path, file), verifier(workspace))
    assert (code, found["events"], found["root"]) == (0, 2_400, newest.root.hex())


@pytest.mark.parametrize(
    ("selection", "gaps"),
    [
        (range(0), 1),
        (range(1_000), 1),
        (range(700, 1_700), 2),
        (range(2_399, 2_400), 1),
        (range(0, 2_400, 2), 1_200),
        (range(5, 2_400, 7), 343),
        (range(2_400), 0),
    ],
    ids=["nothing", "beginning", "middle", "last", "even", "sevens", "everything"],
)
def test_a_part_of_the_log_leads_to_the_same_root(
    workspace: UUID, tmp_path: Path, selection: range, gaps: int
) -> None:
    query = {"kind": "request.commented"}
    file = exported(workspace, selection=selection, query=query)
    entries = bodies(workspace)
    assert events_in(file) == [entries[position] for position in selection]
    assert kinds(file).count("gap") == gaps
    ends = [selection[0], selection[-1]] if selection else [None, None]
    said = told(file)
    assert ([said["first"], said["last"]], said["query"]) == (ends, query)
    code, found = verify(saved(tmp_path, file), verifier(workspace))
    assert (code, found["events"], found["size"]) == (0, len(selection), 2_400)
    assert found["query"] == query


def test_a_statement_selects_page_by_page(workspace: UUID) -> None:
    chosen = Selected(EVERY_NTH, {"workspace": workspace, "nth": 3}, page=100)
    file = exported(workspace, selection=chosen)
    assert events_in(file) == bodies(workspace)[::3]
    assert exported(workspace, selection=chosen) == file


def test_a_gap_is_cut_where_an_anchor_was_made(workspace: UUID, tmp_path: Path) -> None:
    file = exported(workspace, selection=range(100, 2_400, 1_000), anchored=[600, 1_500, 9_000])
    assert kinds(file).count("checkpoint") == 2
    anchor = tmp_path / "anchor.txt"
    for size in (600, 1_500):
        found = checkpoints.at_size(workspace, size)
        assert found is not None
        anchor.write_text(found.note)
        code, said = verify(saved(tmp_path, file), verifier(workspace), anchor)
        assert (code, said["anchored"]) == (0, [size])
    found = checkpoints.at_size(workspace, 900)
    assert found is not None
    anchor.write_text(found.note)
    code, said = verify(saved(tmp_path, file), verifier(workspace), anchor)
    assert code == 1
    assert "around the anchor of 900 events are left out" in said["why"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_log_of_nothing_and_of_one(tmp_path: Path, count: int) -> None:
    workspace = grown(count, batches=1, sequence=sequence) if count else uuid4()
    file = exported(workspace)
    assert len(events_in(file)) == count
    assert kinds(file) == ["assentry", *["actor", "leaves"] * count, "manifest"]
    code, found = verify(saved(tmp_path, file), verifier(workspace))
    assert (code, found["events"], found["size"]) == (0, count, count)
    assert found["root"] == oracle(bodies(workspace)).get_root().hex()


def test_a_download_goes_on_at_a_byte(workspace: UUID) -> None:
    wanted = export(workspace, selection=range(3, 2_400, 5), anchored=[600])
    first = b"".join(lines(workspace, wanted))
    for at in (1, len(first) // 3, len(first) - 5):
        assert first[:at] + b"".join(lines(workspace, wanted))[at:] == first


def test_the_log_that_grows_meanwhile_is_exported_as_it_was() -> None:
    workspace = grown(300, batches=1, sequence=sequence)
    wanted = export(workspace)
    before = list(lines(workspace, wanted))
    writing = lines(workspace, wanted)
    begun = [next(writing) for _ in range(10)]
    write(workspace, 50)
    sequence(workspace)
    assert len(exported(workspace)) > len(before)
    assert [*begun, *writing] == before


def test_a_manifest_that_was_written_stays_whatever_key_signs_now() -> None:
    workspace = grown(20, batches=1, sequence=sequence)
    file = exported(workspace)
    before = signers.current(keys.LOG).id
    rotate_signing_key(actor=ACTOR, purpose=keys.LOG)
    assert signers.current(keys.LOG).id != before
    again = export(workspace, manifest=json.loads(file[-1])["manifest"])
    assert list(lines(workspace, again)) == file
    assert exported(workspace)[-1] != file[-1]
    assert exported(workspace)[:-1] == file[:-1]


def test_after_a_rotation_older_checkpoints_need_no_key(tmp_path: Path) -> None:
    workspace = grown(600, batches=2, sequence=sequence)
    old = verifier(workspace)
    rotate_signing_key(actor=ACTOR, purpose=keys.LOG)
    anchored = checkpoints.newest(workspace)
    assert anchored is not None
    file = saved(tmp_path, exported(workspace))
    # The manifest is signed by the new key, its checkpoint by the old one: both are needed now.
    code, said = verify(file, verifier(workspace))
    assert (code, "The checkpoint in the manifest" in said["why"]) == (1, True)
    both = tmp_path / "keys.txt"
    both.write_text(f"{verifier(workspace)}\n{old}\n")
    assert verify(file, str(both))[0] == 0


@pytest.mark.parametrize(
    "selection", [[3, 2], [1, 1], [-1], [2_400]], ids=["back", "twice", "before", "beyond"]
)
def test_a_selection_is_ascending_and_below_the_end(workspace: UUID, selection: list[int]) -> None:
    with pytest.raises(ValueError, match="position"):
        exported(workspace, selection=selection)


def test_a_log_that_lacks_an_event_is_not_exported() -> None:
    workspace = grown(30, batches=1, sequence=sequence)
    as_owner(
        "DELETE FROM audit_leaf WHERE workspace_id = %s AND position = 11",
        tables=["audit_leaf"],
        values=[workspace],
    )
    with pytest.raises(Missing, match="no event at position 11"):
        exported(workspace)


def test_it_is_read_in_pages_and_holds_no_connection(workspace: UUID) -> None:
    assert end_of_log(workspace).size > 2 * PAGE
    writing = [lines(workspace, export(workspace)) for _ in range(2 * db.MAX_SIZE)]
    begun = [[next(one) for _ in range(5)] for one in writing]
    assert begun == [begun[0]] * len(writing)


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((CLIENT.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == VERSION
