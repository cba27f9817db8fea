from __future__ import annotations

import random
import time
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core import durations
from core.problems import FieldError
from policies import regexes
from policies.assurance import CHANNELS, LADDER, enough
from policies.document import Ask, PolicyErrors, parse
from policies.payloads import PayloadSchema, SchemaError
from policies.plan import PermitTerms
from policies.schema import PERMIT, POLICY_SCHEMA
from policies.source import MAX_BYTES
from tests.policies.documents import HEAD, policy

EXAMPLES = sorted(Path("docs/examples/policies").iterdir())
EDITOR = jsonschema_rs.validator_for(POLICY_SCHEMA, offline=True)


def errors(text):
    with pytest.raises(PolicyErrors) as raised:
        parse(text)
    return [(error.line, error.column, error.path, error.detail) for error in raised.value.errors]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_are_policies(path):
    text = path.read_text()
    assert parse(text).rules
    EDITOR.validate(yaml.safe_load(text))


def test_what_is_left_out_has_its_default():
    document = parse(HEAD)
    action = document.action("pay.refund")
    assert action is not None
    assert (action.title, action.owner, action.risk) == ("pay.refund", "lead", "medium")
    assert document.action("pay.nothing") is None
    assert document.roles["lead"].title == "Lead"
    assert document.roles["money"].emails == {"caro@example.com", "dan@example.com"}
    member = (document.roles["lead"].members or ())[1]
    assert (member.email, member.place.line, member.place.column) == ("ben@example.com", 4, 37)


RULE = HEAD + "rules:\n  - "
ASK = "name: r, action: pay.refund, effect: ask, "
STAGES = "{" + ASK + "ask: {stages: ["
PERMITTED = "{" + ASK + "ask: {confirm: owner, permit: {"
OWNED = RULE + "{" + ASK + "ask: {confirm: owner, "
#: A rule over several actions, of which one carries much risk.
RISKY = RULE.replace("risk: medium", "risk: high") + (
    '{name: r, action: "*", effect: ask, ask: {confirm: owner, '
)

