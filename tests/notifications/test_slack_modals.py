"""Modals in Slack: why not, what to ask, what to change, an answer; and what is said at which field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.models import Decision, Revision
from demo.slack.double import Double
from demo.slack.state import Message, View
from notifications.models import SlackInstallation
from tests.approvals.world import uuid_of
from tests.notifications.desk import RULE, TEAM, Desk
from tests.notifications.test_slack_deciding import asked, buttons, carried, forged
from tests.together import together

PAYLOAD: dict[str, Any] = {
    "amount": 20,
    "fast": False,
    "note": "line one\nline two",
    "iban": "CH9300762011623852957",
    "to": "Ana",
}
CONDITIONS: dict[str, Any] = {
    "editable": ["/amount", "/fast", "/note", "/iban", "/to", "/reason"],
    "sensitive": ["/iban"],
    "schema": {
        "type": "object",
        "properties": {"amount": {"title": "Amount", "type": "number", "maximum": 1000}},
    },
}


@pytest.fixture
def paying(double: Double) -> Desk:
    """A desk whose requests may be changed."""
    made = Desk(double, **CONDITIONS)
    made.bind("ana", "U0ANA")
    made.bind("ben", "U0BEN")
    return made


def opened(desk: Desk, card: Message, what: str, user: str = "U0ANA") -> View:
    """The modal that a press opens before a person."""
    assert desk.double.press(TEAM, user, card, what).status == 200
    desk.settle()
    view = desk.double.view(TEAM, user)
    assert view is not None, desk.whispers(user)
    assert not desk.double.violations
    return view


def labels(view: View) -> dict[str, str]:
    """The label of each input, by its block."""
    blocks = [one for one in view.body["blocks"] if one["type"] == "input"]
    return {one["block_id"]: one["label"]["text"] for one in blocks}


def told(view: View) -> str:
    return json.dumps(view.body["blocks"], ensure_ascii=False)


@pytest.mark.parametrize(
    ("given", "comment"),
    [
        ({"reason": "details"}, "The details are wrong"),
        ({"comment": "Another order."}, "Another order."),
        (
            {"reason": "unclear", "comment": "Which order?"},
            "I cannot tell what this would do. Which order?",
        ),
    ],
)
def test_a_no_with_a_reason_that_is_chosen_or_written(
    desk: Desk, given: dict[str, str], comment: str
) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    assert desk.double.submit(view, given).body == ""
    seen = desk.world.seen("ana", request)
    assert (seen["status"], seen["decisions"][0]["comment"]) == ("rejected", comment)
    desk.settle()
    assert "Rejected" in json.dumps(card.blocks)
    assert not desk.double.violations


def test_a_reason_that_policy_wants_is_asked_for_where_it_is_typed(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    desk.double.submit(view, {"comment": "   "})
    assert (view.state, list(view.errors)) == ("open", ["comment"])
    assert "asks for a reason" in view.errors["comment"]
    assert desk.world.seen("ana", request)["decisions"] == []
    desk.double.submit(view, {"comment": "not this one"})
    assert desk.world.seen("ana", request)["status"] == "rejected"
    assert not desk.double.violations


def test_a_yes_that_wants_words_opens_a_modal(double: Double) -> None:
    desk = Desk(double, [{**RULE, "ask": {**RULE["ask"], "comment": "always"}}])
    desk.bind("ana", "U0ANA")
    request, card = asked(desk)
    view = opened(desk, card, "Approve")
    assert desk.world.seen("ana", request)["decisions"] == []
    double.submit(view, {})
    assert list(view.errors) == ["comment"]
    double.submit(view, {"comment": "I called them."})
    (vote,) = desk.world.seen("ana", request)["decisions"]
    assert (vote["verdict"], vote["comment"]) == ("approve", "I called them.")
    assert not double.violations


def test_a_question_back_goes_to_the_agent(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Ask the agent…")
    desk.double.submit(view, {"comment": "Which order is it?"})
    seen = desk.world.seen("ana", request)
    assert (seen["status"], seen["waiting_on"]) == ("pending", "agent")
    desk.settle()
    desk.work(request)
    # What a client kept of the card says yes to nothing while the agent thinks.
    assert forged(desk, request, carried(desk, request)) == 200
    desk.settle()
    assert "given back to the agent" in desk.whispers("U0ANA")[-1]
    assert not desk.double.violations


def test_what_may_be_changed_is_a_form_and_only_changes_count(paying: Desk) -> None:
    request, card = asked(paying, payload=PAYLOAD)
    view = opened(paying, card, "Change and approve…")
    assert labels(view)["f0"] == "Amount"
    assert PAYLOAD["iban"] not in told(view)
    assert "leave it empty to keep it" in told(view)
    answer = paying.double.submit(
        view, {"f0": "12.5", "f1": "true", "f2": "one\ntwo\nthree", "f5": "", "comment": "half"}
    )
    assert answer.body == ""
    seen = paying.world.seen("ana", request)
    changed = {**PAYLOAD, "amount": 12.5, "fast": True, "note": "one\ntwo\nthree"}
    assert seen["revision"] == 2
    assert {name: seen["payload"][name] for name in changed if name != "iban"} == {
        name: value for name, value in changed.items() if name != "iban"
    }
    stored = Revision.objects.get(request_id=uuid_of(request), number=2)
    assert json.loads(bytes(stored.payload)) == changed, "what is hidden stayed as it was"
    (vote,) = seen["decisions"]
    assert (vote["verdict"], vote["comment"], vote["channel"]) == ("edit", "half", "slack")
    assert not paying.double.violations


@pytest.mark.parametrize(
    ("given", "block", "said"),
    [
        ({"f0": "a lot"}, "f0", "type a number"),
        ({"f0": ""}, "f0", "type a number"),
        ({"f0": "1e400"}, "f0", "type a number"),
        ({"f0": "9999", "f4": "Ben"}, "f0", "1000"),
        ({"f4": "Ben", "f0": "NaN"}, "f0", "type a number"),
        ({}, "f0", "You changed nothing"),
    ],
)
def test_what_cannot_be_is_said_at_its_field_and_nothing_changes(
    paying: Desk, given: dict[str, str], block: str, said: str
) -> None:
    request, card = asked(paying, payload={"to": "Ana", **PAYLOAD})
    view = opened(paying, card, "Change and approve…")
    paying.double.submit(view, given)
    assert view.state == "open"
    assert list(view.errors) == [block]
    assert said in view.errors[block]
    seen = paying.world.seen("ana", request)
    assert (seen["revision"], seen["decisions"]) == (1, [])
    assert not paying.double.violations


def test_an_error_stands_at_the_field_it_is_about_not_at_the_first(double: Double) -> None:
    desk = Desk(double, **{**CONDITIONS, "editable": ["/to", "/amount"]})
    desk.bind("ana", "U0ANA")
    _, card = asked(desk, payload=PAYLOAD)
    view = opened(desk, card, "Change and approve…")
    for typed in ("a lot", "5000"):
        double.submit(view, {"f0": "Ben", "f1": typed})
        assert list(view.errors) == ["f1"]


OPTIONS = ["Main Street", {"value": "v" * 200, "label": "*Mill* Lane <!channel> " + "x" * 150}]


def test_an_option_is_chosen_however_long_it_is(desk: Desk) -> None:
    question = desk.world.ask(options=OPTIONS)
    desk.work(question)
    (card,) = desk.in_channel()
    view = opened(desk, card, "Answer…")
    assert desk.double.submit(view, {"f0": "1", "comment": "as ever"}).body == ""
    seen = desk.world.seen("ana", question)
    assert (seen["status"], seen["answer"]) == ("answered", "v" * 200)
    assert not desk.double.violations


def test_an_option_that_was_never_offered_is_no_answer(desk: Desk) -> None:
    question = desk.world.ask(options=OPTIONS)
    desk.work(question)
    view = opened(desk, desk.in_channel()[0], "Answer…")
    for wrong in ("2", "-1", "Main Street", "x" * 3000):

        def put(payload: dict[str, Any], wrong: str = wrong) -> None:
            state = payload["view"]["state"]["values"]["f0"]["value"]
            state["selected_option"] = {"value": wrong}

        desk.double.submit(view, {"f0": "0"}, change=put)
        assert list(view.errors) == ["f0"]
    assert desk.world.seen("ana", question)["status"] == "pending"


SCHEMA = {
    "type": "object",
    "required": ["city", "many", "kind"],
    "properties": {
        "city": {"type": "string", "title": "City", "description": "Where it goes", "minLength": 3},
        "many": {"type": "integer", "minimum": 1},
        "kind": {"enum": [f"k{n}" for n in range(20)]},
        "sure": {"type": "boolean"},
        "rest": {"type": "array", "items": {"type": "integer"}},
    },
    "additionalProperties": False,
}


def test_an_answer_by_a_schema_is_a_form_with_errors_at_the_fields(desk: Desk) -> None:
    question = desk.world.ask(answer_schema=SCHEMA)
    desk.work(question)
    view = opened(desk, desk.in_channel()[0], "Answer…")
    blocks = {label: block for block, label in labels(view).items()}
    city, many, kind = blocks["City"], blocks["many"], blocks["kind"]
    good = {city: "Bonn", many: "3", kind: "19"}
    for wrong, at in (({many: "x"}, many), ({many: "0"}, many), ({city: "B"}, city)):
        desk.double.submit(view, {**good, **wrong})
        assert list(view.errors) == [at]
    desk.double.submit(view, {**good, blocks["rest"]: "[1, 2]", blocks["sure"]: "true"})
    assert desk.world.seen("ana", question)["answer"] == {
        "city": "Bonn",
        "many": 3,
        "kind": "k19",
        "sure": True,
        "rest": [1, 2],
    }
    assert not desk.double.violations


def test_a_form_that_slack_cannot_hold_is_filled_in_on_its_page(desk: Desk) -> None:
    members = {f"m{n:03}": {"type": "string"} for n in range(90)}
    question = desk.world.ask(answer_schema={"type": "object", "properties": members})
    desk.work(question)
    assert desk.double.press(TEAM, "U0ANA", desk.in_channel()[0], "Answer…").status == 200
    desk.settle()
    assert desk.double.view(TEAM, "U0ANA") is None
    assert "not all of it fits" in desk.whispers("U0ANA")[0]
    assert not desk.double.violations


def test_a_value_too_long_for_a_field_is_not_lost_by_changing_another(double: Double) -> None:
    desk = Desk(double, **{**CONDITIONS, "editable": ["/to", "/items"]})
    desk.bind("ana", "U0ANA")
    items = [f"{number:03} " + "x" * 96 for number in range(40)]
    request, card = asked(desk, payload={**PAYLOAD, "items": items})
    assert double.press(TEAM, "U0ANA", card, "Change and approve…").status == 200
    desk.settle()
    assert double.view(TEAM, "U0ANA") is None
    assert "not all of it fits" in desk.whispers("U0ANA")[0]
    assert desk.world.seen("ana", request)["revision"] == 1
    assert not double.violations


def test_what_changed_meanwhile_is_said_in_the_modal_and_nothing_is_decided(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    desk.world.revise(request, amount=20_000)
    assert desk.double.submit(view, {"comment": "no"}).status == 200
    assert "changed since you looked" in told(view)
    assert desk.world.seen("ana", request)["decisions"] == []
    assert not desk.double.violations


def test_what_ended_meanwhile_is_said_in_the_modal(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    desk.world.decide("ben", request)
    desk.double.submit(view, {"comment": "no"})
    assert "ended before. Approved" in told(view)
    assert "By Ben." in told(view)
    assert len(desk.world.seen("ana", request)["decisions"]) == 1
    assert not desk.double.violations


def test_a_modal_that_somebody_else_sends_is_their_own_vote(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")

    def as_user(user: str) -> Any:
        def change(payload: dict[str, Any]) -> None:
            payload["user"]["id"] = user

        return change

    desk.double.submit(view, {"comment": "no"}, change=as_user("U0EVE"))
    assert "does not know who you are" in told(view)
    assert desk.world.seen("ana", request)["decisions"] == []
    view = opened(desk, card, "Reject…")
    desk.double.submit(view, {"comment": "no"}, change=as_user("U0BEN"))
    (vote,) = desk.world.seen("ana", request)["decisions"]
    assert vote["person"]["name"] == "Ben"


def test_a_modal_for_another_request_is_forged(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    for wrong in ("", "ntf_.00", carried(desk, request)[:-1] + "g"):

        def put(payload: dict[str, Any], wrong: str = wrong) -> None:
            payload["view"]["private_metadata"] = wrong

        assert desk.double.submit(view, {"comment": "no"}, change=put).status == 403

    def renamed(payload: dict[str, Any]) -> None:
        payload["view"]["callback_id"] = "assentry.answer"

    assert desk.double.submit(view, {"comment": "no"}, change=renamed).status == 403
    assert desk.world.seen("ana", request)["decisions"] == []


def test_a_modal_for_another_workspace_is_forged(desk: Desk, double: Double) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    third = Desk(double)
    third.bind("ana", "U0ANA")
    SlackInstallation.objects.filter(id=third.installation.id).update(team_id="T0THIRD")
    theirs = third.world.submit()
    third.work(theirs)

    def put(payload: dict[str, Any]) -> None:
        payload["view"]["private_metadata"] = carried(third, theirs)

    # No message's place tells them apart here: only whose app it came through does.
    assert double.submit(view, {"comment": "no"}, change=put).status == 403
    assert desk.world.seen("ana", request)["decisions"] == []
    assert third.world.seen("ana", theirs)["decisions"] == []


def test_a_modal_sent_twice_at_once_is_one_vote(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    sent = desk.double.submit(view, {"comment": "no"}, change=lambda payload: None)
    again = together([lambda: desk.double.again(sent) for _ in range(8)])
    assert {one.status for one in (sent, *again)} == {200}
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1
    fresh, card = asked(desk)
    view = opened(desk, card, "Reject…")
    both = together([lambda: desk.double.submit(view, {"comment": "no"}) for _ in range(2)])
    assert {getattr(one, "status", 200) for one in both} == {200}
    assert Decision.objects.filter(request_id=uuid_of(fresh)).count() == 1


def test_a_modal_closed_is_nothing(desk: Desk) -> None:
    request, card = asked(desk)
    view = opened(desk, card, "Reject…")
    view.body["notify_on_close"] = True
    closed = desk.double.close_view(view)
    assert closed is not None
    assert closed.status == 200
    assert desk.world.seen("ana", request)["decisions"] == []
    assert buttons(card)
