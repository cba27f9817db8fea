"""Checkpoints leave the database: to a folder, to an address; once each, and failures are seen."""

from __future__ import annotations

import json
import os
import resource
import threading
from pathlib import Path

import pytest
import standardwebhooks
from django.db import DatabaseError, connections, transaction

from audit import checkpoints
from audit.actor import Actor
from core import due, failpoints, ids
from oversight.anchors import keeping, webhooks
from oversight.anchors.standing import standing
from oversight.anchors.targets import ANCHOR, arrange
from oversight.models import Anchor, AnchorTarget
from oversight.rotation import reseal
from people.models import Workspace
from tests.audit.logs import write
from tests.callbacks.receiver import Receiver
from tests.events import events_of, kinds_of
from tests.factories import WorkspaceFactory
from tests.oversight.anchors.world import (
    add,
    due_in,
    file_of,
    grow,
    keep,
    later,
    nothing_is_allowed,
    now_is,
    run,
    sizes,
)
from tests.processes import Worker, eventually
from tests.promises import ask
from tests.together import together

ANCHORS = ("log.anchored", "log.anchor_failed", "log.anchor_recovered")


def anchor_kinds(workspace: Workspace) -> list[str]:
    return [kind for kind in kinds_of(workspace.id) if kind in ANCHORS]


def test_the_newest_checkpoint_lies_in_the_folder_for_its_owner_only(
    workspace: Workspace, folder: Path
):
    target = add(workspace, "--file")
    checkpoint = grow(workspace)
    keep()
    file = file_of(folder, workspace)
    assert file.read_text() == checkpoint.note
    assert checkpoints.parse(file.read_text(), checkpoints.verifiers(workspace.id))[1:] == (
        checkpoint.size,
        checkpoint.root,
    )
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert sorted(os.listdir(folder)) == [".lock", file.name]
    [event] = events_of(workspace.id, "log.anchored")
    assert event["data"] == {"type": "file", "checkpoint": 0, "size": checkpoint.size}
    assert event["subject"] == ids.encode("anc", target.id)
    assert sizes(target) == [checkpoint.size]
    assert 50 < due_in(target) <= 60


def test_word_of_an_anchor_alone_asks_for_no_other(
    workspace: Workspace, folder: Path, receiver: Receiver
):
    targets = [add(workspace, "--file"), add(workspace, "--webhook", receiver.url)]
    first = grow(workspace)
    for _ in range(3):
        keep()
        grow(workspace)
        for target in targets:
            later(target, hours=1)
    keep()
    assert [sizes(target) for target in targets] == [[first.size]] * 2
    assert grow(workspace).size > first.size
    write(workspace.id)
    newest = grow(workspace)
    for target in targets:
        later(target, hours=1)
    keep()
    assert [sizes(target) for target in targets] == [[first.size, newest.size]] * 2
    assert file_of(folder, workspace).read_text() == newest.note


def test_a_log_without_a_checkpoint_is_looked_at_again_soon(
    workspace: Workspace, receiver: Receiver
):
    target = add(workspace, "--webhook", receiver.url)
    keep()
    assert (receiver.arrived, sizes(target)) == ([], [])
    assert 20 < due_in(target) <= 30
    grow(workspace)
    later(target, seconds=30)
    keep()
    assert len(sizes(target)) == 1
    later(target, hours=1)
    keep()  # nothing since but word of the anchor, and of its being added
    assert 3_590 < due_in(target) <= 3_600


def test_a_webhook_is_told_as_standard_webhooks_says(workspace: Workspace, receiver: Receiver):
    made = run("anchor_add", workspace.slug, "--webhook", receiver.url)
    checkpoint = grow(workspace)
    keep()
    [arrived] = receiver.arrived
    body = standardwebhooks.Webhook(made["secret"]).verify(arrived.body, arrived.headers)
    assert body == {
        "type": "log.checkpoint",
        "workspace": ids.encode("wsp", workspace.id),
        "origin": checkpoints.origin(workspace.id),
        "number": 0,
        "size": checkpoint.size,
        "root": checkpoint.note.splitlines()[2],
        "at": body["at"],
        "checkpoint": checkpoint.note,
    }
    assert arrived.headers["webhook-id"] == f"{made['id']}-0"
    target = AnchorTarget.objects.get(id=ids.decode("anc", made["id"]))
    assert made["secret"].encode() not in bytes(target.secret or b"")
    assert made["secret"] not in str(events_of(workspace.id))
    assert 3_590 < due_in(target) <= 3_600


