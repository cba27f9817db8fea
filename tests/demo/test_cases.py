"""The demo's input is what its README says, and fits its policy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from core import ids
from demo.cases import ACTIONS, load
from policies.cases import results
from policies.compiled import get

POLICY = Path(__file__).resolve().parents[2] / "demo" / "policy.yaml"


def test_it_has_as_many_runs_and_calls_as_is_said() -> None:
    cases = load()
    kinds = Counter(call.kind for case in cases for call in case.calls)
    assert len(cases) == len({case.run for case in cases}) == 112
    assert kinds == {"read": 370, "change": 176, "question": 4}
    assert sum(kinds.values()) == 550
    assert {call.action for case in cases for call in case.calls if call.action} == set(
        ACTIONS.values()
    )


def test_every_change_fits_its_action_s_schema() -> None:
    policy = get(ids.uuid7(), POLICY.read_text(encoding="utf-8"), number=1)
    for case in load():
        for call in case.calls:
            if call.kind == "change":
                assert policy.payload_errors(call.action, call.payload) == [], (case.run, call)


def test_the_policy_s_own_tests_hold() -> None:
    policy = get(ids.uuid7(), POLICY.read_text(encoding="utf-8"), number=1)
    came = [(result.case.name, result.differs) for result in results(policy)]
    assert len(came) == 7
    assert [differs for _, differs in came] == [None] * 7
