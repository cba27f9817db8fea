"""``/metrics`` as Prometheus reads it: who may, that each number is true, and that nobody is named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from prometheus_client.parser import text_string_to_metric_families

from agents.models import Run
from agents.models import Step as AgentStep
from approvals.ends import EXPIRE
from callbacks.models import Attempt, Callback, Endpoint
from config.environment import ROOT, metrics_token
from core import db, due
from core.ids import uuid7
from core.version import VERSION
from escalations.expiry import expire_due
from escalations.models import Step
from notifications.models import Notification, Unreached
from oversight.metrics import table
from oversight.metrics.collecting import CONTENT_TYPE, SECTIONS, counted
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.docs.pages import blocks
from tests.oversight.watching.watched import make_well, take_away, watch
from tests.promises import ask, promise
from tests.server import Live

TOKEN = "a-token-of-the-operators"


@pytest.fixture(autouse=True)
def _token(settings: LazySettings) -> Iterator[None]:
    settings.METRICS_TOKEN = TOKEN
    counted.forget()
    yield
    counted.forget()


def get(server: Live, token: str = TOKEN, method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.request(method, f"{server.url}/metrics", headers=headers, timeout=30)


class Numbers:
    """One scrape, parsed as Prometheus' own library parses it."""

    def __init__(self, server: Live) -> None:
        counted.forget()
        answer = get(server)
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        self.families = {
            family.name: family for family in text_string_to_metric_families(answer.text)
        }

    def of(self, metric: table.Metric) -> dict[tuple[str, ...], float]:
        """Its samples, by the values of its labels in the order of the table."""
        family = self.families.get(metric.name)
        samples = family.samples if family else []
        for sample in samples:
            assert set(sample.labels) == set(metric.labels), sample
        return {tuple(s.labels[name] for name in metric.labels): s.value for s in samples}

    def one(self, metric: table.Metric, *labels: str) -> float:
        return self.of(metric).get(labels, 0)


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"]})


# -- who may read ------------------------------------------------------------------------------------


def test_only_the_operators_token_opens_it(server: Live, settings: LazySettings):
    answer = get(server)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert answer.headers["Cache-Control"] == "no-store"
    for wrong in ("", "x" * 24, TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "ä" * 24):
        refused = get(server, wrong.encode().decode("latin-1"))
        assert refused.status_code == 404, wrong
        assert "assentry_" not in refused.text
    settings.METRICS_TOKEN = None
    for sent in (TOKEN, "", "None"):
        assert get(server, sent).status_code == 404


def test_an_agents_key_or_a_session_opens_nothing(server: Live, world: World):
    assert get(server, world.key.token).status_code == 404


def test_it_is_read_and_nothing_else(server: Live):
    assert get(server, method="HEAD").status_code == 200
    refused = get(server, method="POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    assert get(server, "", "POST").status_code == 404


def test_a_token_that_is_hardly_one_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path
):
    monkeypatch.setenv("ASSENTRY_METRICS_TOKEN", "short")
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_METRICS_TOKEN is too short"):
        metrics_token()
    monkeypatch.delenv("ASSENTRY_METRICS_TOKEN")
    assert metrics_token() is None
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("ASSENTRY_METRICS_TOKEN_FILE", str(path))
    assert metrics_token() == TOKEN


# -- what it says ------------------------------------------------------------------------------------


def test_every_metric_is_described_and_is_a_gauge(server: Live):
    numbers = Numbers(server)
    assert set(numbers.families) == {metric.name for metric in table.METRICS}
    for metric in table.METRICS:
        assert f"# HELP {metric.name} {metric.says}\n" in numbers.text
        assert f"# TYPE {metric.name} gauge\n" in numbers.text
    assert numbers.of(table.BUILD) == {(VERSION,): 1}
    assert numbers.of(table.INCOMPLETE) == {(name,): 0 for name in SECTIONS}
    assert sum(numbers.of(table.CONNECTIONS).values()) >= 1
    ((most,),) = ask("SELECT current_setting('max_connections')::int")
    assert numbers.one(table.CONNECTIONS_MOST) == most


