"""The reference executor, as its own process, between the product and a bank that keeps its books."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from assentry import digest
from joserfc import jws

from agents.services import create_tool_key
from signing.keys import PERMIT, signers
from tests.callbacks.receiver import Receiver, receiving, until
from tests.clients.office import started
from tests.clients.shop import Shop
from tests.clock import travel
from tests.docs.pages import ROOT, blocks, section
from tests.factories import ACTOR
from tests.server import Live

PROGRAM = ROOT / "docs" / "examples" / "executor.py"
PAGE = ROOT / "docs" / "executor.md"
CREDENTIAL = "bank_9f2c1d"
ORDER = {"order": "A-1", "amount": 120}
#: An address at which nobody listens.
NOBODY = "http://127.0.0.1:1"


class Executor:
    """The program, running; a new start finds the journal of the one before."""

    def __init__(self, shop: Shop, bank: Receiver, folder: Path) -> None:
        (folder / "bank.token").write_text(CREDENTIAL + "\n", encoding="utf-8")
        self.environment = {
            **os.environ,
            **{name: value for name, value in shop.environment.items() if name != "ASSENTRY_KEY"},
            "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
            "ASSENTRY_JOURNAL": str(folder / "journal"),
            "BANK_URL": bank.url.removesuffix("/hook"),
            "BANK_TOKEN_FILE": str(folder / "bank.token"),
            "PORT": "0",
        }
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self, **changed: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env=self.environment | changed,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def post(self, body: Any, path: str = "/payments.refund") -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(self.url + path, data=data, timeout=60)

    def act(self, permit: Any, payload: Any = ORDER) -> requests.Response:
        return self.post({"permit": permit, "payload": payload})


@pytest.fixture
def shop(server: Live) -> Iterator[Shop]:
    found = Shop(server)
    yield found
    found.close()


@pytest.fixture
def bank() -> Iterator[Receiver]:
    with receiving() as found:
        found.answer(201, b"RF-7")
        yield found


@pytest.fixture
def stopped(shop: Shop, bank: Receiver, tmp_path: Path) -> Iterator[Executor]:
    """One that has not been started."""
    found = Executor(shop, bank, tmp_path)
    yield found
    found.kill()


@pytest.fixture
def executor(stopped: Executor) -> Executor:
    stopped.start()
    return stopped


def approved(shop: Shop, payload: Any = ORDER) -> Any:
    """What people said yes to."""
    handle = shop.client().request("payments.refund", payload)
    shop.decide(handle.id)
    return handle


def result_of(shop: Shop, handle: Any) -> tuple[str, str] | None:
    result = shop.client().get(handle.id).request.result
    return None if result is None else (result["status"], result["detail"])


def test_what_people_approved_runs_once(shop: Shop, bank: Receiver, executor: Executor) -> None:
    handle = approved(shop)
    permit = handle.permit()
    done = executor.act(permit.token)
    assert (done.status_code, done.json()) == (200, {"result": "RF-7"})
    (paid,) = bank.arrived
    assert (paid.path, json.loads(paid.body)) == ("/refunds", ORDER)
    assert paid.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert paid.headers["idempotency-key"] == permit.id
    assert result_of(shop, handle) == ("succeeded", "")
    again = executor.act(permit.token)
    assert again.status_code == 409
    assert again.json()["error"].startswith("AlreadyConsumed: ")
    assert len(bank.arrived) == 1
    assert CREDENTIAL not in done.text + again.text + str(done.headers)


def test_of_many_calls_at_once_one_acts(shop: Shop, bank: Receiver, executor: Executor) -> None:
    token = approved(shop).permit().token
    told: list[int] = []
    threads = [started(lambda: told.append(executor.act(token).status_code)) for _ in range(8)]
    for thread in threads:
        thread.join()
    assert sorted(told) == [200, *[409] * 7]
    assert len(bank.arrived) == 1


def forged(token: str, **changed: Any) -> str:
    """The same permit with other claims, signed with the product's own key."""
    key = signers.current(PERMIT).key
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]
    )
    body = json.dumps(claims | changed).encode()
    return jws.serialize_compact(header, body, key, algorithms=["Ed25519"])


