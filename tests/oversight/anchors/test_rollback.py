"""A restored backup is behind its anchor: that is noticed, said, and nothing is signed against it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from uuid import uuid4

import pytest

from audit import checkpoints
from audit.sequencer import sequence, sequence_all
from config import doctor, tasks
from core import db, ids
from oversight.anchors import rollback
from people.models import Workspace
from signing import keys
from signing.keys import signers
from tests.audit.logs import waiting, write
from tests.events import events_of, kinds_of, side_of
from tests.oversight.anchors.world import add, file_of, grow, keep, later, now_is, run, sizes
from tests.processes import Process, Web, Worker, eventually


def another(workspace: Workspace, size: int) -> str:
    """The checkpoint of a log as it would have gone on: signed by the log's own key."""
    return checkpoints.make(workspace.id, size, os.urandom(32), signers.current(keys.LOG))


def lay(folder: Path, workspace: Workspace, note: str) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    file = file_of(folder, workspace)
    file.write_text(note)
    return file


def of(workspace: Workspace) -> list[rollback.Contradiction]:
    return [found for found in rollback.look() if found.workspace == workspace.id]


def test_a_log_that_goes_on_contradicts_nothing(workspace: Workspace, folder: Path):
    assert rollback.look() == []  # there is no folder yet
    add(workspace, "--file")
    grow(workspace)
    keep()
    assert of(workspace) == []
    write(workspace.id, 700)
    grow(workspace)
    assert of(workspace) == []
    assert rollback.notice() == []


@pytest.mark.parametrize("what", ["shorter", "different"])
def test_a_log_that_went_back_is_held_and_said(
    workspace: Workspace, folder: Path, caplog: pytest.LogCaptureFixture, what: str
):
    newest = grow(workspace)
    size = newest.size + 4 if what == "shorter" else newest.size - 1
    file = lay(folder, workspace, another(workspace, size))
    [found] = of(workspace)
    assert (found.what, found.size, found.log_size) == (what, size, newest.size)
    assert "log.rollback_found" not in kinds_of(workspace.id)  # looking changes nothing
    for _ in range(2):
        assert [each.what for each in rollback.notice()] == [what]
    told = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(told) == 2
    assert str(file) in told[0].getMessage()
    assert "docs/operate.md" in told[0].getMessage()
    [event] = events_of(workspace.id, "log.rollback_found")
    assert event["data"] == {
        "what": what,
        "anchored": size,
        "root": file.read_text().splitlines()[2],
        "size": newest.size,
    }
    # Nothing is signed any more; what happens is written and waits.
    write(workspace.id, 6)
    assert sequence(workspace.id) == 0
    sequence_all()
    assert checkpoints.newest(workspace.id) == newest
    assert waiting(workspace.id) == 7
    other = uuid4()
    write(other)
    assert sequence(other) == 1


def test_an_operator_lets_it_go_on_and_says_why(workspace: Workspace, folder: Path):
    target = add(workspace, "--file")
    grow(workspace)
    keep()
    newest = grow(workspace)
    ahead = another(workspace, newest.size + 2)
    file = lay(folder, workspace, ahead)
    rollback.notice()
    assert run("anchor_now", workspace.slug, code=1)["held"] == [
        {"size": newest.size + 2, "what": "shorter", "log_size": newest.size}
    ]
    assert file.read_text() == ahead
    assert run("anchor_accept", workspace.slug, "--reason", " ", code=1)["argument"] == "--reason"
    done = run("anchor_accept", workspace.slug, "--reason", "Restored the backup of Monday.")
    assert [one["size"] for one in done["accepted"]] == [newest.size + 2]
    [event] = events_of(workspace.id, "log.rollback_accepted")
    assert event["actor"]["via"] == "anchor_accept"
    assert side_of(event, "reason") == b"Restored the backup of Monday."
    assert event["data"]["root"] == ahead.splitlines()[2]
    assert (
        "nothing to accept"
        in run("anchor_accept", workspace.slug, "--reason", "x", code=1)["error"]
    )
    assert rollback.notice() == []
    went_on = grow(workspace)
    later(target, minutes=1)
    keep()
    assert file.read_text() == went_on.note
    # What it said before is kept.
    assert file.with_suffix(f".{newest.size + 2}.set-aside").read_text() == ahead
    assert of(workspace) == []


