"""Words under a card in Slack and on the request's page are one conversation, each said once."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import returning
from audit.actor import Actor
from demo.slack.delivery import Answer
from demo.slack.state import Message
from people.services import deactivate_person
from tests.approvals.world import TEST, uuid_of
from tests.notifications.desk import DESK, TEAM, Desk
from tests.notifications.test_slack_deciding import asked
from tests.together import together


def comments(desk: Desk, request: dict[str, Any]) -> list[tuple[str, str]]:
    """Who said what on the request's page."""
    said = desk.world.seen("ana", request)["messages"]
    return [(one["author"]["name"], one["text"]) for one in said if one["kind"] == "comment"]


def under(desk: Desk, card: Message) -> list[Message]:
    """What stands in the card's thread."""
    there = desk.double.messages(TEAM, card.channel)
    return [one for one in there if one.thread_ts == card.ts]


def say(desk: Desk, user: str, text: str, card: Message, **how: Any) -> Answer:
    return desk.double.say(TEAM, user, card.channel, text, card.ts, **how)


def test_words_under_a_card_are_kept_once_however_often_slack_tells_of_them(desk: Desk) -> None:
    request, card = asked(desk)
    said = say(desk, "U0ANA", "Which order is it?", card)
    assert said.status == 200
    for number in (1, 2, 3):
        assert desk.double.again(said, number).status == 200
    assert {one.status for one in together([lambda: desk.double.again(said)] * 5)} == {200}
    assert comments(desk, request) == [("Ana", "Which order is it?")]
    # It stands there already: nobody repeats it, in the channel or in direct messages.
    desk.tell(request)
    desk.post()
    assert len(under(desk, card)) == 1
    assert all(not under(desk, one) for one in (*desk.direct("U0ANA"), *desk.direct("U0BEN")))
    assert desk.world.kinds(request).count("request.commented") == 1


def test_words_under_a_card_in_a_direct_message_are_kept_too(desk: Desk) -> None:
    request, _ = asked(desk)
    (card,) = desk.direct("U0BEN")
    assert say(desk, "U0BEN", "I know them.", card).status == 200
    assert comments(desk, request) == [("Ben", "I know them.")]


def test_words_of_the_page_stand_under_the_channels_card_once_and_do_not_come_back(
    desk: Desk,
) -> None:
    request, card = asked(desk)
    ben = desk.world.people["ben"]
    returning.comment(
        actor=Actor.person(ben.id, channel="web"),
        reader=desk.world.reader("ben"),
        request_id=uuid_of(request),
        text="*Look* at <!channel> & the price",
    )
    desk.work(request)
    desk.work(request)
    (reply,) = under(desk, card)
    assert "Ben" in reply.text
    assert reply.blocks[0]["text"]["type"] == "plain_text"
    assert "*Look* at <!channel> & the price" in reply.blocks[0]["text"]["text"]
    assert "<!channel>" not in reply.text
    assert desk.double.echo(reply).status == 200
    assert comments(desk, request) == [("Ben", "*Look* at <!channel> & the price")]
    assert not desk.double.violations


@pytest.mark.parametrize(
    "change",
    [
        {"bot_id": "B0OTHER"},
        {"subtype": "message_changed"},
        {"subtype": "message_deleted"},
        {"subtype": "bot_message"},
        {"subtype": "channel_join"},
        {"text": "   "},
        {"thread_ts": "1.000001"},
        {"channel": "C0OTHER"},
        {"thread_ts": None},
    ],
    ids=repr,
)
def test_what_is_nobodys_word_under_a_card_is_ignored(desk: Desk, change: dict[str, Any]) -> None:
    request, card = asked(desk)
    answer = say(desk, "U0ANA", "hello", card, change=lambda told: told["event"].update(change))
    assert answer.status == 200
    desk.settle()
    assert comments(desk, request) == []
    assert desk.whispers("U0ANA") == []


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share"])
def test_words_that_are_also_sent_to_the_channel_or_with_a_file_are_kept(
    desk: Desk, subtype: str
) -> None:
    request, card = asked(desk)
    say(desk, "U0ANA", "hello", card, change=lambda told: told["event"].update(subtype=subtype))
    assert comments(desk, request) == [("Ana", "hello")]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt;", "&lt;"),
        ("see <https://a.example/x?y=1&amp;z=2>", "see https://a.example/x?y=1&z=2"),
        (
            "<https://evil.example|https://bank.example>",
            "https://bank.example (https://evil.example)",
        ),
        ("<@U0BEN> and <@U0BEN|ben> in <#C0DESK|desk>", "@U0BEN and @ben in #desk"),
        ("<!channel> <!subteam^S0X|@leads> <!date^1^{date}|today>", "@channel @leads today"),
        ("*bold* _it_ `code` &copy;", "*bold* _it_ `code` &copy;"),
    ],
)
def test_what_is_kept_reads_as_it_did_in_slack(desk: Desk, written: str, kept: str) -> None:
    request, card = asked(desk)
    say(desk, "U0ANA", "x", card, change=lambda told: told["event"].update(text=written))
    assert comments(desk, request) == [("Ana", kept)]


def test_the_words_of_a_stranger_are_not_kept_and_they_alone_are_told(desk: Desk) -> None:
    request, card = asked(desk)
    say(desk, "U0EVE", "approve it!", card)
    deactivate_person(actor=TEST, person=desk.world.people["ben"])
    say(desk, "U0BEN", "me too", card)

    def foreign(told: dict[str, Any]) -> None:
        told["event"]["user_team"] = "T0EVIL"

    say(desk, "U0ANA", "and me", card, change=foreign)
    desk.settle()
    for user in ("U0EVE", "U0BEN", "U0ANA"):
        (whisper,) = desk.whispers(user)
        assert "not kept with the request" in whisper
    assert comments(desk, request) == []
    assert not desk.double.violations


def test_somebody_who_may_not_see_the_request_adds_nothing_to_it(desk: Desk) -> None:
    desk.bind("olivia", "U0EVE")
    roles = desk.world.policy["roles"]
    lead = {**roles["lead"], "members": [desk.world.email("ben")]}
    desk.world.apply(roles={**roles, "lead": lead})
    request, card = asked(desk)
    say(desk, "U0ANA", "hello", card)
    desk.settle()
    assert "not kept with the request" in desk.whispers("U0ANA")[0]
    desk.world.apply(roles=roles)
    assert comments(desk, request) == []
    # Said again, once they may: it is kept, as it is of the owner.
    say(desk, "U0ANA", "hello again", card)
    say(desk, "U0EVE", "mine", card)
    assert comments(desk, request) == [("Ana", "hello again"), ("Olivia", "mine")]


def test_words_that_are_too_long_are_not_cut_behind_ones_back(desk: Desk) -> None:
    request, card = asked(desk)
    say(desk, "U0ANA", "x" * 4_001, card)
    desk.settle()
    assert "longer than 4,000 characters" in desk.whispers("U0ANA")[0]
    assert comments(desk, request) == []
    say(desk, "U0ANA", "y" * 4_000, card)
    assert comments(desk, request) == [("Ana", "y" * 4_000)]


def test_words_after_the_end_are_kept_beside_it(desk: Desk) -> None:
    request, card = asked(desk)
    desk.world.decide("ben", request)
    desk.work(request)
    assert card.channel == DESK
    say(desk, "U0ANA", "For the record: I agree.", card)
    assert comments(desk, request) == [("Ana", "For the record: I agree.")]
