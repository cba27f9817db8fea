from __future__ import annotations

import json
import time
from pathlib import Path
from uuid import UUID

import pytest

from core.canonical import JSON
from policies import compiled, evaluate
from policies.compiled import compile_policy
from policies.counters import Counter
from policies.errors import PolicyErrors
from policies.plan import Fact, PermitTerms, Plan, Stage, TraceLine
from tests.policies.documents import HEAD, plan, policy

ASK = "ask: {stages: [{any_of: [money]}]}"
LEAD, MONEY = Stage(("lead",)), Stage(("money",))


@pytest.mark.parametrize(
    ("pattern", "action", "matches"),
    [
        ("pay.refund", "pay.refund", True),
        ("pay.refund", "pay.tip", False),
        ("pay.*", "pay.refund", True),
        ("pay.*", "web.get", False),
        ("*", "web.get", True),
    ],
)
def test_a_rule_speaks_of_an_action_a_prefix_or_all(pattern, action, matches):
    found = plan(policy(f'{{name: r, action: "{pattern}", effect: deny}}'), {}, action)
    assert (found.effect, found.rule) == (("deny", "r") if matches else ("ask", None))


def test_a_prefix_ends_at_its_dot():
    with pytest.raises(PolicyErrors):
        policy('{name: r, action: "pa*", effect: deny}')


def test_the_first_match_decides_and_the_trace_says_what_was_looked_at():
    found = plan(
        policy(
            "{name: one, action: pay.refund, when: payload.n > 5, effect: deny}",
            "{name: two, action: pay.tip, effect: deny}",
            f"{{name: three, action: pay.*, when: payload.n > 1, effect: ask, {ASK}}}",
            "{name: four, action: pay.refund, effect: deny}",
        ),
        {"n": 3},
    )
    assert (found.effect, found.rule, found.stages, found.version) == ("ask", "three", (MONEY,), 7)
    assert found.trace == (
        TraceLine("one", "payload.n > 5", "false"),
        TraceLine("three", "payload.n > 1", "true"),
    )
    assert found.why == "Rule “three” matched: payload.n > 1."


def test_no_rule_means_that_the_fallback_is_asked():
    found = plan(compile_policy(HEAD, 1), {})
    assert (found.effect, found.rule, found.stages) == ("ask", None, (LEAD,))
    assert found.why == "No rule matched, so Lead is asked."
    assert found.expires_in_s == 8 * 3600
    assert plan(compile_policy(HEAD, 1), {}, "web.get").expires_in_s == 24 * 3600


def test_an_undeclared_action_has_no_plan():
    with pytest.raises(evaluate.UnknownActionError):
        plan(compile_policy(HEAD, 1), {}, "pay.unknown")


BROKEN = "when: payload.gone > 1"


@pytest.mark.parametrize(
    ("rules", "effect", "rule", "stages"),
    [
        (["effect: deny, " + BROKEN], "deny", "0", ()),
        (["effect: allow, " + BROKEN], "ask", None, (LEAD,)),
        (["effect: allow, " + BROKEN, "effect: deny"], "deny", "1", ()),
        ([f"effect: ask, {ASK}, {BROKEN}"], "ask", "0", (MONEY, LEAD)),
        ([f"effect: ask, {ASK}, {BROKEN}", "effect: allow"], "ask", "0", (MONEY,)),
        ([f"effect: ask, {ASK}, {BROKEN}", "effect: deny"], "deny", "1", ()),
        ([f"effect: ask, {ASK}, {BROKEN}", f"effect: ask, {ASK}"], "ask", "1", (MONEY,)),
        (
            [f"effect: ask, {ASK}, {BROKEN}", "effect: ask, ask: {confirm: owner}"],
            "ask", "1", (MONEY, Stage((), confirm="owner")),
        ),
        (
            [f"effect: ask, {ASK}, {BROKEN}", "effect: ask, ask: {stages: [{any_of: [lead]}]}"],
            "ask", "1", (MONEY, LEAD),
        ),
        ([f"effect: ask, {ASK}, {BROKEN}", "effect: deny, " + BROKEN], "deny", "1", ()),
        (["effect: deny, when: payload.n == 1", "effect: allow"], "deny", "0", ()),
        (["effect: deny, when: payload.n == 2", "effect: allow"], "allow", "1", ()),
    ],
)  # fmt: skip
def test_an_error_never_helps(rules, effect, rule, stages):
    rows = [f"{{name: '{at}', action: pay.refund, {rest}}}" for at, rest in enumerate(rules)]
    found = plan(policy(*rows), {"n": 1})
    assert (found.effect, found.rule, found.stages) == (effect, rule, stages)
    if BROKEN in rules[0]:
        assert (found.trace[0].result, found.trace[0].error) == ("error", "a field is missing")
    if BROKEN in rules[0] and ASK in rules[0] and effect == "ask":
        assert "“0” could not be evaluated, so its people are asked as well" in found.why


