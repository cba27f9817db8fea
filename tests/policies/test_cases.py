"""The tests that a document brings along: run at every save, and told with their place."""

from __future__ import annotations

import jsonschema_rs
import pytest
import yaml

from policies.active import active_version
from policies.cases import faults, results
from policies.compiled import Compiled, compile_policy
from policies.errors import PolicyErrors
from policies.schema import POLICY_SCHEMA
from policies.services import apply
from tests.factories import ACTOR, WorkspaceFactory

EDITOR = jsonschema_rs.validator_for(POLICY_SCHEMA, offline=True)

DOCUMENT = """\
assentry: 1
fallback: lead
roles: {lead: {}, money: {}}
actions:
  pay.refund:
    schema: {type: object, properties: {amount: {type: number}}, required: [amount]}
  web.post: {risk: low}
rules:
  - name: After personal data
    action: web.post
    when: run.saw("data.pii") || run.cost > 10 || run.age > 60 || run.tokens > 5
    effect: ask
    ask: {stages: [{any_of: [lead, money], approvals: 2}]}
  - name: Bots at night
    action: web.post
    when: agent.name == "night" && agent.owner == "o@example.com" && now.getHours() == 3
    effect: deny
  - {name: Web is free, action: web.post, effect: allow}
  - name: Small
    action: pay.refund
    when: payload.amount <= 50 && agent.sum("pay.refund", "/amount", "1d") <= 500 && agent.count("pay.refund", "1d") < 3
    effect: allow
  - {name: Own, action: pay.refund, when: payload.amount == 51, effect: ask, ask: {confirm: initiator, channels: [slack, web], assurance: session}}
tools: {crm: {labels: [data.pii]}}
"""


def document(*cases: str) -> str:
    return DOCUMENT + "tests:\n" + "".join(f"  - {case}\n" for case in cases)


def compiled(*cases: str) -> Compiled:
    text = document(*cases)
    EDITOR.validate(yaml.safe_load(text))
    return compile_policy(text, 1)


def refund(amount: str, expect: str, more: str = "") -> str:
    given = f"action: pay.refund, payload: {{amount: {amount}}}{more}"
    return f"{{given: {{{given}}}, expect: {{{expect}}}}}"


def post(expect: str, more: str = "") -> str:
    return f"{{given: {{action: web.post, payload: {{}}{more}}}, expect: {{{expect}}}}}"


NIGHT = ", now: '2026-01-05T03:30:00Z', agent: {name: night, owner: o@example.com}"


@pytest.mark.parametrize(
    "case",
    [
        refund("50", "effect: allow, rule: Small, stages: [], approvals: []"),
        refund("50.0", "effect: allow"),
        refund("60", "effect: ask, rule: null, stages: [[lead]], approvals: [1]"),
        refund("51", "effect: ask, rule: Own, stages: [initiator]"),
        refund("51", "effect: ask, channels: [web, slack], assurance: session"),
        refund("60", "effect: ask, channels: [slack, email, web], assurance: chat"),
        refund("5", "effect: ask", ", agent: {sum: 501}"),
        refund("5", "effect: allow", ", agent: {sum: 500, count: 2}"),
        refund("5", "effect: ask", ", agent: {count: 3}"),
        post("effect: ask", ""),  # no run: what reads it cannot be evaluated
        post("effect: allow, rule: Web is free", ", run: {}"),
        post("effect: deny", ", run: {}" + NIGHT),
        post("effect: allow", ", run: {tools: {web: 3}, labels: [x], cost: 10, tokens: 5, age: 60}"),
        post("effect: ask, stages: [[lead, money]], approvals: [2]", ", run: {tools: {crm: 1}}"),
        post("effect: ask", ", run: {labels: [data.pii]}"),
        post("effect: ask", ", run: {cost: 10.5}"),
        post("effect: ask", ", run: {tokens: 6}"),
        post("effect: ask", ", run: {age: 61}"),
    ],
)  # fmt: skip
def test_a_case_that_holds(case):
    (result,) = results(compiled(case))
    assert result.differs is None
    assert result.why


