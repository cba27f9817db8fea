"""Erasing while others read, send, erase and hold: one order, and nothing comes back afterwards."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from approvals import telling
from callbacks.models import Attempt, Callback
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import due, ids
from core.problems import Problem
from oversight import holds
from tests.approvals.world import TEST, uuid_of
from tests.events import events_of
from tests.oversight.canary import places
from tests.oversight.subjects import Case, erase
from tests.promises import ask, left
from tests.together import together, until_waiting


def ended(case: Case) -> dict[str, Any]:
    """A request that was rejected in the word; its callback is still to be sent."""
    request = case.call(
        "POST", "/requests", json={"action": "payments.refund", "payload": case.said()}
    )
    done: dict[str, Any] = case.decide(case.ana, request, "reject")
    return done


def test_a_callback_that_is_on_its_way(case: Case, deliverer: Any) -> None:
    """It arrives, since it was sent before; what is answered to it is written nowhere."""
    request = ended(case)
    case.receiver.hang = threading.Event()
    due.run(DELIVER, deliverer.take)
    case.receiver.until(1)
    erase(case.world, request=uuid_of(request))
    case.receiver.hang.set()
    deliverer.close(5)
    callback = Callback.objects.get(request_id=uuid_of(request))
    assert (callback.state, callback.body, callback.attempts) == ("stopped", None, 0)
    assert not Attempt.objects.filter(callback=callback).exists()
    assert places(case.needles()) == set()
    assert callback.id not in {subject for subject, _ in left(DELIVER)}


def test_bytes_that_are_being_made(case: Case) -> None:
    """The erasure waits until they stand, and takes them away; or they are made of what is left."""
    request = ended(case)
    making, go_on = threading.Event(), threading.Event()

    def compose(conn: Any, requests: Sequence[UUID]) -> Mapping[UUID, bytes]:
        told = telling.bodies(conn, requests)
        making.set()
        assert go_on.wait(20)
        return told

    slow = Deliverer(compose)
    case.receiver.hang = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        taken = threads.submit(due.run, DELIVER, slow.take)
        assert making.wait(20)
        erased = threads.submit(erase, case.world, request=uuid_of(request))
        until_waiting(1, "pg_advisory_xact_lock")
        go_on.set()
        assert erased.result().subjects == [request["id"]]
        case.receiver.hang.set()
        taken.result()
    slow.close(5)
    assert Callback.objects.get(request_id=uuid_of(request)).body is None
    assert places(case.needles()) == set()


def test_two_erasures_at_once(case: Case) -> None:
    request = ended(case)
    done = together([lambda: erase(case.world, request=uuid_of(request))] * 6)
    refused = [one for one in done if isinstance(one, Problem)]
    assert [one.errors[0].code for one in refused] == ["erased"] * 5
    assert [one.subjects for one in done if one not in refused] == [[request["id"]]]
    assert len(events_of(case.world.workspace.id, "subject.erased")) == 1


def test_whoever_reads_meanwhile_sees_all_of_it_or_nothing(case: Case) -> None:
    requests = [ended(case) for _ in range(5)]
    over = threading.Event()

    def read() -> set[tuple[bool, bool, bool]]:
        seen = set()
        while not over.is_set():
            for request in requests:
                shown = case.server.call("GET", f"/requests/{request['id']}", headers=case.agent)
                assert shown.status_code == 200
                told = shown.json()
                said = told["decisions"][0]["comment"] == case.word
                seen.add((told["payload"] is not None, said, told["erased_at"] is None))
        return seen

    with ThreadPoolExecutor(3) as threads:
        readers = [threads.submit(read) for _ in range(3)]
        for request in requests:
            erase(case.world, request=uuid_of(request))
        over.set()
        seen = set().union(*(reader.result() for reader in readers))
    assert seen <= {(True, True, True), (False, False, False)}
    assert places(case.needles()) == set()


def test_a_hold_and_an_erasure_at_once(case: Case) -> None:
    """Whichever is first: a request that was erased is held no more, one on hold is not erased."""
    requests = [ended(case) for _ in range(8)]

    def hold(request: dict[str, Any]) -> Any:
        return holds.put(
            actor=TEST,
            workspace=case.world.workspace.id,
            scope="request",
            target=uuid_of(request),
            reason="A case",
        )

    calls = [lambda request=request: hold(request) for request in requests]
    calls += [
        lambda request=request: erase(case.world, request=uuid_of(request)) for request in requests
    ]
    done = together(calls)
    assert all(isinstance(one, holds.HoldShown) for one in done[:8])
    for request, erased in zip(requests, done[8:], strict=True):
        on_hold = isinstance(erased, Problem)
        assert not on_hold or erased.code == "on_hold"
        ((gone, order),) = ask(
            """SELECT r.erased_at IS NOT NULL, coalesce(r.erased_at < h.set_at, true)
                 FROM approvals_request r JOIN oversight_hold h ON h.target_id = r.id WHERE r.id = %s""",
            ids.decode("req", request["id"]),
        )
        assert (gone, order) == (not on_hold, True)
