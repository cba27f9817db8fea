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
    """Requests of every kind: run by permit, only reported, rejected, pending, taken back, free."""

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
        self.unused = self.approved()
        self.rejected, self.pending = self.world.submit(), self.world.submit()["id"]
        self.world.decide("ben", self.rejected, verdict="reject")
        self.request = self.world.submit()
        self.world.decide("ana", self.request)
        assert self.revoke("ana").status_code == 200
        self.revoked = self.request["id"]
        self.workspace = self.world.workspace.id
        sequence(self.workspace)

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
    ledger = f"id,request\n1,{made.ran}\n2,{made.reported}\n"
    assert in_json(shop.run, ledger) == (
        0,
        {
            "ok": True,
            "agreed": 2,
            "without_permit": 1,
            "unknown": [],
            "not_approved": [],
            "twice": [],
            "missing": [],
        },
    )
    packed = shop.log.with_name("log.jsonl.gz")
    packed.write_bytes(gzip.compress(shop.log.read_bytes()))
    assert shop.run(ledger, log=packed)[0] == 0


def test_all_that_is_wrong_is_listed_with_its_line(shop: SimpleNamespace) -> None:
    made = shop.made
    never = "req_01h455vb4pex5vsknk084sn02q"
    rows = [made.permit_id, made.ran, made.rejected["id"], made.pending, made.revoked, never, ""]
    ledger = "what,note\n" + "".join(f'"refund\nof {row}",x\n' for row in rows)
    code, found = in_json(shop.run, ledger, "--match", "what")
    assert code == 1
    assert found == {
        "ok": False,
        "agreed": 1,
        "without_permit": 0,
        "unknown": [{"line": 13, "says": never}, {"line": 15, "says": "refund\nof "}],
        "not_approved": [
            {"line": 7, "says": made.rejected["id"]},
            {"line": 9, "says": made.pending},
            {"line": 11, "says": made.revoked},
        ],
        "twice": [{"line": 5, "says": made.ran}],
        "missing": [made.reported],
    }


def test_only_one_action_need_be_there(shop: SimpleNamespace) -> None:
    assert in_json(shop.run, "request\n", "--action", "mail.send")[0] == 0
    code, found = in_json(shop.run, "request\n", "--action", "payments.refund")
    assert (code, found["missing"]) == (1, [shop.made.ran, shop.made.reported])


def test_people_read_lines_in_which_hostile_text_is_inert(shop: SimpleNamespace) -> None:
    rows = "".join(f"\x1b[2Jevil\u202e{number}\n" for number in range(30))
    code, out, _ = shop.run(f"permit\n{shop.made.permit_id}\n{shop.made.reported}\n{rows}")
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


def test_a_narrowed_log_is_refused(shop: SimpleNamespace, tmp_path: Path) -> None:
    narrow = tmp_path / "narrow.jsonl"
    lines = exported(shop.made.workspace, query={"kind": "permit.*"})
    narrow.write_bytes(b"".join(lines))
    code, _, err = shop.run("request\n", log=narrow)
    assert code == 2
    assert "narrowed by kind" in " ".join(err.replace("│", " ").split())
