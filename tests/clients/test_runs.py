"""Runs and steps by the client: declared once, told in batches, ended by their block."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from assentry import RunEnded, Stopped

from agents.models import Agent
from agents.services import set_state
from tests.clients.office import Office
from tests.factories import ACTOR

REFUND = {"order": "A-1", "amount": 120}


def steps_of(office: Office, run_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.call("GET", f"/runs/{run_id}/steps").json()["results"]
    return found


def state_of(office: Office, run_id: str) -> str:
    return str(office.call("GET", f"/runs/{run_id}").json()["state"])


def test_a_block_declares_tells_and_ends(office: Office) -> None:
    client = office.client()
    with client.run("ticket-7", agent_version="2.1") as run:
        assert state_of(office, run.id) == "running"
        with run.step(tool="crm.read") as step:
            step.labels = ["data.pii"]
            step.input({"customer": "c-1"})
        with run.step(model="m-1", attempt=2) as step:
            step.cost, step.input_tokens, step.output_tokens = 0.25, 10, 5
        assert steps_of(office, run.id) == [], "they are told in batches"
        handle = client.request("payments.refund", REFUND)
        told = steps_of(office, run.id)
        assert [(one["tool"], one["model"], one["attempt"]) for one in told] == [
            ("crm.read", None, 1),
            (None, "m-1", 2),
        ]
        assert told[0]["labels"] == ["data.pii"]
        assert told[0]["input_digest"].startswith("sha256:")
        assert (told[1]["cost"], told[1]["input_tokens"]) == (0.25, 10)
        assert handle.request.raw["run"] == {"id": run.id, "external_id": "ticket-7"}
        with run.step(tool="last"):
            pass
    assert [one["tool"] for one in steps_of(office, run.id)][-1] == "last"
    shown = office.call("GET", f"/runs/{run.id}").json()
    assert (shown["state"], shown["steps"], shown["agent_version"]) == ("succeeded", 3, "2.1")
    assert client.request("payments.refund", REFUND).request.raw["run"] is None
    with pytest.raises(RunEnded), client.run("ticket-7"):
        pytest.fail("an ended run is not entered")


def test_what_fails_is_told_as_failed(office: Office) -> None:
    client = office.client()
    with pytest.raises(KeyError), client.run("t") as run, run.step(tool="crm.read"):
        raise KeyError("c-1")
    [step] = steps_of(office, run.id)
    assert (step["status"], step["error"]) == ("failed", "KeyError")
    assert state_of(office, run.id) == "failed"


def test_batches_go_by_themselves(office: Office) -> None:
    client = office.client()
    with client.run("t") as run:
        for _ in range(200):
            with run.step(tool="crm.read"):
                pass
        assert len(steps_of(office, run.id)) == 50, "one page of the 200"
        assert office.call("GET", f"/runs/{run.id}").json()["steps"] == 200


def test_a_suspended_agent_stops_at_the_next_step(office: Office) -> None:
    client = office.client()
    run = client.run("t")

    def work() -> None:
        with run, run.step(tool="one"):
            set_state(actor=ACTOR, agent=office.agent, state=Agent.State.SUSPENDED)
            run.flush_steps()
            run.step(tool="before").end(None)
            run.flush_steps()
            with run.step(tool="two"):
                pytest.fail("it must not go on")

    with pytest.raises(Stopped):
        work()
    assert [one["tool"] for one in steps_of(office, run.id)] == ["before", "one"]
    assert state_of(office, run.id) == "abandoned"


def test_async_runs(office: Office) -> None:
    async def act() -> Any:
        async with office.async_client() as client, client.run("t") as run:
            async with run.step(tool="crm.read"):
                pass
            handle = await client.request("payments.refund", REFUND)
            assert handle.request.raw["run"]["id"] == run.id
        return run.id

    run_id = asyncio.run(act())
    assert state_of(office, run_id) == "succeeded"
