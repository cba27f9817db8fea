"""The doors that Slack calls take what Slack signed, and nothing else (SL-01, SL-07, SL-14, SL-15)."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from django.db import connection
from slack_sdk.signature import Clock

from demo.slack.delivery import COMMANDS, EVENTS, INTERACTIONS, sign
from demo.slack.double import Double
from notifications.models import SlackInstallation
from notifications.slack import installs, signature
from notifications.slack.installs import Wanted
from notifications.slack.signature import NotConfigured, NotSlack, Origin
from tests.approvals.world import TEST
from tests.notifications.desk import SECRET, TEAM, Desk, forget_apps
from tests.notifications.test_slack_deciding import asked
from tests.server import Live

VECTOR = json.loads(
    (Path(__file__).parents[1] / "vectors" / "slack_signature.json").read_text(encoding="utf-8")
)
BODY = VECTOR["body"].encode()
AT = int(VECTOR["timestamp"])
#: The team that the vector's body names, and no app.
ORIGIN = Origin(team="T1DC2JH3J")


class Frozen(Clock):
    """Always the same second."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


@pytest.fixture
def published(desk: Desk) -> Desk:
    """The desk's app, in the team of the published example."""
    SlackInstallation.objects.filter(id=desk.installation.id).update(team_id=ORIGIN.team)
    return desk


def verified(at: float = AT, **changes: Any) -> list[Any]:
    given: dict[str, Any] = {
        "origin": ORIGIN,
        "body": BODY,
        "timestamp": VECTOR["timestamp"],
        "signature": VECTOR["signature"],
        **changes,
    }
    return signature.verified(clock=Frozen(at), **given)


@pytest.mark.parametrize("at", [AT - 300, AT, AT + 300])
def test_the_published_example_is_taken(published: Desk, at: int) -> None:
    (found,) = verified(at)
    assert (found.id, found.workspace) == (published.installation.id, published.world.workspace.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"at": AT - 301},
        {"at": AT + 301},
        {"body": BODY + b"&"},
        {"body": BODY.replace(b"roadrunner", b"roadrunneR")},
        {"body": b""},
        {"body": b"\xff\xfe"},
        {"timestamp": None},
        {"timestamp": ""},
        {"timestamp": "1531420618abc"},
        {"timestamp": "NaN"},
        {"timestamp": "inf"},
        {"timestamp": "-1531420618"},
        {"timestamp": " 1531420618"},
        {"timestamp": "1531420618\n"},
        {"timestamp": "1531420618.0"},
        {"timestamp": "١٥٣١٤٢٠٦١٨"},
        {"timestamp": "9" * 400},
        {"timestamp": "1531420619"},
        {"signature": None},
        {"signature": ""},
        {"signature": "v0="},
        {"signature": VECTOR["signature"].replace("v0=", "v1=")},
        {"signature": VECTOR["signature"].removeprefix("v0=")},
        {"signature": VECTOR["signature"].upper()},
        {"signature": "v0=" + VECTOR["signature"][3:].upper()},
        {"signature": VECTOR["signature"] + "\n"},
        {"signature": VECTOR["signature"][:-1] + "é"},
        {"signature": VECTOR["signature"][:-1]},
        {"signature": f"{VECTOR['signature']},{VECTOR['signature']}"},
        {"origin": Origin(team="T0OTHER")},
        {"origin": Origin(app="A0OTHER", team=ORIGIN.team)},
        {"origin": Origin(enterprise=ORIGIN.team)},
    ],
    ids=repr,
)
def test_whatever_is_changed_it_is_not_slacks(published: Desk, changes: dict[str, Any]) -> None:
    at = changes.pop("at", AT)
    with pytest.raises(NotSlack):
        verified(at, **changes)


def test_with_no_secret_at_all_nothing_is_taken_for_signed(published: Desk) -> None:
    forget_apps()
    with pytest.raises(NotConfigured):
        verified()
    with pytest.raises(NotConfigured):
        verified(origin=Origin())