TABLE = [
    (HEAD.replace("assentry: 1", "assentry: 2"), (1, 11, "/assentry"), "format 1"),
    (HEAD.replace("assentry: 1", "assentry: true"), (1, 11, "/assentry"), "format 1"),
    (HEAD.replace("fallback: lead", "falback: lead"), (2, 1, "/falback"), "“fallback”?"),
    (HEAD.replace("fallback: lead\n", ""), (1, 1, ""), "needs “fallback”"),
    (HEAD.replace("fallback: lead", "fallback: leed"), (2, 11, "/fallback"), "“lead”?"),
    (HEAD + "calendars: {}\n", (10, 1, "/calendars"), "not a key of the document"),
    (HEAD + "limits: []\n", (10, 1, "/limits"), "not a key"),
    (HEAD.replace("lead: {", "lead: {slck: C1, "), (4, 10, "/roles/lead/slck"), "“slack”?"),
    (HEAD.replace("lead: {", "lead: {slack: C1, "), (4, 17, "/roles/lead/slack"), "not the id of a Slack channel"),
    (HEAD.replace("lead: {", "lead: {slack: c0123abc, "), (4, 17, "/roles/lead/slack"), "such as C0123ABC"),
    (HEAD.replace("lead: {", "lead: {slack: C0123ABC/x, "), (4, 17, "/roles/lead/slack"), "such as C0123ABC"),
    (HEAD.replace("lead: {", "lead: {slack: D0123ABC, "), (4, 17, "/roles/lead/slack"), "such as C0123ABC"),
    (HEAD.replace("lead: {", "lead: {slack: 5, "), (4, 17, "/roles/lead/slack"), "quotation marks"),
    (HEAD.replace("lead: {", "lead: {channels: [], "), (4, 20, "/roles/lead/channels"), "At least one channel"),
    (HEAD.replace("lead: {", "lead: {channels: push, "), (4, 20, "/roles/lead/channels"), "a list"),
    (HEAD.replace("lead: {", "lead: {channels: [web], "), (4, 21, "/roles/lead/channels/0"), "slack, email, push"),
    (HEAD.replace("lead: {", "lead: {channels: [push, push], "), (4, 27, "/roles/lead/channels/1"), "twice"),
    (HEAD.replace("ana@", "ana"), (4, 20, "/roles/lead/members/0"), "e-mail"),
    (HEAD.replace("ben@", "Ana@"), (4, 37, "/roles/lead/members/1"), "twice"),
    (HEAD.replace("[ana@example.com, ben@example.com]", "[]"), (2, 11, "/fallback"), "Nobody"),
    (HEAD.replace("lead: {", "Lead: {"), (4, 3, "/roles/Lead"), "not a role name"),
    (HEAD.replace("pay.tip:", "pay..tip:"), (8, 3, "/actions/pay..tip"), "not an action"),
    (HEAD.replace("web.get: {", "web.get: {owner: x, "), (9, 20, "/actions/web.get/owner"), "role"),
    (
        HEAD.replace("risk: medium", "risk: extreme"),
        (7, 22, "/actions/pay.refund/risk"),
        "low, medium, high, critical",
    ),
    (
        HEAD.replace("risk: medium", "editable: [amount]"),
        (7, 27, "/actions/pay.refund/editable/0"),
        "RFC 6901",
    ),
    (
        HEAD.replace("risk: medium", "sensitive: [/a~2]"),
        (7, 28, "/actions/pay.refund/sensitive/0"),
        "RFC 6901",
    ),
    (
        HEAD.replace("risk: medium", 'show: "Pay {payload.a} {0.__class__}"'),
        (7, 39, "/actions/pay.refund/show"),
        "{payload.name}",
    ),
    (
        HEAD.replace("risk: medium", 'show: "{% if x %}"'),
        (7, 23, "/actions/pay.refund/show"),
        "nothing else runs",
    ),
    (
        HEAD.replace("risk: medium", "schema: {properties: {a: {type: strin}}}"),
        (7, 48, "/actions/pay.refund/schema/properties/a/type"),
        "not a JSON Schema",
    ),
    (
        HEAD.replace("risk: medium", 'schema: {$ref: "http://127.0.0.1/x"}'),
        (7, 31, "/actions/pay.refund/schema/$ref"),
        "not fetched",
    ),
    (
        HEAD.replace("risk: medium", 'schema: {properties: {a: {pattern: "(?=a)"}}}'),
        (7, 51, "/actions/pay.refund/schema/properties/a/pattern"),
        "regex",
    ),
    (RULE + "{name: r, action: pay.refund}", (11, 5, "/rules/0"), "needs “effect”"),
    (RULE + "{action: pay.refund, effect: deny}", (11, 5, "/rules/0"), "needs “name”"),
    (RULE + "{name: r, action: pay.x, effect: deny}", (11, 23, "/rules/0/action"), "No declared"),
    (RULE + '{name: r, action: "db.*", effect: deny}', (11, 23, "/rules/0/action"), "No declared"),
    (RULE + "{name: r, action: pay.tip, effect: no}", (11, 40, "/rules/0/effect"), "allow, ask, deny"),
    (RULE + "{name: r, action: pay.tip, effect: ask}", (11, 40, "/rules/0/effect"), "needs “ask”"),
    (
        RULE + "{name: r, action: pay.tip, effect: allow, ask: {confirm: owner}}",
        (11, 47, "/rules/0/ask"),
        "asks nobody",
    ),
    (RULE + "{" + ASK + "ask: {}}", (11, 53, "/rules/0/ask"), "either “stages” or"),
    (RULE + "{" + ASK + "ask: {confirm: agent}}", (11, 63, "/rules/0/ask/confirm"), "owner, initiator"),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, escalate: x}}",
        (11, 70, "/rules/0/ask/escalate"),
        "not a key of ask",
    ),
    (RULE + STAGES + "]}}", (11, 62, "/rules/0/ask/stages"), "At least one stage"),
    (RULE + STAGES + "{any_of: []}]}}", (11, 72, "/rules/0/ask/stages/0/any_of"), "one role"),
    (
        RULE + STAGES + "{any_of: [leed]}]}}",
        (11, 73, "/rules/0/ask/stages/0/any_of/0"),
        "not declared. Did you mean “lead”?",
    ),
    (
        RULE + STAGES + "{any_of: [lead], approvals: 0}]}}",
        (11, 91, "/rules/0/ask/stages/0/approvals"),
        "whole number from 1",
    ),
    (
        RULE + STAGES + "{any_of: [lead], approvals: -1}]}}",
        (11, 91, "/rules/0/ask/stages/0/approvals"),
        "whole number from 1",
    ),
    (
        RULE + STAGES + "{any_of: [lead], approvals: 3}]}}",
        (11, 91, "/rules/0/ask/stages/0/approvals"),
        "3 approvals can never be met: 2 people",
    ),
    (
        RULE + STAGES + "{any_of: [lead], rejections: 3}]}}",
        (11, 92, "/rules/0/ask/stages/0/rejections"),
        "3 rejections can never be met",
    ),
    (
        RULE + STAGES + "{any_of: [lead]}, {any_of: [lead], approvals: 2, "
        "distinct_from_earlier: true}]}}",
        (11, 135, "/rules/0/ask/stages/1/distinct_from_earlier"),
        "too few people are left",
    ),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, expires_in: soon}}",
        (11, 82, "/rules/0/ask/expires_in"),
        "90s, 15m, 4h or 2d",
    ),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, expires_in: 900}}",
        (11, 82, "/rules/0/ask/expires_in"),
        "90s, 15m, 4h or 2d",
    ),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, expires_in: null}}",
        (11, 82, "/rules/0/ask/expires_in"),
        "90s, 15m, 4h or 2d",
    ),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, on_expiry: allow}}",
        (11, 81, "/rules/0/ask/on_expiry"),
        "low risk; “pay.refund” is not",
    ),
    (
        RULE + "{" + ASK + "ask: {confirm: owner, on_expiry: 'ask:boss'}}",
        (11, 81, "/rules/0/ask/on_expiry"),
        "not declared",
    ),
    (OWNED + "channels: []}}", (11, 80, "/rules/0/ask/channels"), "At least one channel"),
    (OWNED + "channels: slack}}", (11, 80, "/rules/0/ask/channels"), "a list"),
    (OWNED + "channels: [web, sms]}}", (11, 86, "/rules/0/ask/channels/1"), "slack, email, web"),
    (OWNED + "channels: [web, push]}}", (11, 86, "/rules/0/ask/channels/1"), "slack, email, web"),
    (OWNED + "channels: [web, web]}}", (11, 86, "/rules/0/ask/channels/1"), "twice"),
    (OWNED + "channels: [{web: 1}]}}", (11, 81, "/rules/0/ask/channels/0"), "a single value"),
    (
        # What is left once the fault is taken out is not judged: one fault, told once.
        OWNED + "channels: [slack, wob], assurance: session}}",
        (11, 88, "/rules/0/ask/channels/1"),
        "slack, email, web",
    ),
    (OWNED + "dwell: 5}}", (11, 77, "/rules/0/ask/dwell"), "Write a duration"),
    (OWNED + "dwell: 0s}}", (11, 77, "/rules/0/ask/dwell"), "Write a duration"),
    (OWNED + "dwell: 11m}}", (11, 77, "/rules/0/ask/dwell"), "from 1s to 10m"),
    (
        OWNED + "dwell: 5s, channels: [web, slack]}}",
        (11, 91, "/rules/0/ask/channels"),
        "Nobody knows when slack was opened: write [web], or leave “dwell” out.",
    ),
    (OWNED + "assurance: sms}}", (11, 81, "/rules/0/ask/assurance"), "link, chat, session, mfa"),
    (OWNED + "assurance: [link]}}", (11, 81, "/rules/0/ask/assurance"), "a single value"),
    (OWNED + "assurance: null}}", (11, 81, "/rules/0/ask/assurance"), "link, chat, session, mfa"),
    (
        OWNED + "channels: [email]}}",
        (11, 80, "/rules/0/ask/channels"),
        "email proves link, and “pay.refund”, which is medium risk, asks for chat unless",
    ),
    (
        OWNED + "channels: [slack], assurance: session}}",
        (11, 80, "/rules/0/ask/channels"),
        "slack proves chat, and this rule asks for session. Add web, or ask for less.",
    ),
    (
        OWNED + "channels: [email, slack], assurance: session}}",
        (11, 80, "/rules/0/ask/channels"),
        "slack proves chat and email proves link, and this rule asks for session.",
    ),
    (
        OWNED + "channels: [email], assurance: chat}}",
        (11, 80, "/rules/0/ask/channels"),
        "email proves link, and this rule asks for chat.",
    ),
    (
        RISKY + "channels: [slack]}}",
        (11, 73, "/rules/0/ask/channels"),
        "“pay.refund”, which is high risk, asks for session unless",
    ),
    (
        RISKY + "assurance: link}}",
        (11, 74, "/rules/0/ask/assurance"),
        "A link proves too little for “pay.refund”, which is high risk",
    ),
    (
        RISKY.replace("risk: high", "risk: critical") + "channels: [email], assurance: link}}",
        (11, 93, "/rules/0/ask/assurance"),
        "A link proves too little for “pay.refund”, which is critical risk",
    ),
    (
        RULE + PERMITTED + "valid_for: soon}}}",
        (11, 90, "/rules/0/ask/permit/valid_for"),
        "90s",
    ),
    (
        RULE + PERMITTED + "valid_for: 900}}}",
        (11, 90, "/rules/0/ask/permit/valid_for"),
        "90s",
    ),
    (
        RULE + PERMITTED + "valid_for: 9s}}}",
        (11, 90, "/rules/0/ask/permit/valid_for"),
        "from 10s to 24h",
    ),
    (
        RULE + PERMITTED + "valid_for: 2d}}}",
        (11, 90, "/rules/0/ask/permit/valid_for"),
        "from 10s to 24h",
    ),
    (
        RULE + PERMITTED + "use_by: 59s}}}",
        (11, 87, "/rules/0/ask/permit/use_by"),
        "from 1m to 30d",
    ),
    (
        RULE + PERMITTED + "use_by: 31d}}}",
        (11, 87, "/rules/0/ask/permit/use_by"),
        "from 1m to 30d",
    ),
    (
        RULE + PERMITTED + "result_within: 8d}}}",
        (11, 94, "/rules/0/ask/permit/result_within"),
        "from 1m to 7d",
    ),
    (
        RULE + PERMITTED + "valid: 1m}}}",
        (11, 79, "/rules/0/ask/permit/valid"),
        "not a key of permit. Did you mean “valid_for”?",
    ),
    (RULE + "{" + ASK + "ask: {confirm: owner, permit: 15m}}", (11, 78, "/rules/0/ask/permit"), "a mapping"),
    (
        RULE + "{name: r, action: pay.tip, effect: allow, permit: {use_by: 1s}}",
        (11, 64, "/rules/0/permit/use_by"),
        "from 1m to 30d",
    ),
    (
        RULE + "name: r\n    action: pay.tip\n    effect: deny\n    permit: {use_by: 1h}\n",
        (14, 5, "/rules/0/permit"),
        "“deny” lets nothing run: remove “permit”",
    ),
    (
        RULE + "{" + ASK + "permit: {use_by: 1h}, ask: {confirm: owner}}",
        (11, 48, "/rules/0/permit"),
        "stands in “ask”: move it there",
    ),
    (
        RULE + "{name: r, action: pay.tip, effect: deny}\n  - {name: r, action: pay.tip, effect: deny}",
        (12, 12, "/rules/1/name"),
        "Another rule is named",
    ),
    # Conditions: the column is that of the fault.
    (
        RULE + "{name: r, action: pay.tip, effect: deny, when: payload.a > 1 && foo == 2}",
        (11, 69, "/rules/0/when"),
        "“foo” is not known",
    ),
    (
        RULE + "{name: r, action: pay.tip, effect: deny, when: 'payload.a > 1 && foo == 2'}",
        (11, 70, "/rules/0/when"),
        "“foo” is not known",
    ),
    (
        RULE + "name: r\n    action: pay.tip\n    effect: deny\n    when: |\n"
        "      payload.a > 1 &&\n        foo == 2\n",
        (16, 9, "/rules/0/when"),
        "“foo” is not known",
    ),
    (
        RULE + "name: r\n    action: pay.tip\n    effect: deny\n    when: >-\n"
        "      payload.a > 1 &&\n      foo == 2\n",
        (14, 11, "/rules/0/when"),
        "“foo” is not known",
    ),
    (
        RULE + "{name: r, action: pay.tip, effect: deny, when: payload.a}",
        (11, 52, "/rules/0/when"),
        "yes or no",
    ),
    (
        RULE + "{name: r, action: pay.tip, effect: deny, "
        "when: 'agent.count(\"pay.tipp\", \"1d\") > 1'}",
        (11, 52, "/rules/0/when"),
        "Did you mean “pay.tip”?",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "says"), TABLE, ids=[str(at) for at in range(len(TABLE))]
)
def test_a_fault_is_reported_with_its_place(text, place, says):
    found = errors(text)
    assert [error for error in found if error[:3] == place and says in error[3]], found
    # A name that is spelled wrong is also missing where it is used.
    assert len(found) == 1 or place[2] in ("/falback", "/roles/Lead"), found


