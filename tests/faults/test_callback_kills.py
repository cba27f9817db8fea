"""Processes killed between an end and its callback: told at least once, under one id, in one wording."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from approvals.permits import issue
from approvals.read import snapshots
from callbacks.models import Attempt
from callbacks.sql import DELIVER
from core import ids
from core.nudge import nudger
from tests.approvals.world import World, uuid_of
from tests.callbacks.receiver import Receiver, receiving
from tests.callbacks.test_delivery import Setting
from tests.clock import travel
from tests.factories import PASSWORD
from tests.faults.doors import decide, signed_in
from tests.processes import Process, Web, Worker, eventually
from tests.promises import ask

ASK = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}
#: Longer than a lease: whoever was killed holds nothing any more.
LEASE_OVER_S = 40


@pytest.fixture
def setting(receiver: Receiver) -> Setting:
    return Setting(World({"lead": ["ana"]}, [ASK], password=PASSWORD), receiver)


def approved(setting: Setting, count: int) -> list[dict[str, Any]]:
    made = [setting.world.submit() for _ in range(count)]
    for request in made:
        setting.world.decide("ana", request)
    return made


def is_told(setting: Setting) -> bool:
    found = setting.callbacks()
    return bool(found) and all(one.state == "delivered" for one in found)


def all_is_told(
    setting: Setting, ends: dict[str, str], timeout: float = 15, failed: Sequence[int] = ()
) -> dict[str, int]:
    """Wait until all is delivered and check it from every side; how often each callback arrived.

    Args:
        ends: the type of the one callback of each request, by the request's id.
        failed: the answers that each got before the one that it was delivered with.
    """
    nudger.nudge(DELIVER)
    eventually(lambda: is_told(setting), timeout)
    callbacks = setting.callbacks()
    assert {ids.encode("req", one.request_id): one.type for one in callbacks} == ends  # type: ignore[arg-type]
    assert len(callbacks) == len(ends)
    arrived = list(setting.receiver.arrived)
    often: dict[str, int] = {}
    for callback in callbacks:
        name = ids.encode("cbk", callback.id)
        mine = [one for one in arrived if one.headers["webhook-id"] == name]
        assert {one.body for one in mine} == {bytes(callback.body or b"")}
        for one in mine:
            told = Webhook(setting.secret.secret).verify(one.body, one.headers)
            assert (told["type"], told["data"]["id"]) == (
                callback.type,
                ids.encode("req", callback.request_id),  # type: ignore[arg-type]
            )
        tries = list(Attempt.objects.filter(callback=callback).order_by("number"))
        answers = [one.status for one in tries if one.status is not None]
        assert answers == [*failed, 204]
        assert callback.attempts == len(tries)
        often[name] = len(mine)
    assert {one.headers["webhook-id"] for one in arrived} == set(often)
    assert waiting(setting) == []
    return often


def waiting(setting: Setting) -> list[Any]:
    """The promises of the workspace that are not kept yet."""
    return ask(
        "SELECT subject FROM core_due WHERE workspace_id = %s AND kind = %s",
        *(setting.world.workspace.id, DELIVER),
    )


@pytest.mark.parametrize(
    "place", ["due_after_claim", "callback_before_send", "callback_after_send_before_record"]
)
def test_a_worker_killed_while_sending_is_followed_by_another(
    setting: Setting, started: list[Process], tmp_path: Path, place: str
) -> None:
    made = approved(setting, 3)
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(doomed)
    nudger.nudge(DELIVER)
    eventually(lambda: doomed.ended is not None)
    sent = len(setting.receiver.arrived)
    assert (sent > 0) is (place == "callback_after_send_before_record")
    assert {one.state for one in setting.callbacks()} == {"pending"}
    assert len(waiting(setting)) == 3
    # What is told does not change any more with what it tells of.
    for request in made:
        issue(caller=setting.world.caller, request_id=uuid_of(request))
    setting.make_due(seconds=LEASE_OVER_S)
    started.append(Worker(tmp_path))
    often = all_is_told(setting, {request["id"]: "request.approved" for request in made})
    # Only what was sent and not recorded comes twice.
    assert sum(often.values()) == 3 + sent
    assert max(often.values()) == (2 if sent else 1)


@pytest.mark.parametrize(
    ("place", "decided"),
    [
        ("decide_before_last_statement", False),
        ("end_before_last_statement", False),
        ("after_commit_before_nudge", True),
    ],
)
def test_a_decision_cut_short_is_told_with_its_end_or_not_at_all(
    setting: Setting, started: list[Process], tmp_path: Path, place: str, decided: bool
) -> None:
    request = setting.world.submit()
    started.append(Worker(tmp_path))
    doomed = Web(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(doomed)
    with pytest.raises(requests.ConnectionError):
        decide(signed_in(doomed, setting.world), doomed, request)
    assert doomed.process.wait(10) < 0
    successor = Web(tmp_path, doomed.listener)
    started.append(successor)
    if not decided:
        assert setting.callbacks() == []
    again = decide(signed_in(successor, setting.world), successor, request)
    assert again.status_code == (409 if decided else 200)
    # The nudge died with the process: the worker looks by itself.
    eventually(lambda: is_told(setting))
    assert list(all_is_told(setting, {request["id"]: "request.approved"}).values()) == [1]


@pytest.mark.parametrize(
    "place",
    [
        "due_after_claim",
        "due_before_finish",
        "end_before_last_statement",
        "after_commit_before_nudge",
    ],
)
def test_an_expiry_cut_short_is_told_once_it_is_over(
    setting: Setting, started: list[Process], tmp_path: Path, place: str
) -> None:
    request = setting.world.submit()
    doomed = Worker(tmp_path, ASSENTRY_FAILPOINTS=f"{place}:kill")
    started.append(doomed)
    travel(uuid_of(request), days=1)
    nudger.nudge("request.expire")
    eventually(lambda: doomed.ended is not None)
    ended = not snapshots([uuid_of(request)])[uuid_of(request)].pending
    assert ended is (place == "after_commit_before_nudge")
    assert len(setting.callbacks()) == int(ended)
    assert setting.receiver.arrived == []
    setting.make_due(seconds=LEASE_OVER_S)
    started.append(Worker(tmp_path))
    nudger.nudge("request.expire")
    eventually(lambda: is_told(setting))
    assert set(all_is_told(setting, {request["id"]: "request.expired"}).values()) == {1}


def test_workers_killed_again_and_again_tell_everything(
    setting: Setting, started: list[Process], tmp_path: Path
) -> None:
    made = approved(setting, 80)
    for arrived in (5, 20, 40):
        # A little time between sending and writing, so that a kill finds something there.
        worker = Worker(
            tmp_path, ASSENTRY_FAILPOINTS="callback_after_send_before_record:sleep=0.05"
        )
        started.append(worker)
        nudger.nudge(DELIVER)
        setting.receiver.until(arrived)
        worker.kill()
        setting.make_due(seconds=LEASE_OVER_S)
    assert not is_told(setting)
    started.append(Worker(tmp_path))
    all_is_told(setting, {request["id"]: "request.approved" for request in made})


def test_a_worker_that_wakes_after_its_lease_writes_nothing(
    setting: Setting, started: list[Process], tmp_path: Path
) -> None:
    """Another one has tried since: its failure stands, whatever the first one would have written."""
    setting.receiver.answers = [(204, {}, b""), (500, {}, b"no"), (204, {}, b"")]
    [request] = approved(setting, 1)
    sleeper = Worker(tmp_path, ASSENTRY_FAILPOINTS="callback_after_send_before_record:sleep=1")
    started.append(sleeper)
    nudger.nudge(DELIVER)
    setting.receiver.until(1)
    os.kill(sleeper.process.pid, signal.SIGSTOP)
    setting.make_due(seconds=LEASE_OVER_S)
    second = Worker(tmp_path)
    started.append(second)
    nudger.nudge(DELIVER)
    eventually(lambda: setting.one().attempts == 1)
    second.kill()
    os.kill(sleeper.process.pid, signal.SIGCONT)
    sleeper.process.terminate()  # it ends what it has begun
    assert sleeper.process.wait(10) == 0
    [tried] = Attempt.objects.filter(callback=setting.one())
    assert (tried.status, setting.one().state, setting.one().attempts) == (500, "pending", 1)
    setting.make_due(seconds=LEASE_OVER_S)
    started.append(Worker(tmp_path))
    often = all_is_told(setting, {request["id"]: "request.approved"}, failed=[500])
    assert list(often.values()) == [3]


@pytest.mark.parametrize(
    ("down_s", "scale"), [(60, 120), (6 * 3600, 7_200)], ids=["a minute", "six hours"]
)
def test_an_outage_of_the_receiver_delays_and_loses_nothing(
    loopback_allowed: None,
    started: list[Process],
    tmp_path: Path,
    down_s: int,
    scale: int,
) -> None:
    """The worker's clock runs faster: an hour of tries and pauses passes in half a second."""
    with receiving(down=True) as receiver:
        setting = Setting(World({"lead": ["ana"]}, [ASK], password=PASSWORD), receiver)
        web, worker = Web(tmp_path), Worker(tmp_path, ASSENTRY_TIME_SCALE=str(scale))
        started += [web, worker]
        session = signed_in(web, setting.world)
        made = [setting.world.submit() for _ in range(30)]
        for request in made:
            assert decide(session, web, request).status_code == 200
        failures = Attempt.objects.filter(callback__endpoint=setting.endpoint)
        eventually(failures.exists)
        first = failures.earliest("at").at
        lasted = "SELECT clock_timestamp() - %s > make_interval(secs => %s)"
        eventually(lambda: ask(lasted, first, down_s / scale)[0][0])
        assert {one.failure for one in failures} == {"connect"}
        assert {one.state for one in setting.callbacks()} == {"pending"}
        assert setting.now().state == "active"
        receiver.rise()
        ends = {request["id"]: "request.approved" for request in made}
        often = all_is_told(setting, ends, timeout=30)
        assert set(often.values()) == {1}
        assert failures.filter(status=204).count() == 30
        eventually(lambda: setting.now().failures == 0)