def post(
    live: Live, path: str, body: bytes, headers: list[tuple[str, str]] | None = None, **more: Any
) -> requests.Response:
    """A request at one of Slack's doors, signed unless it says otherwise."""
    at = str(more.get("at", int(time.time())))
    given = {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": sign(SECRET, at, body)}
    if headers is not None:
        given = dict(headers)
    kind = "application/json" if path == EVENTS else "application/x-www-form-urlencoded"
    return requests.post(
        live.url + path, data=body, headers={"Content-Type": kind, **given}, timeout=30
    )


@pytest.mark.parametrize(
    "how",
    [
        {"tamper": lambda body: body.replace(b"U0ANA", b"U0BEN")},
        {"timestamp": lambda: int(time.time()) - 302},
        {"timestamp": lambda: int(time.time()) + 302},
        {"timestamp": lambda: f"{int(time.time())}abc"},
        {"timestamp": lambda: "NaN"},
        {"timestamp": lambda: "1" * 300},
        {"timestamp": lambda: ""},
        {"signature": ""},
        {"signature": "v0=" + "0" * 64},
        {"signature": "v1=" + "0" * 64},
        {"secret": "another-secret-0123456789"},
    ],
    ids=["body", "old", "early", "letters", "NaN", "huge", "no time", "none", "zero", "v1", "key"],
)
def test_a_press_that_slack_did_not_sign_changes_nothing(desk: Desk, how: dict[str, Any]) -> None:
    request, card = asked(desk)
    before = desk.world.kinds(request)
    if callable(how.get("timestamp")):
        how = {**how, "timestamp": how["timestamp"]()}
    assert desk.double.press(TEAM, "U0ANA", card, "Approve", **how).status == 401
    assert desk.world.seen("ana", request)["decisions"] == []
    assert desk.world.kinds(request) == before
    desk.settle()
    assert desk.whispers("U0ANA") == []


def test_a_header_that_comes_twice_is_none(desk: Desk, server: Live) -> None:
    request, card = asked(desk)
    pressed = desk.double.press(TEAM, "U0ANA", card, "Approve", signature="v0=" + "0" * 64)
    at = str(int(time.time()))
    right = sign(SECRET, at, pressed.raw)
    lines = [
        f"POST {INTERACTIONS} HTTP/1.1",
        "Host: {}:{}".format(*server.address),
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(pressed.raw)}",
        "Connection: close",
        f"X-Slack-Request-Timestamp: {at}",
        "X-Slack-Signature: v0=" + "0" * 64,
        f"X-Slack-Signature: {right}",
    ]
    assert said(server, lines, pressed.raw).startswith(b"HTTP/1.1 401")
    assert desk.world.seen("ana", request)["decisions"] == []
    once = [line for line in lines if not line.endswith("0" * 64)]
    assert said(server, once, pressed.raw).startswith(b"HTTP/1.1 200")


def said(live: Live, lines: list[str], body: bytes) -> bytes:
    """The answer to a request written by hand."""
    with socket.create_connection(live.address, 10) as there:
        there.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b""
        while piece := there.recv(65536):
            answer += piece
    return answer


def interaction(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


WHO = {"api_app_id": "A0ASSENTRY", "team": {"id": TEAM}, "user": {"id": "U0ANA"}}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (INTERACTIONS, b"", 400),
        (INTERACTIONS, b"payload=", 400),
        (INTERACTIONS, b"payload=%7B", 400),
        (INTERACTIONS, b"\xff\xfe\xfd", 400),
        (INTERACTIONS, b"payload=" + b"[" * 100_000, 400),
        (INTERACTIONS, b"&".join(b"a=1" for _ in range(5000)), 400),
        (INTERACTIONS, b"payload=" + b"x" * 600 * 1024, 413),
        (INTERACTIONS, interaction([]), 400),
        (INTERACTIONS, interaction({"team": TEAM}), 400),
        (INTERACTIONS, interaction({**WHO, "api_app_id": "A0\0"}), 400),
        (INTERACTIONS, interaction({**WHO, "team": {"id": ["T"]}}), 400),
        (INTERACTIONS, b"payload=" + json.dumps({**WHO, "x": "\ud800"}).encode(), 400),
        (EVENTS, b"", 400),
        (EVENTS, b"{", 400),
        (EVENTS, b"\xff", 400),
        (EVENTS, b"[1]", 400),
        (EVENTS, b'{"a":' * 50_000, 400),
        (EVENTS, b'{"n":' + b"9" * 100_000 + b"}", 400),
        (EVENTS, b'{"type": "event_callback"}', 400),
        (EVENTS, b'{"api_app_id": {}, "team_id": "T0ACME"}', 400),
        (COMMANDS, b"", 400),
        (COMMANDS, b"team_id=T0ACME&text=%00", 400),
        (COMMANDS, b"team_id=T0ACME%27--", 400),
        (COMMANDS, b"\xc3\x28", 400),
    ],
)
def test_a_body_that_slack_never_sends_is_refused_before_anything_else(
    desk: Desk, server: Live, path: str, body: bytes, status: int
) -> None:
    assert post(server, path, body).status_code == status
    assert post(server, path, body, headers=[]).status_code in (status, 401)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": "block_actions"},
        {"type": "block_actions", "actions": {}},
        {"type": "block_actions", "actions": [1]},
        {"type": "block_actions", "actions": [{"action_id": 1}]},
        {"type": "block_actions", "actions": [{"action_id": "assentry.approve"}]},
        {"type": "block_actions", "actions": [{"action_id": "assentry.approve", "value": {}}]},
        {
            "type": "block_actions",
            "actions": [{"action_id": "assentry.approve", "value": "ntf_.00"}],
        },
        {"type": "block_actions", "container": [], "channel": 4, "actions": [{"action_id": "x"}]},
        {"type": "view_submission"},
        {"type": "view_submission", "view": []},
        {"type": "view_submission", "view": {"callback_id": []}},
        {"type": "view_submission", "view": {"callback_id": "assentry.reject", "state": 1}},
        {"type": ["view_submission"]},
    ],
    ids=repr,
)
def test_a_signed_interaction_of_another_shape_decides_nothing_and_breaks_nothing(
    desk: Desk, server: Live, payload: dict[str, Any]
) -> None:
    assert post(server, INTERACTIONS, interaction({**WHO, **payload})).status_code in (200, 403)


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        {"type": []},
        {"type": "message", "thread_ts": 1, "text": {}},
        {"type": "message", "thread_ts": "1.1", "text": "x", "user": 1, "channel": []},
        {"type": "app_home_opened", "user": {}, "tab": "home"},
        {"type": "tokens_revoked", "tokens": []},
        {"type": "tokens_revoked", "tokens": {"bot": "UB0ACME"}},
        {"type": "unheard_of"},
    ],
    ids=repr,
)
def test_a_signed_event_of_another_shape_changes_nothing(
    desk: Desk, server: Live, event: Any
) -> None:
    body = json.dumps({"api_app_id": "A0ASSENTRY", "team_id": TEAM, "event": event}).encode()
    assert post(server, EVENTS, body).status_code == 200
    assert SlackInstallation.objects.get(id=desk.installation.id).state == "active"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [INTERACTIONS, EVENTS, COMMANDS])
