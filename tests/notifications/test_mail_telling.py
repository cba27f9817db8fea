"""Who is told by mail, when, how often, and what takes over where mail does not arrive (EM-08, EM-09)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from core import failpoints
from core.db import pool
from core.failpoints import FailpointError
from notifications import alarms, trials
from notifications.mail.server import Server
from notifications.models import Notification, Unreached
from notifications.sql import DIGEST, EMAIL
from people.permissions import grant_permission
from people.services import deactivate_person
from tests.approvals.world import TEST, uuid_of
from tests.notifications.desk import Desk
from tests.notifications.mail_desk import RULE, MailDesk, desk_of, text_of, whole
from tests.notifications.postbox import Mail, Postbox
from tests.oversight.canary import canary

DOWN = "451 4.3.0 Try again later"
BOUNCED = "550 5.1.1 No such user here"


def header(mail: Mail, name: str) -> str:
    return str(mail.message[name] or "")


def states(desk: MailDesk, request: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(kind, channel, state) of what was told."""
    return [(one.kind, one.channel, one.state) for one in desk.sent(request)]


# -- what arrives ----------------------------------------------------------------------------------
def test_everybody_who_is_asked_has_a_mail_of_their_own(mail_desk: MailDesk) -> None:
    request = mail_desk.asked(payload={"amount": 4711}, summary="Please be quick")
    (to_ana,), (to_ben,) = mail_desk.mails("ana"), mail_desk.mails("ben")
    assert mail_desk.mails("eve") == mail_desk.mails("olivia") == []
    for mail in (to_ana, to_ben):
        assert "4711" in text_of(mail)
        assert header(mail, "References").startswith(f"<req.{uuid_of(request).hex}@")
    assert mail_desk.link("ana") != mail_desk.link("ben")
    assert header(to_ana, "Message-ID") != header(to_ben, "Message-ID")
    assert states(mail_desk, request) == [("asked", "email", "sent")] * 2
    for told in mail_desk.sent(request):
        assert told.reference in {header(to_ana, "Message-ID"), header(to_ben, "Message-ID")}
        assert (bool(told.shown_digest), told.sent_at is not None, told.viewed_at) == (
            True,
            True,
            None,
        )


def test_how_it_ended_comes_to_the_owner_in_the_same_thread(mail_desk: MailDesk) -> None:
    request = mail_desk.asked()
    mail_desk.world.decide("ana", request, "reject", comment="Not today")
    mail_desk.work()
    (told,) = mail_desk.mails("olivia")
    (asked,) = mail_desk.mails("ana")
    assert header(told, "References") == header(asked, "References")
    assert header(told, "In-Reply-To") == header(asked, "In-Reply-To")
    assert header(told, "Subject") == f"Re: {header(asked, 'Subject')}"
    assert "Rejected" in text_of(told)
    assert "Not today" in text_of(told)
    assert "/m/" not in text_of(told)
    mail_desk.work()
    assert len(mail_desk.box.mails) == 3


def test_a_changed_payload_is_asked_again_in_the_same_thread(mail_desk: MailDesk) -> None:
    request = mail_desk.asked()
    mail_desk.world.revise(request, amount=4711)
    mail_desk.work()
    first, second = mail_desk.mails("ana")
    assert "4711" in text_of(second)
    assert header(first, "References") == header(second, "References")
    assert header(first, "Message-ID") != header(second, "Message-ID")


def test_what_was_decided_before_the_mail_went_is_not_mailed(mail_desk: MailDesk) -> None:
    request = mail_desk.world.submit()
    mail_desk.tell()
    mail_desk.world.decide("ana", request)
    mail_desk.post()
    assert mail_desk.mails("ana") == mail_desk.mails("ben") == []
    assert {state for kind, _, state in states(mail_desk, request)} == {"withdrawn"}


def test_sensitive_values_are_in_no_mail(box: Postbox) -> None:
    secret, shown = canary(), canary()
    desk = desk_of(box, risk="low", sensitive=["/iban"], show="Pay {payload.iban}")
    desk.prefer("ben", digest="hourly")
    request = desk.asked(payload={"iban": secret, "amount": shown})
    desk.later(hours=1)
    desk.work()
    desk.world.decide("ana", request)
    desk.work()
    assert [len(desk.mails(name)) for name in ("ana", "ben", "olivia")] == [1, 1, 1]
    assert shown in whole(desk.mails("ana")[0])
    for mail in desk.box.mails:
        assert secret not in whole(mail)
        assert secret.encode() not in mail.raw