def test_all_faults_come_at_once_in_the_order_of_the_text():
    text = HEAD.replace("ana@", "ana").replace("risk: medium", "risk: none") + "x: 1\n"
    assert [error[0] for error in errors(text)] == [4, 7, 10]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("[" * 200_000, "levels deep"),
        ("- " * 100_000, "levels deep"),
        ("a: " * 3 + "{" * 100_000, "YAML"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n", "Anchors"),
        ("a: *b", "Aliases"),
        ("a: !!python/object/apply:os.system [id]", "Tags"),
        ("a: !x y", "Tags"),
        ("<<: {a: 1}", "Merge"),
        (HEAD + "fallback: x", "twice"),
        (HEAD + "---\na: 1", "one document"),
        ("? [a]\n: b", "key"),
        ("a: \x00", "Control"),
        ("\x89PNG\r\n\x1a\n\x00", "Control"),
        ("a: \ud800", "surrogate"),
        ("x" * 300_000, "256 KiB"),
        ("".join(f"k{n}: v\n" for n in range(22_000)), "values"),
        ("a: " + "9" * 5_000, "too large"),
        ("a: 99999999999999999999", "2^53"),
        ('a: "' + "\\n" * 100_000, "YAML"),
        ("just text", "mapping"),
        ("a: b: c", "YAML"),
    ],
    ids=[str(n) for n in range(22)],
)
def test_a_hostile_document_is_one_clear_error(text, says):
    began = time.process_time()
    assert any(says in error[3] for error in errors(text))
    assert time.process_time() - began < 2


