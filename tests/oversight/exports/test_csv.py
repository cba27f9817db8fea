"""CSV: cells that no spreadsheet takes for formulas, quotes as RFC 4180 has them, a manifest beside."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import pytest

from core import ids
from oversight.exports.csv_format import COLUMNS, safe
from tests.api.tenant import Tenant
from tests.audit.logs import bodies
from tests.oversight.exports.conftest import Auditor
from tests.oversight.exports.reader import note

HOSTILE = '=HYPERLINK("http://evil.example";"x")\r\n,"quoted", \u202e \U0001f600'


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0"])
def test_what_looks_like_a_formula_is_text(first: str) -> None:
    assert safe(f"{first}1+1") == f"'{first}1+1"


@pytest.mark.parametrize("cell", ["", "a=1", "1-1", "'=1", " x", "req_1", "ä"])
def test_other_cells_stay(cell: str) -> None:
    assert safe(cell) == cell


def test_each_event_is_a_row(tenant: Tenant, auditor: Auditor) -> None:
    request = tenant.submit()
    answer = tenant.call("POST", f"/requests/{request['id']}/cancel", json={"reason": HOSTILE})
    assert answer.status_code == 200
    made = auditor.exported(format="csv")
    answer = auditor.call("GET", f"/{made['id']}/content")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{made["id"]}.csv"'
    assert answer.content.endswith(b"\r\n")
    rows = list(csv.reader(io.StringIO(answer.content.decode(), newline=""), strict=True))
    assert rows[0] == list(COLUMNS)
    events = [json.loads(body) for body in bodies(auditor.workspace)[: made["size"]]]
    assert [row[0] for row in rows[1:]] == [str(position) for position in range(len(events))]
    for row, event in zip(rows[1:], events, strict=True):
        told = dict(zip(COLUMNS, row, strict=True))
        assert (told["event"], told["at"], told["kind"]) == (
            event["id"],
            event["at"],
            event["kind"],
        )
        assert json.loads(told["data"] or "{}") == event["data"]
        assert not any(cell.startswith(tuple("=+-@\t\r\n\0")) for cell in row)
    submitted = next(row for row in rows if row[2] == "request.submitted")
    assert submitted[7:9] == ["mail.send", ids.encode("agt", tenant.agent.id)]


def test_its_manifest_names_its_hash(auditor: Auditor) -> None:
    made = auditor.exported(format="csv", kind="key.*")
    content = auditor.call("GET", f"/{made['id']}/content").content
    answer = auditor.call("GET", f"/{made['id']}/manifest")
    told = note(answer.text, auditor.workspace, "assentry export-csv/1")
    assert told["sha256"] == hashlib.sha256(content).hexdigest() == made["sha256"]
    assert (told["bytes"], told["events"]) == (len(content), made["events"])
    assert told["query"] == {"kind": "key.*"}
    assert told["size"] == made["size"]
    first, *_, last = [line.partition(b",")[0] for line in content.splitlines()[1:]]
    assert (told["first"], told["last"]) == (int(first), int(last))