def test_failures_wait_longer_each_time_and_are_told_once(workspace: Workspace, receiver: Receiver):
    target = add(workspace, "--webhook", receiver.url)
    grow(workspace)
    receiver.answer(503)
    waits = []
    for _ in range(9):
        keep()
        waits.append(round(due_in(target) / 30))
        later(target, hours=1)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 120, 120]
    failing = now_is(target)
    assert (failing.failures, failing.error) == (9, "The receiver answered with status 503.")
    assert anchor_kinds(workspace) == ["log.anchor_failed"]
    [event] = events_of(workspace.id, "log.anchor_failed")
    assert event["data"] == {"type": "webhook", "failures": 3}
    assert standing(workspace.id).targets[0].failing_since == failing.failing_since
    receiver.answer(200)
    keep()
    assert anchor_kinds(workspace)[1:] == ["log.anchor_recovered", "log.anchored"]
    well = now_is(target)
    assert (well.failures, well.failing_since, well.error) == (0, None, "")
    assert len({arrived.headers["webhook-id"] for arrived in receiver.arrived}) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 410])
def test_only_success_is_one(workspace: Workspace, receiver: Receiver, status: int):
    target = add(workspace, "--webhook", receiver.url)
    grow(workspace)
    receiver.answer(status, Location=receiver.url)
    keep()
    assert (len(receiver.arrived), now_is(target).failures, sizes(target)) == (1, 1, [])


def test_a_slow_receiver_ends_at_the_deadline(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(webhooks, "DEADLINE_S", 0.3)
    receiver.hang = threading.Event()
    target = add(workspace, "--webhook", receiver.url)
    grow(workspace)
    keep()
    assert now_is(target).error == "There was no complete answer in time."


@pytest.mark.parametrize("option", ["--webhook", "--tsa"])
def test_a_private_address_is_refused_when_it_is_added_and_when_it_is_called(
    workspace: Workspace, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, option: str
):
    target = add(workspace, option, receiver.url)
    grow(workspace)
    nothing_is_allowed(monkeypatch)
    refused = run("anchor_add", workspace.slug, option, "https://10.0.0.8/x", code=1)
    assert refused["argument"] == "URL"
    assert AnchorTarget.objects.filter(workspace=workspace).count() == 1
    keep()
    assert receiver.arrived == []
    assert now_is(target).failures == 1
    assert sizes(target) == []


@pytest.mark.parametrize("place", ["anchor_after_send_before_record", "due_after_claim"])
def test_one_that_died_after_sending_is_followed_by_another_that_records_once(
    workspace: Workspace, receiver: Receiver, place: str
):
    target = add(workspace, "--webhook", receiver.url)
    checkpoint = grow(workspace)
    with failpoints.armed(f"{place}:raise"):
        try:
            keep()
        except failpoints.FailpointError:
            assert place == "due_after_claim"
    assert (sizes(target), anchor_kinds(workspace)) == ([], [])
    keep()
    assert sizes(target) == []  # the lease of the dead one is not over
    later(target, seconds=31)
    keep()
    assert (sizes(target), anchor_kinds(workspace)) == ([checkpoint.size], ["log.anchored"])
    ids_sent = [arrived.headers["webhook-id"] for arrived in receiver.arrived]
    assert len(set(ids_sent)) == 1
    assert len(ids_sent) == (2 if place == "anchor_after_send_before_record" else 1)


def test_a_worker_killed_after_sending_is_followed_by_another(
    workspace: Workspace, receiver: Receiver, tmp_path: Path
):
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS="anchor_after_send_before_record:kill")
    grow(workspace)
    target = add(workspace, "--webhook", receiver.url)
    eventually(lambda: doomed.ended is not None)
    assert (len(receiver.arrived), sizes(target), anchor_kinds(workspace)) == (1, [], [])
    later(target, seconds=31)
    successor = Worker(tmp_path)
    try:
        eventually(lambda: anchor_kinds(workspace))
    finally:
        successor.kill()
    assert anchor_kinds(workspace) == ["log.anchored"]
    assert len(sizes(target)) == 1
    assert len(receiver.until(2)) == 2


