"""Every policy in the documents can be applied, and every condition says what it is said to say."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from datetime import UTC, datetime

import pytest

from core.canonical import JSON
from policies import cel
from policies.assurance import CHANNELS, PROVES
from policies.cases import faults
from policies.compiled import compile_policy
from policies.differences import Change
from policies.document import DEADLINES
from policies.run_reads import RunFacts
from policies.schema import POLICY_SCHEMA
from policies.terms import ASSURANCES
from policies.tokens import ConditionError
from tests.docs.pages import ROOT, Block, blocks, section

POLICY = ROOT / "docs" / "policy.md"
CONDITIONS = [
    line
    for block in blocks("cel", of=POLICY)
    for line in block.text.splitlines()
    if line.rpartition("//")[1]
]


#: All but what is for Prometheus (tests/oversight/test_metrics.py).
POLICIES = [block for block in blocks("yaml", "yml") if block.document.name != "metrics.md"]


@pytest.mark.parametrize("block", POLICIES, ids=lambda block: block.place)
def test_every_yaml_block_is_a_policy_that_can_be_applied(block: Block) -> None:
    assert block.text.startswith("assentry: 1\n")
    policy = compile_policy(block.text, 1)
    assert policy.document.rules
    assert list(faults(policy)) == []


def test_examples_bring_tests_along() -> None:
    for path in (ROOT / "docs" / "examples" / "policies").iterdir():
        policy = compile_policy(path.read_text(encoding="utf-8"), 1)
        assert policy.document.tests, path.name
        assert list(faults(policy)) == []


def _payload() -> JSON:
    (block,) = blocks("json", of=POLICY)
    found: JSON = json.loads(block.text)
    return found


@pytest.mark.parametrize("line", CONDITIONS)
def test_conditions_come_to_what_the_document_says(line: str) -> None:
    written, _, expected = (part.strip() for part in line.rpartition("//"))
    variables = cel.Variables()
    try:
        condition = cel.compile_condition(written, variables)
    except ConditionError:
        assert expected == "refused"
        return
    run = RunFacts({"crm.get_customer": 2}, frozenset({"data.pii"}), 12.5, 900, 3600)
    on = cel.situation(
        variables=variables,
        action="payments.refund",
        payload=_payload(),
        agent={"id": "agt_x", "name": "bot", "owner": "ana@example.com"},
        workspace={"id": "wsp_x", "slug": "acme"},
        now=datetime(2026, 1, 5, 12, tzinfo=UTC),
        counters={},
        run={read: run.value(read) for read in variables.reads},
    )
    try:
        came_to = str(cel.holds(condition, on)).lower()
    except cel.EvaluationError:
        came_to = "error"
    assert came_to == expected


def test_the_counters_of_the_document_compile() -> None:
    lines = [
        line
        for block in blocks("cel", of=POLICY)
        for line in block.text.splitlines()
        if "//" not in line
    ]
    assert len(lines) == 3
    for line in lines:
        assert len(cel.compile_condition(line, cel.Variables()).counters) == 1


def test_every_key_of_the_format_is_described() -> None:
    shapes = [POLICY_SCHEMA, *POLICY_SCHEMA["$defs"].values()]
    keys = {key for shape in shapes for key in shape["properties"]}
    text = POLICY.read_text(encoding="utf-8")
    assert {key for key in keys if f"`{key}`" not in text and f"`{key}:" not in text} == set()


@pytest.mark.parametrize(
    ("shape", "heading"),
    [("", "## The document"), ("action", "## Actions"), ("rule", "## Rules"), ("ask", "## Asking")],
)
def test_every_key_has_a_row_where_it_is_looked_for(shape: str, heading: str) -> None:
    keys = POLICY_SCHEMA["$defs"][shape] if shape else POLICY_SCHEMA
    rows = re.findall(r"^\| `(\w+)[`:]", section(POLICY, heading), re.MULTILINE)
    assert set(keys["properties"]) - set(rows) == set()


def test_what_a_difference_can_be_of_is_told() -> None:
    (kinds,) = (field.type for field in fields(Change) if field.name == "what")
    told = section(POLICY, "## Before it is active").partition("; and where")[0]
    for kind in re.findall(r'"(\w+)"', str(kinds)):
        assert kind in told


def test_default_deadlines_are_those_of_the_code() -> None:
    said = section(POLICY, "## Asking")
    for risk, deadline in DEADLINES.items():
        assert f"{risk} {int(deadline.total_seconds()) // 3600}h" in said


def test_default_proofs_are_those_of_the_code() -> None:
    said = " ".join(section(POLICY, "### Where, and how surely").split())
    assert "low and medium `chat`, high `session`, critical `mfa`" in said
    assert [ASSURANCES[risk] for risk in ("low", "medium", "high", "critical")] == [
        "chat",
        "chat",
        "session",
        "mfa",
    ]
    for channel in CHANNELS:
        assert f"| `{PROVES[channel]}` | `{channel}` |" in said
