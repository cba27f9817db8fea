"""Who is told while somebody is away: who stands in, and an alarm where that is nobody."""

from __future__ import annotations

from typing import Any

from approvals import cards
from approvals.turning import turn_due
from core.db import pool
from notifications.models import Unreached
from people.absences import TURN
from tests.approvals.world import uuid_of
from tests.notifications.mail_desk import MailDesk, desk_of, text_of
from tests.notifications.postbox import Postbox


def turn(desk: MailDesk) -> None:
    """What a worker does with absences that turned, and with what is then to be told."""
    claimed = desk.claim(TURN)
    if claimed:
        turn_due(claimed)
    desk.work()


def told(desk: MailDesk, request: dict[str, Any]) -> list[str]:
    """Who was mailed that they are asked, in alphabetical order."""
    names = {person.id: name for name, person in desk.world.people.items()}
    return sorted(
        names[one.person_id]
        for one in desk.sent(request)
        if (one.kind, one.state) == ("asked", "sent") and one.person_id
    )


def unreached(request: dict[str, Any]) -> bool:
    return Unreached.objects.filter(request_id=uuid_of(request), over_at=None).exists()


def test_who_stands_in_is_told_in_their_place(mail_desk: MailDesk) -> None:
    mail_desk.world.away("ana", "eve")
    request = mail_desk.asked()
    assert told(mail_desk, request) == ["ben", "eve"]
    assert mail_desk.mails("ana") == []
    mail_desk.world.decide("eve", request, comment="Fine.")
    mail_desk.work()
    (mail,) = mail_desk.mails("olivia")
    assert "Eve, standing in for Ana" in text_of(mail)


def test_who_is_asked_already_is_told_once(mail_desk: MailDesk) -> None:
    mail_desk.world.away("ana", "ben")
    assert told(mail_desk, mail_desk.asked()) == ["ben"]
    assert len(mail_desk.mails("ben")) == 1


def test_an_owner_is_told_in_nobodys_place(mail_desk: MailDesk) -> None:
    mail_desk.world.away("ana", "olivia")
    assert told(mail_desk, mail_desk.asked()) == ["ben"]


def test_who_is_away_themselves_is_not_told_in_anothers_place(mail_desk: MailDesk) -> None:
    mail_desk.world.away("ana", "eve")
    mail_desk.world.away("eve")
    request = mail_desk.asked()
    assert told(mail_desk, request) == ["ben"]
    assert not unreached(request)


def test_where_nobody_is_told_the_workspace_is_alarmed(mail_desk: MailDesk) -> None:
    ana = mail_desk.world.away("ana")
    mail_desk.world.away("ben")
    request = mail_desk.asked()
    assert (told(mail_desk, request), unreached(request)) == ([], True)
    assert "notification.unreached" in mail_desk.world.kinds(request)
    mail_desk.world.back(ana)
    turn(mail_desk)
    assert (told(mail_desk, request), unreached(request)) == (["ana"], False)


def test_an_absence_that_begins_tells_who_stands_in(mail_desk: MailDesk) -> None:
    request = mail_desk.asked()
    assert told(mail_desk, request) == ["ana", "ben"]
    mail_desk.world.away("ana", "eve")
    turn(mail_desk)
    assert told(mail_desk, request) == ["ana", "ben", "eve"]
    assert len(mail_desk.mails("ben")) == 1


def test_whoever_was_told_and_went_away_does_not_count_as_told(mail_desk: MailDesk) -> None:
    request = mail_desk.asked()
    mail_desk.world.away("ana")
    turn(mail_desk)
    assert not unreached(request)
    mail_desk.world.away("ben")
    turn(mail_desk)
    assert unreached(request)


def test_what_its_agent_must_answer_first_alarms_nobody(mail_desk: MailDesk) -> None:
    request = mail_desk.asked()
    mail_desk.world.decide("ana", request, "return", "Why?")
    for name in ("ana", "ben"):
        mail_desk.world.away(name)
    turn(mail_desk)
    assert not unreached(request)


def test_a_confirmation_of_who_is_away_reaches_nobody(box: Postbox) -> None:
    desk = desk_of(
        box,
        {
            "name": "Confirm",
            "action": "payments.refund",
            "effect": "ask",
            "ask": {"confirm": "owner"},
        },
    )
    olivia = desk.world.away("olivia", "eve")
    request = desk.asked()
    assert (told(desk, request), unreached(request)) == ([], True)
    desk.world.back(olivia)
    turn(desk)
    assert (told(desk, request), unreached(request)) == (["olivia"], False)


def test_cards_say_in_whose_place_and_count_a_seat_once(box: Postbox) -> None:
    two = {
        "name": "Two",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"], "approvals": 2}]},
    }
    desk = desk_of(box, two)
    desk.world.away("ana", "eve")
    request = desk.world.submit()
    desk.world.decide("eve", request, comment="Fine.")
    desk.world.decide("ana", request)

    def card() -> Any:
        with pool().connection() as conn:
            return cards.cards(conn, [uuid_of(request)])[uuid_of(request)]

    assert [vote.name for vote in card().votes] == ["Eve, standing in for Ana", "Ana"]
    assert [step.given for step in card().steps] == [1]
    desk.world.decide("ben", request)
    assert card().outcome.startswith("By Eve, standing in for Ana; Ana; Ben.")
