"""The tool's side: only what a permit allows, once, also over crashes; and what came of it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from assentry import EffectUnknown, SettingsError, Unreachable
from assentry.effects import Answer, Blocking, Call, Do, Flow, Lost, Pause
from assentry.toolcalls import consume, reading
from assentry.tools import (
    AlreadyConsumed,
    AsyncToolClient,
    KeySet,
    Permit,
    PermitDead,
    PermitRefused,
    ToolClient,
)
from joserfc import jws, jwt
from joserfc.jwk import KeySet as JoseKeys
from joserfc.jwk import OKPKey

from agents.models import Agent
from agents.services import create_tool_key, set_state
from core.db import pool
from signing.keys import PERMIT, rotate, signers
from tests.clients.office import QUICK
from tests.clients.permit_tokens import Signer, jwks
from tests.clients.proxy import Proxy
from tests.clients.shop import Shop
from tests.factories import ACTOR
from tests.server import Live

ROOT = Path(__file__).resolve().parents[2]
ORDER = {"order": "A-1", "amount": 5}


@pytest.fixture
def tool(shop: Shop) -> Iterator[ToolClient]:
    with client(shop) as found:
        yield found


def client(shop: Shop, url: str | None = None, **options: Any) -> ToolClient:
    key = shop.environment["ASSENTRY_TOOL_KEY"]
    options = {"audience": shop.audience, "issuer": shop.issuer, "retry": QUICK, **options}
    return ToolClient(url or shop.url, key, **options)


class TestByHand:
    def test_a_permit_is_checked_used_once_and_told(self, shop: Shop, tool: ToolClient) -> None:
        token = shop.permit()
        permit = tool.permit(token)
        permit.verify("payments.refund", ORDER)
        tool.consume(permit, ORDER)
        with pytest.raises(AlreadyConsumed) as used:
            tool.consume(permit, ORDER)
        assert used.value.code == "permit_consumed"
        tool.report(permit, "succeeded", "Refund RF-7")
        tool.report(permit, "succeeded", "Refund RF-7")
        assert shop.result(token) == ("succeeded", "Refund RF-7")

    def test_of_twenty_at_once_one_may_run(self, shop: Shop, tool: ToolClient) -> None:
        permit = tool.permit(shop.permit())

        def consume(_: int) -> bool:
            try:
                tool.consume(permit, ORDER)
            except AlreadyConsumed:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            assert sum(pool.map(consume, range(20))) == 1

    def test_another_payload_does_not_even_reach_the_server(
        self, shop: Shop, tool: ToolClient
    ) -> None:
        permit = tool.permit(shop.permit())
        with pytest.raises(PermitRefused, match="another payload"):
            tool.consume(permit, ORDER | {"amount": 6})
        tool.consume(permit, json.dumps(ORDER))

    def test_a_lost_answer_is_asked_for_and_is_still_ours(self, shop: Shop) -> None:
        with Proxy(shop.address) as proxy, client(shop, proxy.url) as tool:
            permit = tool.permit(shop.permit())
            proxy.cut()
            proxy.lose_answers = 2
            tool.consume(permit, ORDER)
            with pytest.raises(AlreadyConsumed):
                tool.consume(permit, ORDER)

    def test_where_no_answer_comes_at_all_nothing_may_run(self, shop: Shop) -> None:
        with Proxy(shop.address) as proxy, client(shop, proxy.url) as tool:
            permit = tool.permit(shop.permit())
            proxy.cut()
            proxy.lose_answers = 100
            with pytest.raises(Unreachable):
                tool.consume(permit, ORDER)

    def test_async(self, shop: Shop) -> None:
        async def act() -> None:
            key = shop.environment["ASSENTRY_TOOL_KEY"]
            async with AsyncToolClient(shop.url, key, audience=shop.audience) as tool:
                token = shop.permit()
                permit = await tool.permit(token)
                await tool.consume(permit, ORDER)
                await tool.report(permit, "failed", "no money")
                assert shop.result(token) == ("failed", "no money")
                assert await tool.recover()

        asyncio.run(act())

    def test_permits_for_others_are_refused(self, shop: Shop) -> None:
        token = shop.permit()
        for wrong in (
            {"audience": f"{shop.issuer}/workspaces/other"},
            {"issuer": shop.issuer + "/"},
        ):
            with client(shop, **wrong) as tool, pytest.raises(PermitRefused, match="another"):
                tool.permit(token)
        keys = KeySet(jwks(Signer("key_other", seed=9)))
        with client(shop, keys=keys) as tool, pytest.raises(PermitRefused, match="not known"):
            tool.permit(token)


class TestOnTheServer:
    def test_another_library_reads_the_permit_alike(self, shop: Shop, tool: ToolClient) -> None:
        token = shop.permit()
        published = requests.get(f"{shop.url}/.well-known/jwks.json", timeout=10).json()
        keys = JoseKeys([OKPKey.import_key(one) for one in published["keys"]])
        found = jws.deserialize_compact(token, keys, algorithms=["Ed25519"])
        claims = json.loads(found.payload)
        jwt.JWTClaimsRegistry(iss={"value": shop.issuer}, aud={"value": shop.audience}).validate(
            claims
        )
        permit = tool.permit(token)
        assert claims == {name: getattr(permit, name) for name in claims}
        assert len(claims) == 12

    def test_a_key_that_was_rotated_is_found_and_what_it_signed_stays_good(
        self, shop: Shop, tool: ToolClient
    ) -> None:
        before = shop.permit()
        assert tool.permit(before).rev == 1
        rotate_keys()
        after = shop.permit()
        # Known keys are asked for again after half a minute at the earliest.
        with pytest.raises(PermitRefused, match="not known"):
            tool.permit(after)
        with client(shop) as fresh:
            assert fresh.permit(after).rev == fresh.permit(before).rev == 1

    def test_what_the_server_alone_knows(self, shop: Shop, server: Live) -> None:
        other, no_refunds = Shop(server), tool_key(shop, actions=["mail.send"])
        asked = shop.permit()
        for key, code in ((other.tool_key, "not_found"), (no_refunds, "wrong_action")):
            with ToolClient(shop.url, key, audience=shop.audience, retry=QUICK) as stranger:
                permit = stranger.permit(asked)
                with pytest.raises(PermitRefused) as refused:
                    stranger.consume(permit, ORDER)
                assert (type(refused.value), refused.value.code) == (PermitRefused, code)
        other.close()

    def test_a_suspended_agents_permit_is_dead(self, shop: Shop, tool: ToolClient) -> None:
        permit = tool.permit(shop.permit())
        set_state(actor=ACTOR, agent=shop.agent, state=Agent.State.SUSPENDED)
        with pytest.raises(PermitDead) as dead:
            tool.consume(permit, ORDER)
        assert dead.value.code in {"agent_suspended", "permit_revoked"}


def tool_key(shop: Shop, *, actions: list[str]) -> str:
    found = create_tool_key(actor=ACTOR, workspace=shop.workspace, name="mailer", actions=actions)
    return str(found.token)


def rotate_keys() -> None:
    with pool().connection() as conn, conn.transaction():
        rotate(conn, PERMIT)
    signers.forget()


class TestSettings:
    def test_they_come_from_the_environment(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in shop.environment.items():
            monkeypatch.setenv(name, value)
        with ToolClient() as tool:
            assert tool.permit(shop.permit()).action == "payments.refund"
            assert shop.environment["ASSENTRY_TOOL_KEY"] not in repr(vars(tool))

    def test_who_signs_follows_from_the_workspace(self) -> None:
        audience = "https://assentry.example/workspaces/shop"
        with ToolClient("http://10.0.0.1:8750", "key", audience=audience) as tool:
            assert tool.issuer == "https://assentry.example"

    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ({"url": "https://a.example"}, "ASSENTRY_TOOL_KEY"),
            ({"url": "https://a.example", "key": "k"}, "https://a.example/workspaces/"),
            ({"key": "k"}, "ASSENTRY_URL"),
        ],
    )
    def test_what_is_missing_is_named(
        self, given: dict[str, Any], why: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ASSENTRY_URL", raising=False)
        with pytest.raises(SettingsError, match=why):
            ToolClient(**given)

    def test_a_journal_that_cannot_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "j.db-alive").mkdir()
        for path in (tmp_path / "j.db", tmp_path / "none" / "j.db"):
            with pytest.raises(SettingsError, match="cannot be used"):
                ToolClient("https://a.example", "k", audience="b", journal=path)


def guarded(tool: ToolClient, **options: Any) -> tuple[Any, list[tuple[str, float]]]:
    """A guarded refund, and what it did."""
    done: list[tuple[str, float]] = []

    @tool.guard("payments.refund", **options)
    def refund(order: str, amount: float) -> str:
        done.append((order, amount))
        return f"refunded {amount}"

    return refund, done


def rows(journal: Path) -> int:
    """How many permits a journal knows."""
    with contextlib.closing(sqlite3.connect(journal)) as db:
        (count,) = db.execute("SELECT count(*) FROM permits").fetchone()
        return int(count)


class TestGuard:
    def test_what_the_permit_allows_runs_once(self, shop: Shop, tool: ToolClient) -> None:
        refund, done = guarded(tool)
        token = shop.permit()
        assert refund("A-1", amount=5, permit=token) == "refunded 5"
        assert shop.result(token) == ("succeeded", "")
        with pytest.raises(AlreadyConsumed):
            refund("A-1", 5, permit=token)
        assert done == [("A-1", 5)]

    @pytest.mark.parametrize("journal", [False, True])
    def test_of_many_calls_at_once_one_runs(
        self, shop: Shop, tmp_path: Path, journal: bool
    ) -> None:
        path = tmp_path / "journal.db" if journal else None
        with client(shop, journal=path) as tool:
            refund, done = guarded(tool)
            token = shop.permit()

            def call(_: int) -> bool:
                try:
                    return bool(refund("A-1", 5, permit=token))
                except AlreadyConsumed:
                    return False

            with ThreadPoolExecutor(12) as pool:
                assert sum(pool.map(call, range(12))) == 1
        assert done == [("A-1", 5)]

    @pytest.mark.parametrize("journal", [False, True])
    def test_anything_else_is_refused_and_spends_nothing(
        self, shop: Shop, tmp_path: Path, journal: bool
    ) -> None:
        with client(shop, journal=tmp_path / "journal.db" if journal else None) as tool:
            refund, done = guarded(tool)
            other, more = guarded(tool, payload=lambda order, amount: {"order": order})
            token = shop.permit()
            for call in (
                lambda: refund("A-1", 6, permit=token),
                lambda: refund("A-1 ", 5, permit=token),
                lambda: other("A-1", 5, permit=token),
                lambda: refund("A-1", 5, permit=token + "A"),
                lambda: refund("A-1", 5, permit=None),
                lambda: refund("A-1", 5),
            ):
                with pytest.raises(PermitRefused):
                    call()
            with pytest.raises(TypeError):
                refund("A-1", permit=token)
            with pytest.raises(PermitRefused, match="another action"):
                tool.guard("payments.pay")(lambda order, amount: 0)("A-1", 5, permit=token)
            assert (done, more) == ([], [])
            assert refund("A-1", 5.0, permit=token) == "refunded 5.0"

    def test_what_the_server_refuses_leaves_nothing_in_the_journal(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        journal = tmp_path / "journal.db"
        with client(shop, journal=journal) as tool:
            refund, done = guarded(tool)
            token = shop.permit()
            shop.end_permit(token)
            with pytest.raises(PermitDead):
                refund("A-1", 5, permit=token)
        assert done == []
        assert rows(journal) == 0

    def test_a_payload_of_ones_own(self, shop: Shop, tool: ToolClient) -> None:
        @tool.guard(
            "payments.refund", payload=lambda cents, order: {"order": order, "amount": cents / 100}
        )
        def in_cents(cents: int, order: str) -> int:
            return cents

        @tool.guard("payments.refund", ignore=["session"])
        def with_session(session: object, order: str, amount: float) -> object:
            return session

        assert in_cents(500, "A-1", permit=shop.permit()) == 500
        session = object()
        assert with_session(session, "A-1", 5, permit=shop.permit()) is session

    def test_a_function_may_see_its_permit(self, shop: Shop, tool: ToolClient) -> None:
        @tool.guard("payments.refund")
        def refund(order: str, amount: float, *, permit: Permit) -> str:
            return permit.jti

        token = shop.permit()
        assert refund("A-1", 5, permit=token) == tool.permit(token).jti
        with pytest.raises(TypeError, match="not by keyword only"):
            tool.guard("payments.refund")(lambda permit, order: permit)

    def test_a_failure_is_told_and_raised(self, shop: Shop, tool: ToolClient) -> None:
        @tool.guard("payments.refund")
        def refund(order: str, amount: float) -> None:
            raise RuntimeError("the till is empty")

        token = shop.permit()
        with pytest.raises(RuntimeError, match="the till is empty"):
            refund("A-1", 5, permit=token)
        assert shop.result(token) == ("failed", "RuntimeError")

    @pytest.mark.parametrize("journal", [False, True])
    def test_what_the_function_cannot_tell_is_told_as_unknown(
        self, shop: Shop, tmp_path: Path, journal: bool
    ) -> None:
        path = tmp_path / "journal.db"
        with client(shop, journal=path if journal else None) as tool:

            @tool.guard("payments.refund")
            def refund(order: str, amount: float) -> None:
                raise EffectUnknown("the bank gave no answer" + "!" * 5000)

            token = shop.permit()
            with pytest.raises(EffectUnknown, match="no answer"):
                refund("A-1", 5, permit=token)
            told = shop.result(token)
            assert told == ("unknown", ("the bank gave no answer" + "!" * 5000)[:4000])
            with pytest.raises(AlreadyConsumed):
                refund("A-1", 5, permit=token)
            # Whoever finds out later may say so.
            tool.report(tool.permit(token), "succeeded", "It is in the bank's books")
            assert shop.result(token) == ("succeeded", "It is in the bank's books")
        assert not journal or rows(path) == 0

    def test_arguments_that_change_meanwhile_do_not_run(self, shop: Shop, tool: ToolClient) -> None:
        ran: list[Any] = []
        order = {"order": "A-1", "amount": 5}
        looks = iter([5, 500])

        def payload(order: dict[str, Any]) -> dict[str, Any]:
            order["amount"] = next(looks)
            return order

        token = shop.permit()
        with pytest.raises(PermitRefused, match="another payload"):
            tool.guard("payments.refund", payload=payload)(ran.append)(order, permit=token)
        assert ran == []
        assert shop.result(token) == ("failed", "the arguments changed: nothing was run")

    def test_a_result_that_cannot_be_told_is_told_later(self, shop: Shop, tmp_path: Path) -> None:
        journal = tmp_path / "journal.db"
        with Proxy(shop.address) as proxy, client(shop, proxy.url, journal=journal) as tool:

            @tool.guard("payments.refund")
            def refund(order: str, amount: float) -> float:
                proxy.__exit__()
                return amount

            token = shop.permit()
            assert refund("A-1", 5, permit=token) == 5
            assert shop.result(token) is None
            assert not tool.recover()
        with client(shop, journal=journal) as tool:
            assert tool.recover()
            assert shop.result(token) == ("succeeded", "")

    def test_an_interrupted_one_is_unknown(self, shop: Shop, tmp_path: Path) -> None:
        async def act() -> None:
            key, journal = shop.environment["ASSENTRY_TOOL_KEY"], tmp_path / "journal.db"
            async with AsyncToolClient(
                shop.url, key, audience=shop.audience, journal=journal
            ) as tool:
                begun = asyncio.Event()

                @tool.guard("payments.refund")
                async def refund(order: str, amount: float) -> None:
                    begun.set()
                    await asyncio.sleep(60)

                token = shop.permit()
                task = asyncio.create_task(refund("A-1", 5, permit=token))
                await begun.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert shop.result(token) is None
                assert await tool.recover()
                assert shop.result(token) == ("unknown", "it was interrupted")

        asyncio.run(act())

    def test_functions_of_the_other_kind(self, tool: ToolClient) -> None:
        async def act(order: str) -> None: ...

        with pytest.raises(TypeError, match="is async"):
            tool.guard("a.b")(act)
        other = AsyncToolClient("https://a.example", "k", audience="b")
        with pytest.raises(TypeError, match="is not async"):
            other.guard("a.b")(lambda: None)  # type: ignore[arg-type,return-value]
        asyncio.run(other.close())


@pytest.mark.parametrize(
    ("status", "code", "raises"),
    [
        (409, "permit_consumed", AlreadyConsumed),
        (410, "permit_expired", PermitDead),
        (410, "permit_revoked", PermitDead),
        (410, "agent_suspended", PermitDead),
        (422, "wrong_digest", PermitRefused),
        (404, "not_found", PermitRefused),
        (403, "wrong_action", PermitRefused),
    ],
)
def test_what_the_servers_refusals_become(status: int, code: str, raises: type) -> None:
    told = b'{"type": "urn:assentry:problem:%b", "detail": "No."}' % code.encode()
    with pytest.raises(PermitRefused, match=r"No\.") as refused:
        feed(consume(QUICK, "pmt_1", "00", "key"), [Answer(status, {}, told)])
    assert type(refused.value) is raises
    assert refused.value.code == code


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"<html>", b'{"id": "pmt_2"}'])
def test_an_answer_of_somebody_else_is_no_leave(answer: bytes) -> None:
    with pytest.raises(PermitRefused, match="did not say"):
        feed(consume(QUICK, "pmt_1", "00", "key"), [Answer(200, {}, answer)])


def test_each_attempt_to_consume_has_the_same_name() -> None:
    lost, good = Lost("ReadError", sent=True), Answer(200, {}, b'{"id": "pmt_1"}')
    calls = feed(consume(QUICK, "pmt_1", "00", "key"), [lost, lost, good])
    assert [call.headers["Idempotency-Key"] for call in calls] == ["key"] * 3


def feed(flow: Flow[Any], answers: list[Answer | Lost]) -> list[Call]:
    """Drive a flow with these answers; its calls."""
    calls: list[Call] = []
    effect = next(flow)
    with contextlib.suppress(StopIteration):
        while True:
            match effect:
                case Call():
                    calls.append(effect)
                    given = answers.pop(0)
                    effect = flow.throw(given) if isinstance(given, Lost) else flow.send(given)
                case Pause() | Do() | Blocking():
                    effect = flow.send(None)
    return calls


def test_keys_that_cannot_be_read_let_nothing_through(shop: Shop, tool: ToolClient) -> None:
    for body in (b"", b"<html>", b"{}", b'{"keys": [], "keys": []}'):
        flow = reading(QUICK, KeySet(), shop.permit(), shop.issuer, shop.audience)
        with pytest.raises(PermitRefused, match="cannot be checked"):
            feed(flow, [Answer(200, {}, body)])


#: A tool that is killed at a named point of its own, and started again.
PROGRAM = """
import json, os, signal, sys, time
from assentry import toolcalls
from assentry.tools import ToolClient

