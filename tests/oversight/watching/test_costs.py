"""Looking costs by what waits, not by what there ever was: shown by the plans of large tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from approvals import gauges
from approvals.clock_rows import WITHOUT
from core import db, due, due_looks, ids
from escalations import gauges as steps
from notifications import gauges as messages
from tests.approvals.world import World
from tests.promises import ask

KIND = "test.many"
ROWS = 100_000

#: So many requests like one that ended.
ENDED = """
INSERT INTO approvals_request (
    id, workspace_id, agent_id, kind, key_id, action, risk, title, status, basis, revision, roles,
    stated, sequence, created_at, expires_at, ended_at, result_missing)
SELECT core_uuid7(), workspace_id, agent_id, kind, key_id, action, risk, title, 'cancelled', 'agent',
       revision, roles, stated, sequence, created_at, expires_at, clock_timestamp(), false
  FROM approvals_request, generate_series(1, 30000) WHERE id = %s
"""
#: So many requests like one that waits, each with the promise of its deadline.
WAITING = """
WITH made AS (
    INSERT INTO approvals_request (
        id, workspace_id, agent_id, kind, key_id, action, risk, title, status, waiting_on, stage, revision,
        roles, stated, sequence, created_at, expires_at, result_missing)
    SELECT core_uuid7(), workspace_id, agent_id, kind, key_id, action, risk, title, status, waiting_on, stage,
           revision, roles, stated, sequence, created_at, expires_at, false
      FROM approvals_request, generate_series(1, 500) WHERE id = %s
    RETURNING id, workspace_id, expires_at
)
INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
SELECT core_uuid7(), 'request.expire', workspace_id, id, expires_at, expires_at, 0 FROM made
"""
PROMISES = """
INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
SELECT core_uuid7(), %s, core_uuid7(), core_uuid7(), at, at, 0
  FROM (SELECT clock_timestamp() + n * interval '1 second' AS at FROM generate_series(1, %s) AS n) AS a
"""


@contextmanager
def many() -> Iterator[None]:
    """A hundred thousand rows that are due later."""
    with db.connect("owner") as owner:
        owner.execute(PROMISES, (KIND, ROWS))
        owner.execute("VACUUM (ANALYZE) core_due")
        try:
            yield
        finally:
            owner.execute("DELETE FROM core_due WHERE kind = %s", (KIND,))
            owner.execute("VACUUM (ANALYZE) core_due")


#: What happened a day ago, in one workspace: an event, a step and a message for each of so many requests.
OLD: tuple[str, ...] = (
    """INSERT INTO audit_event (id, workspace_id, kind, at, subject, body)
       SELECT core_uuid7(), %(workspace)s, 'request.cancelled', clock_timestamp() - interval '1 day',
              core_uuid7(), '{}' FROM generate_series(1, 30000)""",
    """INSERT INTO escalations_step (id, workspace_id, request_id, revision, stage, number, kind, target,
                                     state, cause, reason, told, due_at, at)
       SELECT core_uuid7(), %(workspace)s, core_uuid7(), 1, 0, 0, 'remind', '', 'fired', 'clock', '', 1,
              clock_timestamp() - interval '1 day', clock_timestamp() - interval '1 day'
         FROM generate_series(1, 30000)""",
    """INSERT INTO notifications_notification (
           id, workspace_id, kind, channel, role, revision, stage, priority, text, digest, state, reason,
           tries, reference, shown, wanted)
       SELECT ('0100' || substr(core_uuid7()::text, 5))::uuid, %(workspace)s, 'alarm', 'email', '', 0, 0, 1, '',
              false, 'failed', '', 1, '', 0, 0 FROM generate_series(1, 30000)""",
)
TABLES = ("audit_event", "approvals_request", "escalations_step", "notifications_notification")


def of_this_instant(statement: str) -> str:
    """What is counted of the last hour, counted of no time at all: other tests' rows are older, too."""
    assert "interval '1 hour'" in statement
    return statement.replace("interval '1 hour'", "interval '0'")


#: What is counted of the last hour, and of what waits.
COUNTED: dict[str, tuple[str, dict[str, Any]]] = {
    "ended": (
        of_this_instant(gauges.ENDED),
        {"kinds": ["request.approved", "request.cancelled"], "most": 20_000},
    ),
    "lateness": (
        of_this_instant(gauges.LATENESS),
        {"kinds": ["request.expired"], "most": 20_000},
    ),
    "pending": (gauges.PENDING, {"most": 100_000}),
    "steps": (of_this_instant(steps.STEPS), {"most": 20_000}),
    "messages": (of_this_instant(messages.MESSAGES), {"most": 20_000}),
}