def test_line_ends_take_no_room_and_move_no_place():
    text = HEAD + "rules:\n  - {name: a, action: pay.refund, effect: allow}\n"
    whole = text + "#\n" * 120_000
    assert len(whole.encode()) < MAX_BYTES < len(whole.replace("\n", "\r\n").encode())
    parse(whole.replace("\n", "\r\n"))
    broken = text.replace("allow", "alow")
    for ends in ("\r\n", "\r"):
        assert errors(broken.replace("\n", ends)) == errors(broken)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    with pytest.raises(PolicyErrors):
        parse(text)


def test_words_of_old_yaml_stay_texts():
    on = HEAD.replace("risk: medium", "title: on, schema: {enum: [no, 1:30, 2026-01-05, 010]}")
    action = parse(on).actions["pay.refund"]
    assert action.title == "on"
    assert action.schema.source == {"enum": ["no", "1:30", "2026-01-05", 10]}


def test_roles_that_are_filled_elsewhere_are_not_counted():
    text = HEAD.replace("{title: Finance, members: [caro@example.com, dan@example.com]}", "{}")
    rule = (
        "{name: r, action: pay.tip, effect: ask, ask: {stages: [{any_of: [money], approvals: 9}]}}"
    )
    assert parse(text + "rules:\n  - " + rule).roles["money"].members is None


