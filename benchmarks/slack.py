"""Slack: how fast a press is answered with no worker at work, how soon every copy says what became of it,
how a burst goes out, and how soon the next channel takes over.

Slack is played on loopback (`demo.slack`), as strict about its limits as Slack is.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import psycopg

from benchmarks.client import run
from benchmarks.figures import Result, Row, percentile
from benchmarks.product import POLICY, REVIEWER, WORKSPACE, NotReady, Product
from demo.slack.double import Double
from demo.slack.state import Message

TEAM, USER = "T0BENCH", "U0REVIEW"
TOKEN, SECRET = "xoxb-bench-0123456789", "0123456789abcdef0123456789abcdef"
#: Channels that five roles post to, for requests that ask all of them.
WIDE = 5

_BIND = """
INSERT INTO notifications_slackbinding (id, workspace_id, installation_id, person_id, team_id, user_id)
SELECT core_uuid7(), p.workspace_id, i.id, p.id, %(team)s, %(user)s
  FROM people_person p JOIN people_user u ON u.id = p.user_id
  JOIN notifications_slackinstallation i ON i.workspace_id = p.workspace_id
 WHERE u.email = %(email)s
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    presses: int = 100
    decided: int = 10
    burst: int = 300
    #: Within this time the burst is submitted.
    within_s: float = 10.0


def measure(product: Product, scale: Scale | None = None) -> Result:
    """Connect the double, press with the worker stopped, decide elsewhere, send a burst, break the app."""
    scale = scale or Scale()
    with Double(product.origin) as double:
        _connect(product, double, scale)
        presses = run(_presses(product, double, scale))
        rewritten = run(_rewritten(product, double, scale))
        burst = run(_burst(product, double, scale))
        taken_over = run(_taken_over(product, double))
        if double.violations or double.too_early:
            raise NotReady(f"Slack would have refused: {double.violations} {double.too_early}")
    copies = WIDE + 1
    rows = [
        Row(f"press answered, no worker, {name}", round(value * 1e3, 1), "ms", goal=goal)
        for name, value, goal in (
            ("p50", percentile(presses, 0.5), ""),
            ("p99", percentile(presses, 0.99), "< 1,000"),
            ("most", max(presses), "< 3,000"),
        )
    ]
    rows += [
        Row(
            f"decided elsewhere → {copies} copies say so",
            round(max(rewritten), 2),
            "s",
            goal="≤ 10",
        ),
        Row(
            f"{scale.burst} to one channel, sent out after",
            round(burst.seconds, 1),
            "s",
            float(scale.burst),
            "one post a second",
        ),
        Row("app refused → told by mail", round(taken_over, 2), "s", goal="≤ 60"),
    ]
    notes = {"shortest_gap_s": burst.shortest, "critical_first": burst.in_order}
    return Result("slack", rows, notes)


