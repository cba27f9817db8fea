"""Erasing takes what people were told, and where they could be reached; that they were told stays."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from api.slack.afterwards import afterwards
from approvals.returning import comment
from audit.actor import Actor
from demo.slack.double import Double
from notifications import preferences
from notifications.models import (
    Lane,
    Notification,
    Preference,
    PushSubscription,
    SlackBinding,
    SlackLink,
)
from notifications.preferences import Preferences
from notifications.slack import binding
from people.models import Person
from people.services import create_person, deactivate_person
from tests.approvals.world import TEST, World, uuid_of
from tests.demo.slack.conftest import Clock
from tests.notifications.desk import DESK, RULE, TEAM, Desk, double_with_team, forget_apps
from tests.oversight.canary import canary, forms, places
from tests.oversight.subjects import erase
from tests.server import Live


@pytest.fixture
def desk(server: Live, settings: Settings) -> Iterator[Desk]:
    with Double(server.url) as double:
        settings.SLACK_API_URL = double.api_url
        double.state.clock = Clock()
        double_with_team(double)
        forget_apps()
        yield Desk(double)
        afterwards.wait()


class Somebody:
    """A person whose every way to be reached is a word that stands nowhere else."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.world = desk, desk.world
        self.name, self.mail, self.word = canary(), f"{canary()}@mail.example", canary()
        self.user, self.user_name = f"U{secrets.token_hex(8).upper()}", canary()
        self.browser = f"https://push.example/{canary()}"
        self.person: Person = create_person(
            actor=TEST, workspace=self.world.workspace, email=self.mail, name=self.name
        )
        self.world.people["some"] = self.person
        self.world.grant("some", "lead")
        desk.double.add_user(TEAM, self.user, name=self.user_name, real_name=self.name)
        self.link(self.user_name)
        desk.bind("some", self.user)
        preferences.set_(actor=TEST, person=self.person, wanted=Preferences(channels=["slack"]))
        self.subscribe()

    def link(self, user_name: str) -> None:
        """A link that nobody has opened yet."""
        binding.link_for(
            workspace=self.world.workspace.id,
            installation=self.desk.installation.id,
            team=TEAM,
            user=self.user,
            user_name=user_name,
        )

    def subscribe(self) -> None:
        PushSubscription.objects.create(
            user_id=self.person.user_id,
            endpoint=self.browser,
            endpoint_hash=hashlib.sha256(self.browser.encode()).digest(),
            key=b"\x04" + bytes(64),
            secret=bytes(16),
            browser=self.word,
        )

    def told(self) -> dict[str, Any]:
        """A request that they were told of, and said something about."""
        request = self.world.submit()
        self.desk.work(request)
        reader = self.world.reader("some")
        actor = Actor.person(self.person.id, channel="web")
        comment(actor=actor, reader=reader, request_id=uuid_of(request), text=self.word)
        self.desk.work(request)
        Notification.objects.filter(person=self.person).update(
            reason=f"550 no such user: {self.mail}", token_hash=secrets.token_bytes(32)
        )
        return request

    def needles(self) -> list[str]:
        words = (self.name, self.mail, self.word, self.user, self.user_name, self.browser)
        return forms(*(word.encode() for word in words))

    def leave(self) -> None:
        deactivate_person(actor=TEST, person=self.person)