def expired(token: str) -> str:
    """The same permit of an hour ago."""
    now = int(time.time())
    return forged(token, iat=now - 4500, nbf=now - 4500, exp=now - 3600)


def test_nothing_else_runs(server: Live, shop: Shop, bank: Receiver, executor: Executor) -> None:
    handle = approved(shop)
    token = handle.permit().token
    other = Shop(server)
    refused: list[tuple[requests.Response, int, str]] = [
        (executor.act(token, ORDER | {"amount": 1200}), 403, "is for another payload"),
        (executor.act(token, ORDER | {"note": ""}), 403, "is for another payload"),
        (executor.act(token, {}), 403, "is for another payload"),
        (executor.act(approved(other).permit().token), 403, "is for another audience"),
        (executor.act(expired(token)), 410, "has expired"),
        (executor.act(""), 403, "is no permit"),
        (executor.act(shop.token), 403, "is no permit"),
        (executor.act(token[:-4] + "AAAA"), 403, "signature"),
        (executor.post({"payload": ORDER}), 400, "permit"),
        (executor.post({"permit": None, "payload": ORDER}), 400, "permit"),
        (executor.post({"permit": token, "payload": ORDER, "more": 1}), 400, "permit"),
        (executor.post({"permit": token, "payload": [ORDER]}), 400, "permit"),
        (executor.post(b'{"permit": "", "permit": "", "payload": {}}'), 400, "twice"),
        (executor.post(b'{"permit": "' + token.encode() + b'", "payload": {"a": "\\ud800"}}'), 400, ""),
        (executor.post(b""), 400, "no JSON"),
        (executor.post(b" " * 1024 * 1024 + b"{}"), 413, "1 MiB"),
        (executor.post({"permit": token, "payload": ORDER}, "/payments.pay"), 404, "no such action"),
    ]  # fmt: skip
    for answer, status, words in refused:
        assert answer.status_code == status, answer.text
        assert words in answer.json()["error"]
        assert CREDENTIAL not in answer.text
    assert bank.arrived == []
    assert result_of(shop, handle) is None
    assert executor.act(token).status_code == 200, "none of them has spent it"
    other.close()


def test_a_stolen_signing_key_has_nothing_run(
    shop: Shop, bank: Receiver, executor: Executor
) -> None:
    """Such permits are genuine offline: the server has not issued them, or not for this."""
    handle, more = approved(shop), ORDER | {"amount": 1200}
    token = handle.permit().token
    digest_of_more = digest(more).removeprefix("sha256:")
    nobodys = forged(token, jti="pmt_01h455vb4pex5vsknk084sn02q", payload_sha256=digest_of_more)
    anothers = forged(token, payload_sha256=digest_of_more)
    assert executor.act(nobodys, more).status_code == 403
    assert executor.act(anothers, more).status_code == 403
    travel(handle.id, hours=2)
    prolonged = forged(token, exp=int(time.time()) + 86400)
    assert executor.act(prolonged).status_code == 410
    assert bank.arrived == []
    assert result_of(shop, handle) is None


def late(shop: Shop, handle: Any) -> None:
    travel(handle.id, hours=2)


def taken_back(shop: Shop, handle: Any) -> None:
    answer = shop.reviewer.call("POST", f"/requests/{handle.id}/revoke", json={})
    assert answer.status_code == 200, answer.text


def killed(shop: Shop, handle: Any) -> None:
    owner = shop.person(shop.owner)
    body = {"scope": "owner", "reason": "It runs wild."}
    assert owner.call("POST", "/kill_switch", json=body).status_code == 201
    owner.http.close()


def replaced(shop: Shop, handle: Any) -> None:
    handle.permit()