def _connect(product: Product, double: Double, scale: Scale) -> None:
    double.add_team(TEAM, signing_secret=SECRET, bot_token=TOKEN)
    double.add_user(TEAM, USER, name="reviewer")
    roles: dict[str, Any] = {}
    for number in range(max(WIDE, scale.presses // 5)):
        double.add_channel(TEAM, f"C0ROLE{number}", f"role-{number}")
        roles[f"role_{number}"] = {"members": [REVIEWER], "slack": f"C0ROLE{number}"}
    double.add_channel(TEAM, "C0BURST", "burst")
    roles["burst"] = {"members": [REVIEWER], "slack": "C0BURST"}
    product.stop()
    product.more = {"ASSENTRY_SLACK_API_URL": double.api_url, "ASSENTRY_DEV": "1"}
    product.start()
    secrets = {"bot_token": TOKEN, "signing_secret": SECRET}
    product.manage("slack_connect", WORKSPACE, "--bot-token-stdin", stdin=json.dumps(secrets))
    policy = product.data.parent / "slack.json"
    policy.write_text(json.dumps(_policy(roles)))
    product.manage("policy_apply", WORKSPACE, str(policy))
    with psycopg.connect(product.superuser_url(), autocommit=True) as conn:
        conn.execute(_BIND, {"team": TEAM, "user": USER, "email": REVIEWER})


def _policy(roles: dict[str, Any]) -> dict[str, Any]:
    risks = ("low", "medium", "critical")
    wide = [f"role_{number}" for number in range(WIDE)]
    asks = {f"one.{name}": [name] for name in roles if name != "burst"} | {"all.roles": wide}
    actions: dict[str, Any] = {name: {"risk": "low"} for name in asks}
    actions |= {f"burst.{risk}": {"risk": risk} for risk in risks}
    rules = [_rule(name, any_of) for name, any_of in asks.items()]
    rules.append(_rule("burst.*", ["burst"]))
    # What other benchmarks ask for stays as it is.
    return {
        **POLICY,
        "roles": {**POLICY["roles"], **roles},
        "actions": {**POLICY["actions"], **actions},
        "rules": [*POLICY["rules"], *rules],
    }


def _rule(action: str, any_of: list[str]) -> dict[str, Any]:
    ask = {"stages": [{"any_of": any_of}], "expires_in": "1d"}
    return {"name": action, "action": action, "effect": "ask", "ask": ask}


async def _presses(product: Product, double: Double, scale: Scale) -> list[float]:
    """Seconds from each press to its answer, while no worker works."""
    roles = max(WIDE, scale.presses // 5)
    connection = product.connection()
    for number in range(scale.presses):
        await product.submit(connection, number, action=f"one.role_{number % roles}")
    cards = await _cards(double, [f"C0ROLE{n}" for n in range(roles)], scale.presses)
    taken = []
    with _stopped(product, "worker"):
        for card in cards:
            answer = double.press(TEAM, USER, card, "Approve")
            if answer.status != 200:
                raise NotReady(f"a press was answered {answer.status}")
            taken.append(answer.elapsed)
    listed = (
        await connection.call("GET", "/api/v1/requests?status=approved&limit=100", product.agent)
    ).json()
    if len(listed["results"]) < min(100, scale.presses):
        raise NotReady("not every press was counted")
    connection.close()
    return taken


async def _rewritten(product: Product, double: Double, scale: Scale) -> list[float]:
    """Seconds from a decision by API until every copy of the request has lost its buttons."""
    await product.sign_in()
    connection = product.connection()
    found = []
    for number in range(scale.decided):
        request = (await product.submit(connection, f"w{number}", action="all.roles")).json()
        places = [f"C0ROLE{n}" for n in range(WIDE)]
        copies = await _copies(double, request["id"], WIDE + 1)
        begun = time.monotonic()
        await product.approve(connection, request)
        while any("assentry.approve" in json.dumps(copy.blocks) for copy in copies):
            if time.monotonic() - begun > 60:
                raise NotReady(f"copies in {places} were not rewritten")
            await asyncio.sleep(0.02)
        found.append(time.monotonic() - begun)
    connection.close()
    return found


@dataclass(frozen=True, slots=True)
class Burst:
    """How long it took, the shortest gap between two posts, and whether the critical ones came first."""

    seconds: float
    shortest: float
    in_order: bool


async def _burst(product: Product, double: Double, scale: Scale) -> Burst:
    connection = product.connection()
    begun = time.monotonic()
    for number in range(scale.burst):
        risk = ("low", "medium", "critical")[number % 3]
        await product.submit(connection, f"b{number}", action=f"burst.{risk}")
        ahead = begun + scale.within_s * (number + 1) / scale.burst - time.monotonic()
        await asyncio.sleep(max(0.0, ahead))
    cards = await _cards(double, ["C0BURST"], scale.burst, limit_s=60 + 2 * scale.burst)
    seconds = time.monotonic() - begun
    posted = [
        c
        for c in double.calls
        if c.method == "chat.postMessage" and c.arguments.text("channel") == "C0BURST"
    ]
    instants = sorted(call.at for call in posted)
    gaps = [b - a for a, b in pairwise(instants)]
    ranks = [_rank(card) for card in cards]
    # Those that were posted while others were still submitted could not know of them.
    late = ranks[int(scale.within_s) + 2 :]
    connection.close()
    return Burst(seconds, round(min(gaps, default=0.0), 3), late == sorted(late))


def _rank(card: Message) -> int:
    text = json.dumps(card.blocks)
    return next(at for at, risk in enumerate(("Critical", "Medium", "Low")) if risk in text)


async def _taken_over(product: Product, double: Double) -> float:
    """Seconds from a submit, to an app that Slack refuses, until the mail is there."""
    page = json.loads((product.data / "mailbox.json").read_text())["page"]
    before = _newest(page)
    double.revoke_token(TEAM)
    connection = product.connection()
    begun = time.monotonic()
    await product.submit(connection, "last", action="one.role_0")
    while _newest(page) == before:
        if time.monotonic() - begun > 90:
            raise NotReady("nobody was told by mail")
        await asyncio.sleep(0.05)
    connection.close()
    return time.monotonic() - begun


def _newest(page: str) -> str:
    """The id of the newest mail in the mailbox, which keeps only so many; empty without any."""
    with urllib.request.urlopen(f"{page}messages.json", timeout=5) as answer:  # noqa: S310
        found: list[Any] = json.load(answer)["messages"]
    return str(found[0]["id"]) if found else ""


async def _cards(
    double: Double, channels: list[str], count: int, limit_s: float = 120
) -> list[Message]:
    until = time.monotonic() + limit_s
    while True:
        cards = [one for channel in channels for one in double.messages(TEAM, channel)]
        if len(cards) >= count:
            return cards
        if time.monotonic() > until:
            raise NotReady(f"{len(cards)} of {count} cards were posted")
        await asyncio.sleep(0.05)


async def _copies(double: Double, request: str, count: int) -> list[Message]:
    until = time.monotonic() + 60
    while True:
        copies = [one for one in double.state.messages() if request in json.dumps(one.blocks)]
        if len(copies) >= count:
            return copies
        if time.monotonic() > until:
            raise NotReady(f"{len(copies)} of {count} copies were posted")
        await asyncio.sleep(0.05)


@contextmanager
def _stopped(product: Product, kind: str) -> Iterator[None]:
    """Its processes of one kind stand still meanwhile."""
    found = [pid for pid, (what, _) in product.processes().items() if what == kind]
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)
