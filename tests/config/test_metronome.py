"""The beat: every entry at its interval, whatever the wall clock does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import crontab

from config import metronome
from config.metronome import Metronome


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(metronome, "time", made)
    return made


def application(**schedules: object) -> Celery:
    made = Celery("test", broker="memory://", set_as_current=False, fixups=[])
    made.conf.beat_schedule = {
        name: {"task": name, "schedule": schedule} for name, schedule in schedules.items()
    }
    return made


def metronome_of(sent: list[str], **schedules: object) -> Metronome:
    class Recording(Metronome):
        def _send(self, entry: ScheduleEntry) -> None:
            sent.append(str(entry.name))

    return Recording(app=application(**schedules))


def test_each_entry_is_sent_at_once_and_then_in_step(clock):
    sent: list[str] = []
    beat = metronome_of(sent, second=timedelta(seconds=1), third=timedelta(seconds=3))
    assert beat.tick() == pytest.approx(1)
    assert sorted(sent) == ["second", "third"]
    clock.now += 0.9
    assert beat.tick() == pytest.approx(0.1)
    assert len(sent) == 2
    for _ in range(6):
        clock.now += 1
        beat.tick()
    assert sent.count("second") == 7
    assert sent.count("third") == 3


def test_a_late_tick_does_not_move_the_step_and_missed_beats_are_not_caught_up(clock):
    sent: list[str] = []
    beat = metronome_of(sent, second=timedelta(seconds=1))
    beat.tick()
    clock.now += 1.2
    assert beat.tick() == pytest.approx(0.8)
    clock.now += 60  # the machine slept
    beat.tick()
    clock.now += 0.01
    beat.tick()
    clock.now += 0.01
    beat.tick()
    assert len(sent) == 4


def test_a_broker_that_is_away_is_told_once(clock, caplog, monkeypatch):
    sent: list[str] = []
    beat = Metronome(app=application(second=timedelta(seconds=1)))

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no broker")

    with monkeypatch.context() as patch:
        patch.setattr(beat, "apply_async", refuse)
        for _ in range(5):
            beat.tick()
            clock.now += 1
    monkeypatch.setattr(beat, "apply_async", lambda entry, **_: sent.append(entry.name))
    beat.tick()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert sent == ["second"]


def test_a_calendar_is_refused(clock):
    with pytest.raises(TypeError, match="intervals only"):
        metronome_of([], daily=crontab(hour="4")).tick()