@pytest.mark.parametrize("base", ["https://x.example", "https://x.example/assentry"])
def test_links_are_under_the_configured_address_and_its_path(
    mail_desk: MailDesk, settings: Settings, base: str
) -> None:
    settings.BASE_URL = base
    mail_desk.prefer("ben", digest="hourly")
    request = mail_desk.asked()
    mail_desk.world.decide("ben", request)
    mail_desk.work()
    assert f"\n{base}/m/" in text_of(mail_desk.mails("ana")[0])
    assert f"\n{base}/requests/{request['id']}\n" in text_of(mail_desk.mails("olivia")[0])


# -- sent once -------------------------------------------------------------------------------------
def test_a_crash_between_sending_and_noting_it_repeats_the_same_mail(mail_desk: MailDesk) -> None:
    mail_desk.world.apply(
        roles={
            **mail_desk.world.policy["roles"],
            "lead": {"members": [mail_desk.world.email("ana")]},
        }
    )
    request = mail_desk.world.submit()
    mail_desk.tell()
    with (
        failpoints.armed("message_after_send_before_record:raise"),
        pytest.raises(FailpointError),
    ):
        mail_desk.post()
    mail_desk.post()
    assert len(mail_desk.mails("ana")) == 1  # whoever died holds it for a while
    mail_desk.later(seconds=61)
    mail_desk.post()
    first, second = mail_desk.mails("ana")
    assert header(first, "Message-ID") == header(second, "Message-ID")
    assert text_of(first).split("/m/")[1][:43] == text_of(second).split("/m/")[1][:43]
    assert states(mail_desk, request) == [("asked", "email", "sent")]
    mail_desk.later(hours=1)
    mail_desk.work()
    assert len(mail_desk.mails("ana")) == 2


def test_two_workers_send_one_mail(mail_desk: MailDesk) -> None:
    mail_desk.world.submit()
    mail_desk.tell()
    claimed = mail_desk.claim(EMAIL)
    mail_desk.singly.take(claimed)
    mail_desk.singly.take(claimed)
    assert len(mail_desk.mails("ana")) == len(mail_desk.mails("ben")) == 1


# -- gathered --------------------------------------------------------------------------------------
def within(time: str) -> dict[str, Any]:
    """A rule that gives people so long."""
    return {**RULE, "ask": {**RULE["ask"], "expires_in": time}}


def gathering(box: Postbox, digest: str = "hourly", **more: Any) -> MailDesk:
    desk = desk_of(box, within("3d"), risk="low")
    desk.prefer("ana", digest=digest, **more)
    desk.prefer("ben", digest=digest, **more)
    return desk


@pytest.mark.parametrize(("digest", "hours"), [("hourly", 1), ("daily", 24)])
def test_what_is_of_low_risk_comes_gathered_where_somebody_wants_it_so(
    box: Postbox, digest: str, hours: int
) -> None:
    desk = gathering(box, digest)
    first, second = desk.asked(payload={"amount": 1}), desk.asked(payload={"amount": 2})
    assert desk.box.mails == []
    desk.later(hours=hours)
    desk.work()
    (mail,) = desk.mails("ana")
    assert "2 requests wait for you" in header(mail, "Subject")
    for request in (first, second):
        assert f"/requests/{request['id']}" in text_of(mail)
    assert "/m/" not in text_of(mail)
    assert {state for _, _, state in states(desk, first)} == {"sent"}
    assert len({one.reference for one in desk.sent(first) + desk.sent(second)}) == 2
    desk.later(hours=hours)
    desk.work()
    assert len(desk.mails("ana")) == 1


def test_the_daily_mail_comes_at_eight_where_its_reader_is(box: Postbox) -> None:
    desk = gathering(box, "daily", timezone="Asia/Tokyo")
    request = desk.asked()
    for told in desk.sent(request):
        there = told.due_at.astimezone(UTC)
        assert (there.hour, there.minute) == (23, 0)  # of the day before, in UTC
        assert (
            timedelta(0)
            < told.due_at - datetime.fromisoformat(request["created_at"])
            <= timedelta(1)
        )


