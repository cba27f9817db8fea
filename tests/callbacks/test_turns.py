"""A line that is too long for its lane: it comes again in turns, without bytes, and without crowding."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from approvals import telling
from callbacks import endpoints, lines
from callbacks.lanes import LATEST_S, SHORTEST, STALLED_PER_S, TOGETHER_S, Lane, Lanes
from callbacks.models import Callback
from callbacks.schedule import Health
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import due
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import receiving, until
from tests.callbacks.test_delivery import Setting

FREE = [{"name": "Free", "action": "payments.refund", "effect": "allow"}]
MANY = 150
PER_BUNCH = STALLED_PER_S * TOGETHER_S + 1


def promised(endpoint) -> list[tuple[datetime, bool]]:
    """When each callback to an endpoint is due, and whether it stands in a lane until then."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT d.ready_at, d.ready_at <> d.due_at
                 FROM core_due d JOIN callbacks_callback c ON c.id = d.subject
                WHERE c.endpoint_id = %s ORDER BY d.ready_at""",
            [endpoint.id],
        )
        return [(at, leased) for at, leased in cursor.fetchall()]


@pytest.fixture
def stuck():
    """An endpoint that hangs, with a long line."""
    world = World({"lead": ["ana"]}, FREE)
    with receiving() as hung:
        hung.hang = threading.Event()
        setting = Setting(world, hung)
        for _ in range(MANY):
            world.submit()
        yield setting
        hung.hang.set()
        endpoints.delete(actor=TEST, endpoint=setting.endpoint)


def test_only_what_is_sent_soon_has_bytes(stuck, deliverer):
    due.run(DELIVER, deliverer.take)
    made = Callback.objects.filter(endpoint=stuck.endpoint, body__isnull=False).count()
    assert 4 <= made <= 2 * SHORTEST
    assert len(promised(stuck.endpoint)) == MANY


def test_what_waits_behind_one_that_hangs_comes_again_a_few_at_a_time(
    stuck, deliverer, monkeypatch
):
    monkeypatch.setattr("callbacks.lanes.STALLED_S", 0.0)  # whatever runs hangs
    due.run(DELIVER, deliverer.take)
    stuck.receiver.until(4)
    stuck.make_due(seconds=60)  # past every turn
    due.run(DELIVER, deliverer.take)
    turns = [at for at, leased in promised(stuck.endpoint) if not leased]
    assert len(turns) >= MANY - 2 * SHORTEST
    after = [(at - turns[0]).total_seconds() for at in turns]
    assert max(Counter(round(s / TOGETHER_S) for s in after).values()) <= PER_BUNCH
    assert after[-1] >= len(turns) / STALLED_PER_S - 2 * TOGETHER_S


def test_a_line_behind_one_that_moves_is_delivered_whole_and_once(world, receiver, deliverer):
    other = World({"lead": ["ana"]}, FREE)
    setting = Setting(other, receiver)
    for _ in range(MANY):
        other.submit()
    due.run(DELIVER, deliverer.take, window_s=5)
    receiver.until(MANY)
    until(lambda: not promised(setting.endpoint))
    assert len({one.headers["webhook-id"] for one in receiver.arrived}) == MANY
    assert len(receiver.arrived) == MANY
    assert {one.state for one in setting.callbacks()} == {"delivered"}


def test_disabling_holds_what_waits_for_its_turn(stuck, deliverer):
    due.run(DELIVER, deliverer.take)
    stuck.receiver.until(4)
    lines.disable(actor=TEST, endpoint=stuck.endpoint.id)
    stuck.make_due(seconds=120)
    due.run(DELIVER, deliverer.take)
    states = Counter(one.state for one in stuck.callbacks())
    assert states == {"held": MANY}
    assert len(stuck.receiver.arrived) <= 4
    assert promised(stuck.endpoint) == []


def test_one_that_cannot_be_told_holds_up_no_other_and_sends_none_twice(receiver):
    worlds = World({"lead": ["ana"]}, FREE), World({"lead": ["ana"]}, FREE)
    settings = [Setting(world, receiver) for world in worlds]
    said = [world.submit() for world in worlds for _ in range(60)]
    bad = uuid_of(said[75])  # in the second part of its batch, when the first is on its way

    def bodies(conn, request_ids):
        if bad in request_ids:
            raise ValueError(bad)
        return telling.bodies(conn, request_ids)

    deliverer = Deliverer(bodies)
    due.run(DELIVER, deliverer.take, window_s=3)
    receiver.until(119)
    until(lambda: sum(len(promised(one.endpoint)) for one in settings) == 1)
    deliverer.close(5)
    assert len(receiver.arrived) == len({one.headers["webhook-id"] for one in receiver.arrived})
    states = Counter(
        (one.state, one.request_id == bad) for each in settings for one in each.callbacks()
    )
    assert states == {("delivered", False): 119, ("pending", True): 1}
    lines.disable(actor=TEST, endpoint=settings[1].endpoint.id)


class TestLanes:
    """The pace alone, by a clock that the test moves."""

    def test_a_lane_takes_what_it_sends_in_half_a_second(self):
        lane = Lane(moved_at=100.0)
        assert lane.room(100.0) == SHORTEST
        for number in range(1, 200):
            lane.ended(100 + number / 400)
        assert lane.room(101.0) == pytest.approx(200, rel=0.1)

    def test_it_grows_and_shrinks_within_bounds(self):
        lane = Lane(moved_at=100.0, per_s=100_000.0)
        assert lane.room(100.0) == 500
        lane.per_s = 0.5
        assert lane.room(100.0) == SHORTEST

    def test_one_that_hangs_takes_no_more_than_it_could_send_at_once(self):
        lane = Lane(per_s=400.0, running={1: 100.0})
        assert lane.room(100.1) == 200
        assert lane.room(100.6) == 4
        lane.failing = True
        assert lane.room(100.1) == 1

    def test_turns_follow_the_pace_and_come_in_bunches(self):
        lane = Lane(per_s=400.0)
        turns = [lane.next_turn(100.0) for _ in range(400)]
        assert turns == sorted(turns)
        assert turns[0] == pytest.approx(0.4)
        assert turns[-1] == pytest.approx(1.2, abs=0.21)
        assert max(Counter(turns).values()) <= 81

    def test_turns_behind_one_that_stalls_are_slow_and_never_later_than_a_minute(self):
        lane = Lane(failing=True)
        turns = [lane.next_turn(100.0) for _ in range(5_000)]
        first = turns[:1_000]
        assert first == sorted(first)
        assert max(Counter(first).values()) <= PER_BUNCH
        assert max(turns) <= LATEST_S
        assert min(turns[1_500:]) >= LATEST_S / 2
        assert lane.next_turn(100 + LATEST_S) < 2  # they had their turns: nobody pays for them now

    def test_after_a_success_nobody_waits_at_the_pace_of_a_dead_one(self):
        ended = threading.Event()

        def attempt(_job: object) -> bool:
            ended.set()
            return True

        lanes = Lanes(attempt, lambda jobs: None)
        job: Any = SimpleNamespace(endpoint=uuid4(), health=Health(failures=3))
        late = lanes.turns([job] * 600)[-1]
        job.health = Health()
        assert lanes.put([job]) == []
        assert ended.wait(5)
        until(lambda: lanes.turns([job])[0] < 1)
        assert late > 25
        lanes.close(1)