def test_the_doors_are_only_posted_to(server: Live, method: str, path: str) -> None:
    assert requests.request(method, server.url + path, timeout=10).status_code == 405


def test_the_check_of_an_address_is_answered_only_where_it_is_signed(desk: Desk) -> None:
    right = desk.double.verify_url(TEAM)
    assert (right.status, right.json) == (200, {"challenge": right.payload["challenge"]})
    for how in ({"signature": "v0=" + "0" * 64}, {"signature": ""}, {"timestamp": 1531420618}):
        wrong = desk.double.verify_url(TEAM, **how)
        assert wrong.status == 401
        assert right.payload["challenge"] not in wrong.body


@pytest.mark.parametrize("signed", [True, False])
def test_with_no_app_connected_every_door_is_closed(
    desk: Desk, double: Double, signed: bool
) -> None:
    request, card = asked(desk)
    forget_apps()
    how: dict[str, Any] = {} if signed else {"signature": ""}
    assert double.press(TEAM, "U0ANA", card, "Approve", **how).status == 503
    assert double.command(TEAM, "U0ANA", "C0DESK", "/assentry", **how).status == 503
    assert double.say(TEAM, "U0ANA", "C0DESK", "hello", **how).status == 503
    assert double.verify_url(TEAM, **how).status == 503
    assert desk.world.seen("ana", request)["decisions"] == []


def test_only_while_they_overlap_do_both_secrets_count(desk: Desk) -> None:
    new = "0123456789abcdef0123456789abcdef"
    installs.change(
        actor=TEST,
        workspace=desk.world.workspace.id,
        installation=desk.installation.id,
        wanted=Wanted(signing_secret=new),
    )

    def taken(secret: str) -> int:
        return desk.double.verify_url(TEAM, secret=secret).status

    assert (taken(new), taken(SECRET)) == (200, 200)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE notifications_slackinstallation "
            "SET earlier_until = earlier_until - interval '24 hours' WHERE id = %s",
            [desk.installation.id],
        )
    assert (taken(new), taken(SECRET)) == (200, 401)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """An address on loopback, and what came there."""
    came: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as open_:

        def take() -> None:
            while True:
                try:
                    there, _ = open_.accept()
                except OSError:
                    return
                came.append(there.recv(1000))
                there.close()

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{open_.getsockname()[1]}/", came
        open_.shutdown(socket.SHUT_RDWR)


def test_no_address_in_a_body_is_ever_called(desk: Desk, listener: tuple[str, list[bytes]]) -> None:
    here, came = listener
    request, card = asked(desk)
    places = [here, "http://169.254.169.254/latest", "https://hooks.slack.com.evil.io/x"]

    def put(payload: dict[str, Any]) -> None:
        urls = [{"response_url": place} for place in places]
        payload |= {"response_url": places[0], "response_urls": urls}

    for _ in range(len(places)):
        assert desk.double.press(TEAM, "U0EVE", card, "Approve", change=put).status == 200
        assert desk.double.command(TEAM, "U0ANA", "C0DESK", "/assentry", change=put).status == 200
        places.append(places.pop(0))
    assert desk.double.press(TEAM, "U0ANA", card, "Reject…", change=put).status == 200
    desk.settle()
    view = desk.double.view(TEAM, "U0ANA")
    assert view is not None
    assert desk.double.submit(view, {"comment": "no"}, change=put).status == 200
    desk.settle()
    assert desk.world.seen("ana", request)["status"] == "rejected"
    assert came == []
