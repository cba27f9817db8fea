"""Channels over HTTP: administrators connect, try, test and take out; no answer holds a secret."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from django.conf import settings

from core import due, ids
from demo.slack.double import Double
from notifications.models import Lane, Notification, SlackInstallation
from notifications.sql import SLACK
from people.permissions import grant_permission
from tests.api.tenant import Person
from tests.approvals.world import TEST, World
from tests.events import events_of
from tests.factories import PASSWORD
from tests.notifications.desk import DESK, RULE, SECRET, TEAM, TOKEN, Desk
from tests.server import Live

OTHER_SECRET = "1d6f05e8f1a64cbd9a1ffdcd8f2b1c7e"
BODY = {"bot_token": TOKEN, "signing_secret": SECRET}


def administrator(world: World, server: Live, name: str = "ana") -> Person:
    """Somebody who is signed in and administers the workspace."""
    person = world.people[name]
    grant_permission(actor=TEST, workspace=world.workspace, person=person, permission="administer")
    return Person(server, person)


class Office:
    """A desk, its administrator Ana, and Ben, who administers nothing."""

    def __init__(self, double: Double, server: Live) -> None:
        self.desk = Desk(double, password=PASSWORD)
        self.desk.bind("ana", "U0ANA")
        self.ana = administrator(self.desk.world, server)
        self.ben = Person(server, self.desk.world.people["ben"])
        self.id = ids.encode("sla", self.desk.installation.id)
        self.path = f"/channels/slack/{self.id}"

    def get(self, path: str) -> Any:
        answer = self.ana.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def office(double: Double, server: Live) -> Office:
    return Office(double, server)


def test_an_app_is_connected_and_no_answer_holds_its_secrets(double: Double, server: Live) -> None:
    world = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    ana = administrator(world, server)
    made = ana.call("POST", "/channels/slack", json={**BODY, "app_token": "xapp-1-0123456789"})
    assert made.status_code == 201, made.text
    app = made.json()
    has = ("has_bot_token", "has_signing_secret", "has_app_token")
    assert [app[name] for name in has] == [True] * 3
    assert (app["state"], app["team"], app["bound"]) == ("active", TEAM, 0)
    seen = [made.text, *(ana.call("GET", one).text for one in ("/channels", "/channels/slack"))]
    seen.append(json.dumps(events_of(world.workspace.id)))
    for secret in (TOKEN, SECRET, "xapp-1-0123456789"):
        assert not any(secret in text for text in seen)
        row = SlackInstallation.objects.get(workspace=world.workspace)
        kept = bytes(row.bot_token or b"") + bytes(row.signing_secret or b"")
        assert secret.encode() not in kept + bytes(row.app_token or b"")
    (event,) = events_of(world.workspace.id, "slack.installed")
    assert event["actor"]["id"] == ids.encode("per", world.people["ana"].id)
    assert not double.violations


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"bot_token": ""}, "/bot_token", "missing"),
        ({"signing_secret": ""}, "/signing_secret", "missing"),
        ({"bot_token": "xoxp-0123456789"}, "/bot_token", "malformed"),
        ({"signing_secret": "short"}, "/signing_secret", "malformed"),
        ({"app_token": "xoxb-0123456789"}, "/app_token", "malformed"),
        ({"bot_token": "xoxb-nobody-0123456789"}, "/bot_token", "slack_refused"),
        ({"secret": "x"}, "", "wrong_shape"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_and_nothing_is_connected(
    double: Double, server: Live, change: dict[str, str], pointer: str, code: str
) -> None:
    world = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    ana = administrator(world, server)
    answer = ana.call("POST", "/channels/slack", json=BODY | change)
    assert answer.status_code == 422, answer.text
    found = [(one["pointer"], one["code"]) for one in answer.json()["errors"]]
    assert (pointer, code) in found
    assert not SlackInstallation.objects.filter(workspace=world.workspace).exists()


def test_slack_does_not_answer(server: Live, settings: Any) -> None:
    settings.SLACK_API_URL = "http://127.0.0.1:9/api/"
    world = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    answer = administrator(world, server).call("POST", "/channels/slack", json=BODY)
    assert (answer.status_code, answer.json()["type"]) == (
        502,
        "urn:assentry:problem:slack_unreachable",
    )


def test_secrets_are_replaced_and_the_old_signature_counts_for_a_day(office: Office) -> None:
    answer = office.ana.call("PATCH", office.path, json={"signing_secret": OTHER_SECRET})
    assert answer.status_code == 200, answer.text
    assert answer.json()["old_secret_until"] is not None
    assert OTHER_SECRET not in answer.text
    wrong = office.ana.call("PATCH", office.path, json={"bot_token": "nonsense"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/bot_token")
    office.desk.double.add_team("T0ELSE", signing_secret="e" * 32, bot_token="xoxb-else-0123456789")
    other = office.ana.call("PATCH", office.path, json={"bot_token": "xoxb-else-0123456789"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:assentry:problem:other_app")


def test_a_broken_app_says_what_to_do_and_works_again_when_tried(office: Office) -> None:
    office.desk.double.team(TEAM).refusal = "token_revoked"
    request = office.desk.world.submit()
    office.desk.work(request)
    found = office.get("/channels")
    (app,) = found["slack"]
    assert (app["state"], app["reason"]) == ("broken", "token_revoked")
    assert "replace the bot token" in app["todo"]
    assert found["roles"][0] | {"since": ""} == {
        "role": "lead",
        "channel": DESK,
        "installation": office.id,
        "state": "broken",
        "reason": "token_revoked",
        "since": "",
    }
    assert {(one["channel"], one["reason"]) for one in found["failed"]} == {
        ("slack", "token_revoked")
    }
    refused = office.ana.call("POST", f"{office.path}/try")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "slack_refused")
    tested = office.ana.call("POST", f"{office.path}/test", json={"channel": DESK})
    assert tested.json()["type"] == "urn:assentry:problem:slack_broken"
    office.desk.double.team(TEAM).refusal = None
    mended = office.ana.call("POST", f"{office.path}/try")
    assert (mended.status_code, mended.json()["state"]) == (200, "active")


def test_secrets_whose_key_is_gone_can_be_replaced(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SEALING_KEYS", [secrets.token_bytes(32)])
    tried = office.ana.call("POST", f"{office.path}/try")
    assert tried.json()["type"] == "urn:assentry:problem:secrets_unreadable"
    replaced = office.ana.call("PATCH", office.path, json={**BODY, "signing_secret": OTHER_SECRET})
    assert (replaced.status_code, replaced.json()["old_secret_until"]) == (200, None)
    assert office.ana.call("POST", f"{office.path}/try").status_code == 200
    # Nothing stays that only this key opens.
    assert office.ana.call("DELETE", office.path).status_code == 204


def test_a_request_that_told_nobody_is_listed(office: Office) -> None:
    office.desk.double.team(TEAM).refusal = "token_revoked"
    request = office.desk.world.submit()
    office.desk.work(request)
    office.desk.tell(request)
    (one,) = office.get("/channels")["unreached"]
    assert one["request"] == request["id"]
    told = office.ana.call("GET", f"/requests/{request['id']}/notifications").json()
    assert told["unreached_since"] == one["since"]


def test_a_test_is_posted_and_what_came_of_it_is_told(office: Office) -> None:
    answer = office.ana.call("POST", f"{office.path}/test", json={"channel": DESK})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["state"], answer.json()["place"]) == ("pending", DESK)
    office.desk.post()
    (message,) = office.desk.in_channel()
    assert "This is a test of Assentry" in message.text
    (tried,) = office.get("/channels")["tests"]
    assert (tried["id"], tried["state"]) == (answer.json()["id"], "sent")
    assert office.get("/channels")["roles"][0]["state"] == "works"
    assert not office.desk.double.violations


def test_a_test_in_an_archived_channel_fails_and_marks_the_role(office: Office) -> None:
    office.desk.double.team(TEAM).channels[DESK].archived = True
    office.ana.call("POST", f"{office.path}/test", json={"channel": DESK})
    office.desk.post()
    found = office.get("/channels")
    assert (found["tests"][0]["state"], found["tests"][0]["reason"]) == ("failed", "is_archived")
    assert (found["roles"][0]["state"], found["roles"][0]["reason"]) == ("broken", "is_archived")
    (event,) = events_of(office.desk.world.workspace.id, "slack.broken")
    assert event["data"] == {"reason": "is_archived", "channel": DESK}


@pytest.mark.parametrize("channel", ["desk", "#desk", "", "C0 DESK", "c0desk", "C0DESK\n"])
def test_a_channel_is_an_id(office: Office, channel: str) -> None:
    answer = office.ana.call("POST", f"{office.path}/test", json={"channel": channel})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/channel"
    assert not Notification.objects.filter(workspace=office.desk.world.workspace).exists()


def test_a_test_is_given_up_and_not_tried_for_ever(office: Office) -> None:
    office.desk.double.fail("chat.postMessage", status=500, times=99)
    office.ana.call("POST", f"{office.path}/test", json={"channel": DESK})
    lane = Lane.objects.get(installation=office.desk.installation, address=DESK)
    for _ in range(12):
        Lane.objects.update(next_at=lane.next_at)
        Notification.objects.filter(lane=lane).update(due_at=lane.next_at)
        office.desk.sender.take(due.take(SLACK, [lane.id]))
    (tried,) = office.get("/channels")["tests"]
    assert tried["state"] == "failed"
    assert tried["tries"] < 12


def test_it_is_taken_out_once_and_nothing_of_it_is_left(office: Office) -> None:
    assert office.ana.call("DELETE", office.path).status_code == 204
    assert office.ana.call("DELETE", office.path).status_code == 404
    assert office.ana.call("PATCH", office.path, json={}).status_code == 404
    assert office.ana.call("POST", f"{office.path}/try").status_code == 404
    (app,) = office.get("/channels/slack")["results"]
    assert (app["state"], app["bound"]) == ("removed", 0)
    has = ("has_bot_token", "has_signing_secret", "has_app_token")
    assert [app[name] for name in has] == [False] * 3
    assert office.get("/channels")["roles"][0]["state"] == "no_app"


def test_an_app_of_a_whole_organisation_is_named_by_its_organisation(
    double: Double, server: Live
) -> None:
    double.add_team(
        "T0ORG", signing_secret=SECRET, bot_token=TOKEN, enterprise="E0ORG", org_install=True
    )
    double.add_channel("T0ORG", DESK, "desk")
    double.team(TEAM).bot_token = "xoxb-another-0123456789"
    office = Office(double, server)
    states = []
    for place in (f"E0ORG/{DESK}", f"E0ELSE/{DESK}"):
        roles = office.desk.world.policy["roles"]
        office.desk.world.apply(roles={**roles, "lead": {**roles["lead"], "slack": place}})
        (role,) = office.get("/channels")["roles"]
        states.append((role["channel"], role["state"]))
    assert states == [(f"E0ORG/{DESK}", "untried"), (f"E0ELSE/{DESK}", "no_app")]


CALLS = [
    ("GET", "/channels", None),
    ("GET", "/channels/slack", None),
    ("POST", "/channels/slack", BODY),
    ("GET", "/channels/slack/manifest", None),
    ("PATCH", "{path}", {"signing_secret": OTHER_SECRET}),
    ("DELETE", "{path}", None),
    ("POST", "{path}/try", {}),
    ("POST", "{path}/test", {"channel": DESK}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS, ids=str)
def test_only_administrators_of_this_workspace(
    office: Office, server: Live, method: str, path: str, body: Any
) -> None:
    there = path.replace("{path}", office.path)
    refused = office.ben.call(method, there, json=body)
    assert (refused.status_code, refused.json()["type"]) == (
        403,
        "urn:assentry:problem:not_administrator",
    )
    elsewhere = administrator(World({"lead": ["ana"]}, [RULE], password=PASSWORD), server)
    if "{path}" in path:
        assert elsewhere.call(method, there, json=body).status_code == 404
    key = {"Authorization": f"Bearer {office.desk.world.key.token}"}
    assert server.call(method, there, headers=key, json=body).status_code in (401, 403)
    office.desk.installation.refresh_from_db()
    assert office.desk.installation.state == "active"
    assert office.desk.installation.earlier_secret is None


def test_the_manifest_is_the_servers_own(office: Office, settings: Any) -> None:
    found = office.get("/channels/slack/manifest?socket_mode=false")
    written = found["manifest"]
    base = settings.BASE_URL
    assert written["settings"]["interactivity"]["request_url"] == f"{base}/slack/interactions"
    assert written["settings"]["event_subscriptions"]["request_url"] == f"{base}/slack/events"
    assert written["features"]["slash_commands"][0]["url"] == f"{base}/slack/commands"
    assert found["create_url"].startswith("https://api.slack.com/apps?new_app=1&manifest_json=%7B")
    sockets = office.get("/channels/slack/manifest")
    assert (sockets["socket_mode"], base in json.dumps(sockets)) == (True, False)
    assert office.ana.call("GET", "/channels/slack/manifest?socket_mode=1").status_code == 422


def test_who_may_see_a_request_sees_who_was_told(office: Office, server: Live) -> None:
    request = office.desk.world.submit()
    office.desk.work(request)
    told = office.ben.call("GET", f"/requests/{request['id']}/notifications")
    assert told.status_code == 200, told.text
    by = {(one["role"], (one["person"] or {}).get("name")): one for one in told.json()["results"]}
    assert set(by) == {("lead", None), ("", "Ana")}
    direct = by["", "Ana"]
    assert (direct["channel"], direct["kind"], direct["state"]) == ("slack", "asked", "sent")
    assert (direct["tries"], direct["viewed_at"], direct["to_view_ms"]) == (1, None, None)
    assert direct["to_send_ms"] >= 0
    (card,) = office.desk.direct("U0ANA")
    office.desk.double.press(TEAM, "U0ANA", card, "assentry.approve")
    office.desk.settle()
    told = office.ben.call("GET", f"/requests/{request['id']}/notifications").json()
    (seen,) = [one for one in told["results"] if one["person"]]
    assert seen["viewed_at"] is not None
    assert seen["to_view_ms"] >= 0
    stranger = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    outside = Person(server, stranger.people["ana"])
    assert outside.call("GET", f"/requests/{request['id']}/notifications").status_code == 404