def test_a_file_that_speaks_against_the_log_is_never_replaced(workspace: Workspace, folder: Path):
    target = add(workspace, "--file")
    newest = grow(workspace)
    ahead = another(workspace, newest.size + 9)
    file = lay(folder, workspace, ahead)
    keep()
    assert file.read_text() == ahead
    assert "speaks against the log" in now_is(target).error
    assert sizes(target) == []
    assert events_of(workspace.id, "log.rollback_found")
    write(workspace.id)
    assert sequence(workspace.id) == 0


def test_the_loss_of_the_key_is_said_too(workspace: Workspace, folder: Path):
    newest = grow(workspace)
    note = another(workspace, newest.size + 1)
    name, _, signature = note.splitlines()[-1].rpartition(" ")
    strange = "AAAA" + signature[4:]
    lay(folder, workspace, note.replace(f"{name} {signature}", f"{name} {strange}"))
    [found] = of(workspace)
    assert (found.what, found.signed) == ("shorter", False)
    assert "no key that the database knows" in found.sentence


@pytest.mark.parametrize("content", ["", "no checkpoint", "assentry/wsp_x\n1\nAAAA\n\n— x y\n"])
def test_what_cannot_be_read_is_said_and_holds_nothing(
    workspace: Workspace, folder: Path, content: str
):
    grow(workspace)
    lay(folder, workspace, content)
    assert [found.what for found in rollback.notice()] == ["unreadable"]
    write(workspace.id)
    assert sequence(workspace.id) == 1


def test_a_checkpoint_of_another_log_is_none_of_this_one(workspace: Workspace, folder: Path):
    grow(workspace)
    stranger = checkpoints.make(uuid4(), 99, os.urandom(32), signers.current(keys.LOG))
    lay(folder, workspace, stranger)
    assert [found.what for found in of(workspace)] == ["unreadable"]


def test_a_workspace_that_the_backup_lacks_is_found(folder: Path):
    folder.mkdir()
    gone = uuid4()
    note = checkpoints.make(gone, 3, os.urandom(32), signers.current(keys.LOG))
    (folder / f"{ids.encode('wsp', gone)}.checkpoint").write_text(note)
    (folder / "notes.txt").write_text("somebody else's")
    assert [(found.what, found.workspace) for found in rollback.notice()] == [
        ("no_workspace", gone)
    ]


def test_the_doctor_says_it(workspace: Workspace, folder: Path):
    target = add(workspace, "--file")
    newest = grow(workspace)
    keep()
    lay(folder, workspace, another(workspace, newest.size + 50))
    with db.connect() as conn:
        mine = [
            each for each in doctor._anchors(conn) if str(file_of(folder, workspace)) in each.detail
        ]
        assert [each.level for each in mine] == ["failed"]
        rollback.notice()
        held = [each for each in doctor._anchors(conn) if workspace.slug in each.detail]
        assert ("failed", True) in {(each.level, "is held" in each.detail) for each in held}
    assert now_is(target).failures == 0


def test_the_logs_are_looked_at_before_the_first_event_is_sequenced_and_after_an_outage(
    workspace: Workspace, folder: Path
):
    newest = grow(workspace)
    tasks.outage.looked.clear()
    lay(folder, workspace, another(workspace, newest.size + 1))
    write(workspace.id)
    tasks.sequence()
    assert checkpoints.newest(workspace.id) == newest
    run("anchor_accept", workspace.slug, "--reason", "A test.")
    lay(folder, workspace, another(workspace, newest.size + 40))
    tasks.sequence()  # this process has looked
    assert grow(workspace).size > newest.size
    tasks.outage.noticed(RuntimeError("away"))
    write(workspace.id)
    before = checkpoints.newest(workspace.id)
    tasks.sequence()
    tasks.outage.over()
    assert checkpoints.newest(workspace.id) == before
    assert len(events_of(workspace.id, "log.rollback_found")) == 2


@pytest.mark.parametrize("process", [Web, Worker])
def test_a_process_says_it_when_it_starts_and_holds_the_log(
    workspace: Workspace, folder: Path, tmp_path: Path, process: type[Process]
):
    newest = grow(workspace)
    lay(folder, workspace, another(workspace, newest.size + 1))
    write(workspace.id)
    started = process(tmp_path / "data", ASSENTRY_ANCHOR_DIR=str(folder))  # type: ignore[call-arg]
    try:
        eventually(lambda: "THE LOG CONTRADICTS ITS ANCHOR" in started.log.read_text())
        eventually(lambda: events_of(workspace.id, "log.rollback_found"))
        assert "CRITICAL" in started.log.read_text()
        assert checkpoints.newest(workspace.id) == newest
        assert waiting(workspace.id) == 2
    finally:
        started.kill()
        if isinstance(started, Web):
            started.listener.close()