@pytest.fixture(scope="module")
def old() -> Iterator[dict[str, int]]:
    """Tables that hold a lot, all of it older than what is counted; how many rows each count read before that."""
    with db.connect("owner") as owner:
        for table in TABLES:
            owner.execute(f"VACUUM (ANALYZE) {table}")
    with db.connect() as conn:
        before = {name: rows(nodes(conn, *counted)) for name, counted in COUNTED.items()}
    world = World({"lead": ["ana"]})
    request = world.submit()
    values = {"workspace": world.workspace.id}
    with db.connect("owner") as owner:
        owner.execute(ENDED, (ids.decode("req", request["id"]),))
        for statement in OLD:
            owner.execute(statement, values)
        for table in TABLES:
            owner.execute(f"VACUUM (ANALYZE) {table}")
        yield before
        for table in ("escalations_step", "notifications_notification"):
            owner.execute(f"DELETE FROM {table} WHERE workspace_id = %(workspace)s", values)


def nodes(conn: db.Connection, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of the plan that was run, with what each read."""
    row = conn.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", values).fetchone()
    assert row is not None
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        found.append(node)
        for inner in node.get("Plans", ()):
            walk(inner)

    walk(row[0][0]["Plan"])
    return found


def read(conn: db.Connection, statement: str, values: dict[str, Any]) -> int:
    """How many pages it reads."""
    top = nodes(conn, statement, values)[0]
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def rows(found: list[dict[str, Any]]) -> int:
    """How many rows of `TABLES` were read, whatever was kept of them.

    Not pages: how many an empty look takes hangs on how deep an index happens to be.
    """
    read_of = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        node["Actual Loops"] * sum(node.get(name, 0) for name in read_of)
        for node in found
        if node.get("Relation Name") in TABLES
    )


def of(found: list[dict[str, Any]], table: str) -> set[tuple[str, str]]:
    """How a table is read: (node, index)."""
    return {
        (node["Node Type"], node.get("Index Name", ""))
        for node in found
        if node.get("Relation Name") == table
    }


def test_requests_without_a_clock_are_looked_for_among_those_that_wait(world: World):
    request = world.submit()
    with db.connect("owner") as owner:
        for made in (ENDED, WAITING):
            owner.execute(made, (ids.decode("req", request["id"]),))
        owner.execute("ANALYZE approvals_request")
    with many(), db.connect() as conn:
        found = nodes(conn, WITHOUT, {"limit": 200})
        after = read(conn, WITHOUT, {"limit": 200})
    # By the indexes of what waits, alone or as bitmaps, and by that of whom promises are about.
    indexes = {node["Index Name"] for node in found if "Index Name" in node}
    assert indexes <= {"request_inbox", "request_to_stop", "request_urgent", "due_subject"}
    for table in ("approvals_request", "core_due"):
        assert "Seq Scan" not in {node for node, _ in of(found, table)}
    # A look for each that waits, other tests' among them, and none for the thirty thousand that ended.
    ((waiting,),) = ask("SELECT count(*) FROM approvals_request WHERE status = 'pending'")
    assert waiting > 500
    assert after < 8 * waiting + 2_000


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (due_looks.WAITING, {"most": due_looks.MOST_WAITING}),
        (
            due_looks.STUCK,
            {"lease": due.LEASE, "after": due_looks.STUCK_AFTER, "tries": 5, "most": 20},
        ),
    ],
)
def test_rows_are_counted_by_the_index_of_kinds(statement: str, values: dict[str, Any]):
    with db.connect("owner") as owner:
        owner.execute("VACUUM (ANALYZE) core_due")
    with db.connect() as conn:
        before = read(conn, statement, values)
    with many(), db.connect() as conn:
        found = nodes(conn, statement, values)
        after = read(conn, statement, values)
        assert due_looks.waiting(conn)[KIND] == due_looks.MOST_WAITING
        ((pages,),) = ask("SELECT relpages FROM pg_class WHERE relname = 'core_due'")
    assert of(found, "core_due")
    assert "Seq Scan" not in {node for node, _ in of(found, "core_due")}
    assert {node["Index Name"] for node in found if "Index Name" in node} == {"due_ready"}
    # A hundred thousand rows lie on these pages, and are indexed on about as many; ten thousand are counted.
    assert after - before < pages


@pytest.mark.parametrize("name", list(COUNTED))
def test_numbers_of_the_last_hour_do_not_read_what_is_older(old: dict[str, int], name: str):
    with db.connect() as conn:
        found = nodes(conn, *COUNTED[name])
    # There are thirty thousand older ones, of which a table read from end to end would read each.
    assert rows(found) < old[name] + 3_000