def test_two_workers_make_one_anchor(workspace: Workspace, receiver: Receiver):
    target = add(workspace, "--webhook", receiver.url)
    checkpoint = grow(workspace)
    together([keep, keep, keep, keep])
    assert (len(receiver.arrived), sizes(target)) == (1, [checkpoint.size])


def test_who_lost_the_lease_records_nothing(workspace: Workspace, receiver: Receiver, folder: Path):
    target = add(workspace, "--webhook", receiver.url)
    grow(workspace)
    (stale,) = [row for row in due.claim(ANCHOR) if row.subject == target.id]
    run("anchor_now", workspace.slug)
    assert len(sizes(target)) == 1
    before = ask("SELECT count(*) FROM audit_event WHERE workspace_id = %s", workspace.id)
    write(workspace.id)
    grow(workspace)
    keeping.keep([stale])
    assert len(sizes(target)) == 1
    after = ask("SELECT count(*) FROM audit_event WHERE workspace_id = %s", workspace.id)
    assert after[0][0] == before[0][0] + 1  # the one that was written here


def test_a_late_worker_never_puts_an_older_checkpoint_over_a_newer(
    workspace: Workspace, folder: Path
):
    target = add(workspace, "--file")
    older = grow(workspace)
    write(workspace.id)
    newer = grow(workspace)
    keep()
    assert file_of(folder, workspace).read_text() == newer.note
    (row,) = due.take(ANCHOR, [target.id])
    read = keeping.Target(*_loaded(target))
    keeping._attempt(keeping.Job(row, read, older))
    assert file_of(folder, workspace).read_text() == newer.note
    keeping.keep([row])


def _loaded(target: AnchorTarget):
    return ask(keeping._LOAD, [target.id])[0]


def _read_only(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    folder.chmod(0o500)


def _a_file(folder: Path) -> None:
    folder.write_text("in the way")


def _a_folder_in_its_place(folder: Path) -> None:
    folder.mkdir()
    (folder / ".lock").mkdir()


@pytest.mark.parametrize("break_it", [_read_only, _a_file, _a_folder_in_its_place])
def test_a_folder_that_cannot_be_written_is_a_failure_that_is_seen(
    workspace: Workspace, folder: Path, break_it
):
    if break_it is _read_only and os.geteuid() == 0:
        break_it = _a_folder_in_its_place  # nothing is read-only for root
    break_it(folder)
    target = add(workspace, "--file")
    grow(workspace)
    keep()
    assert now_is(target).error.startswith(f"{folder} cannot be written: ")
    listed = run("anchor_list", workspace.slug)["anchors"][0]
    assert (listed["failures"], listed["size"]) == (1, None)
    assert listed["error"] == now_is(target).error
    if folder.is_dir():
        folder.chmod(0o700)


def test_a_full_disk_leaves_the_file_as_it_was(workspace: Workspace, folder: Path):
    target = add(workspace, "--file")
    first = grow(workspace)
    keep()
    write(workspace.id)
    newest = grow(workspace)
    later(target, minutes=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))  # a file ends after so many bytes
    try:
        keep()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert file_of(folder, workspace).read_text() == first.note
    assert now_is(target).error == f"{folder} cannot be written: File too large."
    assert sizes(target) == [first.size]
    later(target, minutes=1)
    keep()
    assert file_of(folder, workspace).read_text() == newest.note
    assert sizes(target) == [first.size, newest.size]


def test_what_is_no_checkpoint_is_not_written_over(workspace: Workspace, folder: Path):
    target = add(workspace, "--file")
    grow(workspace)
    folder.mkdir()
    for content in (b"mine", b"\xff" * 10, b"x" * 20_000):
        file_of(folder, workspace).write_bytes(content)
        keep()
        assert now_is(target).failures > 0
        assert file_of(folder, workspace).read_bytes() == content
        later(target, minutes=1)


