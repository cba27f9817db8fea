"""Silence is the alarm: the heartbeat arrives while all is well, and else does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured

from callbacks.sql import DELIVER
from config import doctor_clock, health, tasks
from config.environment import heartbeat_url
from config.findings import Finding
from core import addresses, db
from core.db import pool
from oversight.watching import heartbeat
from tests.approvals.world import World, uuid_of
from tests.callbacks.receiver import Receiver, receiving
from tests.config.workers import eventually
from tests.oversight.watching.watched import later, now, take_away, watch
from tests.processes import Worker
from tests.promises import ask, promise
from tests.together import together


@pytest.fixture(autouse=True)
def _set(settings: LazySettings, receiver: Receiver) -> None:
    settings.HEARTBEAT_URL = receiver.url


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = health._Probe()
    monkeypatch.setattr(health, "_probe", made)
    yield
    made.close()


def said() -> dict[str, Finding]:
    """What the doctor says of the watch and the heartbeat."""
    with pool().connection() as conn:
        return {finding.check: finding for finding in doctor_clock.watch(conn)}


def test_it_arrives_while_all_is_well_once_a_minute(world: World, receiver: Receiver):
    world.submit()
    for _ in range(4):  # two minutes
        watch()
    arrived = receiver.until(2)
    assert len(arrived) == 2
    assert arrived[0].path == "/hook"
    assert (arrived[0].body, arrived[0].headers["user-agent"]) == (b"", "Assentry")
    stands = now()
    assert stands.beat_at is not None
    assert (stands.beat_failing_since, stands.beat_error) == (None, "")
    found = said()
    assert [found[name].level for name in ("watch", "heartbeat")] == ["ok", "ok"]
    assert f"last arrived at {stands.beat_at:%Y-%m-%d %H:%M:%S} UTC" in found["heartbeat"].detail


def test_it_does_not_arrive_while_a_row_is_overdue_and_does_again_afterwards(receiver: Receiver):
    (row,) = promise(DELIVER, -90)
    for _ in range(4):
        watch()
    assert receiver.arrived == []
    assert now().beat_at is None
    found = said()
    assert found["watch"].level == "failed"
    assert f"1 of {DELIVER}, the oldest by" in found["watch"].detail
    assert found["heartbeat"].detail.endswith("never arrived")
    ask("DELETE FROM core_due WHERE subject = %s RETURNING 1", row.subject)
    watch()
    assert len(receiver.until(1)) == 1


def test_it_does_not_arrive_with_the_look_that_had_to_repair(world: World, receiver: Receiver):
    take_away(uuid_of(world.submit()))
    watch()
    assert receiver.arrived == []
    assert said()["watch"].level == "warning"
    watch()
    assert len(receiver.until(1)) == 1


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_answer_that_is_no_yes_is_remembered_and_the_next_look_tries_again(
    receiver: Receiver, status: int
):
    receiver.answer(status)
    first = watch()
    assert first.well  # what fails is the way there
    assert first.beat_error == f"It answered {status}."
    second = watch()
    assert second.beat_failing_since is not None
    assert first.beat_failing_since is not None
    assert second.looked_at is not None
    # Since the first failure, half a minute before the second.
    assert 29 < (second.looked_at - second.beat_failing_since).total_seconds() < 40
    (finding,) = [each for name, each in said().items() if name == "heartbeat"]
    assert finding.level == "failed"
    assert finding.detail.startswith(f"127.0.0.1: It answered {status}. Failing since ")
    assert finding.detail.endswith("never arrived")
    assert "/hook" not in finding.detail  # the path may be the secret
    receiver.answer(204)
    third = watch()
    assert len(receiver.until(3)) == 3
    assert (third.beat_error, third.beat_failing_since) == ("", None)
    assert third.beat_at is not None


def test_a_receiver_that_is_down_stops_nothing_and_is_told_when_it_is_back(
    settings: LazySettings, world: World
):
    with receiving(down=True) as down:
        settings.HEARTBEAT_URL = down.url
        stands = watch()
        assert stands.beat_error == "No connection could be made."
        take_away(request := uuid_of(world.submit()))
        assert [found.what for found in watch().found] == ["without_clock"]
        down.rise()
        watch()
        assert len(down.until(1)) == 1
        assert ask("SELECT 1 FROM core_due WHERE subject = %s", request)


def test_an_address_that_the_guard_refuses_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
    addresses.allowed_networks.cache_clear()
    stands = watch()
    assert receiver.arrived == []
    assert stands.beat_error
    assert said()["heartbeat"].level == "failed"


def test_without_an_address_nothing_is_sent_and_a_public_server_is_warned(
    settings: LazySettings, receiver: Receiver
):
    settings.HEARTBEAT_URL = None
    watch()
    assert receiver.arrived == []
    settings.BASE_URL = "http://127.0.0.1:8750"
    assert said()["heartbeat"].level == "ok"
    settings.BASE_URL = "https://assentry.example"
    assert said()["heartbeat"] == Finding(
        "heartbeat",
        "warning",
        "none is sent: nobody is told if this server stops",
        "set ASSENTRY_HEARTBEAT_URL to an address that alarms when it is not called",
    )


@pytest.mark.parametrize("url", ["beat.example/x", "ftp://beat.example", "https:///x"])
def test_an_address_that_is_none_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("ASSENTRY_HEARTBEAT_URL", url)
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_HEARTBEAT_URL"):
        heartbeat_url()


def test_many_who_look_at_once_send_it_once(receiver: Receiver):
    together([tasks.watch] * 6)
    assert len(receiver.arrived) == 1


def test_one_who_slept_through_its_turn_says_nothing(receiver: Receiver):
    """What was well when it looked may not be now."""
    watch()
    ((turn,),) = ask("SELECT turn FROM oversight_watch")
    later(minutes=5)
    promise(DELIVER, -90)
    watch()
    heartbeat.beat(turn)
    assert len(receiver.arrived) == 1


def test_two_workers_send_it_once_and_one_that_died_is_followed(receiver: Receiver, tmp_path: Path):
    both = [Worker(tmp_path, ASSENTRY_HEARTBEAT_URL=receiver.url) for _ in range(2)]
    try:
        eventually(lambda: now().beat_at is not None)
        for worker in both:
            worker.kill()
        assert len(receiver.arrived) == 1
        later(minutes=1)
        both.append(Worker(tmp_path, ASSENTRY_HEARTBEAT_URL=receiver.url))
        assert len(receiver.until(2, 60)) == 2
    finally:
        for worker in both:
            worker.kill()


def test_a_worker_killed_between_sending_and_recording_is_followed_by_another(
    receiver: Receiver, tmp_path: Path
):
    place = "heartbeat_after_send_before_record"
    doomed = Worker(
        tmp_path, ASSENTRY_HEARTBEAT_URL=receiver.url, ASSENTRY_FAILPOINTS=f"{place}:kill"
    )
    eventually(lambda: doomed.ended is not None)
    assert (len(receiver.arrived), now().beat_at) == (1, None)
    watch()
    assert len(receiver.until(2)) == 2
    assert now().beat_at is not None


def test_a_server_whose_worker_is_gone_falls_silent_and_says_so(receiver: Receiver, probe: None):
    watch()
    status, body = health.ready()
    assert (status, body) == (200, {"status": "ok"})
    later(minutes=3)
    assert now().silent
    finding = said()["watch"]
    assert finding.level == "failed"
    assert finding.detail.startswith("nobody has looked after the clock since ")
    status, body = health.ready()
    assert (status, body["status"]) == (200, "degraded")
    told: Any = body["watch"]
    assert (told["silent"], told["found"]) == (True, [])
    assert len(receiver.arrived) == 1


def test_readiness_tells_what_was_found_and_names_nothing_of_a_workspace(world: World, probe: None):
    take_away(uuid_of(request := world.submit()))
    watch()
    status, body = health.ready()
    assert (status, body["status"]) == (200, "degraded")
    told: Any = body["watch"]
    assert told["found"] == [{"what": "without_clock", "kind": "request.expire", "count": 1}]
    assert request["id"] not in str(body)


def test_the_doctor_says_where_nobody_ever_looked():
    assert said()["watch"].level == "warning"
    with db.connect() as conn:
        assert [each.check for each in doctor_clock.watch(conn)] == ["watch", "heartbeat"]
