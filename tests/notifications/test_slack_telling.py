"""Who is told in Slack, in which order and how often, and what becomes of every copy."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from approvals.announcing import tell_due
from approvals.cancel import cancel_by_owner
from approvals.returning import comment
from audit.actor import Actor
from audit.models import Event
from core import due
from notifications.models import Lane, Notification, SlackInstallation, Unreached
from notifications.slack import installs
from notifications.slack.installs import Wanted
from notifications.sql import SLACK, TELL
from oversight.kill_switch import Order, run
from people.permissions import grant_permission
from people.services import deactivate_person
from tests.approvals.world import TEST, uuid_of
from tests.notifications.desk import DESK, TEAM, Desk
from tests.together import together


def kinds(desk: Desk) -> list[str]:
    found = Event.objects.filter(workspace_id=desk.world.workspace.id).order_by("at", "id")
    return [one.kind for one in found]


def test_the_channel_of_the_role_and_everybody_who_is_asked_are_told(desk: Desk) -> None:
    request = desk.world.submit(payload={"amount": 20})
    desk.work(request)
    (card,) = desk.in_channel()
    assert len(desk.direct("U0ANA")) == len(desk.direct("U0BEN")) == 1
    assert desk.direct("U0EVE") == []
    assert "20" in json.dumps(card.blocks)
    told = [(one.channel, one.state, bool(one.person_id)) for one in desk.sent(request)]
    assert sorted(told) == [
        ("slack", "sent", False),
        ("slack", "sent", True),
        ("slack", "sent", True),
    ]
    assert all(one.reference and one.shown_digest and one.sent_at for one in desk.sent(request))
    assert not desk.double.violations


def test_told_twice_is_told_once(desk: Desk) -> None:
    request = desk.world.submit()
    desk.tell(request)
    promise(desk, request)
    desk.work(request)
    assert len(desk.in_channel()) == 1


def test_decided_elsewhere_every_copy_says_so_and_has_no_buttons(desk: Desk) -> None:
    request = desk.world.submit()
    desk.work(request)
    desk.world.decide("ana", request, "reject", comment="Not today")
    desk.work(request)
    copies = [*desk.in_channel(), *desk.direct("U0ANA"), *desk.direct("U0BEN")]
    assert len(copies) == 3
    for copy in copies:
        said = json.dumps(copy.blocks)
        assert "Rejected" in said
        assert "By Ana." in said
        assert "assentry.approve" not in said
    assert all(one.shown == one.wanted for one in desk.sent(request))


def test_a_button_that_a_client_kept_decides_nothing_after_the_end(desk: Desk) -> None:
    request = desk.world.submit()
    desk.work(request)
    (card,) = desk.in_channel()
    kept = button(card, "assentry.approve")
    desk.world.decide("ana", request, "reject", comment="Not today")
    desk.work(request)
    pressed = desk.double.press(
        TEAM, "U0BEN", card, "assentry.open", change=lambda payload: put(payload, kept)
    )
    assert pressed.status == 200
    desk.settle()
    (said,) = desk.whispers("U0BEN")
    assert "ended before. Rejected" in said
    assert "By Ana." in said
    assert len(desk.world.seen("ana", request)["decisions"]) == 1


def test_a_changed_payload_makes_old_buttons_void(desk: Desk) -> None:
    request = desk.world.submit()
    desk.work(request)
    (card,) = desk.in_channel()
    kept = button(card, "assentry.approve")
    desk.world.revise(request, amount=20_000)
    pressed = desk.double.press(
        TEAM, "U0ANA", card, "assentry.approve", change=lambda payload: put(payload, kept)
    )
    assert pressed.status == 200
    desk.settle()
    assert "changed since you looked" in desk.whispers("U0ANA")[0]
    assert desk.world.seen("ana", request)["decisions"] == []
    desk.work(request)
    newest = desk.in_channel()[-1]
    assert newest.ts != card.ts
    assert "20000" in json.dumps(newest.blocks)
    assert "moved on" in json.dumps(card.blocks)


def test_one_post_a_second_and_the_most_critical_first(desk: Desk) -> None:
    rules = [{**desk.world.policy["rules"][0], "name": f"r{risk}"} for risk in ("low",)]
    desk.world.apply(
        rules=[{**rules[0], "action": "*"}],
        actions={f"do.{risk}": {"risk": risk} for risk in ("low", "medium", "high", "critical")},
    )
    asked = [
        desk.world.submit(action=f"do.{risk}", payload={})
        for risk in ("low", "high", "medium", "critical")
    ]
    for request in asked:
        desk.tell(request)
    lane = Lane.objects.get(installation=desk.installation, address=DESK)
    first = due.take(SLACK, [lane.id])
    assert len(first) == 4
    desk.sender.take(first)
    assert len(desk.in_channel()) == 1
    second = due.take(SLACK, [lane.id])
    assert len(second) == 1  # one promise is enough for a lane
    desk.sender.take(second)
    assert len(desk.in_channel()) == 1  # the second is not over
    desk.post()
    order = [message.blocks[0]["text"]["text"] for message in desk.in_channel()]
    assert order == ["do.critical", "do.high", "do.medium", "do.low"]


def test_when_slack_asks_for_a_pause_nothing_is_called_before_it_is_over(desk: Desk) -> None:
    desk.double.rate_limit("chat.postMessage", TEAM, 30)
    request = desk.world.submit()
    desk.tell(request)
    lane = Lane.objects.get(installation=desk.installation, address=DESK)
    for _ in range(3):
        desk.sender.take(due.take(SLACK, [lane.id]))
    calls = [one for one in desk.double.calls if one.method == "chat.postMessage"]
    assert len(calls) == 1
    assert not desk.double.too_early
    assert len(due.take(SLACK, [lane.id])) == 1
    (card,) = [one for one in desk.sent(request) if not one.person_id]
    assert (card.state, card.reason, card.tries) == ("pending", "ratelimited", 1)
    assert card.failing_since is not None
    assert card.due_at - card.failing_since >= timedelta(seconds=29)


@pytest.mark.parametrize("error", ["is_archived", "channel_not_found", "not_in_channel"])
def test_a_channel_that_takes_nothing_is_said_and_the_people_are_still_told(
    desk: Desk, error: str
) -> None:
    desk.double.fail("chat.postMessage", team=TEAM, channel=DESK, error=error, times=99)
    request = desk.world.submit()
    desk.work(request)
    desk.work(request)
    (card,) = [one for one in desk.sent(request) if not one.person_id]
    assert (card.state, card.reason, card.tries) == ("failed", error, 1)
    assert Lane.objects.get(installation=desk.installation, address=DESK).reason == error
    assert kinds(desk).count("slack.broken") == 1
    assert len(desk.direct("U0ANA")) == 1
    assert not Unreached.objects.filter(request_id=uuid_of(request)).exists()


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "invalid_auth"])
def test_an_app_that_slack_refuses_is_broken_once_and_the_request_told_nobody(
    desk: Desk, error: str
) -> None:
    desk.double.fail("chat.postMessage", team=TEAM, error=error, times=99)
    request = desk.world.submit()
    desk.work(request)
    desk.work(request)
    found = SlackInstallation.objects.get(id=desk.installation.id)
    assert (found.state, found.reason) == ("broken", error)
    assert {one.state for one in desk.sent(request)} == {"failed"}
    assert kinds(desk).count("slack.broken") == 1
    assert "notification.unreached" in desk.world.kinds(request)
    assert Unreached.objects.get(request_id=uuid_of(request)).over_at is None
    # It can still be decided, and that ends the alarm.
    desk.world.decide("ana", request)
    desk.work(request)
    assert Unreached.objects.get(request_id=uuid_of(request)).over_at is not None


def test_once_slack_takes_a_broken_app_again_what_still_waits_is_told(desk: Desk) -> None:
    desk.double.fail("chat.postMessage", team=TEAM, error="token_revoked", times=99)
    waiting, over = desk.world.submit(), desk.world.submit()
    desk.tell(waiting)
    desk.tell(over)
    desk.post()
    later = desk.world.submit()
    desk.work(later)
    assert Unreached.objects.get(request_id=uuid_of(later)).over_at is None
    desk.world.decide("ana", over)
    desk.double.faults.clear()
    installs.try_out(
        actor=TEST, workspace=desk.world.workspace.id, installation=desk.installation.id
    )
    assert kinds(desk)[-1] == "slack.recovered"
    desk.tell(later)
    desk.post()
    assert len(desk.in_channel()) == len(desk.direct("U0ANA")) == 2
    assert {one.state for one in desk.sent(over)} == {"withdrawn"}
    assert Unreached.objects.get(request_id=uuid_of(later)).over_at is not None


def test_somebody_who_loses_their_role_is_asked_no_more(desk: Desk) -> None:
    request = desk.world.submit()
    desk.tell(request)
    deactivate_person(actor=TEST, person=desk.world.people["ben"])
    promise(desk, request)
    desk.work(request)
    assert desk.direct("U0BEN") == []
    states = {one.person_id: one.state for one in desk.sent(request)}
    assert states[desk.world.people["ben"].id] == "withdrawn"


def promise(desk: Desk, request: dict[str, Any]) -> None:
    """A promise to tell, as a change of the request writes one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence) "
            "VALUES (core_uuid7(), 'request.tell', %s, %s, now(), now(), 0)",
            [desk.world.workspace.id, uuid_of(request)],
        )