def test_the_terms_of_a_failed_rule_hold_when_they_are_stricter():
    found = plan(
        policy(
            "{name: a, action: pay.tip, when: payload.gone == 1, effect: ask, ask: {stages: "
            "[{any_of: [money]}], expires_in: 5m, on_expiry: expire, comment: always}}",
            "{name: b, action: pay.tip, effect: ask, ask: {stages: [{any_of: [lead]}], "
            "on_expiry: allow, comment: never}}",
        ),
        {},
        "pay.tip",
    )
    assert (found.expires_in_s, found.on_expiry, found.comment) == (300, "expire", "always")


@pytest.mark.parametrize("expiry", ["expire", "allow", "ask:money"])
def test_the_terms_of_a_rule_reach_the_plan(expiry):
    found = plan(
        policy(
            "{name: b, action: pay.tip, effect: ask, reason: Because., ask: {stages: [{any_of: "
            "[lead, money], approvals: 3, rejections: 2}, {any_of: [money], "
            f"distinct_from_earlier: true}}], expires_in: 2d, on_expiry: '{expiry}'}}}}"
        ),
        {},
        "pay.tip",
    )
    assert found.stages == (Stage(("lead", "money"), 3, 2), Stage(("money",), 1, 1, True))
    assert (found.expires_in_s, found.on_expiry) == (2 * 86_400, expiry)
    assert (found.comment, found.reason, found.risk) == ("on_reject", "Because.", "low")


OWNER = "effect: ask, ask: {confirm: owner"


@pytest.mark.parametrize(
    ("rules", "effect", "terms"),
    [
        ([], "ask", PermitTerms()),
        ([f"{OWNER}}}"], "ask", PermitTerms()),
        ([f"{OWNER}, permit: {{valid_for: 2h}}}}"], "ask", PermitTerms(7_200)),
        (["effect: allow"], "allow", PermitTerms()),
        (["effect: allow, permit: {use_by: 2d}"], "allow", PermitTerms(use_by_s=172_800)),
        (["effect: deny"], "deny", PermitTerms()),
        # What joins makes nothing longer, and a part that was left out counts as its default.
        (
            [
                f"{OWNER}, permit: {{valid_for: 5m, use_by: 2d}}}}, {BROKEN}",
                f"{OWNER}, permit: {{valid_for: 1h, result_within: 1m}}}}",
            ],
            "ask", PermitTerms(300, 86_400, 60),
        ),
        (
            [f"{OWNER}, permit: {{use_by: 2d}}}}, {BROKEN}", "effect: allow, permit: {valid_for: 10s}"],
            "ask", PermitTerms(valid_for_s=10),
        ),
        (
            [f"{OWNER}, permit: {{valid_for: 10s}}}}, {BROKEN}", "effect: allow, permit: {valid_for: 1h}"],
            "ask", PermitTerms(valid_for_s=10),
        ),
        ([f"{OWNER}, permit: {{valid_for: 1h}}}}, {BROKEN}"], "ask", PermitTerms()),
        ([f"{OWNER}, permit: {{valid_for: 10s}}}}, {BROKEN}", "effect: deny"], "deny", PermitTerms()),
    ],
)  # fmt: skip
def test_the_shortest_permit_of_all_that_is_asked_holds(rules, effect, terms):
    rows = [f"{{name: '{at}', action: pay.refund, {rest}}}" for at, rest in enumerate(rules)]
    found = plan(policy(*rows) if rows else compile_policy(HEAD, 1), {})
    assert (found.effect, found.permit) == (effect, terms)


ALL = ("slack", "email", "web")


