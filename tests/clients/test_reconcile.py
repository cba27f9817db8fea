"""``assentry audit reconcile``: a ledger beside an exported log, offline."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from audit.sequencer import sequence
from tests.approvals.test_permits import Till
from tests.audit.exports import ALONE, exported, verifier
from tests.server import Live


class Shop(Till):
    """Requests of every kind: run by permit, only reported, approved, rejected, pending, taken back; records."""

    def __init__(self, server: Live) -> None:
        super().__init__(server)
        self.ran = self.request["id"]
        self.permit_id = self.permit().json()["id"]
        assert self.consume(self.permit_id).status_code == 200
        assert self.told(self.permit_id, "succeeded").status_code == 200
        self.reported = self.approved()
        path = f"/requests/{self.reported}/result"
        said = server.call("POST", path, headers=self.agent, json={"status": "succeeded"})
        assert said.status_code == 200, said.text
        self.request = self.world.submit()
        self.world.decide("ana", self.request)
        self.unused, self.unused_permit = self.request["id"], self.permit().json()["id"]
        self.rejected, self.pending = self.world.submit(), self.world.submit()["id"]
        self.world.decide("ben", self.rejected, verdict="reject")
        self.request = self.world.submit()
        self.world.decide("ana", self.request)
        assert self.revoke("ana").status_code == 200
        self.revoked = self.request["id"]
        free = [{"name": "Free", "action": "payments.refund", "effect": "allow"}]
        self.world.apply(rules=free)
        self.free, self.recorded = self.world.submit()["id"], self.record()
        self.world.apply(rules=[free[0] | {"effect": "deny", "reason": "Never."}])
        self.denied, self.against = self.world.submit()["id"], self.record()
        self.workspace = self.world.workspace.id
        sequence(self.workspace)

    def record(self) -> str:
        body = {"action": "payments.refund", "payload": {"amount": 20}}
        done = self.server.call("POST", "/actions/record", headers=self.agent, json=body)
        assert done.status_code == 201, done.text
        return str(done.json()["id"])

    def approved(self) -> str:
        request = self.world.submit()
        self.world.decide("ana", request)
        return str(request["id"])


@pytest.fixture
def shop(server: Live, tmp_path: Path) -> SimpleNamespace:
    made = Shop(server)
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(exported(made.workspace)))
    key = verifier(made.workspace)

    def run(ledger: str | bytes, *words: str, log: Path = log) -> tuple[int, str, str]:
        path = tmp_path / "ledger.csv"
        path.write_bytes(ledger if isinstance(ledger, bytes) else ledger.encode())
        told = ["audit", "reconcile", str(path), "--log", str(log), "--key", key, *words]
        done = subprocess.run(
            [sys.executable, "-I", "-c", ALONE, *told],
            env={"COLUMNS": "300"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    return SimpleNamespace(made=made, run=run, log=log, key=key)


def in_json(run: Callable[..., Any], ledger: str, *words: str) -> tuple[int, dict[str, Any]]:
    code, out, err = run(ledger, "--json", *words)
    assert err == ""
    return code, json.loads(out)


def test_a_ledger_that_agrees(shop: SimpleNamespace) -> None:
    made = shop.made
    names = [made.ran.upper(), made.reported, made.unused_permit, made.free, made.recorded]
    rows = "".join(f"{number},{name}\n" for number, name in enumerate(names))
    code, found = in_json(shop.run, f"id,request\n{rows}")
    assert (code, found) == (
        1,
        {
            "ok": False,
            "agreed": 5,
            "without_permit": 4,
            "unknown": [],
            "not_approved": [],
            "twice": [],
            "missing": [made.against],  # it was recorded, and policy denies it
        },
    )
    code, found = in_json(shop.run, f"id,request\n{rows}", "--until", "2020-01-01T00:00:00Z")
    assert (code, found["ok"], found["missing"]) == (0, True, [])
    packed = shop.log.with_name("log.jsonl.gz")
    packed.write_bytes(gzip.compress(shop.log.read_bytes()))
    old = ("--until", "2020-01-01T00:00:00Z")
    assert shop.run(f"id,request\n{rows}", *old, log=packed)[0] == 0


def test_all_that_is_wrong_is_listed_with_its_line(shop: SimpleNamespace) -> None:
    made = shop.made
    never = "req_01h455vb4pex5vsknk084sn02q"
    both = f"{made.reported} {made.free}"
    same = f"{made.ran} by {made.permit_id}"
    refused = [made.rejected["id"], made.pending, made.revoked, made.denied, made.against]
    rows = [made.permit_id, same, *refused, never, both, made.ran + "x", ""]
    ledger = "what,note\n" + "".join(f'"refund\nof {row}",x\n' for row in rows)
    code, found = in_json(shop.run, ledger, "--match", "what")
    assert code == 1

    def told(*rows_of: str) -> list[dict[str, Any]]:
        return [{"line": 3 + 2 * rows.index(row), "says": f"refund\nof {row}"} for row in rows_of]

    assert found == {
        "ok": False,
        "agreed": 1,
        "without_permit": 0,
        "unknown": told(never, both, made.ran + "x", ""),
        "not_approved": told(*refused),
        "twice": told(same),
        "missing": [made.reported, made.recorded],
    }


def test_only_what_is_expected_may_be_missing(shop: SimpleNamespace) -> None:
    made = shop.made
    ran = [made.ran, made.reported, made.recorded, made.against]

    def missing(*words: str) -> list[str]:
        code, found = in_json(shop.run, "request\n", *words)
        assert code == (1 if found["missing"] else 0)
        return list(found["missing"])

    assert missing("--action", "mail.send") == []
    assert missing("--action", "payments.refund") == ran
    events = [json.loads(line) for line in shop.log.read_bytes().splitlines() if b'"at":' in line]
    recorded = next(one["at"] for one in events if one.get("subject") == made.recorded)
    assert missing("--since", recorded) == ran[2:]
    assert missing("--until", recorded) == ran[:2]


def test_people_read_lines_in_which_hostile_text_is_inert(shop: SimpleNamespace) -> None:
    rows = "".join(f"\x1b[2Jevil\u202e{number}\n" for number in range(30))
    ledger = f"permit\n{shop.made.permit_id}\n{shop.made.reported}\n{rows}"
    code, out, _ = shop.run(ledger, "--action", "mail.send")
    lines = out.splitlines()
    assert code == 1
    assert lines[:4] == [
        "2 agree: approved, and in the ledger once.",
        "  Of them 1 without a permit that was used.",
        "WRONG: 30 acted, and the log knows nothing of it:",
        r'  line 4: "\u001b[2Jevil\u202e0"',
    ]
    assert lines[-1] == "  and 10 more (--json has them all)"
    assert out.isascii()


def test_a_log_that_is_wrong_says_nothing_of_a_ledger(shop: SimpleNamespace) -> None:
    shop.log.write_bytes(shop.log.read_bytes().replace(b'"permit.consumed"', b'"permit.consumec"'))
    code, out, _ = shop.run(f"request\n{shop.made.ran}\n")
    assert code == 1
    assert out.startswith("WRONG: position ")
    assert "agree" not in out


@pytest.mark.parametrize(
    ("ledger", "words", "told"),
    [
        ("", (), "The file is empty."),
        ("a,\x1bb\n1,2\n", (), 'it has "a", "\\u001bb".'),
        ("request\nx\n", ("--match", "reference"), "The ledger has no column reference"),
        (b"request\n\xff\n", (), "is not in UTF-8"),
        ('request\n"x\n', (), "is no CSV file"),
        ("request,permit,request\n", (), "2 columns called request: rename one"),
        ("request\n", ("--since", "2026-01-01T00:00:00"), "an instant with its offset"),
        ("request\n", ("--until", "soon"), "an instant with its offset"),
        ("request\n", ("--log", "-"), "a file, which is read twice"),
        ("request\n", ("--key", "nothing"), "Nor is it a file"),
    ],
)
def test_wrong_use_says_what_to_do(
    shop: SimpleNamespace, ledger: str | bytes, words: tuple[str, ...], told: str
) -> None:
    code, out, err = shop.run(ledger, *words)
    assert (code, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    "query", [{"kind": "permit.*"}, {"from": "2020-01-01T00:00:00Z"}, {"agent": "a"}]
)
def test_a_narrowed_log_is_refused(
    shop: SimpleNamespace, tmp_path: Path, query: dict[str, str]
) -> None:
    narrow = tmp_path / "narrow.jsonl"
    narrow.write_bytes(b"".join(exported(shop.made.workspace, query=query)))
    code, _, err = shop.run("request\n", log=narrow)
    assert code == 2
    told = f"narrowed by {next(iter(query))}: export the log from its beginning"
    assert told in " ".join(err.replace("│", " ").split())


def test_a_log_up_to_an_instant_is_taken(shop: SimpleNamespace, tmp_path: Path) -> None:
    early = tmp_path / "early.jsonl"
    early.write_bytes(
        b"".join(exported(shop.made.workspace, query={"until": "2100-01-01T00:00:00Z"}))
    )
    assert shop.run(f"request\n{shop.made.ran}\n", log=early)[1].startswith("1 agree")