@pytest.mark.parametrize(
    ("stages", "possible"),
    [
        ("{any_of: [lead]}, {any_of: [lead], distinct_from_earlier: true}", True),
        ("{any_of: [lead], approvals: 2}, {any_of: [lead], distinct_from_earlier: true}", False),
        ("{any_of: [lead], approvals: 2}, {any_of: [lead], approvals: 2}", True),
        ("{any_of: [lead, money], approvals: 4}", True),
        (
            (
                "{any_of: [lead, money], approvals: 2}, "
                "{any_of: [lead], approvals: 2, distinct_from_earlier: true}"
            ),
            True,
        ),
        (
            (
                "{any_of: [lead]}, {any_of: [lead, money], approvals: 2, distinct_from_earlier: true}, "
                "{any_of: [money], approvals: 2, distinct_from_earlier: true}"
            ),
            False,
        ),
        (
            "{any_of: [lead]}, {any_of: [lead]}, {any_of: [lead], distinct_from_earlier: true}",
            True,
        ),
    ],
)
def test_quorums_that_share_people(stages, possible):
    rule = "{name: r, action: pay.tip, effect: ask, ask: {stages: [" + stages + "]}}"
    if possible:
        policy(rule)
    else:
        with pytest.raises(PolicyErrors, match="too few people"):
            policy(rule)