@pytest.mark.parametrize(
    ("case", "differs"),
    [
        (
            refund("50", "effect: ask, rule: Small"),
            "expected effect ask; it comes to allow by “Small”",
        ),
        (
            refund("60", "effect: allow, rule: Small, stages: [], approvals: [2]"),
            (
                "expected effect allow, rule Small, stages [], approvals [2]; "
                "it comes to ask as no rule matches: lead"
            ),
        ),
        (
            refund("51", "effect: ask, stages: [owner]"),
            "expected stages [owner]; it comes to ask by “Own”: the initiator confirms",
        ),
        (
            refund("51", "effect: ask, channels: [web], assurance: session"),
            (
                "expected channels [web]; it comes to ask by “Own”: the initiator confirms, "
                "channels [slack, web]"
            ),
        ),
        (
            refund("60", "effect: ask, stages: [[lead]], assurance: link"),
            "expected assurance link; it comes to ask as no rule matches: lead, assurance chat",
        ),
        (
            post("effect: ask, stages: [[money]], rule: null", ", run: {tools: {crm: 1}}"),
            (
                "expected rule none, stages [[money]]; "
                "it comes to ask by “After personal data”: 2 of lead or money"
            ),
        ),
        (
            refund("many", "effect: allow"),
            "it cannot be planned: the payload does not fit the action's schema at /payload/amount",
        ),
        (
            "{given: {action: pay.gone, payload: {}}, expect: {effect: deny}}",
            "it cannot be planned: the action “pay.gone” is not declared",
        ),
    ],
)
def test_a_case_that_fails_says_what_came_out(case, differs):
    policy = compiled(case)
    (result,) = results(policy)
    assert result.differs == differs
    (fault,) = faults(policy)
    assert (fault.line, fault.column, fault.path) == (26, 5, "/tests/0")
    assert fault.detail == f"Case fails: {differs}."


@pytest.mark.parametrize(
    ("case", "column", "says"),
    [
        ("{expect: {effect: ask}}", 5, "A case needs “given”"),
        ("{given: {action: a.b}, expect: {effect: ask}}", 13, "needs “payload”"),
        ("{given: {action: A, payload: {}}, expect: {effect: ask}}", 22, "is not an action"),
        ("{given: {action: a, payload: []}, expect: {effect: ask}}", 34, "mapping"),
        (post("effect: maybe"), 63, "allow, ask, deny"),
        (post("rule: x"), 54, "needs “effect”"),
        (post("effect: ask, stages: [[A]]"), 78, "is not a role name"),
        (post("effect: ask, stages: [agent]"), 77, "owner, initiator"),
        (post("effect: ask, approvals: [0]"), 80, "whole number from 1"),
        (post("effect: ask, channels: [push]"), 79, "slack, email, web"),
        (post("effect: ask, channels: []"), 78, "At least one channel"),
        (post("effect: ask, assurance: sms"), 79, "link, chat, session, mfa"),
        (post("effect: ask", ", now: noon"), 50, "with its offset"),
        (post("effect: ask", ", now: '2026-01-05T12:00:00'"), 50, "with its offset"),
        (post("effect: ask", ", agent: {count: -1}"), 60, "of 0 or more"),
        (post("effect: ask", ", agent: {sum: x}"), 58, "Write a number."),
        (post("effect: ask", ", run: {tools: {crm: 0}}"), 64, "a whole number of 1 or more"),
        (post("effect: ask", ", run: {tokens: 1.5}"), 59, "a whole number of 0 or more"),
        (post("effect: ask", ", run: {cost: true}"), 57, "a number of 0 or more"),
        (post("effect: ask", ", run: {cost: .inf}"), 57, "a number of 0 or more"),
        (post("effect: ask", ", run: {saw: x}"), 51, "not a key of “run”"),
    ],
)  # fmt: skip
def test_a_faulty_case_is_told_with_its_place(case, column, says):
    with pytest.raises(PolicyErrors) as raised:
        compile_policy(document(case), 1)
    found = raised.value.errors[0]
    assert says in found.detail
    assert (found.line, found.column) == (26, column)


def test_there_are_at_most_so_many():
    case = post("effect: allow", ", run: {}")
    assert len(list(results(compile_policy(document(*[case] * 200), 1)))) == 200
    with pytest.raises(PolicyErrors, match="At most 200"):
        compile_policy(document(*[case] * 201), 1)


def test_a_document_that_fails_its_own_case_is_not_saved():
    workspace = WorkspaceFactory()
    good, bad = refund("50", "effect: allow"), refund("50", "effect: deny")
    with pytest.raises(PolicyErrors) as raised:
        apply(
            actor=ACTOR, workspace=workspace, text=document(good, bad, f"{{name: Named, {bad[1:]}")
        )
    assert [str(error) for error in raised.value.errors] == [
        "27:5: Case fails: expected effect deny; it comes to allow by “Small”.",
        "28:5: Case “Named” fails: expected effect deny; it comes to allow by “Small”.",
    ]
    assert active_version(workspace.id) is None
    assert apply(actor=ACTOR, workspace=workspace, text=document(good)).is_new


def test_faults_of_cases_and_of_people_are_told_together():
    workspace = WorkspaceFactory()
    text = document(refund("50", "effect: deny")).replace(
        "lead: {}", "lead: {members: [x@example.com]}"
    )
    with pytest.raises(PolicyErrors) as raised:
        apply(actor=ACTOR, workspace=workspace, text=text)
    assert [error.line for error in raised.value.errors] == [3, 26]
