"""An agent that must stop hears it from its waits, whatever became of what it waited for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from assentry import Stopped

from agents.models import Agent
from agents.services import set_state
from tests.clients.conftest import Both
from tests.clients.office import Office, started
from tests.factories import ACTOR

REFUND = {"order": "A-1", "amount": 120}


class Switch:
    """The agent's owner, at the kill switch."""

    def __init__(self, office: Office) -> None:
        office.administrator()
        self.owner = office.person(office.owner)
        self.pressed: list[str] = []

    def press(self) -> None:
        body = {"scope": "owner", "reason": "It runs wild."}
        answer = self.owner.call("POST", "/kill_switch", json=body)
        assert answer.status_code == 201, answer.text
        self.pressed.append(answer.json()["id"])

    def undo(self) -> None:
        answer = self.owner.call("POST", f"/kill_switch/{self.pressed.pop()}/undo")
        assert answer.status_code == 200, answer.text


@pytest.fixture
def switch(office: Office) -> Any:
    found = Switch(office)
    yield found
    found.owner.http.close()


def test_a_wait_that_is_parked_hears_it(both: Both, office: Office, switch: Switch) -> None:
    handle = both.client().request("payments.refund", REFUND)

    def press() -> None:
        office.server.until_parked(1, timeout=20)
        switch.press()

    thread = started(press)
    with pytest.raises(Stopped, match="must stop: do not go on"):
        handle.wait(timeout=60)
    thread.join()
    assert (handle.status, handle.request.basis) == ("cancelled", "kill_switch")
    assert handle.request.stop


def two(client: Any, office: Office) -> list[Any]:
    """One that is pending, and one that was approved meanwhile."""
    handles = [client.request("payments.refund", REFUND) for _ in range(2)]
    office.decide(handles[1].id)
    return handles


#: Each waits for the two handles, or for the first of them.
WAITS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "one": lambda client, handles: handles[0].wait(timeout=30),
    "any": lambda client, handles: client.wait_any(handles, 30),
    "all": lambda client, handles: client.wait_all(handles, 30),
}


@pytest.mark.parametrize("way", WAITS)
def test_what_ended_or_was_approved_before_does_not_hide_it(
    way: str, both: Both, office: Office, switch: Switch
) -> None:
    client = both.client()
    handles = two(client, office)
    switch.press()
    again = [client.get(handle.id) for handle in handles]
    assert [handle.status for handle in again] == ["cancelled", "approved"]
    for several in (handles, again):
        with pytest.raises(Stopped):
            WAITS[way](client, several)
    assert [handle.status for handle in again] == ["cancelled", "approved"]


@pytest.mark.parametrize("way", WAITS)
def test_an_agent_that_is_let_go_on_hears_how_it_ended(
    way: str, both: Both, office: Office, switch: Switch
) -> None:
    client = both.client()
    handles = two(client, office)
    switch.press()
    with pytest.raises(Stopped):
        WAITS[way](client, handles)
    switch.undo()
    WAITS[way](client, handles)
    assert handles[0].status == "cancelled"
    assert handles[0].wait(0).status == "cancelled"


def test_a_return_is_not_answered_by_an_agent_that_must_stop(both: Both, office: Office) -> None:
    """Suspended without the kill switch: the request lives, and waits for the agent."""
    handle = both.client().request("payments.refund", REFUND)
    office.decide(handle.id, "return", comment="Which shop?")
    set_state(actor=ACTOR, agent=office.agent, state=Agent.State.SUSPENDED)
    handle.refresh()
    assert (handle.request.given_back, handle.request.stop) == (True, True)
    with pytest.raises(Stopped):
        handle.wait(timeout=30, on_return=lambda *_: pytest.fail("it must not go on"))
    with pytest.raises(Stopped):
        handle.wait(timeout=30)


def test_a_gate_runs_nothing_and_its_run_is_abandoned(office: Office, switch: Switch) -> None:
    client = office.client()

    @client.gate("payments.refund")
    def refund(order: str, amount: float) -> None:
        pytest.fail("it must not run")

    def press() -> None:
        office.server.until_parked(1, timeout=20)
        switch.press()

    thread = started(press)
    with pytest.raises(Stopped), client.run("t") as run:
        refund("A-1", 120)
    thread.join()
    assert office.call("GET", f"/runs/{run.id}").json()["state"] == "abandoned"
