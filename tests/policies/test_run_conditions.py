"""What a run reports: read by conditions, and never of any help to the agent that reports it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import timedelta
from itertools import accumulate, combinations, pairwise, product
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.quorum import Quorum, Result, Vote, tally
from approvals.status import Verdict
from policies import cel
from policies.assurance import CHANNELS, LADDER, enough, usable
from policies.compiled import Compiled, compile_policy
from policies.errors import PolicyErrors
from policies.merging import merged
from policies.plan import PermitTerms, Plan, Stage, TraceLine
from policies.run_reads import RunFacts
from policies.terms import Ask
from policies.tokens import ConditionError
from tests.policies.documents import AGENT, HEAD, NOON, WORKSPACE, plan, policy

NOTHING = RunFacts({}, frozenset(), 0.0, 0, 0.0)
BUSY = RunFacts({"crm.read": 2, "db": 1}, frozenset({"data.pii"}), 12.5, 900, 60.0)

ASK = "effect: ask, ask: {stages: [{any_of: [money]}]}"
LEAD, MONEY = Stage(("lead",)), Stage(("money",))


def came_to(source: str, run: RunFacts | None, payload: Any = None) -> bool | str:
    """What a condition answers, or why it has no answer."""
    variables = cel.Variables()
    condition = cel.compile_condition(source, variables)
    on = cel.situation(
        variables=variables,
        action="pay.refund",
        payload={"n": 3, "list": []} if payload is None else payload,
        agent={"id": AGENT.id, "name": AGENT.name, "owner": AGENT.owner},
        workspace={"id": WORKSPACE.id, "slug": WORKSPACE.slug},
        now=NOON,
        counters={},
        run=None if run is None else {read: run.value(read) for read in variables.reads},
    )
    try:
        return cel.holds(condition, on)
    except cel.EvaluationError as error:
        return str(error)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('run.saw("data.pii")', True),
        ('run.saw("data.other")', False),
        ('run.did("crm.read") && run.did("db")', True),
        ('run.did("crm.write")', False),
        ('run.count("crm.read") >= 2', True),
        ('run.count("crm.read") > 2', False),
        ('run.count("never") > 0', False),
        ("run.cost > 12", True),
        ("run.cost + payload.n > 15", True),
        ("run.cost - 5 > payload.n * 3", False),
        ("run.tokens >= 900", True),
        ("run.age >= 60 || payload.n > 100", True),
        ("!(run.tokens < 900)", True),
        ("5 - run.cost < 2", True),
        ("100 < run.tokens", True),
        ('payload.n > 2 ? run.saw("data.pii") : run.age > 1000', True),
        ("[1, 2].exists(i, run.cost > i * 6)", True),
        ('run.saw("data.pii") && payload.gone > 1', "a field is missing"),
        ('run.saw("data.pii") || payload.gone > 1', True),
        ("run.cost > payload.list", "“>” does not take (double, list)"),
    ],
)
def test_a_condition_reads_the_run(source, expected):
    assert came_to(source, BUSY) == expected


@pytest.mark.parametrize("source", ['run.saw("x")', "run.cost > 5", '!(run.count("a") < 1)'])
def test_without_a_run_there_is_no_answer(source):
    assert came_to(source, None) == "the request names no run"
    assert came_to(f"payload.n == 3 || {source}", None) is True
    assert came_to(f"payload.n == 4 && {source}", None) is False


@pytest.mark.parametrize(
    ("source", "offset", "says"),
    [
        ('!run.saw("a")', 0, "switch this rule off"),
        ('payload.n > 1 && !run.saw("a")', 0, "switch this rule off"),
        ("run.cost < 5", 0, "switch this rule off"),
        ("5 >= run.cost", 0, "switch this rule off"),
        ("-run.cost > 5", 0, "switch this rule off"),
        ("5 - run.cost > 2", 0, "switch this rule off"),
        ('run.count("a") == 1', 15, "may only tighten"),
        ('run.count("a") != 1', 15, "may only tighten"),
        ("run.cost in [1, 2]", 9, "may only tighten"),
        ("run.cost > 1 && run.tokens < 5", 13, "tighten or loosen"),
        ("run.cost - run.tokens > 5", 9, "tighten or loosen"),
        ("run.cost > run.tokens", 9, "tighten or loosen"),
        ('run.saw("a") ? payload.n > 1 : true', 13, "may only tighten"),
        ('payload.n > 1 ? run.saw("a") : run.cost < 5', 14, "tighten or loosen"),
        ("run.cost * 2 > 5", 9, "may only tighten"),
        ("run.cost % 2 > 0", 9, "may only tighten"),
        ("int(run.cost) > 2", 0, "may only tighten"),
        ("[run.cost].exists(c, c < 2)", 0, "may only tighten"),
        ("payload.list[run.cost] > 2", 12, "may only tighten"),
        ("[1, 2].exists_one(i, run.cost > i)", 7, "may only tighten"),
        ("run > 5", 4, "“.” is missing"),
        ("run.colour > 5", 4, "no “colour”"),
        ("run.saw > 5", 8, "“(” is missing"),
        ("run.saw()", 8, "Write one text"),
        ('run.did("a", "b")', 11, "“)” is missing"),
        ("run.did(payload.n)", 8, "Write one text"),
        ('run.did("")', 4, "1 to 200"),
        ("payload.list.exists(run, run > 1)", 20, "has a meaning already"),
    ],
)
def test_what_more_reports_could_loosen_is_not_a_condition(source, offset, says):
    with pytest.raises(ConditionError) as raised:
        came_to(source, BUSY)
    assert says in raised.value.detail
    assert raised.value.offset == offset


def test_a_document_reads_so_much_of_a_run():
    rules = "".join(
        f"  - {{name: r{n}, action: pay.refund, effect: deny, when: run.did('t{n}')}}\n"
        for n in range(cel.MAX_VARIABLES + 1)
    )
    with pytest.raises(PolicyErrors, match="at most 64 different reads of the run"):
        compile_policy(f"{HEAD}rules:\n{rules}", 1)


def test_allow_cannot_read_the_run():
    with pytest.raises(PolicyErrors) as raised:
        policy(
            "{name: r, action: pay.refund, effect: allow, when: 'payload.n > 1 && run.cost > 1'}"
        )
    (error,) = raised.value.errors
    assert (error.line, error.column, error.path) == (11, 74, "/rules/0/when")
    assert "may only tighten" in error.detail


# -- plans ---------------------------------------------------------------------------------------

READS = "action: pay.refund, when: 'run.saw(\"data.pii\")'"


@pytest.mark.parametrize(
    ("rules", "run", "effect", "rule", "stages"),
    [
        ([f"{READS}, effect: deny", "effect: allow"], BUSY, "deny", "0", ()),
        ([f"{READS}, effect: deny", "effect: allow"], NOTHING, "allow", "1", ()),
        ([f"{READS}, effect: deny", "effect: allow"], None, "deny", "0", ()),
        ([f"{READS}, {ASK}", "effect: allow"], BUSY, "ask", "0", (MONEY,)),
        ([f"{READS}, {ASK}", "effect: allow"], NOTHING, "allow", "1", ()),
        ([f"{READS}, {ASK}", "effect: allow"], None, "ask", "0", (MONEY,)),
        ([f"{READS}, {ASK}", "effect: deny"], BUSY, "deny", "1", ()),
        ([f"{READS}, {ASK}"], BUSY, "ask", "0", (MONEY, LEAD)),
        (
            [f"{READS}, {ASK}", "effect: ask, ask: {stages: [{any_of: [lead], approvals: 2}]}"],
            BUSY, "ask", "1", (MONEY, Stage(("lead",), 2)),
        ),
        ([f"{READS}, {ASK}", f"{READS}, effect: deny"], BUSY, "deny", "1", ()),
        ([f"{READS}, {ASK}", f"{READS}, effect: ask, ask: {{confirm: owner}}", "effect: allow"],
            BUSY, "ask", "0", (MONEY, Stage((), confirm="owner"))),
    ],
)  # fmt: skip
def test_an_ask_that_reads_the_run_is_added_to_what_follows(rules, run, effect, rule, stages):
    rows = [
        f"{{name: '{at}', {rest if 'action' in rest else 'action: pay.refund, ' + rest}}}"
        for at, rest in enumerate(rules)
    ]
    found = plan(policy(*rows), {}, run=run)
    assert (found.effect, found.rule, found.stages) == (effect, rule, stages)


def test_the_plan_says_what_was_added_and_why():
    ours = policy(
        f"{{name: After personal data, {READS}, {ASK}}}",
        "{name: All, action: '*', effect: allow}",
    )
    found = plan(ours, {}, run=BUSY)
    assert found.why == (
        "Rule “All” covers *; “After personal data” matched what the run did, "
        "so its people are asked as well."
    )
    assert found.trace == (
        TraceLine("After personal data", 'run.saw("data.pii")', "true"),
        TraceLine("All", None, "true"),
    )
    unknown = plan(ours, {})
    assert unknown.trace[0].error == "the request names no run"
    assert "could not be evaluated" in unknown.why


def test_tools_have_the_labels_that_the_document_gives_them():
    ours = compile_policy(
        HEAD
        + f"rules:\n  - {{name: r, {READS}, effect: deny}}\n"
        + "  - {name: all, action: '*', effect: allow}\n"
        + "tools: {Read customer: {labels: [data.pii, data.eu]}, web: {labels: [net]}}\n",
        1,
    )
    assert ours.labels_of(["Read customer", "gone"]) == {"data.pii", "data.eu"}
    assert plan(ours, {}, run=NOTHING).effect == "allow"
    assert plan(ours, {}, run=replace(NOTHING, tools={"web": 1})).effect == "allow"
    assert plan(ours, {}, run=replace(NOTHING, tools={"Read customer": 1})).effect == "deny"
    assert plan(ours, {}, run=replace(NOTHING, labels=frozenset(["data.pii"]))).effect == "deny"


def test_facts_are_asked_for_only_where_a_rule_reads_the_run():
    ours = policy(
        f"{{name: r, {READS}, effect: deny}}",
        "{name: all, action: '*', effect: allow}",
        "{name: late, action: pay.tip, when: run.cost > 1, effect: deny}",
    )
    assert [ours.asks_run(name) for name in ("pay.refund", "pay.tip", "web.get", "none")] == [
        True, False, False, False,
    ]  # fmt: skip


# -- never looser --------------------------------------------------------------------------------

EFFECTS = ("allow", "ask", "deny")
COMMENTS = ("never", "on_reject", "always")
PEOPLE = {"lead": (1, 2), "money": (2, 3)}


def facts() -> st.SearchStrategy[RunFacts]:
    return st.builds(
        RunFacts,
        tools=st.dictionaries(st.sampled_from(["t", "u"]), st.integers(1, 3)),
        labels=st.frozensets(st.sampled_from(["a", "b"])),
        cost=st.sampled_from([0.0, 4.0, 9.0]),
        tokens=st.sampled_from([0, 5, 20]),
        age_s=st.sampled_from([0.0, 30.0]),
    )


def more(run: RunFacts, also: RunFacts) -> RunFacts:
    """What is reported in both together."""
    tools = {
        name: run.tools.get(name, 0) + also.tools.get(name, 0) for name in {*run.tools, *also.tools}
    }
    return RunFacts(
        tools,
        run.labels | also.labels,
        run.cost + also.cost,
        run.tokens + also.tokens,
        run.age_s + also.age_s,
    )


_READ = st.sampled_from(["run.cost", "run.tokens", "run.age", 'run.count("t")'])
_FIXED = st.sampled_from(["payload.n", "2", "6", "payload.gone"])
_NUMBERS = st.one_of(
    _READ,
    _FIXED,
    st.builds("({} {} {})".format, _READ, st.sampled_from("+-"), _FIXED),
    st.builds("({} {} {})".format, _FIXED, st.sampled_from("+-*"), _READ),
)
_SIGNS = st.sampled_from(["<", "<=", ">", ">=", "=="])
_CONDITIONS = st.recursive(
    st.one_of(
        st.sampled_from(['run.saw("a")', 'run.did("t")', "payload.n > 1", "payload.gone > 1"]),
        st.builds("{} {} {}".format, _NUMBERS, _SIGNS, _FIXED),
        st.builds("{} {} {}".format, _FIXED, _SIGNS, _NUMBERS),
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["&&", "||"]), inner),
        st.builds("!({})".format, inner),
        st.builds("(payload.n > 2 ? {} : {})".format, inner, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        st.builds("[1, 2].{}(i, {})".format, st.sampled_from(["all", "exists"]), inner),
    ),
    max_leaves=4,
)


@settings(max_examples=500, deadline=None)
@given(source=_CONDITIONS, told=st.lists(facts(), min_size=3, max_size=3))
def test_more_reports_never_turn_a_condition_false(source, told):
    runs = [NOTHING, *accumulate(told, more), None]
    try:
        found = [came_to(source, run) for run in runs]
    except ConditionError:
        return  # refused: some report could
    for before, after in pairwise(found):
        assert before is False or after is not False


_STAGES = st.lists(
    st.builds(
        "{{any_of: [{}], approvals: {}, distinct_from_earlier: {}}}".format,
        st.sampled_from(["lead", "money", "lead, money"]),
        st.integers(1, 2),
        st.sampled_from(["true", "false"]),
    ),
    min_size=1,
    max_size=2,
).map(", ".join)
_PERMITS = st.sampled_from(
    ["{}", "{valid_for: 5m}", "{valid_for: 1h, use_by: 1h}", "{result_within: 2d}"]
)
#: Each of them could be decided by somebody, at low risk.
_PLACES = [
    (channels, assurance)
    for size in (1, 2, 3)
    for channels in combinations(CHANNELS, size)
    for assurance in (None, *LADDER)
    if usable(channels, assurance or "chat")
]
_WHERE = st.sampled_from(
    [
        f"channels: [{', '.join(channels)}]{f', assurance: {assurance}' if assurance else ''}"
        for channels, assurance in _PLACES
    ]
)
_ASKS = st.builds(
    "effect: ask, ask: {{stages: [{}], expires_in: {}, on_expiry: '{}', comment: {}, permit: {}, {}}}".format,
    _STAGES,
    st.sampled_from(["5m", "1h"]),
    st.sampled_from(["expire", "allow", "ask:lead", "ask:money"]),
    st.sampled_from(COMMENTS),
    _PERMITS,
    _WHERE,
)
_PLAIN = st.sampled_from(["payload.n > 1", "payload.n > 9", "payload.gone > 1"])
_READING = st.sampled_from(
    [
        'run.saw("a")',
        'run.did("t") && payload.n > 1',
        'run.count("t") > 1 || payload.gone > 1',
        "run.cost > 5 && payload.gone > 1",
        "!(run.tokens < 10)",
    ]
)
_RULES = st.lists(
    st.one_of(
        st.tuples(st.one_of(st.none(), _PLAIN), st.one_of(st.just("effect: deny"), _PERMITS.map("effect: allow, permit: {}".format), _ASKS)),
        st.tuples(_READING, st.one_of(st.just("effect: deny"), _ASKS)),
    ),
    max_size=5,
)  # fmt: skip


def document(rules: list[tuple[str | None, str]]) -> Compiled:
    lines = [
        f"  - {{name: '{at}', action: pay.tip, {rest}{'' if when is None else f', when: {when!r}'}}}\n"
        for at, (when, rest) in enumerate(rules)
    ]
    return compile_policy(
        "assentry: 1\nfallback: lead\nroles: {lead: {}, money: {}}\n"
        "actions: {pay.tip: {risk: low}}\n" + (f"rules:\n{''.join(lines)}" if lines else ""),
        1,
    )


def places(loose: tuple[Stage, ...], tight: tuple[Stage, ...]) -> list[int]:
    """Where each stage of the loose plan stands in the tight one; an error where one is missing."""
    found = []
    for at, stage in enumerate(loose):
        there = [place for place, one in enumerate(tight) if one == stage]
        if stage.distinct_from_earlier:  # the last ones
            found.append(there[len(there) - loose[at:].count(stage)])
        else:
            found.append(there[loose[:at].count(stage)])
    return found


def approved(stages: Sequence[Stage], votes: Sequence[Sequence[int]]) -> bool:
    """Whether these votes end it approved, by the counting that decides in earnest."""
    cast = [
        Vote(UUID(int=0), at, UUID(int=who), Verdict.APPROVE, eligible=True)
        for at, people in enumerate(votes)
        for who in people
    ]
    quorums = [Quorum(s.approvals, s.rejections, s.distinct_from_earlier) for s in stages]
    return tally(quorums, cast).result is Result.APPROVED


def assert_no_looser(tight: Plan, loose: Plan) -> None:
    assert EFFECTS.index(tight.effect) >= EFFECTS.index(loose.effect)
    if tight.effect != "deny":
        assert_no_longer(tight.permit, loose.permit)
    if loose.effect == "ask" and tight.effect == "ask":
        assert_asks_no_less(_ask(tight), _ask(loose))


def _ask(plan: Plan) -> Ask:
    life = timedelta(seconds=plan.expires_in_s)
    return Ask(
        plan.stages,
        life,
        plan.on_expiry,
        plan.comment,
        plan.permit,
        plan.channels,
        plan.assurance,
        dwell=timedelta(seconds=plan.dwell_s),
    )


def assert_no_longer(tight: PermitTerms, loose: PermitTerms) -> None:
    assert all(one <= other for one, other in zip(astuple(tight), astuple(loose), strict=True))


def assert_asks_no_less(tight: Ask, loose: Ask) -> None:
    """Whatever satisfies the tight one satisfies the loose one, and silence gives no more."""
    assert COMMENTS.index(tight.comment) >= COMMENTS.index(loose.comment)
    assert tight.expires_in is not None
    assert loose.expires_in is not None
    assert tight.expires_in <= loose.expires_in
    assert_no_longer(tight.permit, loose.permit)
    assert tight.assurance is not None
    assert enough(tight.assurance, loose.assurance or "chat")
    assert usable(tight.channels, tight.assurance)
    assert (tight.dwell or timedelta()) >= (loose.dwell or timedelta())
    assert tight.channels == ("web",) or set(tight.channels) <= set(loose.channels)
    if tight.on_expiry != "expire":
        assert loose.on_expiry in (tight.on_expiry, "allow")
        assert tight.expires_in == loose.expires_in
    there = places(loose.stages, tight.stages)
    for second, stage in enumerate(loose.stages):
        if stage.distinct_from_earlier:
            # Two stages of distinct people keep apart from each other in either order.
            assert all(
                there[first] < there[second] or loose.stages[first].distinct_from_earlier
                for first in range(second)
            )
    if len(tight.stages) > 4:
        return
    able = [sorted({who for role in s.any_of for who in PEOPLE[role]}) for s in tight.stages]
    ways = (combinations(people, s.approvals) for people, s in zip(able, tight.stages, strict=True))
    for votes in product(*ways):  # who satisfies the tight one satisfies the loose one
        if approved(tight.stages, votes):
            assert approved(loose.stages, [votes[place] for place in there])


_DWELLS = [None, timedelta(seconds=5), timedelta(minutes=1)]
_OWN = st.builds(
    Ask,
    st.lists(
        st.builds(
            Stage,
            st.sampled_from([("lead",), ("money",)]),
            st.just(1),
            st.just(1),
            st.booleans(),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.sampled_from([timedelta(minutes=5), timedelta(hours=1)]),
    st.sampled_from(["expire", "allow", "ask:lead", "ask:money"]),
    st.sampled_from(COMMENTS),
    st.builds(PermitTerms, *[st.integers(60, 90_000)] * 3),
).flatmap(
    lambda ask: st.tuples(st.sampled_from(_PLACES), st.sampled_from(_DWELLS)).map(
        lambda drawn: replace(ask, channels=drawn[0][0], assurance=drawn[0][1], dwell=drawn[1])
    )
)


@settings(max_examples=500, deadline=None)
@given(added=st.lists(_OWN, max_size=2), also=_OWN, at=st.integers(0, 2), match=_OWN)
def test_an_ask_that_is_added_takes_nothing_away(added, also, at, match):
    more_added = [*added[:at], also, *added[at:]]
    tight = merged([*more_added, match], "low")
    assert_asks_no_less(tight, merged([*added, match], "low"))
    for one in (*more_added, match):
        assert_asks_no_less(tight, merged([one], "low"))
    assert merged([match], "low").stages == match.stages


@pytest.mark.parametrize(
    ("one", "other", "stages"),
    [
        # A stage of distinct people in front would be distinct from nobody.
        ("Ld", "L Ld", "L Ld"),
        ("L", "M L", "L M"),
        ("Ld Ld", "Ld", "Ld Ld"),
        ("L L", "L", "L L"),
        ("M Ld", "L", "M Ld L"),
    ],
)
def test_the_very_same_stage_is_not_asked_for_twice(one, other, stages):
    def read(text: str) -> tuple[Stage, ...]:
        return tuple(
            Stage(("lead",) if word[0] == "L" else ("money",), distinct_from_earlier="d" in word)
            for word in text.split()
        )

    assert merged([Ask(read(one)), Ask(read(other))], "low").stages == read(stages)


@settings(max_examples=300, deadline=None)
@given(rules=_RULES, less=facts(), also=facts())
def test_more_reports_never_make_a_looser_plan(rules, less, also):
    ours = document(rules)
    plans = [
        plan(ours, {"n": 3}, "pay.tip", run=run) for run in (NOTHING, less, more(less, also), None)
    ]
    for loose, tight in pairwise(plans):
        assert_no_looser(tight, loose)