#: What the form alone shows, so that an editor with the schema must show it too.
FORM = (
    "format 1", "not a key", "needs “effect”", "needs “name”", "needs “fallback”", "e-mail",
    "not a role name", "low, medium", "RFC 6901", "either “", "At least one", "one role",
    "whole number", "90s", "a mapping", "not the id", "such as C0123ABC", "a list", "slack, email",
    "link, chat, session, mfa", "a single value", "quotation marks",
)  # fmt: skip
STRUCTURE = [text for text, _, says in TABLE if says in FORM or says.startswith("not a key")]


@pytest.mark.parametrize("text", STRUCTURE, ids=[str(at) for at in range(len(STRUCTURE))])
def test_the_schema_for_editors_refuses_what_the_parser_refuses_for_its_form(text):
    assert not EDITOR.is_valid(yaml.safe_load(text))


def test_the_schema_for_editors_is_a_schema():
    jsonschema_rs.meta.validate(POLICY_SCHEMA)
    EDITOR.validate(yaml.safe_load(HEAD))


def asks(terms: str, risk: str = "medium") -> Ask:
    text = HEAD.replace("risk: medium", f"risk: {risk}")
    written = f"{{name: r, action: pay.refund, effect: ask, ask: {{confirm: owner{terms}}}}}"
    text += f"rules:\n  - {written}\n"
    EDITOR.validate(yaml.safe_load(text))
    (rule,) = parse(text).rules
    assert rule.ask is not None
    return rule.ask


