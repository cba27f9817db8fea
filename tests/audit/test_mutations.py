"""The catalogue of what may be done to a log: each alone, and each found.

One log of 10,000 events, exported once, and changed as a file: the verifier is run as an auditor has it.
What is changed in the database, by whoever owns it, stands in `test_live_mutations`; M11 is only there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from audit import checkpoints
from audit.sequencer import sequence
from core import ids
from core.canonical import canonical
from signing import keys
from signing.keys import signers
from tests.audit.exports import (
    EVENT,
    Pair,
    events_in,
    exported,
    forge,
    grown,
    leaves_again,
    line_of,
    manifest,
    verifier,
    verify,
)

COUNT = 10_000
LAST = COUNT - 1
#: A checkpoint after each of these: what is found by checkpoints alone is found within so many.
STEP = 1_250


@dataclass(frozen=True)
class Log:
    """A workspace and its export."""

    workspace: UUID
    lines: tuple[bytes, ...]
    key: str
    folder: Path

    def found(self, file: list[bytes], *anchors: Path) -> dict[str, Any]:
        """What the verifier says of these lines; it must not call them right."""
        code, said = self.check(file, *anchors)
        assert (code, said["ok"]) == (1, False)
        return said

    def check(self, file: list[bytes], *anchors: Path) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON."""
        path = self.folder / f"{uuid4()}.jsonl"
        path.write_bytes(b"".join(file))
        try:
            return verify(path, self.key, *anchors)
        finally:
            path.unlink()

    def anchor(self, size: int = COUNT) -> Path:
        """A checkpoint of this log that was kept outside."""
        kept = checkpoints.at_size(self.workspace, size)
        assert kept is not None
        path = self.folder / f"anchor-{size}.txt"
        path.write_text(kept.note)
        return path


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    workspace = grown(COUNT, batches=COUNT // STEP, sequence=sequence)
    lines = tuple(exported(workspace))
    return Log(workspace, lines, verifier(workspace), tmp_path_factory.mktemp("log"))


@pytest.fixture
def file(log: Log) -> list[bytes]:
    """The lines, to be changed."""
    return list(log.lines)


@pytest.fixture(scope="module")
def stolen() -> Any:
    """The key that signs the log."""
    return signers.current(keys.LOG)


def edited(body: bytes) -> bytes:
    """The event with one bit of what it says turned over."""
    at = body.index(b'"message":"') + len(b'"message":"')
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def earlier(body: bytes, seconds: float) -> bytes:
    """The event, so much earlier than it was."""
    said = json.loads(body)
    said["at"] = shifted(said["at"], -seconds)
    return canonical(said)


def shifted(at: str, seconds: float) -> str:
    moved = datetime.fromisoformat(at) + timedelta(seconds=seconds)
    return moved.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_the_log_as_it_is_passes_where_there_is_neither_database_nor_network(log: Log) -> None:
    for anchors in ([], [log.anchor()], [log.anchor(STEP), log.anchor(5 * STEP)]):
        code, said = log.check(list(log.lines), *anchors)
        assert (code, said["ok"], said["events"], said["size"]) == (0, True, COUNT, COUNT)


def test_m1_a_bit_of_an_event(log: Log, file: list[bytes]) -> None:
    at = line_of(file, 4_711)
    file[at] = edited(file[at])
    said = log.found(file)
    assert (said["position"], "not the one that was logged" in said["why"]) == (4_711, True)


def test_m2_a_bit_of_an_event_and_its_hash(log: Log, file: list[bytes]) -> None:
    at = line_of(file, 4_711)
    file[at] = edited(file[at])
    leaves_again(file, at)
    assert log.found(file)["within"] == [3 * STEP, 4 * STEP - 1]


def test_m2_is_found_closer_with_an_anchor_between(log: Log, file: list[bytes]) -> None:
    """Without the checkpoints in the file, an anchor is what tells where."""
    at = line_of(file, 4_711)
    file[at] = edited(file[at])
    leaves_again(file, at)
    file = [line for line in file if not line.startswith(b'{"checkpoint":')]
    assert log.found(file)["within"] == [0, LAST]
    assert log.found(file, log.anchor(3 * STEP))["within"] == [3 * STEP, LAST]
    assert log.found(file, log.anchor(3 * STEP), log.anchor(7 * STEP))["within"] == [
        3 * STEP,
        7 * STEP - 1,
    ]


def test_m3_every_later_hash_recomputed(log: Log, file: list[bytes]) -> None:
    entries = events_in(file)
    entries[4_711] = edited(entries[4_711])
    claimed = next(v.public for v in checkpoints.verifiers(log.workspace))
    said = log.found(forge(log.workspace, entries, Pair.new(claimed), every=STEP))
    assert said["within"] == [0, STEP - 1]
    assert "signature" in said["why"]
    # With the true notes where they hold, and no others.
    again = forge(log.workspace, entries, Pair.new(claimed), every=COUNT)
    again[-1] = file[-1]
    assert log.found(again)["within"] == [0, LAST]


def test_m4_the_last_events_dropped(log: Log, file: list[bytes]) -> None:
    at = line_of(file, COUNT - 100)
    kept = [line for line in file[at:] if not line.startswith(EVENT)]
    assert log.found(file[:at] + kept)["position"] == COUNT - 100
    assert log.found(file[:at])["position"] == COUNT - 100
    assert log.found([*file[:at], file[-1]])["position"] == COUNT - 100


def test_m4_at_a_leaves_line(log: Log, file: list[bytes]) -> None:
    end = next(n for n, line in enumerate(file) if line.endswith(b'"to":9728}\n'))
    said = log.found([*file[: end + 1], file[-1]])
    assert (said["position"], "missing" in said["why"]) == (9_728, True)


def test_m5_the_middle_dropped_and_the_rest_renumbered(log: Log, file: list[bytes]) -> None:
    at = line_of(file, 5_100)
    assert log.found(file[:at] + file[at + 7 :])["position"] == 5_100
    entries = events_in(file)
    del entries[5_100:5_107]
    claimed = next(v.public for v in checkpoints.verifiers(log.workspace))
    renumbered = forge(log.workspace, entries, Pair.new(claimed), every=COUNT)
    renumbered[-1] = file[-1]
    assert log.found(renumbered)["position"] == COUNT - 7
    notes = iter([line for line in file if line.startswith(b'{"checkpoint":')])
    kept = forge(log.workspace, entries, Pair.new(claimed), every=STEP)
    kept = [next(notes) if line.startswith(b'{"checkpoint":') else line for line in kept]
    kept[-1] = file[-1]
    assert log.found(kept)["within"] == [4 * STEP, 5 * STEP - 1]


def test_m6_two_swapped(log: Log, file: list[bytes]) -> None:
    one, two = line_of(file, 4_711), line_of(file, 8_000)
    file[one], file[two] = file[two], file[one]
    assert log.found(file)["position"] == 4_711


def test_m7_one_inserted_and_backdated(log: Log, file: list[bytes]) -> None:
    at = line_of(file, 4_711)
    new = json.loads(file[at]) | {"id": ids.encode("evt", ids.uuid7())}
    file.insert(at, canonical(new) + b"\n")
    assert log.found(file)["position"] == 4_711


def test_m8_one_twice(log: Log, file: list[bytes]) -> None:
    at = line_of(file, 4_711)
    file.insert(at, file[at])
    assert log.found(file)["position"] == 4_712


def test_m9_an_event_of_another_workspace(log: Log, file: list[bytes]) -> None:
    other = grown(1, batches=1, sequence=sequence)
    (foreign,) = events_in(exported(other))
    at = line_of(file, 4_711)
    for changed in (file[:at] + file[at + 1 :], file):
        changed = [*changed[:at], foreign + b"\n", *changed[at:]]
        said = log.found(changed)
        assert (said["position"], "this workspace" in said["why"]) == (4_711, True)


def test_m10_what_stands_outside_the_events(log: Log, file: list[bytes]) -> None:
    file[0] = file[0].replace(b'"query":{}', b'"query":{"kind":"request.commented"}')
    said = log.found(file)
    assert (said["line"], "query" in said["why"]) == (len(file), True)


def test_m12_a_checkpoint_removed(log: Log, file: list[bytes]) -> None:
    del file[next(n for n, line in enumerate(file) if line.startswith(b'{"checkpoint":'))]
    assert "another line of the file was changed" in log.found(file)["why"]


def test_m13_signed_by_another_key_of_the_same_name(log: Log, file: list[bytes]) -> None:
    said = log.found(forge(log.workspace, events_in(file), Pair.new()))
    assert (said["position"], "none of the keys" in said["why"]) == (None, True)


def test_m14_rewritten_with_the_stolen_key(log: Log, file: list[bytes], stolen: Any) -> None:
    entries = events_in(file)
    entries[4_711] = edited(entries[4_711])
    rewritten = forge(log.workspace, entries, stolen)
    # Nothing in the file tells: that is what anchors are for.
    assert log.check(rewritten)[0] == 0
    said = log.found(rewritten, log.anchor())
    assert (said["within"], "rewritten" in said["why"]) == ([0, LAST], True)
    said = log.found(rewritten, log.anchor(3 * STEP), log.anchor(4 * STEP), log.anchor())
    assert said["within"] == [3 * STEP, 4 * STEP - 1]


def test_m14_is_found_without_an_anchor_where_an_old_checkpoint_was_left(
    log: Log, file: list[bytes], stolen: Any
) -> None:
    """Who re-signs the end only, has told two histories."""
    entries = events_in(file)
    entries[4_711] = edited(entries[4_711])
    rewritten = forge(log.workspace, entries, stolen, every=STEP)
    notes = iter([line for line in file if line.startswith(b'{"checkpoint":')])
    kept = [next(notes) if line.startswith(b'{"checkpoint":') else line for line in rewritten[:-1]]
    again = json.loads(json.loads(rewritten[-1])["manifest"].split("\n")[1])["checkpoint"]
    kept.append(manifest(checkpoints.origin(log.workspace), kept, again, stolen))
    said = log.found(kept)
    assert (said["within"], "two histories" in said["why"]) == ([3 * STEP, 4 * STEP - 1], True)


def test_m15_a_fork(log: Log, file: list[bytes], stolen: Any) -> None:
    entries = events_in(file)
    other = [*entries[: 6 * STEP], *map(edited, entries[6 * STEP :])]
    forks = forge(log.workspace, entries, stolen), forge(log.workspace, other, stolen)
    assert [log.check(fork)[0] for fork in forks] == [0, 0]
    kept = [log.anchor(6 * STEP), log.anchor()]
    assert log.check(forks[0], *kept)[0] == 0
    assert log.found(forks[1], *kept)["within"] == [6 * STEP, LAST]


def test_m16_last_weeks_backup(log: Log, file: list[bytes], stolen: Any) -> None:
    old = forge(log.workspace, events_in(file)[: 6 * STEP], stolen)
    assert log.check(old)[0] == 0
    said = log.found(old, log.anchor())
    assert (said["position"], "older than the anchor" in said["why"]) == (6 * STEP, True)


@pytest.mark.parametrize(("seconds", "wrong"), [(5.5, True), (-0.0, False), (1.0, False)])
def test_m17_time_that_goes_backwards(
    log: Log, file: list[bytes], stolen: Any, seconds: float, wrong: bool
) -> None:
    entries = events_in(file)
    entries[4_711:] = [earlier(body, seconds) for body in entries[4_711:]]
    code, said = log.check(forge(log.workspace, entries, stolen))
    assert code == int(wrong)
    if wrong:
        assert (said["position"], "earlier" in said["why"]) == (4_711, True)


def lines_of_each_kind(file: list[bytes]) -> dict[str, int]:
    """One line of each kind, somewhere in the file."""
    starts = {"header": b'{"as', "event": EVENT, "leaves": b'{"le', "checkpoint": b'{"ch', "manifest": b'{"ma'}  # fmt: skip
    found = {}
    for name, start in starts.items():
        several = [n for n, line in enumerate(file) if line.startswith(start)]
        found[name] = several[len(several) // 3]
    return found


def removed(file: list[bytes], at: int) -> None:
    del file[at]


def changed(file: list[bytes], at: int) -> None:
    middle = len(file[at]) // 2
    file[at] = file[at][:middle] + bytes([file[at][middle] ^ 1]) + file[at][middle + 1 :]


def moved(file: list[bytes], at: int) -> None:
    other = at - 1 if at else at + 1
    file[at], file[other] = file[other], file[at]


@pytest.mark.parametrize("change", [removed, changed, moved])
@pytest.mark.parametrize("kind", ["header", "event", "leaves", "checkpoint", "manifest"])
def test_m18_a_line_of_the_file(
    log: Log, file: list[bytes], kind: str, change: Callable[[list[bytes], int], None]
) -> None:
    at = lines_of_each_kind(file)[kind]
    change(file, at)
    said = log.found(file)
    if kind == "event":
        assert said["position"] == events_before(log, at) - (change is moved)
    else:
        assert said["why"]


def events_before(log: Log, at: int) -> int:
    """How many events stand before a line."""
    return len(events_in(log.lines[:at]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'\\"events\\":10000', b'\\"events\\":9999'),
        (b'\\"last\\":9999', b'\\"last\\":9998'),
        (b'\\"size\\":10000', b'\\"size\\":10001'),
        (b'\\"query\\":{}', b'\\"query\\":{\\"kind\\":\\"x\\"}'),
        (b'\\"origin\\":\\"assentry/', b'\\"origin\\":\\"assentri/'),
        (b"assentry export/1", b"assentry export/2"),
    ],
)
def test_m19_the_manifest(log: Log, file: list[bytes], old: bytes, new: bytes) -> None:
    assert old in file[-1]
    file[-1] = file[-1].replace(old, new, 1)
    assert log.found(file)["line"] == len(file)


def test_m20_another_chain_from_the_beginning(log: Log, file: list[bytes], stolen: Any) -> None:
    other = grown(300, batches=1, sequence=sequence)
    said = log.found(exported(other))
    assert (said["line"], "The file is of" in said["why"]) == (1, True)
    renamed = [
        line.replace(ids.encode("wsp", other).encode(), ids.encode("wsp", log.workspace).encode())
        for line in exported(other)
    ]
    assert "signed by none" in log.found(renamed)["why"] or "signature" in log.found(renamed)["why"]
    fresh = forge(log.workspace, events_in(renamed) * (COUNT // 300 + 1), stolen)
    assert log.check(fresh)[0] == 0
    assert log.found(fresh, log.anchor())["within"] == [0, LAST]
