"""Asking and waiting, with both clients, against the running product."""

from __future__ import annotations

import inspect
import json
import pickle
import threading
import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from assentry import (
    ApiError,
    AsyncClient,
    AsyncHandle,
    AsyncRun,
    Cancelled,
    Client,
    Expired,
    Handle,
    PayloadError,
    Refused,
    Rejected,
    Retry,
    Returned,
    Run,
    SettingsError,
    StillPending,
    Stopped,
    Unreachable,
    digest,
)

from agents.models import Agent
from agents.services import create_key
from approvals.ends import EXPIRE
from core import due
from escalations.expiry import expire_due
from tests.clients.conftest import Both
from tests.clients.office import QUICK, Office, started
from tests.clock import travel
from tests.factories import ACTOR
from tests.together import together

REFUND = {"order": "A-1", "amount": 120}


def test_a_request_is_submitted_at_once_and_waits_for_people(both: Both, office: Office) -> None:
    client = both.client()
    handle = client.request("payments.refund", REFUND, summary="It broke", metadata={"k": "v"})
    assert handle.status == "pending"
    (asked,) = office.pending()
    assert (asked["id"], asked["summary"], asked["metadata"]) == (
        handle.id,
        "It broke",
        {"k": "v"},
    )
    decided = office.once_asked(comment="Fine.")
    outcome = handle.wait(timeout=60)
    decided.join()
    assert (outcome.approved, outcome.status, outcome.payload) == (True, "approved", REFUND)
    assert outcome.message == "People approved exactly this action: you may run it once."
    assert not outcome.edited
    assert handle.status == "approved"
    assert outcome.raise_for_outcome() is outcome


def test_policy_answers_without_waiting(both: Both) -> None:
    client = both.client()
    allowed = client.request("payments.refund", {"order": "A-1", "amount": 5})
    assert allowed.status == "approved"
    assert allowed.wait(0).request.basis == "policy"
    outcome = client.request("payments.refund", {"order": "A-1", "amount": 9000}).wait(0)
    with pytest.raises(Refused, match="made by the bank") as refused:
        outcome.raise_for_outcome()
    assert refused.value.request.status == "rejected"
    assert outcome.refused


def test_each_end_has_its_own_exception(both: Both, office: Office) -> None:
    client = both.client()
    rejected = client.request("payments.refund", REFUND)
    office.decide(rejected.id, "reject", comment="Ask the shop.")
    with pytest.raises(Rejected, match="Their reason: Ask the shop"):
        rejected.wait(1).raise_for_outcome()
    cancelled = client.request("payments.refund", REFUND)
    assert cancelled.cancel("Not needed").status == "cancelled"
    with pytest.raises(Cancelled, match="withdrawn"):
        cancelled.wait(1).raise_for_outcome()
    expired = client.request("payments.refund", REFUND, expires_in=timedelta(seconds=60))
    travel(expired.id, minutes=2)
    due.run(EXPIRE, expire_due)
    with pytest.raises(Expired, match="It was not rejected"):
        expired.wait(1).raise_for_outcome()


def test_time_that_is_over_is_no_answer(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)
    began = time.monotonic()
    with pytest.raises(StillPending, match=handle.id) as pending:
        handle.wait(timeout=0.5)
    assert 0.4 < time.monotonic() - began < 3
    assert isinstance(pending.value, TimeoutError)
    assert [request.id for request in pending.value.requests] == [handle.id]
    office.decide(handle.id)
    assert handle.wait(0).approved


def test_an_edited_payload_is_the_one_to_run(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)
    office.decide(handle.id, "edit", edits={"/amount": 100})
    outcome = handle.wait(5)
    assert outcome.payload == {"order": "A-1", "amount": 100}
    assert outcome.edited
    assert outcome.request.payload_digest == digest(outcome.payload)


def test_what_is_given_back_is_answered_and_waited_for_again(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)
    office.decide(handle.id, "return", comment="Which photos?")
    with pytest.raises(Returned, match="Which photos") as returned:
        handle.wait(5)
    assert returned.value.words == "Which photos?"
    assert handle.message("In the ticket.").request.raw["waiting_on"] == "people"
    office.decide(handle.id)
    assert handle.wait(5).approved


