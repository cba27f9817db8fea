"""The shop of `./up --demo` in the Slack that is played for it: told there, connected there, decided there."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assentry import Client
from django.core.management import call_command
from pytest_django import Settings

from api.slack.afterwards import afterwards
from approvals import cards
from approvals.announcing import tell_due
from audit.actor import Actor
from core import due, ids
from demo.slack.__main__ import fill
from demo.slack.double import Double
from notifications.models import Lane
from notifications.slack import binding
from notifications.slack.lanes import SlackSender
from notifications.sql import SLACK, TELL
from people.models import Person
from runtime import demo as runtime_demo
from runtime.slack import CHANNELS, FILE, Slack
from tests.notifications.desk import forget_apps
from tests.server import Live

TEAM = "T0SHOP"


@pytest.fixture
def shop(
    server: Live,
    seed: dict[str, Any],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Double]:
    """The double as the supervisor has it, with the shop's app connected by the command."""
    forget_apps()
    (tmp_path / runtime_demo.SEED).write_text(json.dumps(seed))
    Slack(8754).keep(tmp_path)
    with Double(server.url) as double:
        settings.SLACK_API_URL = double.api_url
        played = json.loads((tmp_path / FILE).read_text())
        fill(double, played)
        given = {name: played["team"][name] for name in ("bot_token", "signing_secret")}
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(given).encode())))
        call_command("slack_connect", seed["workspace"], "--bot-token-stdin")
        yield double
        afterwards.wait()


def told(double: Double, request: str) -> None:
    """What a worker does until the request was told."""
    double.state.clock = lambda: 0.0
    tell_due(due.take(TELL, [ids.decode("req", request)]))
    sender = SlackSender(cards.cards)
    for lane in Lane.objects.filter(installation__state="active", kind="post"):
        sender.take(due.take(SLACK, [lane.id]))


def test_a_newcomer_sees_what_is_asked_connects_and_decides(
    shop: Double, seed: dict[str, Any], client: Client
) -> None:
    people = shop.team(TEAM).users
    assert {"U0ANA", "U0BEN", "U0CARO", "U0DAN", "U0OLGA"} <= people.keys()
    assert [shop.channel(TEAM, one["id"]).name for one in CHANNELS] == [
        "support-leads",
        "finance-leads",
    ]
    payload = {"order": "#W1", "customer": "eve", "payment_method": "paypal"}
    rest = {"items": ["Lamp"], "amount": 20, "currency": "USD"}
    with client.run("case-1"):
        handle = client.request("orders.change_payment", {**payload, **rest})
    told(shop, handle.request.id)
    (card,) = shop.messages(TEAM, "C0SUPPORT")
    assert "Pay order #W1 otherwise" in json.dumps(card.blocks)
    assert shop.messages(TEAM, "C0FINANCE") == []

    said = shop.command(TEAM, "U0ANA", "C0SUPPORT", "/assentry", "connect").json["text"]
    (token,) = re.findall(r"/slack/link/([\w-]+)", said)
    email = next(one["email"] for one in seed["people"] if one["email"].startswith("ana@"))
    ana = Person.objects.get(user__email=email)
    binding.bind(actor=Actor.person(ana.id, channel="web"), person=ana, token=token)
    assert shop.press(TEAM, "U0ANA", card, "Approve").taken
    assert client.get(handle.request.id).request.status == "approved"
    assert not shop.violations
