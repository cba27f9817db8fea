"""The gate around a function: what was approved, at most once, and what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from assentry import (
    AlreadyRan,
    EditNotApplied,
    EffectUnknown,
    Expired,
    OutcomeUnknown,
    PayloadError,
    Refused,
    Rejected,
    StillPending,
)

from approvals.ends import EXPIRE
from core import due
from escalations.expiry import expire_due
from tests.clients.office import Office
from tests.clock import travel

ROOT = Path(__file__).resolve().parents[2]


def refunds(office: Office, **options: Any) -> tuple[Any, list[tuple[str, float]]]:
    """A gated refund, and what it did."""
    done: list[tuple[str, float]] = []
    client = office.client(journal=options.pop("journal", None))

    @client.gate("payments.refund", **options)
    def refund(order: str, amount: float) -> str:
        done.append((order, amount))
        return f"refunded {amount}"

    return refund, done


def test_policy_allows_it_and_it_runs(office: Office) -> None:
    refund, done = refunds(office)
    assert refund("A-1", amount=5) == "refunded 5"
    assert done == [("A-1", 5)]
    [request] = office.stored()
    assert request["payload"] == {"order": "A-1", "amount": 5}
    assert request["result"]["status"] == "succeeded"


def test_people_approve_and_it_runs(office: Office) -> None:
    refund, done = refunds(office, summary=lambda order, amount: f"For {order}")
    thread = office.once_asked()
    assert refund("A-1", 120) == "refunded 120"
    thread.join()
    assert done == [("A-1", 120)]
    assert office.stored()[0]["summary"] == "For A-1"


def test_the_edited_arguments_are_the_ones_that_run(office: Office) -> None:
    refund, done = refunds(office)
    thread = office.once_asked("edit", edits={"/amount": 60})
    assert refund("A-1", 120) == "refunded 60"
    thread.join()
    assert done == [("A-1", 60)]


def test_a_payload_of_ones_own_needs_a_way_back_for_edits(office: Office) -> None:
    def payload(order: str, amount: float) -> dict[str, Any]:
        return {"order": order, "amount": amount}

    refund, done = refunds(office, payload=payload)
    thread = office.once_asked("edit", edits={"/amount": 60})
    with pytest.raises(EditNotApplied):
        refund("A-1", 120)
    thread.join()
    refund, more = refunds(office, payload=payload, arguments=lambda p: {"amount": p["amount"]})
    thread = office.once_asked("edit", edits={"/amount": 70})
    assert refund("A-1", 120) == "refunded 70"
    thread.join()
    assert (done, more) == ([], [("A-1", 70)])


def test_no_is_no_with_a_sentence_for_the_model(office: Office) -> None:
    refund, done = refunds(office)
    thread = office.once_asked("reject", comment="The parcel is on its way.")
    with pytest.raises(Rejected, match="The parcel is on its way"):
        refund("A-1", 120)
    thread.join()
    with pytest.raises(Refused, match="made by the bank"):
        refund("A-1", 9000)
    assert done == []


def test_silence_is_no_yes(office: Office) -> None:
    refund, done = refunds(office, timeout=0)
    with pytest.raises(StillPending):
        refund("A-1", 120)
    [pending] = office.pending()
    travel(pending["id"], days=2)
    due.run(EXPIRE, expire_due)
    refund, more = refunds(office, key="once")
    office_refund, _ = refunds(office)
    with pytest.raises(StillPending):
        refunds(office, key="once", timeout=0)[0]("A-2", 130)
    [pending] = office.pending()
    travel(pending["id"], days=2)
    due.run(EXPIRE, expire_due)
    with pytest.raises(Expired):
        refund("A-2", 130)
    assert (done, more) == ([], [])
    assert office_refund("A-3", 1) == "refunded 1"


def test_what_is_no_json_is_said_before_anybody_is_asked(office: Office) -> None:
    refund, done = refunds(office)
    with pytest.raises(PayloadError, match="'order'"):
        refund(object(), 120)
    assert (office.stored(), done) == ([], [])


def test_a_failure_is_told_and_raised(office: Office) -> None:
    client = office.client()

    @client.gate("notes.write")
    def write(text: str) -> None:
        raise RuntimeError(text)

    thread = office.once_asked()
    with pytest.raises(RuntimeError, match="full"):
        write("full")
    thread.join()
    result = office.stored()[0]["result"]
    assert (result["status"], result["detail"]) == ("failed", "RuntimeError")


@pytest.mark.parametrize("journal", [False, True])
def test_what_the_function_cannot_tell_is_told_as_unknown_and_does_not_run_again(
    office: Office, tmp_path: Path, journal: bool
) -> None:
    client = office.client(journal=tmp_path / "journal.db") if journal else office.client()
    done: list[str] = []

    @client.gate("notes.write", key="k")
    def write(text: str) -> None:
        done.append(text)
        raise EffectUnknown("the disk gave no answer")

    thread = office.once_asked()
    with pytest.raises(EffectUnknown, match="no answer"):
        write("full")
    thread.join()
    result = office.stored()[0]["result"]
    assert (result["status"], result["detail"]) == ("unknown", "the disk gave no answer")
    with pytest.raises(OutcomeUnknown):
        write("full")
    assert done == ["full"]


def test_async_functions(office: Office) -> None:
    async def act() -> Any:
        async with office.async_client() as client:

            @client.gate("payments.refund")
            async def refund(order: str, amount: float) -> float:
                return amount

            assert await refund("A-1", 5) == 5

    asyncio.run(act())
    assert office.stored()[0]["result"]["status"] == "succeeded"


#: A program that is killed at a named point of its own, and started again.
PROGRAM = """
import json, os, signal, sys
from assentry import Client, calls, waiting

