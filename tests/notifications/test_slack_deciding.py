"""Deciding in Slack, through the real door: whose press counts, and what of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from approvals.models import Decision
from approvals.read import for_person
from approvals.shown import row_digest
from demo.slack.double import Double
from demo.slack.state import Message
from notifications.models import SlackBinding, SlackInstallation
from notifications.slack.blocks import button_value
from people.services import deactivate_person
from tests.approvals.world import TEST, uuid_of
from tests.notifications.desk import DESK, RULE, SECRET, TEAM, TOKEN, Desk
from tests.together import together


def asked(desk: Desk, **body: Any) -> tuple[dict[str, Any], Message]:
    """A request, and its card in the desk's channel."""
    request = desk.world.submit(**body)
    desk.work(request)
    return request, desk.in_channel()[-1]


def test_a_press_is_a_vote_and_the_card_says_so_at_once(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    assert pressed.status == 200
    assert pressed.body == ""
    seen = desk.world.seen("ana", request)
    assert (seen["status"], seen["basis"]) == ("approved", "people")
    (vote,) = seen["decisions"]
    assert (vote["verdict"], vote["channel"], vote["assurance"]) == ("approve", "slack", "chat")
    assert vote["person"]["name"] == "Ana"
    stored = Decision.objects.get(request_id=uuid_of(request))
    (told,) = [n for n in desk.sent(request) if not n.person_id]
    assert stored.shown_digest == told.shown_digest
    desk.settle()
    desk.work(request)
    assert "By Ana." in json.dumps(card.blocks)
    assert not [b for b in buttons(card) if b["action_id"] != "assentry.open"]
    assert desk.whispers("U0ANA") == ["You approved."]
    assert not desk.double.violations


def test_the_same_press_twenty_times_is_one_vote(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    again = together([lambda: desk.double.again(pressed) for _ in range(20)])
    assert {one.status for one in again} == {200}
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1


def test_twenty_presses_at_once_are_one_vote_and_say_the_same(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = together(
        [lambda: desk.double.press(TEAM, "U0ANA", card, "Approve") for _ in range(20)]
    )
    assert {one.status for one in pressed} == {200}
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1


@pytest.mark.parametrize("press", ["Approve", "Reject…"])
def test_somebody_unknown_is_told_how_to_connect_and_nothing_is_decided(
    desk: Desk, press: str
) -> None:
    request, card = asked(desk)
    assert desk.double.press(TEAM, "U0EVE", card, press).status == 200
    assert desk.world.seen("ana", request)["decisions"] == []
    desk.settle()
    (said,) = desk.whispers("U0EVE")
    assert "does not know who you are" in said
    assert "/slack/link/" in said


def forged(
    desk: Desk, request: dict[str, Any], value: str, action: str = "assentry.approve"
) -> int:
    """What the door says to Ana's press of the card in the channel, with another button on it."""
    (card,) = [m for m in desk.in_channel() if request["id"] in json.dumps(m.blocks)]

    def change(payload: dict[str, Any]) -> None:
        payload["actions"][0] |= {"action_id": action, "value": value}

    return desk.double.press(TEAM, "U0ANA", card, "assentry.open", change=change).status


def carried(desk: Desk, request: dict[str, Any]) -> str:
    """What the buttons of the request's card in the channel carry, or would."""
    (told,) = [one for one in desk.sent(request) if one.kind == "asked" and not one.person_id]
    row = for_person(reader=desk.world.reader("ana"), request_id=uuid_of(request))
    return button_value(told.id, row_digest(row, "slack"))


def votes(desk: Desk, request: dict[str, Any]) -> int:
    return Decision.objects.filter(request_id=uuid_of(request)).count()


def test_a_value_of_another_message_is_forged(desk: Desk) -> None:
    request, other = desk.world.submit(), desk.world.submit(payload={"amount": 21})
    for one in (request, other):
        desk.work(one)
    # Of the same request, in the direct message of Ben; and of another request of this workspace.
    (theirs,) = [n for n in desk.sent(request) if n.person_id == desk.world.people["ben"].id]
    assert theirs.shown_digest is not None
    assert forged(desk, request, button_value(theirs.id, bytes(theirs.shown_digest))) == 403
    assert forged(desk, request, carried(desk, other)) == 403
    assert votes(desk, request) == votes(desk, other) == 0


def test_a_value_of_another_workspace_is_forged(desk: Desk, double: Double) -> None:
    request, _ = asked(desk)
    # The same Slack team and app speak for another workspace of ours too; Ana is somebody there.
    second = Desk(double)
    second.bind("ana", "U0ANA")
    theirs = second.world.submit()
    second.work(theirs)
    assert forged(desk, request, carried(second, theirs)) == 403
    # And one in a Slack team of its own.
    third = Desk(double)
    SlackInstallation.objects.filter(id=third.installation.id).update(team_id="T0THIRD")
    elsewhere = third.world.submit()
    third.work(elsewhere)
    assert forged(desk, request, carried(third, elsewhere)) == 403
    for one, at in ((request, desk), (theirs, second), (elsewhere, third)):
        assert votes(at, one) == 0
    # Each card is decided in its own workspace.
    assert forged(second, theirs, carried(second, theirs)) == 200
    assert (votes(second, theirs), votes(desk, request)) == (1, 0)


MALFORMED: dict[str, Callable[[str], str]] = {
    "empty": lambda value: "",
    "a word": lambda value: "approve",
    "short": lambda value: value[:-1],
    "long": lambda value: value + "0",
    "upper case": lambda value: value.upper(),
    "another kind": lambda value: value.replace("ntf_", "req_"),
    "no dot": lambda value: value.replace(".", ""),
    "twice": lambda value: value + "." + value,
    "a space": lambda value: " " + value,
    "0x": lambda value: value.replace(".", ".0x"),
    "no id": lambda value: "ntf_01jdexample." + "0" * 64,
    "nobody's": lambda value: "ntf_7zzzzzzzzzzzzzzzzzzzzzzzzz." + "0" * 64,
    "letters": lambda value: "é" * 2000,
    "brackets": lambda value: "[" * 2000,
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_value_that_is_none_of_ours_is_forged(desk: Desk, how: str) -> None:
    request, _ = asked(desk)
    assert forged(desk, request, MALFORMED[how](carried(desk, request))) == 403
    assert votes(desk, request) == 0


@pytest.mark.parametrize(
    "action", ["approve_all", "assentry.answer", "assentry.edit", "", "assentry"]
)
def test_a_button_that_the_card_never_had_is_forged(desk: Desk, action: str) -> None:
    request, _ = asked(desk)
    assert forged(desk, request, carried(desk, request), action) == 403
    desk.settle()
    assert desk.double.view(TEAM, "U0ANA") is None
    assert votes(desk, request) == 0


@pytest.mark.parametrize("action", ["assentry.approve", "assentry.edit"])
def test_a_question_is_not_approved(desk: Desk, action: str) -> None:
    question = desk.world.ask(to="lead")
    desk.work(question)
    assert forged(desk, question, carried(desk, question), action) == 403
    assert votes(desk, question) == 0


def test_a_digest_of_nothing_that_was_shown_decides_nothing(desk: Desk) -> None:
    request, _ = asked(desk)
    value = carried(desk, request).partition(".")[0] + "." + "0" * 64
    assert forged(desk, request, value) == 200
    desk.settle()
    assert "changed since you looked" in desk.whispers("U0ANA")[0]
    assert votes(desk, request) == 0


def test_in_a_channel_shared_with_another_company_its_people_are_nobody(desk: Desk) -> None:
    request, card = asked(desk)

    def foreign(payload: dict[str, Any]) -> None:
        payload["user"]["team_id"] = "T0EVIL"

    assert desk.double.press(TEAM, "U0ANA", card, "Approve", change=foreign).status == 200
    assert desk.double.press(TEAM, "U0ANA", card, "Reject…", change=foreign).status == 200
    desk.settle()
    assert desk.double.view(TEAM, "U0ANA") is None
    assert all("does not know who you are" in said for said in desk.whispers("U0ANA"))
    # Nor by a modal that Ana has open.
    assert desk.double.press(TEAM, "U0ANA", card, "Reject…").status == 200
    desk.settle()
    view = desk.double.view(TEAM, "U0ANA")
    assert view is not None
    assert "does not know" in desk.double.submit(view, {"comment": "no"}, change=foreign).body
    assert votes(desk, request) == 0


def test_neither_a_name_nor_an_address_makes_somebody_of_a_stranger(desk: Desk) -> None:
    request, card = asked(desk)
    email = desk.world.email("ana")
    desk.double.add_user(TEAM, "U0ANNA", name="ana", real_name="Ana", email=email)
    assert desk.double.press(TEAM, "U0ANNA", card, "Approve").status == 200
    desk.settle()
    assert "does not know who you are" in desk.whispers("U0ANNA")[0]
    assert votes(desk, request) == 0


def test_who_is_no_longer_active_is_told_so(desk: Desk) -> None:
    request, card = asked(desk)
    deactivate_person(actor=TEST, person=desk.world.people["ana"])
    for what in ("Approve", "Reject…"):
        assert desk.double.press(TEAM, "U0ANA", card, what).status == 200
    desk.settle()
    assert "not active any more" in desk.whispers("U0ANA")[0]
    assert desk.double.view(TEAM, "U0ANA") is None
    assert votes(desk, request) == 0


def test_somebody_of_another_workspace_of_ours_is_a_stranger_here(
    desk: Desk, double: Double
) -> None:
    request, card = asked(desk)
    second = Desk(double, people=("carl",))
    second.bind("carl", "U0EVE")
    assert double.press(TEAM, "U0EVE", card, "Approve").status == 200
    desk.settle()
    assert "does not know who you are" in desk.whispers("U0EVE")[0]
    assert votes(desk, request) == 0


def test_a_person_whom_nobody_asks_is_refused_and_that_is_recorded(double: Double) -> None:
    desk = Desk(double, people=("ana",))
    desk.bind("ana", "U0ANA")
    desk.bind("olivia", "U0BEN")  # her own agent asks
    request, card = asked(desk)
    assert double.press(TEAM, "U0BEN", card, "Approve").status == 200
    desk.settle()
    assert "own agent" in desk.whispers("U0BEN")[0]
    assert votes(desk, request) == 0
    assert refusals(desk, request) == ["own_agent"]


def refusals(desk: Desk, request: dict[str, Any]) -> list[str]:
    """Why decisions were refused, as the log has it."""
    events = [one for one in desk.world.events(request) if one["kind"] == "decision.refused"]
    assert all(one["actor"]["via"] == "slack" for one in events)
    return [one["data"]["code"] for one in events]


@pytest.mark.parametrize("risk", ["high", "critical"])
def test_what_is_risky_is_only_opened_here_and_a_forged_press_is_on_record(
    double: Double, risk: str
) -> None:
    desk = Desk(double, risk=risk)
    desk.bind("ana", "U0ANA")
    request, card = asked(desk)
    assert [one["action_id"] for one in buttons(card)] == ["assentry.open"]
    for action in ("assentry.approve", "assentry.reject"):
        assert forged(desk, request, carried(desk, request), action) == 200
    assert forged(desk, request, carried(desk, request), "assentry.return") == 200
    desk.settle()
    assert double.view(TEAM, "U0ANA") is None
    assert all("Nothing was decided" in said for said in desk.whispers("U0ANA"))
    assert votes(desk, request) == 0
    assert refusals(desk, request) == ["assurance_too_low"] * 2
    assert not double.violations


def test_a_policy_that_leaves_slack_out_is_heeded(double: Double) -> None:
    rule = {**RULE, "ask": {**RULE["ask"], "channels": ["web"]}}
    desk = Desk(double, [rule])
    desk.bind("ana", "U0ANA")
    request, card = asked(desk)
    assert [one["action_id"] for one in buttons(card)] == ["assentry.open"]
    assert forged(desk, request, carried(desk, request)) == 200
    assert votes(desk, request) == 0
    assert refusals(desk, request) == ["channel_not_allowed"]


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({f"value {n:03}": n for n in range(300)}, "240 more of 300 values do not fit here"),
        ({"note": "x" * 10_000}, "characters, cut"),
        ({f"part {n}": "y" * 25_000 for n in range(10)}, "more of 10 values do not fit here"),
        ({f"list {n}": "one\ntwo" for n in range(20)}, "more of 20 values do not fit here"),
    ],
    ids=["300 values", "one long", "256 KiB", "many of several lines"],
)
def test_what_does_not_fit_whole_is_counted_and_not_approved_here(
    desk: Desk, payload: dict[str, Any], said: str
) -> None:
    request, card = asked(desk, payload=payload)
    assert said in json.dumps(card.blocks), [b for b in card.blocks if "more of" in json.dumps(b)]
    names = [one["action_id"] for one in buttons(card)]
    assert "assentry.approve" not in names
    assert "assentry.reject" in names
    assert forged(desk, request, carried(desk, request)) == 200
    desk.settle()
    assert "not all of it fits in Slack" in desk.whispers("U0ANA")[0]
    assert votes(desk, request) == 0
    # A no needs no more than what is seen.
    assert desk.double.press(TEAM, "U0ANA", card, "Reject…").status == 200
    desk.settle()
    view = desk.double.view(TEAM, "U0ANA")
    assert view is not None
    assert desk.double.submit(view, {"comment": "too much"}).body == ""
    assert desk.world.seen("ana", request)["status"] == "rejected"
    assert not desk.double.violations


def test_slack_that_hangs_keeps_nobody_waiting(desk: Desk) -> None:
    request, card = asked(desk)
    desk.double.fail(hang=5, times=None)
    began = time.monotonic()
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    assert pressed.taken
    assert time.monotonic() - began < 3
    assert votes(desk, request) == 1
    for answer in (
        desk.double.press(TEAM, "U0EVE", card, "Approve"),
        desk.double.press(TEAM, "U0BEN", card, "Reject…"),
        desk.double.command(TEAM, "U0ANA", DESK, "/assentry"),
        desk.double.open_home(TEAM, "U0ANA"),
    ):
        assert answer.taken
    desk.double.faults.clear()


def test_a_pause_that_slack_asks_for_is_kept_here_too(desk: Desk) -> None:
    request, card = asked(desk)
    desk.double.rate_limit("chat.update", TEAM, 30)
    desk.double.rate_limit("chat.postEphemeral", TEAM, 30)
    assert desk.double.press(TEAM, "U0ANA", card, "Approve").taken
    desk.settle()
    for _ in range(3):
        assert desk.double.press(TEAM, "U0EVE", card, "Approve").taken
        desk.settle()
    assert votes(desk, request) == 1
    assert not desk.double.too_early
    desk.double.rate_limit("views.open", TEAM, 30)
    other = desk.world.submit(payload={"amount": 21})
    desk.work(other)
    for _ in range(3):
        assert desk.double.press(TEAM, "U0ANA", desk.in_channel()[-1], "Reject…").taken
        desk.settle()
    assert not desk.double.too_early


def test_pressed_again_by_who_decided_it_the_vote_that_stands_is_the_answer(desk: Desk) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve")
    desk.settle()
    assert desk.double.again(pressed).body == pressed.body == ""
    desk.settle()
    assert desk.whispers("U0ANA") == ["You approved.", "You approved."]
    assert votes(desk, request) == 1


def test_removed_by_slack_the_secrets_go_and_what_waits_is_told_otherwise(desk: Desk) -> None:
    for event in (desk.double.app_uninstalled, desk.double.tokens_revoked):
        request = desk.world.submit()
        desk.tell(request)
        removed = event(TEAM)
        assert removed.status == 200
        found = SlackInstallation.objects.get(id=desk.installation.id)
        secrets = (found.bot_token, found.signing_secret, found.app_token, found.earlier_secret)
        assert (found.state, secrets) == ("removed", (None,) * 4)
        assert not SlackBinding.objects.filter(installation=found, ended_at=None).exists()
        assert {one.state for one in desk.sent(request)} == {"failed"}
        desk.tell(request)
        assert "notification.unreached" in desk.world.kinds(request)
        assert desk.double.again(removed).status == 503
        desk = Desk(desk.double)
        desk.bind("ana", "U0ANA")


def test_the_tokens_of_people_may_go_while_the_apps_own_stays(desk: Desk) -> None:
    for tokens in ({"oauth": ["U0ANA"], "bot": []}, {"oauth": [], "bot": ["U0OTHERBOT"]}):
        event = {"type": "tokens_revoked", "tokens": tokens}
        assert desk.double.event(TEAM, event).status == 200
    assert SlackInstallation.objects.get(id=desk.installation.id).state == "active"


def test_in_a_grid_a_person_is_the_same_in_each_of_its_workspaces(double: Double) -> None:
    double.add_team(
        "T0GRID",
        signing_secret=SECRET,
        bot_token=TOKEN,
        enterprise="E0ACME",
        org_install=True,
        app_id="A0GRID",
    )
    double.add_user("T0GRID", "W0ANA", name="ana")
    double.add_channel("T0GRID", DESK, "desk")
    double.team(TEAM).bot_token = "xoxb-another-0123456789"
    desk = Desk(double)
    found = desk.installation
    assert (found.team_id, found.enterprise_id) == (None, "E0ACME")
    desk.bind("ana", "W0ANA")
    request = desk.world.submit()
    desk.work(request)
    (card,) = double.messages("T0GRID", DESK)

    def elsewhere(payload: dict[str, Any]) -> None:
        assert payload["team"] is None
        payload["user"]["team_id"] = "T0SECOND"

    def foreign(payload: dict[str, Any]) -> None:
        payload["enterprise"] = {"id": "E0EVIL"}

    assert double.press("T0GRID", "W0ANA", card, "Approve", change=foreign).status == 401
    assert votes(desk, request) == 0
    assert double.press("T0GRID", "W0ANA", card, "Approve", change=elsewhere).status == 200
    (vote,) = desk.world.seen("ana", request)["decisions"]
    assert vote["person"]["name"] == "Ana"


def buttons(message: Message) -> list[dict[str, Any]]:
    """Every button of a message."""
    return [
        element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]