@pytest.mark.parametrize(
    ("terms", "risk", "channels", "assurance"),
    [
        ("", "medium", ("slack", "email", "web"), None),
        (", channels: [web, email, slack]", "high", ("slack", "email", "web"), None),
        (", channels: [web]", "critical", ("web",), None),
        (", channels: [slack]", "medium", ("slack",), None),
        (", channels: [slack, web]", "critical", ("slack", "web"), None),
        (", channels: [email, web]", "medium", ("email", "web"), None),
        # A rule may ask for less than the risk does, but for a link.
        (", channels: [slack], assurance: chat", "high", ("slack",), "chat"),
        (", channels: [slack], assurance: chat", "critical", ("slack",), "chat"),
        (", assurance: session", "low", ("slack", "email", "web"), "session"),
        (", channels: [email], assurance: link", "low", ("email",), "link"),
        (", channels: [email], assurance: link", "medium", ("email",), "link"),
    ],
)  # fmt: skip
def test_a_rule_says_where_it_may_be_decided_and_how_surely(terms, risk, channels, assurance):
    found = asks(terms, risk)
    assert (found.channels, found.assurance) == (channels, assurance)


def test_a_role_says_how_its_members_are_told():
    text = HEAD.replace("lead: {", "lead: {slack: C0123SUPPORT, channels: [push, slack], ", 1)
    EDITOR.validate(yaml.safe_load(text))
    roles = parse(text).roles
    assert (roles["lead"].slack, roles["lead"].tell) == ("C0123SUPPORT", ("push", "slack"))
    assert (roles["money"].slack, roles["money"].tell) == (None, ())


def test_editors_are_told_the_channels_and_the_ladder():
    parts = POLICY_SCHEMA["$defs"]["ask"]["properties"]
    assert parts["channels"]["default"] == parts["channels"]["items"]["enum"] == list(CHANNELS)
    assert parts["assurance"]["enum"] == list(LADDER)


@pytest.mark.parametrize("needed", [*LADDER, "more", ""])
@pytest.mark.parametrize("proven", [*LADDER, "more", ""])
def test_a_proof_is_enough_from_its_rung_down_and_what_is_unknown_never_is(proven, needed):
    rungs = {"link": 1, "chat": 2, "session": 3, "mfa": 4}
    known = proven in rungs and needed in rungs
    assert enough(proven, needed) is (known and rungs[proven] >= rungs[needed])


DEFAULTS = PermitTerms()


@pytest.mark.parametrize(
    ("written", "terms"),
    [
        ("{}", DEFAULTS),
        ("{valid_for: 10s, use_by: 1m, result_within: 1m}", PermitTerms(10, 60, 60)),
        ("{valid_for: 24h, use_by: 30d, result_within: 7d}", PermitTerms(86_400, 2_592_000, 604_800)),
        ("{valid_for: 1d}", PermitTerms(valid_for_s=86_400)),
        ("{use_by: 90s}", PermitTerms(use_by_s=90)),  # shorter than `valid_for`, which is fine
        ("{result_within: 2h}", PermitTerms(result_within_s=7_200)),
    ],
)  # fmt: skip
def test_a_permit_stands_in_ask_or_in_a_rule_that_allows(written, terms):
    asks = f"{{name: a, action: pay.tip, effect: ask, ask: {{confirm: owner, permit: {written}}}}}"
    allows = f"{{name: b, action: pay.refund, effect: allow, permit: {written}}}"
    text = f"{HEAD}rules:\n  - {asks}\n  - {allows}\n"
    first, second = parse(text).rules
    assert first.ask is not None
    assert (first.ask.permit, second.permit) == (terms, terms)
    EDITOR.validate(yaml.safe_load(text))