def test_a_program_that_answers_returns_goes_on_waiting(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)
    heard: list[str] = []

    def revise(held: Any, words: str) -> Any:
        heard.append(words)
        return held.revise({"order": "A-1", "amount": 90})

    office.decide(handle.id, "return", comment="Too much.")
    decided = office.once_asked()
    outcome = handle.wait(10, on_return=revise)
    decided.join()
    assert heard == ["Too much."]
    assert outcome.payload == {"order": "A-1", "amount": 90}


def test_a_program_that_does_not_answer_is_asked_once(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)
    office.decide(handle.id, "return", comment="Why?")
    heard: list[str] = []
    with pytest.raises(Returned):
        handle.wait(5, on_return=lambda held, words: heard.append(words))
    assert heard == ["Why?"]


def test_a_question_is_answered(both: Both, office: Office) -> None:
    client = both.client()
    handle = client.ask("lead", "Which address?", options=["Main Street", {"value": "mill"}])
    office.decide(handle.id, "answer", answer="mill")
    outcome = handle.wait(5)
    assert (outcome.answered, outcome.answer) == (True, "mill")
    assert outcome.raise_for_outcome() is outcome


def test_any_of_many_and_all_of_many(both: Both, office: Office) -> None:
    client = both.client()
    handles = [client.request("payments.refund", {"order": f"A-{n}", "amount": 50}) for n in "123"]
    with pytest.raises(StillPending):
        client.wait_any(handles, timeout=0.2)
    office.decide(handles[1].id)
    (first,) = client.wait_any(handles, timeout=5)
    assert first.id == handles[1].id
    office.decide(handles[0].id, "reject")
    office.decide(handles[2].id)
    outcomes = client.wait_all(handles, timeout=5)
    assert [outcome.status for outcome in outcomes] == ["rejected", "approved", "approved"]


def test_own_requests_are_listed_over_pages_and_read(both: Both) -> None:
    client = both.client()
    ids = [client.request("notes.write", {"n": n}).id for n in range(103)]
    listed = [handle.id for handle in client.list(status="pending", action="notes.write")]
    assert listed == ids[::-1]
    assert [*client.list(action="payments.refund")] == []
    assert client.get(ids[0]).payload == {"n": 0}
    with pytest.raises(ApiError) as absent:
        client.get("req_01h455vb4pex5vsknk084sn02q")
    assert (absent.value.status, absent.value.code) == (404, "not_found")


def test_a_preview_stores_nothing_and_me_says_who(both: Both, office: Office) -> None:
    client = both.client()
    assert client.preview("payments.refund", REFUND)["effect"] == "ask"
    assert office.stored() == []
    assert client.me() == office.call("GET", "/me").json()


def test_what_is_wrong_is_said_with_its_place(both: Both) -> None:
    client = both.client()
    with pytest.raises(ApiError) as off:
        client.request("payments.refund", {"order": "A-1", "amount": "much"})
    assert (off.value.status, off.value.code) == (422, "payload_off_schema")
    assert [one["pointer"] for one in off.value.errors] == ["/payload/amount"]
    assert "/payload/amount" in str(off.value)
    for payload in ({"at": timedelta(1)}, {"n": float("nan")}, {"n": 2**60}, {1: 2}):
        with pytest.raises(PayloadError):
            client.request("notes.write", payload)


def test_one_key_is_one_request(both: Both, office: Office) -> None:
    client = both.client()
    first = client.request("payments.refund", REFUND, idempotency_key="one")
    again = both.client().request("payments.refund", REFUND, idempotency_key="one")
    assert first.id == again.id
    assert client.request("payments.refund", REFUND).id != first.id
    with pytest.raises(ApiError) as reused:
        client.request("payments.refund", {**REFUND, "amount": 1}, idempotency_key="one")
    assert reused.value.code == "idempotency_key_reused"
    assert len(office.stored()) == 2