@pytest.mark.parametrize("end", [late, taken_back, killed, replaced], ids=lambda one: one.__name__)
def test_a_permit_that_the_server_has_ended_runs_nothing(
    end: Callable[[Shop, Any], None], shop: Shop, bank: Receiver, executor: Executor
) -> None:
    handle = approved(shop)
    token = handle.permit().token
    end(shop, handle)
    answer = executor.act(token)
    assert answer.status_code == 410, answer.text
    assert answer.json()["error"].startswith("PermitDead: ")
    assert bank.arrived == []


def test_a_key_of_other_actions_spends_nothing(
    shop: Shop, bank: Receiver, stopped: Executor
) -> None:
    writer = create_tool_key(
        actor=ACTOR, workspace=shop.workspace, name="Writer", actions=["notes.write"]
    )
    stopped.start(ASSENTRY_TOOL_KEY=str(writer.token))
    answer = stopped.act(approved(shop).permit().token)
    assert (answer.status_code, bank.arrived) == (403, [])
    assert "consumes no permits of payments.refund" in answer.json()["error"]


def test_without_the_server_nothing_runs(shop: Shop, bank: Receiver, stopped: Executor) -> None:
    stopped.start(ASSENTRY_URL=NOBODY)
    answer = stopped.act(approved(shop).permit().token)
    assert (answer.status_code, bank.arrived) == (503, [])


@pytest.mark.parametrize(
    ("bank_says", "status", "result"),
    [
        (422, 502, ("failed", "HTTPStatusError")),
        (500, 504, ("unknown", "the bank answered 500")),
        (None, 502, ("failed", "ConnectError")),
    ],
    ids=["it said no", "it broke", "it is away"],
)
def test_what_the_bank_did_not_do_is_told_as_it_is(
    shop: Shop, bank: Receiver, stopped: Executor,
    bank_says: int | None, status: int, result: tuple[str, str],
) -> None:  # fmt: skip
    if bank_says is None:
        stopped.start(BANK_URL=NOBODY)
    else:
        bank.answer(bank_says)
        stopped.start()
    handle = approved(shop)
    token = handle.permit().token
    assert stopped.act(token).status_code == status
    assert result_of(shop, handle) == result
    assert stopped.act(token).status_code == 409


def test_one_that_died_while_the_bank_was_asked_is_unknown_and_never_asked_again(
    shop: Shop, bank: Receiver, executor: Executor
) -> None:
    bank.hang = threading.Event()
    handle = approved(shop)
    token = handle.permit().token

    def act() -> None:
        with pytest.raises(requests.ConnectionError):
            executor.act(token)

    thread = started(act)
    bank.until(1)
    executor.kill()
    thread.join()
    assert result_of(shop, handle) is None
    bank.hang.set()
    executor.start()
    until(lambda: result_of(shop, handle) is not None)
    assert result_of(shop, handle) == ("unknown", "it began, and the tool's process died")
    assert executor.act(token).status_code == 409
    assert len(bank.arrived) == 1


def test_the_page_shows_the_program_and_the_agents_side_runs(
    shop: Shop, bank: Receiver, executor: Executor, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    source = PROGRAM.read_text(encoding="utf-8")
    agent, *shown = blocks("python", of=PAGE)
    assert len(shown) >= 5
    for block in shown:
        assert block.text in source, block.place
    monkeypatch.setenv("ASSENTRY_URL", shop.url)
    monkeypatch.setenv("ASSENTRY_KEY", shop.token)
    thread = shop.once_asked()
    names: dict[str, Any] = {"__name__": "agent"}
    text = agent.text.replace("http://executor.internal:8800", executor.url)
    exec(compile(text, agent.place, "exec"), names)  # noqa: S102 - our documents
    thread.join()
    names["client"].close()
    assert capsys.readouterr().out == "RF-7\n"
    assert CREDENTIAL not in os.environ.values()


def test_the_page_tells_of_every_answer() -> None:
    told = re.findall(r"^\| (\d{3}) \|", section(PAGE, "## What it answers"), re.MULTILINE)
    given = re.findall(
        r"(?:return |, )([2-5]\d\d)(?:, \{|\),)", PROGRAM.read_text(encoding="utf-8")
    )
    assert sorted(told) == sorted(set(given))