def test_permits_have_the_defaults_that_editors_are_told():
    parts = POLICY_SCHEMA["$defs"]["permit"]["properties"]
    assert list(parts) == list(PERMIT)
    told = [durations.parse(one["default"]).total_seconds() for one in parts.values()]
    assert told == [DEFAULTS.valid_for_s, DEFAULTS.use_by_s, DEFAULTS.result_within_s]


REFUND = PayloadSchema(
    {
        "type": "object",
        "required": ["amount"],
        "additionalProperties": False,
        "properties": {
            "amount": {"type": "number", "minimum": 0},
            "iban": {"type": "string", "pattern": "^(a+)+$"},
            "a/b": {"type": "integer"},
        },
    }
)


@pytest.mark.parametrize(
    ("payload", "pointer", "code"),
    [
        ({}, "/payload", "required"),
        ({"amount": -1}, "/payload/amount", "minimum"),
        ({"amount": "x"}, "/payload/amount", "type"),
        ({"amount": 1, "iban": "secret"}, "/payload/iban", "pattern"),
        ({"amount": 1, "a/b": 1.5}, "/payload/a~1b", "type"),
        ({"amount": 1, "more": 1}, "/payload", "additionalProperties"),
        ([], "/payload", "type"),
        (None, "/payload", "type"),
    ],
)
def test_a_payload_error_says_where_and_repeats_nothing(payload, pointer, code):
    (error,) = REFUND.errors(payload)
    assert isinstance(error, FieldError)
    assert (error.pointer, error.code) == (pointer, code)
    assert "secret" not in error.detail


def test_a_good_payload_has_no_errors_and_many_are_bounded():
    assert REFUND.errors({"amount": 50, "iban": "aaa", "a/b": 1.0}) == []
    lists = PayloadSchema({"additionalProperties": {"type": "string"}})
    assert len(lists.errors({str(n): n for n in range(500)})) == 20
    began = time.process_time()
    REFUND.errors({"amount": 1, "iban": "a" * 250_000 + "b"})
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {
            "$defs": {
                **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)},
                "a30": {},
            }
        },
        {"$defs": {**{f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(2_000)}, "a2000": {}}},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json"},
        {"$ref": "#/$defs/none"},
        {"$id": "http://127.0.0.1/x"},
        {"$dynamicRef": "#x"},
        {"$schema": "http://json-schema.org/draft-07/schema#"},
        {"pattern": "(a{1000}){1000}"},
        {"pattern": r"(a)\1"},
        {"minimum": "x"},
    ],
    ids=[str(n) for n in range(13)],
)
def test_a_schema_without_bounds_is_refused(schema):
    with pytest.raises(SchemaError):
        PayloadSchema(schema)


@pytest.mark.parametrize(
    ("pattern", "states", "weight"),
    [
        ("^[A-Z]{3}$", 5, 0),
        ("[A-Z]{3}", 3, 3),
        (r"^\d{4}-\d{2}$", 9, 0),
        ("^(a+)+$", 4, 4),
        ("^a|b", 3, 3),
        ("^(a|b)$", 5, 0),
        ("^a{2,}$", 4, 4),
        ("^[*+|]$", 3, 0),
        (r"^\*\+$", 4, 0),
        ("(.{200}.{200}.{200}){3}q", 1_804, 1_804),
    ],
)
def test_patterns_are_weighed(pattern, states, weight):
    assert (regexes.states(pattern), regexes.weight(pattern)) == (states, weight)


def test_patterns_that_could_be_slow_read_no_long_text():
    slow = PayloadSchema({"additionalProperties": {"pattern": "[ab]*a[ab]{200}[^ab]"}})
    text = "".join(random.Random(1).choice("ab") for _ in range(250_000))
    began = time.process_time()
    assert [error.code for error in slow.errors({"a": text})] == ["too_long"]
    assert [error.code for error in slow.errors({"a": text[:15_000]})] == ["pattern"]
    assert time.process_time() - began < 1
    assert REFUND.errors({"amount": 1, "iban": "a" * 250_000}) == []
