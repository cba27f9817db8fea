"""What should not be is found, mended once, and written down; what is well is left alone."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from approvals.ends import EXPIRE
from callbacks.sql import DELIVER
from config.due import HANDLERS
from core import db, due, failpoints
from core.nudge import NUDGE_CHANNEL
from escalations.expiry import expire_due
from oversight.watching import look
from oversight.watching.findings import Found
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.config.workers import eventually
from tests.oversight.watching.watched import (
    later,
    looks,
    now,
    promised,
    take_away,
    watch,
)
from tests.promises import ask, promise
from tests.together import together, until_waiting


def test_a_server_that_is_well_has_nothing_found(world: World):
    world.submit()
    stands = watch()
    assert (stands.found, stands.well, stands.silent) == ((), True, False)
    assert stands.looked_at == stands.well_at is not None


def test_a_request_that_the_clock_forgot_is_promised_its_own_deadline_again(world: World):
    request = world.submit()
    id, deadline = uuid_of(request), request["expires_at"]
    take_away(id)
    stands = watch()
    assert stands.found == (
        Found(what="without_clock", kind=EXPIRE, count=1, subjects=(request["id"],)),
    )
    assert not stands.well
    assert stands.well_at is None
    (at,) = promised(id)
    assert at.isoformat().replace("+00:00", "Z").startswith(deadline[:19])
    event = world.events(request)[-1]
    assert event["kind"] == "clock.repaired"
    assert event["actor"] == {"type": "system", "id": None, "via": "watch"}
    assert event["data"]["what"] == EXPIRE
    assert event["data"]["due_at"][:19] == deadline[:19]
    # The next look finds it well, and writes nothing more.
    assert watch().well
    assert world.kinds(request).count("clock.repaired") == 1
    travel(id, hours=200)
    due.run(EXPIRE, expire_due)
    assert world.seen("ana", request)["status"] == "expired"


def test_one_that_should_have_expired_meanwhile_expires_at_once(world: World):
    request = world.submit()
    take_away(uuid_of(request))
    travel(uuid_of(request), hours=200)
    watch()
    due.run(EXPIRE, expire_due)
    kinds = [kind for kind in world.kinds(request) if kind != "escalation.stepped"]
    assert kinds[-2:] == ["clock.repaired", "request.expired"]
    assert promised(uuid_of(request)) == []


def test_hundreds_are_repaired_in_one_look(world: World):
    requests = [world.submit() for _ in range(look.BATCH + 5)]
    ids_ = [uuid_of(one) for one in requests]
    ask("DELETE FROM core_due WHERE subject = ANY(%s) RETURNING 1", ids_)
    (found,) = looks()
    assert (found.what, found.count, len(found.subjects)) == ("without_clock", len(ids_), 20)
    assert all(len(promised(one)) == 1 for one in ids_)
    assert looks() == []


def test_what_ended_needs_no_clock(world: World):
    request = world.submit()
    world.decide("ana", request)
    assert promised(uuid_of(request)) == []
    assert looks() == []


def test_rows_later_than_a_minute_are_found_and_their_kind_is_nudged():
    promise(DELIVER, -90, -61, -50)
    with db.connect() as conn:
        conn.execute(f"LISTEN {NUDGE_CHANNEL}")
        (found,) = watch().found
        heard = [said.payload for said in conn.notifies(timeout=10, stop_after=1)]
    assert (found.what, found.kind, found.count) == ("overdue", DELIVER, 2)
    assert 90 <= found.late_s < 100
    assert heard == [DELIVER]


def test_kinds_that_nobody_here_keeps_are_left_to_who_does():
    promise("of.another.version", -90)
    assert watch().well


def test_a_row_that_is_tried_in_vain_again_and_again_is_named_with_its_tries(world: World):
    (row,) = promise(DELIVER, -200)
    ask(
        "UPDATE core_due SET fence = 7, ready_at = clock_timestamp() + interval '20 s'"
        " WHERE subject = %s RETURNING 1",
        row.subject,
    )
    overdue, stuck = watch().found
    assert overdue.what == "overdue"
    assert (stuck.what, stuck.kind, stuck.tries) == ("stuck", DELIVER, 7)
    assert stuck.subjects == (str(row.subject),)
    assert 200 <= stuck.late_s < 210
    assert stuck.sentence.startswith(f"{DELIVER} of {row.subject} was tried 7 times")
    # Nothing is done about it: it stays as it is.
    assert ask("SELECT fence FROM core_due WHERE subject = %s", row.subject) == [(7,)]


@pytest.mark.parametrize(("fence", "late_s"), [(4, 200), (7, 100)])
def test_a_row_that_may_still_be_done_is_not_stuck(fence: int, late_s: int):
    (row,) = promise(DELIVER, -late_s)
    ask(
        "UPDATE core_due SET fence = %s, ready_at = clock_timestamp() + interval '20 s'"
        " WHERE subject = %s RETURNING 1",
        *(fence, row.subject),
    )
    assert [found.what for found in looks()] == ["overdue"]


def test_only_one_of_many_looks_and_none_before_it_is_time(world: World):
    take_away(uuid_of(request := world.submit()))
    done = together([lambda: look.watch(HANDLERS)] * 4)
    assert sorted(one is None for one in done) == [False, True, True, True]
    assert world.kinds(request).count("clock.repaired") == 1
    assert look.watch(HANDLERS) is None
    later(seconds=26)
    assert look.watch(HANDLERS) == []


def test_a_clock_that_was_set_back_does_not_keep_everybody_from_looking():
    watch()
    later(hours=-1)
    assert look.watch(HANDLERS) == []


def test_looks_at_once_repair_once(world: World):
    requests = [world.submit() for _ in range(20)]
    for one in requests:
        take_away(uuid_of(one))
    found = [each for one in together([looks] * 4) for each in one]
    assert sum(each.count for each in found) == 20
    for one in requests:
        assert len(promised(uuid_of(one))) == 1
        assert world.kinds(one).count("clock.repaired") == 1


def test_one_that_dies_before_it_kept_what_it_found_is_followed_by_another(world: World):
    request = world.submit()
    take_away(uuid_of(request))
    with failpoints.armed("watch_before_keep:raise"), pytest.raises(failpoints.FailpointError):
        look.watch(HANDLERS)
    assert now().looked_at is None
    assert look.watch(HANDLERS) is None  # the turn of the dead one is not over
    assert watch().well  # it had repaired before it died
    assert world.kinds(request).count("clock.repaired") == 1


def test_one_that_wakes_after_its_turn_says_nothing():
    slow: list[Any] = []
    with failpoints.armed("watch_before_keep:sleep=1"):
        thread = threading.Thread(target=lambda: slow.append(look.watch(HANDLERS)))
        thread.start()
        eventually(lambda: bool(ask("SELECT 1 FROM oversight_watch")))
        promise(DELIVER, -90)
        (found,) = watch().found
        thread.join(30)
    assert slow == [None]
    assert now().found == (found,)


def test_a_request_whose_submit_is_not_committed_is_not_looked_at(world: World):
    request = world.submit()
    id = uuid_of(request)
    with db.connect() as conn, conn.transaction():
        # In one transaction, as a submit writes them: seen together or not at all.
        conn.execute("DELETE FROM core_due WHERE subject = %s AND kind = %s", (id, EXPIRE))
        assert looks() == []
        values = due.due_rows([due.Promise(EXPIRE, world.workspace.id, id, _deadline(conn, id))])
        conn.execute(f"WITH {due.INSERT_DUE} SELECT 1", values)
    assert looks() == []
    assert len(promised(id)) == 1


def test_a_submit_in_flight_is_not_taken_for_a_forgotten_request(world: World):
    with failpoints.armed("submit_before_last_statement:sleep=0.3"):
        looked: list[Any] = []
        over = threading.Event()

        def look_on() -> None:
            while not over.is_set():
                looked.extend(looks())

        thread = threading.Thread(target=look_on)
        thread.start()
        made = together([world.submit] * 4)
        over.set()
        thread.join(30)
    assert looked == []
    for request in made:
        assert len(promised(uuid_of(request))) == 1
        assert "clock.repaired" not in world.kinds(request)


def test_a_request_that_expires_meanwhile_gets_no_second_promise(world: World):
    """The look stands before the request's lock while the clock ends it."""
    request = world.submit()
    id = uuid_of(request)
    travel(id, hours=200)
    take_away(id)
    with db.connect() as conn:
        with conn.transaction():
            conn.execute("SELECT 1 FROM approvals_request WHERE id = %s FOR UPDATE", (id,))
            thread = threading.Thread(target=looks)
            thread.start()
            until_waiting(1, "approvals_request")
            values = due.due_rows(
                [due.Promise(EXPIRE, world.workspace.id, id, _deadline(conn, id))]
            )
            conn.execute(f"WITH {due.INSERT_DUE} SELECT 1", values)
        thread.join(30)
    assert len(promised(id)) == 1
    assert "clock.repaired" not in world.kinds(request)


@pytest.mark.parametrize("_", range(5))
def test_looking_and_expiring_at_once_end_it_once(world: World, _: int):
    requests = [world.submit() for _ in range(10)]
    for one in requests:
        travel(uuid_of(one), hours=200)
        take_away(uuid_of(one))
    together(
        [looks, looks, lambda: due.run(EXPIRE, expire_due), lambda: due.run(EXPIRE, expire_due)]
    )
    due.run(EXPIRE, expire_due)
    for one in requests:
        assert world.kinds(one).count("request.expired") == 1
        assert world.kinds(one).count("clock.repaired") == 1
        assert promised(uuid_of(one)) == []
    assert looks() == []


def _deadline(conn: db.Connection, request: UUID) -> datetime:
    row = conn.execute(
        "SELECT expires_at FROM approvals_request WHERE id = %s", (request,)
    ).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found