def asked(*terms: str, risk: str = "medium") -> Plan:
    """The plan of rules that each ask on these terms; all but the last could not be evaluated."""
    rows = [
        f"{{name: '{at}', action: pay.refund, {OWNER}{rest}}}"
        + (f", {BROKEN}}}" if at < len(terms) - 1 else "}")
        for at, rest in enumerate(terms)
    ]
    rules = "".join(f"  - {row}\n" for row in rows)
    text = HEAD.replace("risk: medium", f"risk: {risk}") + (f"rules:\n{rules}" if rules else "")
    return plan(compile_policy(text, 1), {})


@pytest.mark.parametrize(
    ("risk", "assurance"),
    [("low", "chat"), ("medium", "chat"), ("high", "session"), ("critical", "mfa")],
)
@pytest.mark.parametrize("terms", [[], [""], ["", ""]])
def test_the_risk_says_how_surely_it_must_be_known_who_decides(terms, risk, assurance):
    found = asked(*terms, risk=risk)
    assert (found.effect, found.channels, found.assurance) == ("ask", ALL, assurance)


SLACK, WEB, MAIL = (f", channels: [{name}]" for name in ("slack", "web", "email, web"))
LINK, CHAT, SESSION = (f", assurance: {name}" for name in ("link", "chat", "session"))


@pytest.mark.parametrize(
    ("terms", "risk", "channels", "assurance"),
    [
        ([WEB], "medium", ("web",), "chat"),
        ([LINK], "medium", ALL, "link"),
        ([SLACK + CHAT], "critical", ("slack",), "chat"),
        ([SESSION], "low", ALL, "session"),
        # Where several come together: only what all let, and the surest proof.
        ([SLACK, ", channels: [slack, web]"], "low", ("slack",), "chat"),
        ([MAIL, ", channels: [slack, web]"], "low", ("web",), "chat"),
        ([LINK, ""], "medium", ALL, "chat"),
        ([LINK, LINK], "medium", ALL, "link"),
        ([CHAT, ""], "high", ALL, "session"),
        ([CHAT, CHAT], "high", ALL, "chat"),
        ([LINK, CHAT, SESSION], "low", ALL, "session"),
        ([SESSION, CHAT, LINK], "low", ALL, "session"),
        # Nowhere that all let, or nowhere that proves enough: where the most is proven.
        ([SLACK, WEB], "medium", ("web",), "chat"),
        ([SLACK, ", channels: [email]" + LINK], "low", ("web",), "chat"),
        ([SLACK, SESSION], "medium", ("web",), "session"),
        ([", channels: [email]" + LINK, ""], "low", ("web",), "chat"),
    ],
)  # fmt: skip
def test_the_strictest_place_and_proof_of_all_that_is_asked_hold(terms, risk, channels, assurance):
    found = asked(*terms, risk=risk)
    assert (found.channels, found.assurance) == (channels, assurance)


def test_an_ask_that_joins_an_allow_brings_its_own_place_and_proof():
    found = plan(
        policy(
            f"{{name: a, action: pay.refund, {OWNER}{WEB}{SESSION}}}, {BROKEN}}}",
            "{name: b, action: pay.refund, effect: allow}",
        ),
        {},
    )
    assert (found.effect, found.channels, found.assurance) == ("ask", ("web",), "session")


def test_a_plan_that_was_stored_before_there_were_channels_takes_a_session():
    stored = asked(WEB).to_json()
    del stored["channels"], stored["assurance"]
    found = Plan.from_json(stored)
    assert (found.channels, found.assurance) == (ALL, "session")


def test_a_plan_that_was_stored_without_a_permit_has_the_defaults():
    stored = plan(compile_policy(HEAD, 1), {}).to_json()
    del stored["permit"]
    assert Plan.from_json(stored).permit == PermitTerms(900, 86_400, 3_600)


def test_a_plan_survives_being_stored():
    example = Path("docs/examples/policies/refunds.yaml").read_text()
    found = plan(
        compile_policy(example, 3),
        {"amount": 5000, "currency": "EUR", "customer": "c", "iban": "DE1", "gone": None},
        "payments.refund",
    )
    assert Plan.from_json(json.loads(json.dumps(found.to_json()))) == found


COUNTED = (
    "{name: few, action: pay.refund, effect: allow, "
    'when: \'agent.count("pay.refund", "1d", by="/who") < 2\'}'
)