die, ledger, token = sys.argv[1:4]

def stop_at(point):
    if die == point:
        os.kill(os.getpid(), signal.SIGKILL)

def around(name):
    original = getattr(toolcalls, name)
    def flow(*args, **kwargs):
        stop_at("before " + name)
        value = yield from original(*args, **kwargs)
        stop_at("after " + name)
        return value
    setattr(toolcalls, name, flow)

around("consume")
around("report")

with ToolClient(journal=os.environ.get("JOURNAL")) as tool:
    @tool.guard("payments.refund")
    def refund(order, amount):
        stop_at("begun")
        if die == "never ends":
            print("begun", flush=True)
            time.sleep(600)
        with open(ledger, "a") as file:
            file.write(json.dumps([order, amount]) + "\\n")
            file.flush()
            os.fsync(file.fileno())
        stop_at("done")
        return amount

    try:
        print("ran", refund("A-1", 5, permit=token))
    except Exception as error:
        print(type(error).__name__)
"""


class Killed:
    """A place where such a tool runs."""

    def __init__(self, shop: Shop, folder: Path, *, journal: bool = True) -> None:
        self.shop, self.token = shop, shop.permit()
        self.source, self.ledger = folder / "tool.py", folder / "ledger"
        self.journal = folder / "journal.db"
        self.source.write_text(PROGRAM, encoding="utf-8")
        self.environment = {**os.environ, **shop.environment}
        self.environment["PYTHONPATH"] = str(ROOT / "clients" / "python" / "src")
        if journal:
            self.environment["JOURNAL"] = str(self.journal)

    def start(self, die: str, token: str | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(self.source), die, str(self.ledger), token or self.token],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, die: str, token: str | None = None) -> str:
        process = self.start(die, token)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == (0 if die == "never" else -signal.SIGKILL)
        return said.strip()

    @property
    def effects(self) -> int:
        return len(self.ledger.read_text("utf-8").splitlines()) if self.ledger.exists() else 0

    @property
    def result(self) -> Any:
        return self.shop.result(self.token)


DIED = "it began, and the tool's process died"


class TestKilled:
    @pytest.mark.parametrize(
        ("die", "ran_before", "then", "result"),
        [
            ("before consume", 0, "ran 5", ("succeeded", "")),
            ("after consume", 0, "ran 5", ("succeeded", "")),
            ("begun", 0, "AlreadyConsumed", ("unknown", DIED)),
            ("done", 1, "AlreadyConsumed", ("unknown", DIED)),
            ("before report", 1, "AlreadyConsumed", ("succeeded", "")),
            ("after report", 1, "AlreadyConsumed", ("succeeded", "")),
        ],
    )
    def test_at_any_point_it_runs_at_most_once_and_success_is_not_guessed(
        self, shop: Shop, tmp_path: Path, die: str, ran_before: int, then: str, result: Any
    ) -> None:
        place = Killed(shop, tmp_path)
        assert place.run(die) == ""
        assert place.effects == ran_before
        assert place.run("never") == then
        assert place.effects == (1 if then == "ran 5" else ran_before)
        assert place.result == result
        # And nothing is left to do or to tell.
        assert place.run("never") == "AlreadyConsumed"
        assert place.result == result

    @pytest.mark.parametrize(
        ("die", "ran_before", "then", "result"),
        [
            ("before consume", 0, "ran 5", ("succeeded", "")),
            ("after consume", 0, "AlreadyConsumed", None),
            ("begun", 0, "AlreadyConsumed", None),
            ("done", 1, "AlreadyConsumed", None),
            ("before report", 1, "AlreadyConsumed", None),
            ("after report", 1, "AlreadyConsumed", ("succeeded", "")),
        ],
    )
    def test_without_a_journal_it_runs_at_most_once_too(
        self, shop: Shop, tmp_path: Path, die: str, ran_before: int, then: str, result: Any
    ) -> None:
        place = Killed(shop, tmp_path, journal=False)
        assert place.run(die) == ""
        assert place.run("never") == then
        assert place.effects == (1 if then == "ran 5" else ran_before)
        assert place.result == result

    def test_killed_again_while_it_recovers(self, shop: Shop, tmp_path: Path) -> None:
        place = Killed(shop, tmp_path)
        assert place.run("begun") == ""
        for die in ("before report", "after report"):
            assert place.run(die) == ""
        assert place.run("never") == "AlreadyConsumed"
        assert (place.effects, place.result) == (0, ("unknown", DIED))

    def test_another_call_tells_it_too(self, shop: Shop, tmp_path: Path) -> None:
        place = Killed(shop, tmp_path)
        assert place.run("done") == ""
        assert place.run("never", shop.permit()) == "ran 5"
        assert (place.effects, place.result) == (2, ("unknown", DIED))

    def test_what_another_process_is_running_is_left_alone(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        place = Killed(shop, tmp_path)
        process = place.start("never ends")
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert place.run("never") == "AlreadyConsumed"
        assert place.result is None
        process.kill()
        process.communicate(timeout=30)
        assert place.run("never") == "AlreadyConsumed"
        assert place.result == ("unknown", DIED)

    @pytest.mark.parametrize(
        ("die", "result"),
        [
            ("before consume", None),
            ("after consume", ("failed", "it was consumed, and nothing was run")),
        ],
    )
    def test_a_permit_that_ends_before_the_tool_is_back(
        self, shop: Shop, tmp_path: Path, die: str, result: Any
    ) -> None:
        place = Killed(shop, tmp_path)
        assert place.run(die) == ""
        if result is None:
            shop.end_permit(place.token)
        with contextlib.closing(sqlite3.connect(place.journal, isolation_level=None)) as db:
            db.execute("UPDATE permits SET expires_at = ?", [int(time.time()) - 61])
        assert place.run("never", shop.permit()) == "ran 5"
        assert (place.effects, place.result) == (1, result)
        assert rows(place.journal) == 0

    def test_one_of_several_processes_runs_it(self, shop: Shop, tmp_path: Path) -> None:
        place = Killed(shop, tmp_path)
        processes = [place.start("never") for _ in range(4)]
        said = sorted(process.communicate(timeout=60)[0].strip() for process in processes)
        assert said == ["AlreadyConsumed"] * 3 + ["ran 5"]
        assert (place.effects, place.result) == (1, ("succeeded", ""))


def test_a_forked_child_counts_by_itself(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from assentry.alive import Alive
path = Path(sys.argv[1])
before = Alive.at(path)
told, tell = os.pipe()
wait, go_on = os.pipe()
child = os.fork()
if child == 0:
    os.write(tell, str(Alive.at(path).slot).encode())
    os.read(wait, 1)
    os._exit(0)
slot = int(os.read(told, 100))
print(slot != before.slot, Alive.at(path) is before, before.lives(slot), before.lives(before.slot))
os.write(go_on, b"x")
os.waitpid(child, 0)
print(before.lives(slot), before.lives(before.slot))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "alive")],
        env={"PYTHONPATH": str(ROOT / "clients" / "python" / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "True True True True\nFalse True\n"


def test_threads_of_one_process_are_not_dead(shop: Shop, tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()
    journal = tmp_path / "journal.db"
    with client(shop, journal=journal) as first, client(shop, journal=journal) as second:

        @first.guard("payments.refund")
        def refund(order: str, amount: float) -> float:
            begun.set()
            assert go_on.wait(30)
            return amount

        token = shop.permit()
        thread = threading.Thread(target=refund, args=("A-1", 5), kwargs={"permit": token})
        thread.start()
        assert begun.wait(30)
        assert second.recover()
        assert shop.result(token) is None
        go_on.set()
        thread.join()
    assert shop.result(token) == ("succeeded", "")