def test_what_was_decided_before_is_left_out_of_the_gathering_mail(box: Postbox) -> None:
    desk = gathering(box)
    first, second = desk.asked(), desk.asked()
    desk.world.decide("ana", first)
    desk.later(hours=1)
    desk.post()
    (mail,) = desk.mails("ben")
    assert "1 request waits for you" in header(mail, "Subject")
    assert first["id"] not in whole(mail)
    assert second["id"] in whole(mail)
    asked = [state for kind, _, state in states(desk, first) if kind == "asked"]
    assert set(asked) == {"withdrawn"}


def test_a_gathering_mail_of_nothing_is_not_sent(box: Postbox) -> None:
    desk = gathering(box)
    request = desk.asked()
    desk.world.decide("ana", request)
    desk.later(hours=1)
    desk.work()
    assert desk.mails("ben") == desk.mails("ana") == []
    assert desk.claim(DIGEST) == []


def test_what_would_be_over_by_then_or_is_of_more_risk_is_told_at_once(box: Postbox) -> None:
    hour = datetime.now(UTC).hour
    noon = f"Etc/GMT{hour - 12:+d}"  # whose sign says how far behind UTC
    for desk in (
        desk_of(box, within("30s"), risk="low"),
        desk_of(box, within("3d"), risk="medium"),
    ):
        desk.prefer("ana", digest="daily", timezone=noon)
        desk.asked()
        assert len(desk.mails("ana")) == 1


def test_a_crash_repeats_the_same_gathering_mail(box: Postbox) -> None:
    desk = gathering(box)
    desk.world.apply(
        roles={**desk.world.policy["roles"], "lead": {"members": [desk.world.email("ana")]}}
    )
    desk.asked()
    second = desk.asked()
    desk.later(hours=1)
    with (
        failpoints.armed("message_after_send_before_record:raise"),
        pytest.raises(FailpointError),
    ):
        desk.post()
    desk.later(seconds=61)
    desk.post()
    one, again = desk.mails("ana")
    assert header(one, "Message-ID") == header(again, "Message-ID")
    assert states(desk, second) == [("asked", "email", "sent")]
    desk.asked()
    desk.later(hours=1)
    desk.post()
    assert header(desk.mails("ana")[-1], "Message-ID") != header(one, "Message-ID")


# -- it does not arrive (EM-08) --------------------------------------------------------------------
@pytest.fixture
def both(box: Postbox, desk: Desk) -> MailDesk:
    """Ana and Ben are told by mail first; Ana has connected Slack."""
    made = MailDesk(box, desk.world)
    for name in ("ana", "ben"):
        made.prefer(name, channels=["email", "slack"])
    return made


def test_a_bounce_is_not_tried_again_and_slack_takes_over_at_once(
    both: MailDesk, desk: Desk
) -> None:
    both.box.always["RCPT"] = BOUNCED
    request = both.asked()
    both.tell()  # promised with the bounce, and due: no second has passed
    desk.post()
    assert len(desk.direct("U0ANA")) == len(desk.direct("U0BEN")) == 1
    by_mail = [one for one in both.sent(request) if one.channel == "email"]
    assert {(one.state, one.tries) for one in by_mail} == {("failed", 1)}
    assert all("No such user here" in one.reason for one in by_mail)
    both.later(hours=2)
    both.work()
    assert both.box.commands.count("RCPT") == 2
    assert not Unreached.objects.filter(request_id=uuid_of(request)).exists()


@pytest.mark.parametrize("how", ["a no for now", "nobody there"])
def test_while_the_mail_server_is_away_slack_takes_over_and_mails_are_tried_again(
    both: MailDesk, desk: Desk, settings: Settings, how: str
) -> None:
    if how == "nobody there":
        settings.SMTP = Server("127.0.0.1", 1, "none")
    both.box.always["MAIL"] = DOWN
    request = both.asked()
    assert desk.direct("U0ANA") == []
    both.later(seconds=29)
    both.tell()
    desk.post()
    assert desk.direct("U0ANA") == []  # it may be a moment's trouble
    both.later(seconds=2)
    both.tell()
    desk.post()
    assert len(desk.direct("U0ANA")) == len(desk.direct("U0BEN")) == 1  # within 60 s
    for _ in range(24):  # two hours, and the promises kept every five minutes
        both.later(minutes=5)
        both.work()
        desk.post()
    assert len(desk.direct("U0ANA")) == 1
    late = [one for one in both.sent(request) if one.channel == "email"]
    assert {one.state for one in late} == {"pending"}
    assert all(20 <= one.tries <= 30 for one in late)
    both.box.always.clear()
    settings.SMTP = both.box.server()
    both.later(minutes=5)
    both.work()
    assert [len(both.mails(name)) for name in ("ana", "ben")] == [1, 1]


