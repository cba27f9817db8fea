"""Where a request may be decided, and how surely it must be known who does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals import bulk
from approvals.assurance import places
from approvals.choices import choice
from approvals.frozen import FrozenPlan, decode
from approvals.models import Decision, Revision
from approvals.preview import preview
from approvals.read import for_person
from audit.actor import Actor
from core.problems import Problem
from tests.approvals.world import World, uuid_of

SLACK, EMAIL, WEB = {"channel": "slack"}, {"channel": "email"}, {"channel": "web"}
LINK, CHAT, SESSION, MFA = ({"assurance": name} for name in ("link", "chat", "session", "mfa"))
PRESS, CLICK, SIGNED_IN = SLACK | CHAT, EMAIL | LINK, WEB | SESSION
ALL = ["slack", "email", "web"]

ELSEWHERE, UNSURE = "channel_not_allowed", "assurance_too_low"
#: Said to who is signed in: they may prove more, and say the same again.
FACTOR, AGAIN = "second_factor_needed", "sign_in_again"


def rule(name: str = "Ask", when: str | None = None, **ask: Any) -> dict[str, Any]:
    found = {
        "name": name,
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]}], **ask},
    }
    return found if when is None else found | {"when": when}


def world(*rules: dict[str, Any], **action: Any) -> World:
    return World({"lead": ["ana", "ben"]}, list(rules), editable=["/amount"], **action)


def refused(here: World, request: dict[str, Any], *said: str, **chosen: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        here.decide("ana", request, *said, **chosen)
    return raised.value


def plan_of(request: dict[str, Any]) -> FrozenPlan:
    return decode(bytes(Revision.objects.filter(request_id=uuid_of(request)).latest("number").plan))


@pytest.mark.parametrize(
    ("ask", "risk", "chosen", "code"),
    [
        # By risk: a press is enough up to medium, above it only a session.
        ({}, "low", PRESS, None),
        ({}, "medium", PRESS, None),
        ({}, "high", PRESS, UNSURE),
        ({}, "critical", PRESS, UNSURE),
        ({}, "critical", SIGNED_IN, FACTOR),
        ({}, "critical", WEB | CHAT, FACTOR),
        ({}, "critical", WEB | MFA, None),
        ({}, "high", WEB | CHAT, AGAIN),
        ({}, "high", WEB | MFA, None),
        ({"assurance": "mfa"}, "low", SIGNED_IN, FACTOR),
        ({"assurance": "session"}, "critical", SIGNED_IN, None),
        # A link is enough only where the rule says so.
        ({}, "low", CLICK, UNSURE),
        ({"assurance": "link"}, "medium", CLICK, None),
        ({"assurance": "link"}, "medium", PRESS, None),
        ({"assurance": "link"}, "medium", SIGNED_IN, None),
        ({"assurance": "chat"}, "critical", PRESS, None),
        ({"assurance": "chat"}, "critical", CLICK, UNSURE),
        ({"assurance": "session"}, "low", PRESS, UNSURE),
        ({"assurance": "session"}, "low", SIGNED_IN, None),
        # Where it may be decided, whatever is proven there.
        ({"channels": ["slack"]}, "low", PRESS, None),
        ({"channels": ["slack"]}, "low", SIGNED_IN, ELSEWHERE),
        ({"channels": ["slack", "web"]}, "low", CLICK, ELSEWHERE),
        ({"channels": ["slack", "web"]}, "low", EMAIL | SESSION, ELSEWHERE),
        ({"channels": ["web"]}, "low", PRESS, ELSEWHERE),
        ({"channels": ["web"]}, "low", SIGNED_IN, None),
        ({"channels": ["email"], "assurance": "link"}, "low", CLICK, None),
        ({"channels": ["email"], "assurance": "link"}, "low", PRESS, ELSEWHERE),
        # What nobody knows is nowhere, and proves nothing.
        ({}, "low", {"channel": "pager"} | SESSION, ELSEWHERE),
        ({"assurance": "link"}, "low", WEB | {"assurance": "more"}, UNSURE),
        ({"assurance": "link"}, "low", WEB | {"assurance": ""}, UNSURE),
    ],
)  # fmt: skip
def test_a_choice_counts_only_where_the_plan_lets_it_and_with_its_proof(
    ask: dict[str, Any], risk: str, chosen: dict[str, str], code: str | None
) -> None:
    here = world(rule(**ask), risk=risk)
    request = here.submit()
    if code is None:
        ended = here.decide("ana", request, **chosen)
        assert ended["status"] == "approved"
        (vote,) = ended["decisions"]
        assert (vote["channel"], vote["assurance"]) == (chosen["channel"], chosen["assurance"])
        return
    problem = refused(here, request, **chosen)
    assert (problem.status, problem.code) == (401 if code in (FACTOR, AGAIN) else 403, code)
    assert problem.detail.endswith("Nothing was decided.")
    assert here.seen("ana", request)["status"] == "pending"
    assert not Decision.objects.filter(request_id=uuid_of(request)).exists()
    event = here.events(request)[-1]
    if problem.status == 401:
        assert event["kind"] != "decision.refused", "nobody was refused: they are asked for more"
        return
    assert (event["kind"], event["data"]["code"]) == ("decision.refused", code)
    assert event["actor"]["via"] == chosen["channel"]


@pytest.mark.parametrize(("chosen", "code"), [(PRESS, ELSEWHERE), (WEB | CHAT, AGAIN)])
@pytest.mark.parametrize("verdict", ["approve", "reject", "edit", "return"])
def test_no_verdict_gets_past_it(verdict: str, chosen: dict[str, str], code: str) -> None:
    here = world(rule(channels=["web"], assurance="session"))
    request = here.submit()
    more: dict[str, Any] = {"edits": {"/amount": 5}} if verdict == "edit" else {}
    assert refused(here, request, verdict, **chosen, **more).code == code
    assert here.seen("ana", request) == request
    done = here.decide("ana", request, verdict, **SIGNED_IN, **more)
    assert [vote["verdict"] for vote in done["decisions"]] == [verdict]


def test_a_factor_that_was_given_for_another_revision_decides_nothing_under_the_lock() -> None:
    """The payload is what it was again, so that its digest alone would not tell."""
    here = world(rule(), risk="critical")
    first = here.submit()
    here.revise(first, amount=30)
    now = here.revise(first, amount=20)
    assert (now["revision"], now["payload_digest"]) == (3, first["payload_digest"])
    problem = refused(here, first, **WEB, **MFA, revision=1)
    assert (problem.status, problem.code) == (409, "stale_payload")
    assert here.seen("ana", first)["status"] == "pending"
    assert here.decide("ana", now, **WEB, **MFA, revision=3)["status"] == "approved"


def test_a_question_takes_what_low_risk_takes() -> None:
    here = world()
    question = here.ask()
    assert (question["plan"]["channels"], question["plan"]["assurance"]) == (ALL, "chat")
    for verdict, more in (("answer", {"answer": "Yes"}), ("reject", {}), ("return", {})):
        assert refused(here, question, verdict, **CLICK, **more).code == UNSURE
    assert here.decide("ana", question, "answer", answer="Yes", **PRESS)["status"] == "answered"


@pytest.mark.parametrize(
    ("ask", "risk", "chosen", "says"),
    [
        (
            {"channels": ["slack", "web"]}, "medium", CLICK,
            "This is not decided by e-mail, but in Slack or on its page.",
        ),
        ({"channels": ["slack"]}, "low", SIGNED_IN, "This is not decided on its page, but in Slack."),
        # Slack is among the channels, and proves too little: nobody is sent there.
        ({"channels": ["slack", "web"]}, "high", CLICK, "not decided by e-mail, but on its page."),
        ({}, "high", PRESS, "This takes a surer proof of who decides: decide it on its page."),
        ({}, "low", CLICK, "This takes a surer proof of who decides: decide it in Slack or on its page."),
    ],
)  # fmt: skip
def test_a_refusal_says_where_it_is_decided(
    ask: dict[str, Any], risk: str, chosen: dict[str, str], says: str
) -> None:
    here = world(rule(**ask), risk=risk)
    assert says in refused(here, here.submit(), **chosen).detail


def test_whom_nobody_asks_is_told_that_first() -> None:
    here = World({"lead": ["ana"], "other": ["mia"]}, [rule(channels=["web"])])
    request = here.submit()
    with pytest.raises(Problem) as raised:
        here.decide("olivia", request, **PRESS)
    assert raised.value.code == "own_agent"


def test_an_edit_that_brings_a_stricter_plan_stands_and_its_authors_yes_does_not() -> None:
    here = world(
        rule("Large", "payload.amount > 1000", assurance="session"),
        rule("Desk", "payload.amount > 500", channels=["web", "email"]),
        rule("Rest"),
    )
    for amount, name in ((2_000, "Large"), (600, "Desk")):
        request = here.submit()
        edited = here.decide("ana", request, "edit", edits={"/amount": amount}, **PRESS)
        assert (edited["status"], edited["revision"]) == ("pending", 2)
        assert (edited["plan"]["rule"], edited["payload"]["amount"]) == (name, amount)
        (vote,) = edited["decisions"]
        assert (vote["verdict"], vote["channel"]) == ("edit", "slack")
        assert "takes a surer proof" in vote["void"]
        voided = here.events(request)[-1]
        assert (voided["kind"], voided["data"]["reason"]) == ("decision.voided", "not_proven")
        assert here.decide("ana", edited, **SIGNED_IN)["status"] == "approved"


def test_an_edit_within_the_same_terms_counts() -> None:
    here = world(rule())
    edited = here.decide("ana", here.submit(), "edit", edits={"/amount": 5}, **PRESS)
    assert edited["status"] == "approved"


def test_a_payload_that_policy_would_allow_is_decided_where_the_one_before_was() -> None:
    allow = {
        "name": "A",
        "action": "payments.refund",
        "when": "payload.amount < 5",
        "effect": "allow",
    }
    here = world(allow, rule(channels=["web"], assurance="session"))
    revised = here.revise(here.submit(), amount=1)
    assert (revised["plan"]["channels"], revised["plan"]["assurance"]) == (["web"], "session")
    assert refused(here, revised, **PRESS).code == ELSEWHERE


def test_a_new_policy_changes_the_terms_of_no_pending_request() -> None:
    here = world(rule(channels=["slack"]))
    request = here.submit()
    here.apply(rules=[rule(channels=["web"])])
    assert here.seen("ana", request)["plan"]["channels"] == ["slack"]
    assert refused(here, request, **SIGNED_IN).code == ELSEWHERE
    assert here.decide("ana", request, **PRESS)["status"] == "approved"


def test_a_request_that_was_planned_before_there_were_channels_takes_a_session() -> None:
    here = world(rule())
    request = here.submit()
    row = Revision.objects.get(request_id=uuid_of(request))
    plan = json.loads(bytes(row.plan))
    del plan["channels"], plan["assurance"]
    Revision.objects.filter(id=row.id).update(plan=json.dumps(plan).encode())
    assert (plan_of(request).channels, plan_of(request).assurance) == (tuple(ALL), "session")
    assert refused(here, request, **PRESS).code == UNSURE
    assert here.decide("ana", request, **SIGNED_IN)["status"] == "approved"


def test_together_each_is_looked_at_by_itself() -> None:
    allow = {"name": "A", "action": "payments.refund", "when": "payload.gone > 1", "effect": "ask"}
    joins = allow | {"ask": {"stages": [{"any_of": ["lead"]}], "channels": ["slack"]}}
    here = world(joins, rule())
    on_slack, anywhere = here.submit(), here.submit(payload={"amount": 20, "gone": 0})
    assert [one["plan"]["rule"] for one in (on_slack, anywhere)] == ["Ask", "Ask"]
    reader = here.reader("ana")
    row = for_person(reader=reader, request_id=uuid_of(anywhere))
    assert [one.id for one in bulk.alike(reader=reader, row=row)] == [uuid_of(anywhere)]
    chosen = [
        (
            uuid_of(one),
            choice(
                verdict="approve",
                stage=0,
                payload_digest=one["payload_digest"],
                comment="",
                channel="web",
                assurance="session",
            ),
        )
        for one in (on_slack, anywhere)
    ]
    actor = Actor.person(here.people["ana"].id, channel="web")
    first, second = bulk.decide_alike(actor=actor, reader=reader, chosen=chosen)
    assert (first.problem and first.problem.code, second.problem) == (ELSEWHERE, None)


@pytest.mark.parametrize(
    ("ask", "here", "words"),
    [
        ({}, None, "in Slack or on its page"),
        ({}, "web", "in Slack or here"),
        ({"channels": ["slack"]}, "web", "in Slack"),
        ({"channels": ["slack", "web"], "assurance": "session"}, "web", "here"),
        ({"assurance": "link"}, "email", "in Slack or here or on its page"),
    ],
)
def test_places_are_said_in_words(ask: dict[str, Any], here: str | None, words: str) -> None:
    assert places(plan_of(world(rule(**ask)).submit()), here) == words


def test_a_preview_says_where_and_how_surely() -> None:
    here = world(rule(channels=["web", "slack"]), risk="high")
    body = json.dumps({"action": "payments.refund", "payload": {"amount": 20}}).encode()
    found = json.loads(preview(authorization=f"Bearer {here.key.token}", body=body))
    assert (found["channels"], found["assurance"]) == (["slack", "web"], "session")