die, ledger = sys.argv[1], sys.argv[2]

def stop_at(point):
    if die == point:
        os.kill(os.getpid(), signal.SIGKILL)

def around(module, name, before, after):
    original = getattr(module, name)
    def flow(*args, **kwargs):
        stop_at(before)
        value = yield from original(*args, **kwargs)
        stop_at(after)
        return value
    setattr(module, name, flow)

around(calls, "submit", "before it asked", "asked")
around(waiting, "until_ended", "before it waited", "approved")
around(calls, "report", "before it reported", "reported")

with Client(journal=os.environ.get("JOURNAL")) as client, client.run("ticket-7") as run:
    @client.gate("payments.refund")
    def refund(order, amount):
        stop_at("begun")
        with open(ledger, "a") as file:
            file.write(json.dumps([order, amount]) + "\\n")
            file.flush()
            os.fsync(file.fileno())
        stop_at("done")
        return amount

    try:
        print("ran", refund("A-1", 120))
    except Exception as error:
        print(type(error).__name__)
"""


def run_program(
    office: Office, tmp_path: Path, die: str, *, journal: bool = True
) -> subprocess.Popen[str]:
    source = tmp_path / "agent.py"
    source.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, **office.environment}
    environment["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
    if journal:
        environment["JOURNAL"] = str(tmp_path / "journal.db")
    return subprocess.Popen(
        [sys.executable, str(source), die, str(tmp_path / "ledger")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def effects(tmp_path: Path) -> list[Any]:
    ledger = tmp_path / "ledger"
    lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    return [json.loads(line) for line in lines]


class TestKilled:
    def test_while_people_look_it_finds_its_answer(self, office: Office, tmp_path: Path) -> None:
        first = run_program(office, tmp_path, "never")
        office.server.until_parked(1, timeout=20)
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=10)
        office.server.until_parked(0, timeout=20)
        [request] = office.pending()
        office.decide(request["id"])
        second = run_program(office, tmp_path, "never")
        said, _ = second.communicate(timeout=30)
        assert said == "ran 120\n"
        assert effects(tmp_path) == [["A-1", 120]]
        [request] = office.stored()
        assert request["result"]["status"] == "succeeded"

    @pytest.mark.parametrize(
        ("die", "ran_before", "then", "result"),
        [
            ("before it asked", 0, "ran 120", "succeeded"),
            ("asked", 0, "ran 120", "succeeded"),
            ("before it waited", 0, "ran 120", "succeeded"),
            ("approved", 0, "ran 120", "succeeded"),
            ("begun", 0, "OutcomeUnknown", "unknown"),
            ("done", 1, "OutcomeUnknown", "unknown"),
            ("before it reported", 1, "AlreadyRan", "succeeded"),
            ("reported", 1, "AlreadyRan", "succeeded"),
        ],
    )
    def test_at_every_point_it_runs_at_most_once(
        self, office: Office, tmp_path: Path, die: str, ran_before: int, then: str, result: str
    ) -> None:
        """Restarted, it finds its answer, or says that nobody knows; nobody is asked twice."""
        thread = office.once_asked(parked=False)
        first = run_program(office, tmp_path, die)
        first.communicate(timeout=30)
        assert first.returncode == -signal.SIGKILL
        assert len(effects(tmp_path)) == ran_before
        said, _ = run_program(office, tmp_path, "never").communicate(timeout=30)
        thread.join()
        assert said == f"{then}\n"
        expected = max(ran_before, 1 if then == "ran 120" else 0)
        assert effects(tmp_path) == [["A-1", 120]] * expected
        [request] = office.stored()
        assert request["result"]["status"] == result

    def test_without_a_journal_the_server_knows_what_was_told(self, office: Office) -> None:
        first, done = refunds(office, key="same")
        thread = office.once_asked()
        first("A-1", 120)
        thread.join()
        second, more = refunds(office, key="same")
        with pytest.raises(AlreadyRan):
            second("A-1", 120)
        assert (len(done), more) == (1, [])


def test_a_journal_knows_what_came_of_it(office: Office, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    refund, done = refunds(office, key="k", journal=journal)
    thread = office.once_asked()
    assert refund("A-1", 120) == "refunded 120"
    thread.join()
    with pytest.raises(AlreadyRan) as ran:
        refund("A-1", 120)
    assert (ran.value.status, ran.value.result) == ("succeeded", "refunded 120")
    again, more = refunds(office, key="k", journal=journal, repeat="return")
    assert again("A-1", 120) == "refunded 120"
    assert (len(done), more) == (1, [])
