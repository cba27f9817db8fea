"""The command line, as its users type it: answers on one line, errors on another, codes that mean one thing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agents.models import Agent
from agents.services import set_state
from approvals.ends import EXPIRE
from core import due
from escalations.expiry import expire_due
from tests.clients.office import Office
from tests.clock import travel
from tests.factories import ACTOR

SOURCE = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
REFUND = '{"order": "A-1", "amount": 120}'


def start(
    office: Office, *words: str, cwd: Path | None = None, **more: str
) -> subprocess.Popen[str]:
    """The command, started."""
    environment = {**os.environ, **office.environment, "PYTHONPATH": str(SOURCE), **more}
    environment["COLUMNS"] = "200"
    return subprocess.Popen(
        [sys.executable, "-c", "from assentry.cli.entry import main; main()", *words],
        env=environment,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(office: Office, *words: str, stdin: str = "", **more: Any) -> tuple[int, str, str]:
    """Its exit code and both outputs."""
    process = start(office, *words, **more)
    out, error = process.communicate(stdin, timeout=60)
    return process.returncode, out, error


def stop(office: Office) -> None:
    """The agent's owner presses the kill switch."""
    owner = office.person(office.owner)
    body = {"scope": "owner", "reason": "It runs wild."}
    assert owner.call("POST", "/kill_switch", json=body).status_code == 201
    owner.http.close()


class TestSubmitting:
    def test_what_policy_says_is_said_at_once(self, office: Office) -> None:
        code, out, error = call(
            office, "submit", "payments.refund", "--payload", '{"order": "A-1", "amount": 5}'
        )
        [request] = office.stored()
        assert (code, error) == (0, "")
        assert out == f"{request['id']} approved payments.refund: {request['message']}\n"
        code, out, _ = call(
            office, "submit", "payments.refund", "--payload", '{"order": "A-1", "amount": 9000}'
        )
        assert code == 111
        assert " rejected payments.refund: Policy refused this action" in out

    def test_without_waiting_pending_is_fine(self, office: Office) -> None:
        code, out, _ = call(office, "submit", "payments.refund", "--payload", "-", stdin=REFUND)
        assert (code, " pending " in out) == (0, True)

    @pytest.mark.parametrize(
        ("verdict", "expected"), [("approve", 0), ("reject", 110), ("return", 115)]
    )
    def test_waiting_for_people(
        self, office: Office, tmp_path: Path, verdict: str, expected: int
    ) -> None:
        (tmp_path / "payload.json").write_text(REFUND, encoding="utf-8")
        thread = office.once_asked(verdict, comment="Because.")
        code, out, error = call(
            office,
            *("submit", "payments.refund", "--payload", "@payload.json", "--wait", "--json"),
            cwd=tmp_path,
        )
        thread.join()
        assert code == expected
        assert "pending payments.refund: Not decided yet" in error
        if verdict != "return":
            assert json.loads(out)["status"] == ("approved" if verdict == "approve" else "rejected")

    def test_time_is_up(self, office: Office) -> None:
        code, out, _ = call(
            office,
            *("submit", "payments.refund", "--payload", REFUND, "--wait", "--timeout", "0"),
        )
        assert (code, " pending " in out) == (114, True)

    def test_the_same_key_is_the_same_request(self, office: Office) -> None:
        words = ("submit", "payments.refund", "--payload", REFUND, "--key", "ticket-7")
        assert call(office, *words)[1] == call(office, *words)[1]
        assert len(office.stored()) == 1

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["submit"], "Missing argument"),
            (["submit", "payments.refund"], "--payload"),
            (["submit", "payments.refund", "--payload", "{"], "not JSON"),
            (["submit", "payments.refund", "--payload", "[]"], "a JSON object"),
            (["submit", "payments.refund", "--payload", "@none"], "No such file"),
            (["decide", "req_1"], "No such command"),
            (["approve"], "No such command"),
            (["run", "--action", "shell.exec"], "Missing argument"),
            (["listen", "--forward", "ftp://x"], "--forward takes an address"),
            (["wait"], "Missing argument"),
        ],
    )
    def test_wrong_use_says_what_is_wrong(
        self, office: Office, words: list[str], said: str
    ) -> None:
        code, out, error = call(office, *words)
        assert (code, out) == (2, "")
        assert said in error
        assert "Traceback" not in error
        assert office.stored() == []

    def test_refusals_of_the_server_are_one_line(self, office: Office) -> None:
        code, out, error = call(office, "submit", "payments.fly", "--payload", "{}")
        assert (code, out) == (119, "")
        assert error.startswith("assentry: ")
        assert "action" in error
        assert error.count("\n") == 1
        code, _, error = call(office, "me", ASSENTRY_KEY="nonsense")
        assert (code, error.count("\n")) == (119, 1)
        code, _, error = call(office, "me", ASSENTRY_URL="http://127.0.0.1:1")
        assert (code, error.count("\n")) == (118, 1)
        code, _, error = call(office, "me", ASSENTRY_URL="")
        assert (code, "ASSENTRY_URL" in error) == (2, True)