def test_with_nothing_but_mail_an_outage_is_an_alarm_and_the_deadline_stands(
    mail_desk: MailDesk,
) -> None:
    mail_desk.box.always["MAIL"] = DOWN
    request = mail_desk.asked()
    mail_desk.later(seconds=31)
    mail_desk.work()
    assert "notification.unreached" in mail_desk.world.kinds(request)
    assert Unreached.objects.get(request_id=uuid_of(request)).over_at is None
    mail_desk.box.always.clear()
    mail_desk.later(minutes=5)
    mail_desk.work()
    assert len(mail_desk.mails("ana")) == 1
    mail_desk.world.decide("ana", request)
    mail_desk.work()
    assert Unreached.objects.get(request_id=uuid_of(request)).over_at is not None


def test_nothing_is_mailed_of_what_ended_while_the_server_was_away(mail_desk: MailDesk) -> None:
    mail_desk.box.always["MAIL"] = DOWN
    request = mail_desk.asked()
    mail_desk.world.decide("ana", request)
    mail_desk.box.always.clear()
    mail_desk.later(hours=2)
    mail_desk.work()
    assert mail_desk.mails("ana") == mail_desk.mails("ben") == []
    assert len(mail_desk.mails("olivia")) == 1


# -- somebody leaves -------------------------------------------------------------------------------
def test_somebody_who_leaves_before_the_mail_goes_has_none_and_the_others_do(
    mail_desk: MailDesk,
) -> None:
    request = mail_desk.world.submit()
    mail_desk.tell()
    ana = mail_desk.world.people["ana"]
    deactivate_person(actor=TEST, person=ana)
    mail_desk.work()
    mail_desk.work()
    assert mail_desk.mails("ana") == []
    assert len(mail_desk.mails("ben")) == 1
    told = {one.person_id: (one.state, one.reason) for one in mail_desk.sent(request)}
    assert told[ana.id] == ("failed", "the person was deactivated")
    assert not Unreached.objects.filter(request_id=uuid_of(request)).exists()


def test_where_the_only_one_leaves_somebody_hears_of_it(mail_desk: MailDesk) -> None:
    members = [mail_desk.world.email("ana")]
    mail_desk.world.apply(roles={**mail_desk.world.policy["roles"], "lead": {"members": members}})
    request = mail_desk.world.submit()
    mail_desk.tell()
    deactivate_person(actor=TEST, person=mail_desk.world.people["ana"])
    mail_desk.work()
    mail_desk.work()
    assert "notification.unreached" in mail_desk.world.kinds(request)
    assert Unreached.objects.filter(request_id=uuid_of(request), over_at=None).exists()


def test_an_alarm_outlasts_an_outage_of_hours_and_a_test_does_not(mail_desk: MailDesk) -> None:
    """Nobody waits for a test; that something does not work, administrators must hear."""
    desk, ana = mail_desk, mail_desk.world.people["ana"]
    workspace = desk.world.workspace
    grant_permission(actor=TEST, workspace=workspace, person=ana, permission="administer")
    with pool().connection() as conn, conn.transaction():
        alarms.tell(conn, workspace.id, "Something does not work.", now=datetime.now(UTC))
    trials.mail(person=ana)
    desk.box.always["MAIL"] = DOWN
    for _ in range(60):
        desk.later(minutes=6)
        desk.post()
    states = dict(Notification.objects.filter(workspace=workspace).values_list("kind", "state"))
    assert states == {"alarm": "pending", "test": "failed"}
    desk.box.always.clear()
    desk.later(minutes=6)
    desk.post()
    [mail] = desk.mails("ana")
    assert "Something does not work." in text_of(mail)
