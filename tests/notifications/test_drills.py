"""Drills through a real mail server and Slack's double: who is told, what they read, what the report says."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import Settings

from audit.actor import Actor
from core import ids
from core.db import pool
from core.problems import Problem
from escalations import drills
from escalations.drills import Reached, Report
from notifications.models import Notification
from tests.approvals.world import TEST, World
from tests.notifications.desk import DESK, Desk
from tests.notifications.mail_desk import MailDesk, text_of
from tests.server import Live


def start(world: World, role: str | None = "lead", actor: Actor = TEST) -> UUID:
    return drills.start(actor=actor, workspace=world.workspace.id, role=role)


def report(world: World, drill: UUID, name: str = "olivia") -> Report:
    return drills.report(reader=world.reader(name, "administer"), drill=drill)


def person(found: Report, name: str) -> Reached:
    return next(one for one in found.people if one.name == name)


def confirm(world: World, name: str, drill: UUID) -> bool:
    actor = Actor.person(world.people[name].id, channel="web")
    return drills.confirm(actor=actor, reader=world.reader(name), drill=drill)


def events(drill: UUID) -> list[dict[str, Any]]:
    with pool().connection() as conn:
        found = conn.execute(
            "SELECT body FROM audit_event WHERE subject = %s ORDER BY at, id", [drill]
        ).fetchall()
    return [json.loads(body) for (body,) in found]


def age(drill: UUID) -> None:
    """Let a minute have passed since a drill."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE escalations_drill SET created_at = created_at - interval '1 minute' WHERE id = %s",
            [drill],
        )


def test_everybody_who_would_be_told_has_a_mail_and_says_that_they_are_there(
    mail_desk: MailDesk,
) -> None:
    world = mail_desk.world
    mail_desk.prefer("ben", quiet_from="00:00", quiet_until="23:59")
    drill = start(world)
    waiting = report(world, drill)
    assert (waiting.settled, waiting.unreached) == (False, ("Ana", "Ben"))
    mail_desk.post()
    (mail,) = mail_desk.mails("ben")
    assert mail.message["Subject"] == "Drill: are you there?"
    link = f"/drills/{ids.encode('drl', drill)}"
    assert "Drill: nothing is asked of you. Open this link and press “I am here”: " in text_of(mail)
    assert link in text_of(mail)
    sent = report(world, drill)
    assert (sent.settled, sent.unreached, sent.places) == (True, (), ())
    assert [(one.name, one.roles, one.reached, one.seen_at) for one in sent.people] == [
        ("Ana", ("lead",), True, None),
        ("Ben", ("lead",), True, None),
    ]
    (message,) = person(sent, "Ben").messages
    assert (message.channel, message.state, message.reason, message.place) == (
        "email",
        "sent",
        "",
        "",
    )
    assert message.sent_at is not None
    assert message.sent_at >= message.created_at
    drills.seen(reader=world.reader("ana"), drill=drill)
    assert person(report(world, drill), "Ana").seen_at is not None
    assert (confirm(world, "ben", drill), confirm(world, "ben", drill)) == (True, False)
    ben = person(report(world, drill), "Ben")
    assert ben.confirmed_at is not None
    assert ben.seen_at is not None
    assert report(world, drill).head.confirmed == 1
    told = [(one["kind"], one["actor"]["type"], one["data"]) for one in events(drill)]
    assert told == [
        ("drill.started", "operator", {"role": "lead", "people": 2, "messages": 2}),
        ("drill.confirmed", "person", {}),
    ]


def test_a_mail_that_is_refused_is_reported_with_its_reason(mail_desk: MailDesk) -> None:
    world = mail_desk.world
    mail_desk.box.unknown.add(world.email("ana"))
    drill = start(world)
    mail_desk.post()
    found = report(world, drill)
    (message,) = person(found, "Ana").messages
    assert message.state == "failed"
    assert message.reason != ""
    assert message.sent_at is None
    assert found.unreached == ("Ana",)
    # Whoever comes to the page by another way is there all the same.
    confirm(world, "ana", drill)
    assert report(world, drill).unreached == ()


def test_a_role_s_channel_and_its_members_are_told_in_slack(desk: Desk) -> None:
    drill = start(desk.world)
    desk.post()
    (message,) = desk.direct("U0ANA")
    assert message.text.startswith(
        "Drill: nothing is asked of you. Open this link and press “I am here”: "
    )
    (button,) = message.blocks[-1]["elements"]
    assert button["url"] == drills.url_of(drill)
    assert [one.text for one in desk.in_channel()] == [message.text]
    found = report(desk.world, drill)
    assert found.unreached == ()
    assert [(one.role, one.channel, one.place, one.state) for one in found.places] == [
        ("lead", "slack", DESK, "sent")
    ]
    assert [one.channel for one in person(found, "Ana").messages] == ["slack"]


def test_those_on_duty_are_told_and_nobody_else(mail_desk: MailDesk) -> None:
    world = mail_desk.world
    world.policy["roles"]["lead"]["schedule"] = "desk"
    shift = {"who": [world.email("ben")]}
    world.apply(schedules={"desk": {"timezone": "UTC", "shifts": [shift]}})
    drill = start(world)
    mail_desk.post()
    assert [one.name for one in report(world, drill).people] == ["Ben"]
    assert mail_desk.mails("ana") == []


def test_all_roles_are_told_once_each(mail_desk: MailDesk) -> None:
    world = mail_desk.world
    drill = start(world, None)
    mail_desk.post()
    found = report(world, drill)
    assert [(one.name, one.roles) for one in found.people] == [
        ("Ana", ("lead",)),
        ("Ben", ("lead",)),
        ("Eve", ("none",)),
    ]
    assert found.head.role == ""
    assert Notification.objects.filter(drill_id=drill).count() == 3


def test_who_has_no_channel_is_not_reached(server: Live, settings: Settings) -> None:
    world = World({"lead": ["ana"]})
    settings.SMTP = None
    found = report(world, start(world))
    assert (found.unreached, found.settled, person(found, "Ana").messages) == (("Ana",), True, ())


def test_another_one_is_not_started_within_a_minute(mail_desk: MailDesk) -> None:
    world = mail_desk.world
    drill = start(world)
    with pytest.raises(Problem) as running:
        start(world)
    assert (running.value.status, running.value.code) == (409, "drill_running")
    age(drill)
    assert start(world) != drill


def test_a_role_that_is_not_there_is_refused_and_nothing_is_left(mail_desk: MailDesk) -> None:
    with pytest.raises(Problem) as refused:
        start(mail_desk.world, "nobody")
    assert (refused.value.status, refused.value.errors[0].pointer) == (422, "/role")
    assert drills.newest(reader=mail_desk.world.reader("ana", "administer")) == []


def test_everybody_sees_their_own_part_and_strangers_none(mail_desk: MailDesk) -> None:
    world = mail_desk.world
    drill = start(world)
    own = drills.report(reader=world.reader("ana"), drill=drill)
    assert [one.name for one in own.people] == ["Ana"]
    assert [one.id for one in drills.newest(reader=world.reader("ana"))] == [drill]
    assert drills.newest(reader=world.reader("eve")) == []
    for call in (
        lambda: drills.report(reader=world.reader("eve"), drill=drill),
        lambda: confirm(world, "eve", drill),
    ):
        with pytest.raises(Problem) as unseen:
            call()
        assert unseen.value.status == 404
    other = World({"lead": ["ana"]})
    with pytest.raises(Problem) as foreign:
        report(other, drill)
    assert foreign.value.status == 404