class TestReading:
    def test_list_and_me(self, office: Office) -> None:
        client = office.client()
        first = client.request("payments.refund", {"order": "A-1", "amount": 120})
        second = client.request("payments.refund", {"order": "A-2", "amount": 5})
        _, out, _ = call(office, "list")
        assert [line.split()[0] for line in out.splitlines()] == [second.id, first.id]
        _, out, _ = call(office, "list", "--status", "pending", "--json")
        assert json.loads(out)["id"] == first.id
        _, out, _ = call(office, "list", "--limit", "1")
        assert len(out.splitlines()) == 1
        code, out, _ = call(office, "me")
        assert (code, office.agent.name in out) == (0, True)
        set_state(actor=ACTOR, agent=office.agent, state=Agent.State.SUSPENDED)
        assert call(office, "me")[0] == 116

    def test_wait(self, office: Office) -> None:
        client = office.client()
        handles = [client.request("payments.refund", {"order": o, "amount": 120}) for o in "ab"]
        office.decide(handles[0].id)
        ids = [handle.id for handle in handles]
        code, out, _ = call(office, "wait", "--any", *ids)
        assert (code, out.split()[:2]) == (0, [ids[0], "approved"])
        travel(ids[1], days=2)
        due.run(EXPIRE, expire_due)
        code, out, _ = call(office, "wait", *ids)
        assert code == 112
        assert [line.split()[1] for line in out.splitlines()] == ["approved", "expired"]

    def test_an_agent_that_must_stop_is_told_so_by_its_waits(self, office: Office) -> None:
        words = ("submit", "payments.refund", "--payload", REFUND, "--wait")
        process = start(office, *words)
        office.server.until_parked(1, timeout=20)
        stop(office)
        out, error = process.communicate(timeout=60)
        [request] = office.stored()
        assert (process.returncode, out.split()[:2]) == (116, [request["id"], "cancelled"])
        assert error.splitlines()[-1] == (
            "assentry: The server says that this agent must stop: do not go on."
        )
        code, out, error = call(office, "wait", request["id"])
        assert (code, out.split()[:2]) == (116, [request["id"], "cancelled"])
        assert error.count("\n") == 1


class TestRunning:
    def test_exactly_what_was_approved_runs_and_its_code_is_passed_on(
        self, office: Office, tmp_path: Path
    ) -> None:
        script = "import sys; print('did', sys.argv[1:]); sys.exit(7)"
        thread = office.once_asked()
        code, out, _ = call(
            office,
            *("run", "--action", "shell.exec", "--"),
            *(sys.executable, "-c", script, "a b", "$HOME", "--wait"),
            cwd=tmp_path,
        )
        thread.join()
        assert (code, out) == (7, "did ['a b', '$HOME', '--wait']\n")
        [request] = office.stored()
        assert request["payload"]["argv"][-3:] == ["a b", "$HOME", "--wait"]
        assert request["payload"]["cwd"] == str(tmp_path)
        result = request["result"]
        assert (result["status"], result["detail"]) == ("failed", "exit status 7")

    def test_an_edited_command_is_the_one_that_runs(self, office: Office) -> None:
        thread = office.once_asked("edit", edits={"/argv": ["echo", "less"]})
        code, out, _ = call(office, "run", "--action", "shell.exec", "--", "echo", "more")
        thread.join()
        assert (code, out) == (0, "less\n")

    def test_a_rejected_command_does_not_run(self, office: Office, tmp_path: Path) -> None:
        thread = office.once_asked("reject", comment="Not on Fridays.")
        code, out, error = call(
            office, *("run", "--action", "shell.exec", "--", "touch", str(tmp_path / "ran"))
        )
        thread.join()
        assert (code, out) == (110, "")
        assert "Not on Fridays." in error.splitlines()[-1]
        assert not (tmp_path / "ran").exists()

    def test_what_cannot_be_started(self, office: Office) -> None:
        thread = office.once_asked()
        code, _, error = call(office, "run", "--action", "shell.exec", "--", "no-such-program")
        thread.join()
        assert (code, "no-such-program: No such file" in error) == (127, True)
        assert office.stored()[0]["result"]["status"] == "failed"

    def test_what_a_signal_ended(self, office: Office) -> None:
        thread = office.once_asked()
        code, _, _ = call(
            office, "run", "--action", "shell.exec", "--", "sh", "-c", "kill -TERM $$"
        )
        thread.join()
        assert code == 128 + signal.SIGTERM

    def test_a_second_time_under_one_key_it_does_not_run(
        self, office: Office, tmp_path: Path
    ) -> None:
        words = ("run", "--action", "shell.exec", "--key", "k", "--", "sh", "-c", "echo x >> ran")
        thread = office.once_asked()
        assert call(office, *words, cwd=tmp_path)[0] == 0
        thread.join()
        assert call(office, *words, cwd=tmp_path)[0] == 117
        assert (tmp_path / "ran").read_text(encoding="utf-8") == "x\n"


