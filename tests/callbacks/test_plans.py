"""Statements over many callbacks find each row by its own key, and compare none with all the others.

A plan is kept as long as its connection: what it reads too much grows with every row.
"""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from approvals import read
from callbacks import loading, recording, sending
from core import db
from core.statements import parsed

STATEMENTS = {
    "requests told of": f"{read.READ} WHERE r.id = ANY(%(ids)s)",
    "loaded": loading._LOAD,
    "bodies kept": loading._KEEP,
    "put off or finished": sending._SETTLE,
    "attempts written": recording._WRITE,
}
#: Scans of the tables that grow, by alias, and what each must be asked by.
BY_KEY = {
    "approvals_request r": "id",
    "approvals_revision now": "request_id",
    "callbacks_callback c": "id",
    "core_due d": "id",
    "core_due d_1": "id",
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_row_is_found_by_its_own_key(name):
    plan, found = _plan(STATEMENTS[name]), 0
    for line, following in pairwise(plan):
        scan = re.search(r"Scan using \w+ on ((\w+) (\w+))", line)
        if scan is not None and (key := BY_KEY.get(scan[1])):
            found += 1
            assert re.search(rf"Index Cond: .*\b{key} = ", following), "\n".join(plan)
    assert found, "\n".join(plan)


def _plan(statement: str) -> list[str]:
    """The plan for any values, on a connection of the pool."""
    text, _ = parsed(statement)
    count = max(int(number) for number in re.findall(rb"\$(\d+)", text))
    with db.pool().connection() as conn, conn.transaction(force_rollback=True):
        conn.execute(b"PREPARE explained AS " + text, prepare=False)
        values = ", ".join(["NULL"] * count)
        rows = conn.execute(f"EXPLAIN (COSTS OFF) EXECUTE explained({values})", prepare=False)
        plan = [row[0] for row in rows.fetchall()]
        conn.execute("DEALLOCATE explained", prepare=False)
    return plan
