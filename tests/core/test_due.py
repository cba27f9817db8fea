"""Promises that fall due: exclusive claims, leases, fences, and one bad row among good ones."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connections

from core import db, due
from tests.promises import ask, left, promise

SHORT = timedelta(seconds=0.2)


@pytest.fixture
def kind() -> Iterator[str]:
    name = f"test.{uuid4()}"
    yield name
    ask("DELETE FROM core_due WHERE kind = %s RETURNING 1", name)


def keep(claimed: Sequence[due.Claimed]) -> None:
    with db.pool().connection() as conn, conn.transaction():
        due.finish(conn, claimed)


def subjects(rows: Sequence[due.Promise | due.Claimed]) -> list[UUID]:
    return [row.subject for row in rows]


def test_each_row_is_claimed_once_by_eight_threads(kind):
    rows = promise(kind, *[-1 - n / 1000 for n in range(400)])
    taken: list[list[due.Claimed]] = []

    def take() -> None:
        while claimed := due.claim(kind, limit=7):
            taken.append(claimed)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [row.subject for batch in taken for row in batch]
    assert len(seen) == 400
    assert set(seen) == set(subjects(rows))
    assert len(taken) >= 400 / 7


def test_the_oldest_come_first_and_the_future_not_at_all(kind):
    late, later, latest, _future = promise(kind, -10, -20, -30, 60)
    assert subjects(due.claim(kind, limit=2)) == subjects([latest, later])
    assert subjects(due.claim(kind)) == subjects([late])
    assert due.claim(kind) == []


def test_a_lease_that_ended_is_claimed_again_and_the_first_claimant_is_refused(kind):
    promise(kind, -1)
    first = due.claim(kind, lease=SHORT)
    assert due.claim(kind) == []
    time.sleep(SHORT.total_seconds() + 0.05)
    second = due.claim(kind)
    assert [row.fence for row in (*first, *second)] == [1, 2]

    by_the_loser = uuid4()

    def lose() -> None:
        with db.pool().connection() as conn, conn.transaction():
            written = due.Promise(kind, uuid4(), by_the_loser, first[0].due_at)
            conn.execute(f"WITH {due.INSERT_DUE} SELECT 1", due.due_rows([written]))
            due.finish(conn, first)

    with pytest.raises(due.LostLease) as lost:
        lose()
    assert lost.value.lost == {first[0].id}
    assert left(kind) == [(first[0].subject, 2)]  # and nothing of what the loser wrote

    keep(second)
    assert left(kind) == []


def test_a_claim_reads_by_the_index_however_many_rows_wait(kind):
    promise(kind, *range(3600, 8600))
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE core_due")
    values = {"kind": kind, "limit": 200, "lease": due.LEASE}
    with db.pool().connection() as conn:
        plan = conn.execute(f"EXPLAIN {due._CLAIM}", values).fetchall()
        following = conn.execute(f"EXPLAIN {due._NEXT}", (kind,)).fetchall()
    for rows in (plan, following):
        text = "\n".join(line for (line,) in rows)
        assert "due_ready" in text
        assert "Seq Scan on core_due" not in text


def test_withdrawing_does_not_wait_for_a_row_that_is_being_kept(kind):
    (row,) = promise(kind, -1)
    claimed = due.claim(kind)
    values = {"due_withdrawn": [row.subject]}
    with db.pool().connection() as keeper, keeper.transaction():
        due.finish(keeper, claimed)
        with db.pool().connection() as other, other.transaction():
            other.execute("SET LOCAL lock_timeout = '200ms'")
            other.execute(f"WITH {due.WITHDRAW_DUE} SELECT 1", values)
    assert left(kind) == []


def test_a_withdrawn_row_refuses_its_claimant(kind):
    (row,) = promise(kind, -1)
    claimed = due.claim(kind)
    with db.pool().connection() as conn:
        conn.execute(f"WITH {due.WITHDRAW_DUE} SELECT 1", {"due_withdrawn": [row.subject]})
    with pytest.raises(due.LostLease):
        keep(claimed)


def test_one_bad_row_holds_back_nobody(kind, caplog):
    rows = promise(kind, *[-n for n in range(100, 0, -1)])
    bad = rows[37].subject
    calls = kept = 0

    def handle(claimed: Sequence[due.Claimed]) -> None:
        nonlocal calls, kept
        calls += 1
        if bad in subjects(claimed):
            raise RuntimeError("this one cannot be kept")
        keep(claimed)
        kept += len(claimed)

    with caplog.at_level(logging.ERROR, "core.due"):
        assert due.run(kind, handle) == 100
    assert kept == 99
    assert calls <= 2 * 7 + 1  # halves, not single rows
    assert left(kind) == [(bad, 1)]
    (record,) = caplog.records
    assert str(bad) in record.getMessage()
    assert record.exc_info


def test_a_lost_row_holds_back_nobody_and_is_no_error(kind, caplog):
    rows = promise(kind, -3, -2, -1)
    withdrawn = False

    def handle(claimed: Sequence[due.Claimed]) -> None:
        nonlocal withdrawn
        if not withdrawn:
            withdrawn = True
            ask("DELETE FROM core_due WHERE subject = %s RETURNING 1", rows[1].subject)
        keep(claimed)

    due.run(kind, handle)
    assert left(kind) == []
    assert not caplog.records


def test_a_missing_database_ends_the_run_without_trying_row_by_row(kind):
    promise(kind, -2, -1)
    calls = 0

    def handle(_claimed: Sequence[due.Claimed]) -> None:
        nonlocal calls
        calls += 1
        raise db.Unavailable

    with pytest.raises(db.Unavailable):
        due.run(kind, handle)
    assert calls == 1


def test_a_run_waits_for_what_falls_due_within_its_window(kind):
    promise(kind, 0.1, 0.2, 0.3, 30)
    lateness: list[float] = []

    def handle(claimed: Sequence[due.Claimed]) -> None:
        ((now,),) = ask("SELECT clock_timestamp()")
        keep(claimed)
        lateness.extend((now - row.due_at).total_seconds() for row in claimed)

    begun = time.monotonic()
    assert due.run(kind, handle, window_s=1) == 3
    assert time.monotonic() - begun < 10  # the fourth is beyond the window: nobody waits for it
    assert len(lateness) == 3
    assert all(0 <= late < 0.5 for late in lateness)
    assert due.run(kind, handle) == 0


def test_a_run_stops_between_two_batches(kind):
    promise(kind, -3, -2, -1)
    stop = threading.Event()

    def handle(claimed: Sequence[due.Claimed]) -> None:
        keep(claimed)
        stop.set()

    assert due.run(kind, handle, limit=1, stop=stop) == 1
    assert len(left(kind)) == 2


def test_overdue_tells_what_is_late_even_while_it_is_leased(kind):
    promise(kind, -300, -20, -1, 60)
    due.claim(kind, limit=1)  # as the row does that fails again and again
    (found,) = [row for row in due.overdue() if row[0] == kind]
    assert found[1] == 2
    assert 300 <= found[2] < 310
    assert kind not in [row[0] for row in due.overdue(timedelta(seconds=400))]


def test_promises_are_kept_across_the_loss_of_every_connection(kind):
    promise(kind, *[-n for n in range(1, 41)])
    name = db.application_name()
    cut = False

    def handle(claimed: Sequence[due.Claimed]) -> None:
        nonlocal cut
        with db.pool().connection() as conn, conn.transaction():
            due.finish(conn, claimed)
            if not cut:
                cut = True
                with db.connect(application_name="test") as other:
                    other.execute(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                        "WHERE application_name = %s AND datname = current_database()",
                        (name,),
                    )
            conn.execute("SELECT 1")

    with pytest.raises(db.Unavailable):
        due.run(kind, handle, limit=20, lease=SHORT)
    assert len(left(kind)) == 40  # rolled back, whole
    time.sleep(SHORT.total_seconds())
    assert due.run(kind, handle, limit=20) == 40
    assert left(kind) == []


def test_the_runtime_role_is_the_one_that_works_here():
    ((role, is_super),) = ask(
        "SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
    )
    assert not is_super
    assert role != psycopg.conninfo.conninfo_to_dict(db.conninfo("owner"))["user"]