def test_what_was_told_of_a_request_goes_with_it(desk: Desk) -> None:
    desk.bind("ana", "U0ANA")
    word = canary()
    request = desk.world.submit(payload={"amount": 20, "note": word})
    desk.work(request)
    comment(actor=TEST, reader=desk.world.reader("ben"), request_id=uuid_of(request), text=word)
    desk.work(request)
    (card,) = desk.in_channel()
    assert word in json.dumps(card.blocks)
    comment(actor=TEST, reader=desk.world.reader("ben"), request_id=uuid_of(request), text=word)
    desk.world.decide("ana", request, "reject", comment=word)
    desk.tell(request)
    told = Notification.objects.filter(request_id=uuid_of(request))
    waits = told.filter(kind="reply", state="pending")
    assert waits.count() == 1
    assert told.filter(shown_digest__isnull=False).count() == 2
    assert "notifications_notification" in places(forms(word.encode()))
    erase(desk.world, request=uuid_of(request))
    assert places(forms(word.encode())) == set()
    assert not told.exclude(shown_digest=None, token_hash=None, text="", reason="").exists()
    assert told.filter(kind="asked", state="sent").count() == 2
    assert not told.filter(kind="reply", state="pending").exists()
    # Cards in Slack are rewritten, and nothing of it is said there again.
    said = len(desk.double.messages(TEAM, DESK))
    desk.work(request)
    assert word not in json.dumps([one.blocks for one in desk.in_channel()])
    assert word not in json.dumps([one.blocks for one in desk.direct("U0ANA")])
    assert len(desk.double.messages(TEAM, DESK)) == said
    assert places(forms(word.encode())) == set()


def test_a_person_can_be_reached_nowhere_afterwards(desk: Desk) -> None:
    some = Somebody(desk)
    request = some.told()
    found = places(some.needles())
    assert {
        "notifications_lane",
        "notifications_notification",
        "notifications_pushsubscription",
        "notifications_slackbinding",
        "notifications_slacklink",
    } <= found
    some.leave()
    erase(some.world, subject=some.person.id)
    assert places(some.needles()) == set()
    (bound,) = SlackBinding.objects.filter(person=some.person)
    assert (bound.user_id, bound.team_id) == ("", "")
    assert bound.ended_at is not None
    assert not SlackLink.objects.filter(installation=desk.installation, user_id=some.user).exists()
    assert not Preference.objects.filter(person=some.person).exists()
    assert not PushSubscription.objects.filter(endpoint=some.browser).exists()
    # That somebody was told, when and by what, stays; nothing is rewritten for them any more.
    (direct,) = [one for one in desk.sent(request) if one.person_id == some.person.id]
    assert (direct.state, direct.channel, direct.reference) == ("sent", "slack", "")
    assert direct.sent_at is not None
    before = len(desk.double.calls)
    desk.world.decide("ana", request, "reject")
    desk.work(request)
    assert len(desk.double.calls) > before
    assert not desk.double.violations
    assert "Rejected" in json.dumps(desk.in_channel()[0].blocks)


def test_what_waits_to_be_told_is_withdrawn(desk: Desk) -> None:
    some = Somebody(desk)
    request = some.world.submit()
    desk.tell(request)
    assert Notification.objects.get(person=some.person).state == "pending"
    some.leave()
    erase(some.world, subject=some.person.id)
    assert Notification.objects.get(person=some.person).state == "withdrawn"
    desk.post()
    assert desk.direct(some.user) == []
    assert len(desk.in_channel()) == 1


def test_a_slack_user_who_is_somebody_else_now_stays_theirs(desk: Desk) -> None:
    some = Somebody(desk)
    some.told()
    desk.bind("ben", some.user)
    some.leave()
    erase(some.world, subject=some.person.id)
    (live,) = SlackBinding.objects.filter(installation=desk.installation, ended_at=None)
    assert (live.person_id, live.user_id) == (desk.world.people["ben"].id, some.user)
    assert Lane.objects.filter(installation=desk.installation, address=some.user).count() == 1
    request = desk.world.submit()
    desk.work(request)
    assert len(desk.direct(some.user)) == 2


def test_another_workspace_keeps_their_browsers(desk: Desk) -> None:
    some, other = Somebody(desk), World({"lead": ["ana"]}, [RULE])
    there = create_person(actor=TEST, workspace=other.workspace, email=some.mail)
    some.leave()
    erase(some.world, subject=some.person.id)
    assert PushSubscription.objects.filter(endpoint=some.browser).exists()
    deactivate_person(actor=TEST, person=there)
    erase(other, subject=there.id)
    assert not PushSubscription.objects.filter(endpoint=some.browser).exists()
