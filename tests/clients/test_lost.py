"""Connections that are lost: nothing is asked twice, and no wait ends without an answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from assentry import ApiError, Unreachable

from agents.services import revoke_key
from tests.clients.conftest import Both
from tests.clients.office import Office, started
from tests.clients.proxy import Proxy
from tests.factories import ACTOR
from tests.processes import Process, Web

REFUND = {"order": "A-1", "amount": 120}


@pytest.fixture
def proxy(office: Office) -> Iterator[Proxy]:
    with Proxy(office.server.address) as found:
        yield found


def test_a_wait_goes_on_after_its_connection_was_cut(
    both: Both, office: Office, proxy: Proxy
) -> None:
    client = both.client(proxy.url)
    handle = client.request("payments.refund", REFUND)

    def cut_twice_then_decide() -> None:
        for _ in range(2):
            office.server.until_parked(1, timeout=20)
            before = proxy.connections
            proxy.cut()
            proxy.until_connections(before + 1, timeout=20)
        office.decide(handle.id)

    thread = started(cut_twice_then_decide)
    outcome = handle.wait(timeout=60)
    thread.join()
    assert outcome.approved
    assert proxy.connections >= 3


def test_a_submit_whose_answer_was_lost_is_one_request(
    both: Both, office: Office, proxy: Proxy
) -> None:
    client = both.client(proxy.url)
    proxy.lose_answers = 3
    handle = client.request("payments.refund", REFUND)
    assert proxy.connections == 4
    assert [request["id"] for request in office.stored()] == [handle.id]
    question = client.ask("lead", "Which?")
    assert len(office.stored()) == 2
    assert question.status == "pending"


def test_what_is_not_safe_to_repeat_is_not_repeated(
    both: Both, office: Office, proxy: Proxy
) -> None:
    handle = both.client(proxy.url).request("payments.refund", REFUND)
    proxy.cut()
    proxy.lose_answers = 1
    with pytest.raises(Unreachable, match="gave no answer"):
        handle.revise(REFUND | {"amount": 130})
    assert (office.stored()[0]["revision"], proxy.connections) == (2, 2)


def test_a_message_whose_answer_was_lost_is_one_message(
    both: Both, office: Office, proxy: Proxy
) -> None:
    handle = both.client(proxy.url).request("payments.refund", REFUND)
    proxy.cut()
    proxy.lose_answers = 2
    handle.message("Once.")
    assert [one["text"] for one in office.stored()[0]["messages"]] == ["Once."]


def test_patience_ends(both: Both, office: Office, proxy: Proxy) -> None:
    client = both.client(proxy.url)
    handle = client.request("payments.refund", REFUND)
    with proxy.away():
        with pytest.raises(Unreachable):
            handle.wait(timeout=0.5)
        with pytest.raises(Unreachable):
            client.request("payments.refund", REFUND)


def test_a_key_that_dies_ends_the_wait(both: Both, office: Office) -> None:
    handle = both.client().request("payments.refund", REFUND)

    def revoke() -> None:
        office.server.until_parked(1, timeout=20)
        revoke_key(actor=ACTOR, workspace=office.workspace, key_id=office.key.key.id)

    thread = started(revoke)
    with pytest.raises(ApiError) as dead:
        handle.wait(timeout=60)
    thread.join()
    assert dead.value.status == 401
    assert dead.value.code in {"key_ended", "key_revoked"}


def test_a_server_that_is_killed_and_started_again_still_answers(
    office: Office, tmp_path: Path
) -> None:
    processes: list[Process] = []
    try:
        first = Web(tmp_path)
        processes.append(first)
        client = office.client(first.url)
        handle = client.request("payments.refund", REFUND)

        def replace() -> None:
            first.kill()
            second = Web(tmp_path, first.listener)
            processes.append(second)
            assert requests.get(f"{second.url}/healthz", timeout=10).status_code == 200
            office.decide(handle.id)

        thread = started(replace)
        outcome = handle.wait(timeout=60)
        thread.join()
        assert outcome.approved
    finally:
        for process in processes:
            process.kill()
        first.listener.close()