def test_anchor_now_signs_what_waits_and_lays_it_down(
    workspace: Workspace, folder: Path, receiver: Receiver
):
    add(workspace, "--file")
    add(workspace, "--webhook", receiver.url)
    said = run("anchor_now", workspace.slug)
    newest = checkpoints.newest(workspace.id)
    assert newest is not None
    assert said["checkpoint"]["size"] == newest.size
    assert {one["size"] for one in said["anchors"]} == {newest.size}
    assert len(receiver.arrived) == 1
    receiver.answer(500)
    assert run("anchor_now", workspace.slug, code=1)["anchors"][1]["failures"] == 1


def test_an_anchor_that_was_removed_gets_nothing_any_more(workspace: Workspace, receiver: Receiver):
    target = add(workspace, "--webhook", receiver.url)
    grow(workspace)
    shown = ids.encode("anc", target.id)
    assert run("anchor_remove", workspace.slug, shown) == {"id": shown, "type": "webhook"}
    assert run("anchor_remove", workspace.slug, shown, code=1)["argument"] == "ID"
    assert run("anchor_remove", workspace.slug, "x", code=1)["argument"] == "ID"
    keep()
    assert receiver.arrived == []
    assert ask("SELECT 1 FROM core_due WHERE subject = %s", target.id) == []
    assert run("anchor_list", workspace.slug)["anchors"] == []
    assert kinds_of(workspace.id)[-1] == "anchor.removed"
    elsewhere = WorkspaceFactory()
    other = ids.encode("anc", add(workspace, "--webhook", receiver.url).id)
    assert run("anchor_remove", elsewhere.slug, other, code=1)["argument"] == "ID"


def test_the_same_anchor_stands_once_and_there_are_ten_at_most(
    workspace: Workspace, folder: Path, receiver: Receiver
):
    add(workspace, "--file")
    assert "already" in run("anchor_add", workspace.slug, "--file", code=1)["error"]
    for number in range(9):
        add(workspace, "--webhook", f"{receiver.url}{number}")
    more = run("anchor_add", workspace.slug, "--webhook", f"{receiver.url}x", code=1)
    assert more["error"] == "A workspace has at most 10 anchors."


def test_a_workspace_gets_the_folder_once_and_may_do_without(folder: Path, settings):
    workspace, actor = WorkspaceFactory(), Actor.system("anchors")
    arrange(actor=actor)
    target = AnchorTarget.objects.get(workspace=workspace)
    assert target.kind == "file"
    assert kinds_of(workspace.id)[-1] == "anchor.added"
    assert arrange(actor=actor) == 0
    run("anchor_remove", workspace.slug, ids.encode("anc", target.id))
    assert arrange(actor=actor) == 0
    other = WorkspaceFactory()
    settings.ANCHOR_DIR = None
    assert arrange(actor=actor) == 0
    assert run("anchor_add", other.slug, "--file", code=1)["argument"] == "--file"


def test_anchors_are_insert_only_also_for_the_owner(workspace: Workspace, folder: Path):
    add(workspace, "--file")
    grow(workspace)
    keep()
    for statement in (
        "UPDATE oversight_anchor SET size = 1",
        "DELETE FROM oversight_anchor",
        "TRUNCATE oversight_anchor",
    ):
        with (
            pytest.raises(DatabaseError, match="only ever added to"),
            transaction.atomic(using="owner"),
            connections["owner"].cursor() as cursor,
        ):
            cursor.execute(statement)
    assert Anchor.objects.filter(workspace=workspace).count() == 1


def test_the_secrets_of_webhooks_are_sealed_anew_with_the_others(
    workspace: Workspace, receiver: Receiver, settings
):
    made = run("anchor_add", workspace.slug, "--webhook", receiver.url)
    old = list(settings.SEALING_KEYS)
    settings.SEALING_KEYS = [b"n" * 32, *old]
    try:
        assert reseal().changed >= 2
        settings.SEALING_KEYS = [b"n" * 32]
        grow(workspace)
        keep()
    finally:
        settings.SEALING_KEYS = [*old, b"n" * 32]
        reseal()
    [arrived] = receiver.arrived
    assert standardwebhooks.Webhook(made["secret"]).verify(arrived.body, arrived.headers)
    assert json.loads(arrived.body)["type"] == "log.checkpoint"