class Receiver:
    """A small program that hears of outcomes; it fails as often as it is told to."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.fail = 0
        self.ids: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fails, receiver.fail = receiver.fail > 0, max(0, receiver.fail - 1)
                if not fails:
                    receiver.heard.append(json.loads(body))
                    receiver.ids.append(str(self.headers["webhook-id"]))
                self.send_response(500 if fails else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()


class TestListening:
    def test_outcomes_are_forwarded_once_each_also_over_restarts(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        client = office.client()
        old = client.request("payments.refund", {"order": "old", "amount": 5})
        early = client.request("payments.refund", {"order": "early", "amount": 120})
        words = ("listen", "--forward", receiver.url, "--once")
        assert call(office, *words, cwd=tmp_path)[0] == 0
        assert receiver.heard == [], "what had ended before it first listened is no news"
        office.decide(early.id)
        late = client.request("payments.refund", {"order": "late", "amount": 5})
        assert call(office, *words, cwd=tmp_path)[0] == 0
        assert call(office, *words, cwd=tmp_path)[0] == 0
        told = {one["data"]["id"]: one["type"] for one in receiver.heard}
        assert told == {early.id: "request.approved", late.id: "request.approved"}
        assert len(receiver.heard) == 2
        assert receiver.ids[0].startswith(early.id)
        assert old.id not in told

    def test_what_was_not_taken_is_sent_again(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        words = ("listen", "--forward", receiver.url, "--once")
        call(office, *words, cwd=tmp_path)
        office.client().request("payments.refund", {"order": "A-1", "amount": 5})
        receiver.fail = 1
        code, _, error = call(office, *words, cwd=tmp_path)
        assert (code, "it answered 500" in error) == (118, True)
        assert call(office, *words, cwd=tmp_path)[0] == 0
        assert len(receiver.heard) == 1

    def test_many_that_wait_hide_none_that_has_ended(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        """More than one wait takes, the newest of them ended."""
        client = office.client()
        handles = [
            client.request("payments.refund", {"order": f"A-{n}", "amount": 120})
            for n in range(103)
        ]
        words = ("listen", "--forward", receiver.url, "--once")
        call(office, *words, cwd=tmp_path)
        office.decide(handles[-1].id)
        assert call(office, *words, cwd=tmp_path)[0] == 0
        assert [one["data"]["id"] for one in receiver.heard] == [handles[-1].id]

    def test_it_goes_on_until_it_is_interrupted(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        handle = office.client().request("payments.refund", {"order": "A-1", "amount": 120})
        process = start(office, "listen", "--forward", receiver.url, cwd=tmp_path)
        office.server.until_parked(1, timeout=20)
        office.decide(handle.id, "reject", comment="No.")
        assert process.stderr is not None
        assert "delivered" in process.stderr.readline()
        assert receiver.heard[0]["type"] == "request.rejected"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode in (1, 130)

    def test_a_broken_state_file_is_said(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        (tmp_path / "assentry-listen.json").write_text("{", encoding="utf-8")
        code, _, error = call(office, "listen", "--forward", receiver.url, "--once", cwd=tmp_path)
        assert (code, "cannot be read" in error) == (2, True)

    def test_what_the_kill_switch_withdrew_is_forwarded_too(
        self, office: Office, receiver: Receiver, tmp_path: Path
    ) -> None:
        handle = office.client().request("payments.refund", {"order": "A-1", "amount": 120})
        process = start(office, "listen", "--forward", receiver.url, cwd=tmp_path)
        office.server.until_parked(1, timeout=20)
        stop(office)
        assert process.stderr is not None
        assert f"{handle.id} cancelled: delivered" in process.stderr.readline()
        assert receiver.heard[0]["type"] == "request.cancelled"
        assert receiver.heard[0]["data"]["stop"] is True
        assert process.poll() is None, "it goes on: the agent may be let go on"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
