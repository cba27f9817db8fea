"""Escalations in a policy: how they are written, what is refused, and the steps that a plan gets."""

from __future__ import annotations

import jsonschema_rs
import pytest
import yaml

from policies.compiled import compile_policy
from policies.document import parse
from policies.errors import PolicyErrors
from policies.plan import Plan, Step
from policies.schema import POLICY_SCHEMA
from tests.policies.documents import HEAD, plan

EDITOR = jsonschema_rs.Draft202012Validator(POLICY_SCHEMA)
RULE = """
rules:
  - {name: r, action: pay.refund, effect: ask, ask: {stages: [{any_of: [lead]}], escalation: money%s}}
escalations:
  money: [%s]
"""


def written(steps, more=""):
    return HEAD + RULE % (more, steps)


def planned(text, action="pay.refund"):
    return plan(compile_policy(text, 7), {"amount": 1}, action)


def steps(text, action="pay.refund"):
    return planned(text, action).escalation


def test_each_step_is_planned_in_the_order_of_time():
    text = written(
        "{after: 1h, notify: person:Caro@Example.com, via: [push, email]}, {after: 15m, remind: true}, "
        "{after: 30m, widen: role:money}, {after: 2h, page: night-desk}, {after: 3h, expire: true}"
    )
    EDITOR.validate(yaml.safe_load(text))
    assert steps(text) == (
        Step(900, "remind"),
        Step(1800, "widen", "role:money"),
        Step(3600, "notify", "person:caro@example.com", ("push", "email")),
        Step(7200, "page", "night-desk"),
        Step(10_800, "expire"),
    )


def test_a_repetition_is_a_step_of_its_own():
    found = steps(written("{after: 10m, remind: true, repeat: {every: 5m, times: 2}}"))
    assert found == (Step(600, "remind"), Step(900, "remind"), Step(1200, "remind"))


def test_open_hours_may_be_what_counts():
    text = written("{after: 4h of business, remind: true}")
    hours = 'schedules: {desk: {timezone: UTC, shifts: [{who: [ana@example.com], hours: "Mo-Fr 08:00-18:00"}]}}'
    open_hours = text.replace("ben@example.com]}", "ben@example.com], schedule: desk}") + hours
    with pytest.raises(PolicyErrors, match="give the first role that is asked one"):
        parse(text)
    assert steps(open_hours) == (Step(14_400, "remind", business=True),)


def test_without_an_escalation_half_the_time_reminds_and_three_quarters_tell_the_owner():
    text = HEAD.replace("risk: medium", "risk: medium, owner: money") + (
        "rules:\n  - {name: r, action: pay.refund, effect: ask, ask: {stages: [{any_of: [lead]}], expires_in: 2h}}\n"
    )
    assert steps(text) == (Step(3600, "remind"), Step(5400, "notify", "role:money"))
    # Nor where no rule matches at all, and the fallback is asked for as long as the risk says.
    assert steps(HEAD) == (Step(14_400, "remind"), Step(21_600, "notify", "role:lead"))


def test_who_is_asked_by_nobody_is_escalated_to_nobody():
    text = HEAD + "rules:\n  - {name: r, action: pay.refund, effect: deny}\n"
    assert steps(text) == ()


def test_what_is_added_never_lets_more_people_decide():
    text = (
        HEAD
        + """
rules:
  - {name: broken, action: pay.refund, when: payload.none > 1, effect: ask,
     ask: {stages: [{any_of: [money]}], escalation: wide}}
  - {name: r, action: pay.refund, effect: ask, ask: {stages: [{any_of: [lead]}], escalation: quick}}
escalations:
  wide: [{after: 5m, widen: role:lead}, {after: 20m, remind: true}]
  quick: [{after: 10m, remind: true}, {after: 20m, remind: true}]
"""
    )
    assert steps(text) == (Step(600, "remind"), Step(1200, "remind"))


def test_time_may_be_added_where_every_rule_allows_it():
    assert planned(written("{after: 1m, remind: true}", ", extend: 2h")).extend_s == 7200
    assert planned(HEAD).extend_s == 0


def test_a_plan_that_was_stored_without_them_escalates_nothing():
    stored = planned(HEAD).to_json()
    del stored["escalation"], stored["extend_s"], stored["business"]
    read = Plan.from_json(stored)
    assert (read.escalation, read.extend_s, read.business) == ((), 0, False)


@pytest.mark.parametrize(
    ("text", "path", "says", "in_form"),
    [
        (written("{after: 1h}"), "/escalations/money/0", "one of remind, notify, widen", True),
        (written("{after: 1h, remind: true, expire: true}"), "/escalations/money/0", "does one thing", True),
        (written("{after: 1h, remind: false}"), "/escalations/money/0/remind", "remind: true", True),
        (written("{remind: true}"), "/escalations/money/0", "needs “after”", True),
        (written("{after: soon, remind: true}"), "/escalations/money/0/after", "90s", True),
        (written("{after: of business, remind: true}"), "/escalations/money/0/after", "90s", True),
        (written("{after: 1h, notify: money}"), "/escalations/money/0/notify", "role:<name>", True),
        (written("{after: 1h, notify: person:caro}"), "/escalations/money/0/notify", "role:<name>", True),
        (written("{after: 1h, widen: schedule:x}"), "/escalations/money/0/widen", "role:finance_manager", True),
        (written("{after: 1h, page: Night Desk}"), "/escalations/money/0/page", "name of a pager", True),
        (written("{after: 1h, remind: true, via: [fax]}"), "/escalations/money/0/via/0", "slack, email", True),
        (written("{after: 1h, widen: role:money, via: [push]}"), "/escalations/money/0/via", "how people are told", False),
        (written("{after: 1h, widen: role:money, repeat: {every: 1m, times: 2}}"), "/escalations/money/0/repeat", "done once", False),
        (written("{after: 1h, remind: true, repeat: {every: 1m, times: 21}}"), "/escalations/money/0/repeat/times", "from 1 to 20", True),
        (written("{after: 1h, remind: true, repeat: {times: 2}}"), "/escalations/money/0/repeat", "needs “every”", True),
        (written(""), "/escalations/money", "At least one step", True),
        (written("{after: 1h, widen: role:mony}"), "/escalations/money/0/widen", "Did you mean “money”?", False),
        (written("{after: 9h, remind: true}"), "/rules/0/ask/escalation", "expires after 8h", False),
        (written("{after: 8h, remind: true}"), "/rules/0/ask/escalation", "never taken", False),
        (
            written("{after: 2h, remind: true}, {after: 1h, expire: true}"),
            "/escalations/money/0",
            "has expired by then",
            False,
        ),
        (
            written("{after: 1h, remind: true}").replace("escalation: money", "escalation: mony"),
            "/rules/0/ask/escalation",
            "Did you mean “money”?",
            False,
        ),
        (
            written("{after: 1h, widen: role:money}").replace("stages: [{any_of: [lead]}]", "confirm: owner"),
            "/rules/0/ask/escalation",
            "Where somebody confirms",
            False,
        ),
        (written("{after: 1h, remind: true}", ", extend: long"), "/rules/0/ask/extend", "90s", True),
    ],
)  # fmt: skip
def test_a_fault_is_reported_with_its_place(text, path, says, in_form):
    with pytest.raises(PolicyErrors) as raised:
        parse(text)
    assert [error.path for error in raised.value.errors] == [path]
    assert says in raised.value.errors[0].detail
    if in_form:
        assert not EDITOR.is_valid(yaml.safe_load(text))
