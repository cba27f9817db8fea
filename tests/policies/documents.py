"""Small policies for tests, and what else planning needs."""

from __future__ import annotations

from datetime import UTC, datetime

from policies.compiled import Compiled, compile_policy
from policies.evaluate import AgentFacts, WorkspaceFacts, plan_for
from policies.plan import Plan

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AGENT = AgentFacts("agt_1", "Billing bot", "olga@example.com")
WORKSPACE = WorkspaceFacts("wsp_1", "acme")

HEAD = """\
assentry: 1
fallback: lead
roles:
  lead: {members: [ana@example.com, ben@example.com]}
  money: {title: Finance, members: [caro@example.com, dan@example.com]}
actions:
  pay.refund: {risk: medium}
  pay.tip: {risk: low}
  web.get: {risk: low}
"""


def policy(*rules: str) -> Compiled:
    """A policy of these rules, each in YAML flow style."""
    return compile_policy(HEAD + "rules:\n" + "".join(f"  - {rule}\n" for rule in rules), 7)


def plan(compiled: Compiled, payload, action="pay.refund", counters=None, run=None) -> Plan:
    return plan_for(
        policy=compiled,
        action=action,
        payload=payload,
        agent=AGENT,
        workspace=WORKSPACE,
        now=NOON,
        counters=counters or {},
        run=run,
    )