def test_counters_are_named_before_and_handed_in():
    ours = policy(COUNTED)
    (counter,) = ours.counters_for("pay.refund", {"who": "x"})
    assert counter == Counter("count", "pay.refund", None, 86_400, "/who")
    assert plan(ours, {"who": "x"}, counters={counter: 1}).effect == "allow"
    assert plan(ours, {"who": "x"}, counters={counter: 2}).effect == "ask"
    assert plan(ours, {"who": "x"}).trace[0].error == "a counter could not be read"
    assert ours.counters_for("pay.refund", {}) == ()
    assert ours.counters_for("pay.tip", {"who": "x"}) == ()


def test_rules_behind_an_unconditional_one_count_nothing():
    ours = policy("{name: all, action: '*', effect: deny}", COUNTED)
    assert ours.counters_for("pay.refund", {"who": "x"}) == ()


SHOWN = """\
assentry: 1
fallback: lead
roles: {lead: {members: [ana@example.com]}}
actions:
  a.b:
    title: Do it
    schema:
      type: object
      properties:
        z: {title: Zed, type: string}
        a: {type: number}
        deep: {type: object}
    show: "{payload.z} {payload.deep.list.0} {payload.gone} {payload.deep.secret} {payload.deep}"
    sensitive: [/iban, /deep/secret]
"""


def test_facts_follow_the_schema_and_hide_what_is_sensitive():
    payload = {
        "extra/~": 1.0, "a": 50.0, "z": "text", "iban": "DE89",
        "deep": {"secret": "s3cret", "list": [1e21, None]},
    }  # fmt: skip
    found = plan(compile_policy(SHOWN, 1), payload, "a.b")
    assert found.facts == (
        Fact("Zed", "text", "/z"),
        Fact("a", "50", "/a"),
        Fact("deep", '{"list":[1e+21,null],"secret":"•••"}', "/deep"),
        Fact("extra/~", "1", "/extra~1~0"),
        Fact("iban", "•••", "/iban"),
    )
    assert found.title == 'text 1e+21 ⟨no gone⟩ ••• {"list":[1e+21,null],"secret":"•••"}'
    assert found.sensitive == ("/iban", "/deep/secret")
    assert "s3cret" not in json.dumps(found.to_json())
    assert "DE89" not in json.dumps(found.to_json())


def test_nothing_is_cut_without_saying_so():
    found = plan(compile_policy(SHOWN, 1), {"z": "x" * 5_000}, "a.b")
    assert found.facts[0].value == "x" * 1_000 + "… (4000 more characters)"
    assert "more characters)" in found.title
    many = plan(compile_policy(SHOWN, 1), {f"k{n}": n for n in range(250)}, "a.b")
    assert len(many.facts) == 101
    assert many.facts[-1] == Fact("More", "150 more members, see the payload", "")


def test_an_injected_template_is_only_text():
    evil = "{payload.a} {0.__class__} {{7*7}} {% x %}"
    assert plan(compile_policy(SHOWN, 1), {"z": evil}, "a.b").title.startswith(evil)
    dunder = SHOWN.replace("{payload.z}", "{payload.z.__class__.__init__}")
    assert plan(compile_policy(dunder, 1), {"z": "x"}, "a.b").title.startswith(
        "⟨no z.__class__.__init__⟩"
    )


def test_policies_are_compiled_once_and_kept_while_used(monkeypatch):
    monkeypatch.setattr(compiled, "_cache", compiled._Cache(2))
    first = compiled.get(UUID(int=1), HEAD, number=1)
    assert compiled.get(UUID(int=1), "never read", number=1) is first
    compiled.get(UUID(int=2), HEAD, number=2)
    compiled.cached(UUID(int=1))
    compiled.get(UUID(int=3), HEAD, number=3)
    assert compiled.cached(UUID(int=1)) is first
    assert compiled.cached(UUID(int=2)) is None


def test_planning_is_cheap():
    ours = compile_policy(Path("docs/examples/policies/refunds.yaml").read_text(), 3)
    payload: JSON = {"amount": 120, "currency": "EUR", "customer": "c_1", "iban": "DE89"}
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        for _ in range(200):
            plan(ours, payload, "payments.refund")
            ours.payload_errors("payments.refund", payload)
        best = min(best, (time.process_time() - began) / 200)
    assert best < 0.001  # 40 µs on a quiet machine