def button(message: Any, action: str) -> dict[str, Any]:
    """A button as it stands in a message now."""
    (found,) = [
        element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] == action
    ]
    return dict(found)


def put(payload: dict[str, Any], kept: dict[str, Any]) -> None:
    """Press what a client kept instead of what stands there."""
    payload["actions"][0]["action_id"] = kept["action_id"]
    payload["actions"][0]["value"] = kept["value"]


def test_telling_twice_at_once_tells_once(desk: Desk) -> None:
    request = desk.world.submit()
    promise(desk, request)
    claimed = due.take(TELL, [uuid_of(request)])
    assert len(claimed) == 2
    came = together([partial(tell_due, [row]) for row in claimed])
    assert came == [None, None]
    assert len(desk.sent(request)) == 3


@pytest.mark.parametrize("round", range(10))
def test_what_is_decided_while_people_are_told_leaves_no_card_that_asks(
    desk: Desk, round: int
) -> None:
    request = desk.world.submit()
    claimed = due.take(TELL, [uuid_of(request)])
    together([partial(tell_due, claimed), partial(desk.world.decide, "ana", request)])
    desk.post()
    desk.work(request)
    assert desk.world.seen("ana", request)["status"] == "approved"
    for card in [*desk.in_channel(), *desk.direct("U0ANA"), *desk.direct("U0BEN")]:
        assert "assentry.approve" not in json.dumps(card.blocks)
    assert "pending" not in {one.state for one in desk.sent(request)}