def test_a_limit_that_is_reached_is_said(office: Office) -> None:
    key = create_key(actor=ACTOR, agent=office.agent, rate_limit=1)

    def call_often(client: Client) -> None:
        for _ in range(3):  # a minute may begin between two of them
            client.me()

    with (
        Client(office.server.url, key.token, retry=Retry(obeyed_s=0)) as client,
        pytest.raises(ApiError) as many,
    ):
        call_often(client)
    assert (many.value.status, many.value.code) == (429, "rate_limited")
    assert many.value.retry_after is not None
    assert 0 < many.value.retry_after <= 60


def test_settings_come_from_the_environment_and_hide_the_key(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSENTRY_URL", raising=False)
    monkeypatch.delenv("ASSENTRY_KEY", raising=False)
    with pytest.raises(SettingsError, match="ASSENTRY_URL"):
        Client()
    with pytest.raises(SettingsError, match="ASSENTRY_KEY"):
        Client("http://127.0.0.1:1")
    for url in ("127.0.0.1", "ftp://x", "http://user:word@x", "http://x?y"):
        with pytest.raises(SettingsError):
            Client(url, "k")
    with pytest.raises(SettingsError) as odd:
        Client("http://x", "secret\nkey")
    assert "secret" not in str(odd.value)
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        assert client.me() == office.call("GET", "/me").json()
    shown = repr(client) + repr(vars(client)) + repr(client._settings)
    assert office.token not in shown
    with pytest.raises(TypeError):
        pickle.dumps(client._settings)


def test_no_exception_shows_the_key(office: Office) -> None:
    token = office.token
    for url, raised in (("http://127.0.0.1:1", Unreachable), (office.server.url, ApiError)):
        other = "x" if token[-1] != "x" else "y"
        with (
            Client(url, token[:-1] + other, retry=QUICK) as client,
            pytest.raises(raised) as error,
        ):
            client.request("payments.refund", REFUND)
        seen: BaseException | None = error.value
        while seen is not None:
            assert token[:-1] not in repr(seen) + str(seen) + json.dumps(seen.args, default=repr)
            seen = seen.__cause__ or seen.__context__


def test_the_two_clients_offer_the_same() -> None:
    for sync, twin in ((Client, AsyncClient), (Handle, AsyncHandle), (Run, AsyncRun)):
        names = {name for name in dir(sync) if not name.startswith("_")}
        assert names == {name for name in dir(twin) if not name.startswith("_")}
        for name in names:
            one, other = getattr(sync, name), getattr(twin, name)
            if callable(one):
                shown = [[*inspect.signature(each).parameters] for each in (one, other)]
                assert shown[0] == shown[1], name


def test_a_suspended_agent_is_stopped(office: Office) -> None:
    client = office.client()
    Agent.objects.filter(id=office.agent.id).update(state="suspended")
    with pytest.raises(Stopped) as stopped:
        client.request("payments.refund", REFUND)
    assert isinstance(stopped.value, ApiError)
    assert client.me()["stop"] is True


def test_sixteen_agents_on_one_key_each_hear_their_own_answer(office: Office) -> None:
    """Each with a client of its own, all at once: nobody hears another's answer, none is lost."""
    over = threading.Event()

    def review() -> None:
        while not over.is_set():
            for request in office.pending():
                refused = request["payload"]["amount"] % 2 == 1
                office.decide(
                    request["id"], "reject" if refused else "approve", comment="By its amount."
                )

    def work(number: int) -> tuple[int, str, Any]:
        with Client(office.server.url, office.token, retry=QUICK) as client:
            payload = {"order": f"A-{number}", "amount": 100 + number}
            outcome = client.request("payments.refund", payload).wait(timeout=60)
            return number, outcome.request.status, outcome.payload["order"]

    reviewer = started(review)
    try:
        found = together([partial(work, number) for number in range(16)], timeout=90)
    finally:
        over.set()
        reviewer.join()
    assert found == [
        (number, "rejected" if number % 2 else "approved", f"A-{number}") for number in range(16)
    ]
    assert len(office.stored()) == 16