def test_the_table_of_the_docs_is_the_table_of_the_code():
    rows = [
        tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        for line in (ROOT / "docs" / "metrics.md").read_text().splitlines()
        if line.startswith("| `assentry_")
    ]
    assert rows == [
        (
            f"`{metric.name}`",
            ", ".join(f"`{label}`" for label in metric.labels) or "–",
            metric.says,
        )
        for metric in table.METRICS
    ]


def test_the_alerts_of_the_docs_ask_for_what_there_is():
    rules = _rules()
    known = {metric.name: set(metric.labels) for metric in table.METRICS}
    for rule in rules:
        assert re.fullmatch(r"Assentry[A-Za-z]+", rule["alert"])
        assert rule["annotations"]["summary"]
        asked = re.findall(r"(assentry_[a-z_]+)(?:\{([^}]*)\})?", rule["expr"])
        for name, selectors in asked:
            assert set(re.findall(r"(\w+)=", selectors)) <= known[name], rule
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 8
    # Each way to be unwell that must wake somebody has its rule.
    text = " ".join(rule["expr"] for rule in rules)
    for metric in (table.LAST_LOOK, table.LAST_WELL, table.DUE_OLDEST, table.UNREACHED, table.BEAT):
        assert metric.name in text


def _rules() -> list[dict[str, Any]]:
    (block,) = (
        yaml.safe_load(block.text)
        for block in blocks("yaml", of=ROOT / "docs" / "metrics.md")
        if block.text.startswith("groups:")
    )
    (group,) = block["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_promises_are_counted_by_kind(server: Live):
    kind = f"test.{uuid4().hex[:8]}"
    promise(kind, -120, -30, -5, 60, 3600)
    try:
        numbers = Numbers(server)
    finally:
        ask("DELETE FROM core_due WHERE kind = %s RETURNING 1", kind)
    assert numbers.one(table.DUE_WAITING, kind) == 5
    assert numbers.one(table.DUE_OVERDUE, kind) == 2
    assert 120 <= numbers.one(table.DUE_OLDEST, kind) < 130
    assert numbers.one(table.DUE_OVERDUE, EXPIRE) == 0


def test_requests_are_counted_as_they_wait_and_as_they_end(server: Live, world: World):
    due.run(EXPIRE, expire_due)
    before = Numbers(server)
    made = [world.submit() for _ in range(4)]
    risk = made[0]["risk"]
    waiting = Numbers(server)
    assert waiting.one(table.PENDING, risk) - before.one(table.PENDING, risk) == 4
    world.decide("ana", made[0])
    world.decide("ana", made[1], "reject")
    travel(uuid_of(made[2]), hours=20_000)
    due.run(EXPIRE, expire_due)
    after = Numbers(server)
    assert after.one(table.PENDING, risk) - before.one(table.PENDING, risk) == 1

    def more(*labels: str) -> float:
        return after.one(table.ENDED, *labels) - before.one(table.ENDED, *labels)

    assert more("approved", "people") == 1
    assert more("rejected", "people") == 1
    assert more("expired", "clock") == 1
    late = {
        quantile: after.one(table.LATENESS, "deadline", quantile)
        for quantile in ("0.5", "0.99", "1")
    }
    assert late["0.5"] <= late["0.99"] <= late["1"]
    # Its deadline was within days of its submit, twenty thousand hours ago.
    assert 19_000 * 3600 < late["1"] <= 20_000 * 3600


def test_steps_are_counted_and_how_late_they_were(server: Live, world: World):
    request = uuid_of(world.submit())
    ask("DELETE FROM escalations_step RETURNING 1")
    ((now,),) = ask("SELECT clock_timestamp()")

    def step(number: int, late_s: float, at: Any = now, **other: Any) -> None:
        Step.objects.create(
            workspace=world.workspace,
            request_id=request,
            revision=1,
            stage=0,
            number=number,
            due_at=at - timedelta(seconds=late_s),
            at=at,
            **{"kind": "remind", "state": "fired", "cause": "clock"} | other,
        )

    for number, late_s in enumerate((1, 2, 3, 4)):
        step(number, late_s)
    step(5, 900, kind="widen", cause="unreached")
    step(6, 800, kind="notify", state="skipped", reason="nobody")
    step(7, 700, at=now - timedelta(minutes=61))
    try:
        numbers = Numbers(server)
    finally:
        ask("DELETE FROM escalations_step RETURNING 1")
    assert numbers.of(table.STEPS) == {
        ("notify", "skipped", "clock"): 1,
        ("remind", "fired", "clock"): 4,
        ("widen", "fired", "unreached"): 1,
    }
    assert {q: numbers.one(table.LATENESS, "step", q) for q in ("0.5", "0.99", "1")} == {
        "0.5": 2,
        "0.99": 4,
        "1": 4,
    }
    assert Numbers(server).of(table.STEPS) == {}


def test_messages_of_the_last_hour_and_who_could_not_be_told(server: Live, world: World):
    before = Numbers(server)
    ((now,),) = ask("SELECT clock_timestamp()")
    for state, minutes in (("sent", 1), ("sent", 59), ("failed", 1), ("failed", 61)):
        Notification.objects.create(
            workspace=world.workspace,
            kind="alarm",
            channel="email",
            priority=1,
            state=state,
            sent_at=now if state == "sent" else None,
            created_at=now - timedelta(minutes=minutes),
        )
    for over in (None, None, now):
        Unreached.objects.create(
            request_id=uuid7(), workspace=world.workspace, at=now, over_at=over
        )
    after = Numbers(server)

    def more(metric: table.Metric, *labels: str) -> float:
        return after.one(metric, *labels) - before.one(metric, *labels)

    assert more(table.MESSAGES, "email", "sent") == 2
    assert more(table.MESSAGES, "email", "failed") == 1
    assert more(table.UNREACHED) == 2


def test_what_the_watch_found_and_when(server: Live, world: World):
    make_well()
    nothing = Numbers(server)
    assert (
        nothing.of(table.LAST_LOOK) == nothing.of(table.LAST_WELL) == nothing.of(table.BEAT) == {}
    )
    well = watch()
    take_away(uuid_of(world.submit()))
    found = watch()
    try:
        numbers = Numbers(server)
    finally:
        make_well()
    assert found.looked_at is not None
    assert well.well_at is not None
    assert numbers.one(table.LAST_LOOK) == pytest.approx(found.looked_at.timestamp())
    assert found.well_at is not None
    assert numbers.one(table.LAST_WELL) == pytest.approx(found.well_at.timestamp())
    assert numbers.of(table.FINDINGS) == {("without_clock",): 1, ("overdue",): 0, ("stuck",): 0}


def test_what_came_is_counted_by_whether_it_asks_and_how_long_people_took(server: Live):
    small = {
        "name": "Small",
        "action": "payments.refund",
        "when": "payload.amount < 5",
        "effect": "allow",
    }
    world = World({"lead": ["ana", "ben"]}, [small])
    before = Numbers(server)
    world.submit(payload={"amount": 1})
    waits = world.submit()
    travel(uuid_of(waits), hours=1)
    world.decide("ana", waits)
    after = Numbers(server)
    for asks in ("people", "nobody"):
        assert after.one(table.SUBMITTED, asks) - before.one(table.SUBMITTED, asks) == 1
    half, most, longest = (after.one(table.LATENCY, q) for q in ("0.5", "0.95", "1"))
    assert half <= most <= longest
    assert longest >= 3600


def test_attempts_of_the_last_hour_and_how_late_callbacks_arrived(server: Live, world: World):
    before = Numbers(server)
    ((now,),) = ask("SELECT clock_timestamp()")
    endpoint = Endpoint.objects.create(
        workspace=world.workspace, agent=world.agent, url="https://a.example/", origin="https://a"
    )
    for status, ago_s in ((200, 10), (204, 20), (500, 30), (None, 40), (200, 3700)):
        at = now - timedelta(seconds=ago_s)
        callback = Callback.objects.create(
            workspace=world.workspace,
            endpoint=endpoint,
            type="request.approved",
            url=endpoint.url,
            state="delivered",
            created_at=at - timedelta(seconds=9000 if ago_s > 3600 else 7000 + ago_s),
            last_at=at,
        )
        Attempt.objects.create(
            workspace=world.workspace,
            callback=callback,
            number=1,
            at=at,
            milliseconds=1,
            status=status,
        )
    after = Numbers(server)
    for outcome in ("arrived", "failed"):
        assert after.one(table.ATTEMPTS, outcome) - before.one(table.ATTEMPTS, outcome) == 2
    assert after.one(table.DELAY, "1") == pytest.approx(7020)


def test_calls_that_agents_told_within_the_last_hour(server: Live, world: World):
    before = Numbers(server)
    ((now,),) = ask("SELECT clock_timestamp()")
    run = Run.objects.create(workspace=world.workspace, agent=world.agent, external_id="r")
    told = [("tool", "failed", 1), ("tool", "failed", 59), ("model", "succeeded", 1)]
    for number, (kind, status, minutes) in enumerate([*told, ("tool", "failed", 61)], 1):
        AgentStep.objects.create(
            workspace=world.workspace,
            run=run,
            number=number,
            kind=kind,
            name="Mrs Featherstone",
            started_at=now,
            status=status,
            labels=[],
            created_at=now - timedelta(minutes=minutes),
        )
    after = Numbers(server)

    def more(*labels: str) -> float:
        return after.one(table.CALLS, *labels) - before.one(table.CALLS, *labels)

    assert (more("tool", "failed"), more("model", "succeeded")) == (2, 1)
    assert "Featherstone" not in after.text


def test_nobody_is_named(server: Live, world: World):
    world.decide("ana", world.submit(summary="Refund Mrs Featherstone"))
    numbers = Numbers(server)
    for metric in table.METRICS:
        for labels in numbers.of(metric):
            assert all(re.fullmatch(r"[a-z0-9_. ()-]+", label) for label in labels), labels
    for secret in (world.slug, "Featherstone", world.email("ana"), str(world.workspace.id)):
        assert secret not in numbers.text


# -- how it is counted -------------------------------------------------------------------------------


def test_what_was_counted_serves_everybody_for_a_moment(server: Live):
    kind = f"test.{uuid4().hex[:8]}"
    first = get(server).text
    promise(kind, 60)
    try:
        assert get(server).text == first
        counted.forget()
        assert kind in get(server).text
    finally:
        ask("DELETE FROM core_due WHERE kind = %s RETURNING 1", kind)


def test_what_takes_too_long_is_left_out_and_said_to_be(server: Live):
    with db.connect("owner") as owner, owner.transaction():
        owner.execute("LOCK TABLE audit_pending IN ACCESS EXCLUSIVE MODE")
        numbers = Numbers(server)
    assert table.LOG.name not in numbers.families
    assert {name for (name,), value in numbers.of(table.INCOMPLETE).items() if value} == {"log"}
    assert numbers.of(table.CONNECTIONS)
    assert Numbers(server).of(table.INCOMPLETE) == {(name,): 0 for name in SECTIONS}


def test_without_a_database_it_is_unavailable(server: Live, settings: LazySettings):
    entry = settings.DATABASES["default"]
    settings.DATABASES["default"] = {**entry, "HOST": "127.0.0.1", "PORT": "1"}
    try:
        answer = get(server)
    finally:
        settings.DATABASES["default"] = entry
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:assentry:problem:database_unavailable"