def test_words_of_people_stand_under_the_channels_card_and_the_agents_under_every_one(
    desk: Desk,
) -> None:
    request = desk.world.submit()
    desk.work(request)
    comment(
        actor=Actor.person(desk.world.people["ben"].id, channel="web"),
        reader=desk.world.reader("ben"),
        request_id=uuid_of(request),
        text="Looks odd <!channel>",
    )
    desk.work(request)
    desk.world.decide("ana", request, "return", comment="Which order?")
    desk.world.say(request, "Order 7.")
    desk.work(request)
    desk.work(request)
    (card,) = desk.in_channel()
    under = [m.text for m in desk.double.messages(TEAM, DESK) if m.thread_ts == card.ts]
    assert under == [
        "Ben: Looks odd &lt;!channel&gt;",
        "Ana to the agent: Which order?",
        "The agent: Order 7.",
    ]
    (direct,) = desk.direct("U0ANA")[:1]
    assert [m.text for m in desk.direct("U0ANA") if m.thread_ts] == ["The agent: Order 7."]
    assert not direct.thread_ts


def test_the_agents_owner_hears_how_it_ended_and_not_what_they_ended_themselves(desk: Desk) -> None:
    desk.bind("olivia", "U0EVE")
    approved, withdrawn = desk.world.submit(), desk.world.submit()
    desk.work(approved)
    desk.work(withdrawn)
    desk.world.decide("ana", approved)
    cancel_by_owner(
        actor=Actor.person(desk.world.people["olivia"].id, channel="web"),
        reader=desk.world.reader("olivia"),
        request_id=uuid_of(withdrawn),
        reason="",
    )
    desk.work(approved)
    desk.work(withdrawn)
    (told,) = desk.direct("U0EVE")
    assert "Approved" in json.dumps(told.blocks)
    assert [one.kind for one in desk.sent(withdrawn) if one.person_id is not None].count(
        "outcome"
    ) == 0


def test_an_answer_of_the_kill_switch_rewrites_every_copy(desk: Desk) -> None:
    request = desk.world.submit()
    desk.work(request)
    run(
        actor=TEST,
        order=Order(
            workspace=desk.world.workspace.id,
            scope="agent",
            target=desk.world.agent.id,
            reason="drill",
        ),
    )
    desk.work(request)
    (card,) = desk.in_channel()
    assert "Stopped by the kill switch" in json.dumps(card.blocks)


def test_administrators_hear_that_slack_refuses_the_app_by_what_still_works(desk: Desk) -> None:
    grant_permission(
        actor=TEST,
        workspace=desk.world.workspace,
        person=desk.world.people["olivia"],
        permission="administer",
    )
    desk.bind("olivia", "U0EVE")
    desk.double.archive_channel(TEAM, DESK)
    request = desk.world.submit()
    desk.work(request)
    desk.work(desk.world.submit())
    (alarm,) = Notification.objects.filter(workspace=desk.world.workspace, kind="alarm")
    assert (alarm.channel, alarm.person_id) == ("slack", desk.world.people["olivia"].id)
    assert "in the channel of lead (is_archived)" in alarm.text
    (said,) = desk.direct("U0EVE")
    assert "is_archived" in json.dumps(said.blocks)


def test_a_channel_named_with_its_team_is_posted_to_by_that_teams_app(desk: Desk) -> None:
    desk.double.add_team("T0OTHER", signing_secret="s" * 32, bot_token="xoxb-other-0123456789")
    desk.double.add_channel("T0OTHER", "C0THERE", "there")
    other = installs.connect(
        actor=TEST,
        workspace=desk.world.workspace,
        wanted=Wanted(bot_token="xoxb-other-0123456789", signing_secret="s" * 32),
    )
    roles = desk.world.policy["roles"]
    roles["lead"] = {**roles["lead"], "slack": "T0OTHER/C0THERE"}
    desk.world.apply(roles=roles)
    request = desk.world.submit()
    desk.tell(request)
    lane = Lane.objects.get(installation=other)
    desk.sender.take(due.take(SLACK, [lane.id]))
    assert lane.address == "C0THERE"
    assert len(desk.double.messages("T0OTHER", "C0THERE")) == 1
    assert desk.in_channel() == []
