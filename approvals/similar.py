"""What was decided before on requests like one: of the same agent and action, those it shares facts with first.

Bounded on both ends: only so many of the newest are looked at, and so many told.  Whoever looks sees only what
they may see.  What policy calls sensitive compares nothing: that two covered values agree would tell of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from approvals.access import MAY_SEE, Reader
from approvals.frozen import FrozenPlan, decode
from approvals.row import Row
from approvals.status import Status
from core.db import pool
from people.sql import NAME_OF

#: Requests of the agent and action that are looked at, the newest before this one.
LOOKED_AT: Final = 200
#: Those of them that people decided or let expire, for the counts.
COUNTED: Final = 50
#: Those that are named.
TOLD: Final = 6

_DECIDED: Final = f"""
WITH recent AS MATERIALIZED (
    SELECT same.id FROM approvals_request same
     WHERE same.agent_id = %(agent)s AND same.action = %(action)s AND same.created_at <= %(asked)s
       AND same.id <> %(request)s AND same.workspace_id = %(workspace)s
     ORDER BY same.created_at DESC LIMIT {LOOKED_AT}
)
SELECT r.id, r.title, r.status, r.permit_state, r.ended_at, v.plan,
       ARRAY(SELECT DISTINCT {NAME_OF.format(person="d.person_id")} FROM approvals_decision d
              WHERE d.request_id = r.id AND d.revision = r.revision AND d.void_at IS NULL
                AND d.verdict = ANY(CASE r.status WHEN 'rejected' THEN ARRAY['reject']
                                                  ELSE ARRAY['approve', 'edit', 'answer'] END)
              ORDER BY 1 LIMIT 3)
  FROM recent
  JOIN approvals_request r ON r.id = recent.id
  JOIN agents_agent agent ON agent.id = r.agent_id
  JOIN approvals_revision v
    ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.status = ANY(%(ends)s) AND r.basis <> 'policy' AND r.erased_at IS NULL AND {MAY_SEE}
 ORDER BY r.ended_at DESC, r.id DESC LIMIT {COUNTED}
"""
_ENDS: Final = [Status.APPROVED, Status.REJECTED, Status.ANSWERED, Status.EXPIRED]


@dataclass(frozen=True, slots=True)
class Before:
    """One that ended: how, by whom, and the labels of the facts that are the same."""

    id: UUID
    title: str
    status: str
    #: Where an approval was taken back or lapsed: ``revoked``, ``lapsed``; else as its permit stands.
    permit: str | None
    ended_at: datetime
    by: tuple[str, ...]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Similar:
    """How many ended how, and the nearest of them."""

    counts: tuple[tuple[str, int], ...]
    nearest: tuple[Before, ...]

    @property
    def looked_at(self) -> int:
        """How many ended."""
        return sum(count for _, count in self.counts)


def similar(*, reader: Reader, row: Row) -> Similar:
    """What people decided before on requests like this one, as far as the reader may see them."""
    values = {
        "agent": row.agent_id,
        "action": row.action,
        "asked": row.created_at,
        "request": row.id,
        "ends": [str(end) for end in _ENDS],
    }
    with pool().connection() as conn:
        found = conn.execute(_DECIDED, {**reader.values(), **values}).fetchall()
    plans = [decode(one[5]) for one in found]
    telling = _telling(decode(row.plan), plans)
    listed = [_before(one, plan, telling) for one, plan in zip(found, plans, strict=True)]
    nearest = sorted(listed, key=lambda one: len(one.same), reverse=True)[:TOLD]
    counts = Counter(one.status for one in listed)
    return Similar(tuple((end, counts[end]) for end in _ENDS if counts[end]), tuple(nearest))


def _telling(plan: FrozenPlan, others: Sequence[FrozenPlan]) -> dict[str, tuple[str, str]]:
    """The facts that tell requests apart, label and value by pointer: what all have alike does not."""
    own = _facts(plan)
    if len(others) < 4:
        return own
    all_of_them = [_facts(other) for other in others]
    return {
        pointer: fact
        for pointer, fact in own.items()
        if not all(other.get(pointer) == fact for other in all_of_them)
    }


def _facts(plan: FrozenPlan) -> dict[str, tuple[str, str]]:
    return {
        fact.pointer: (fact.label, fact.value)
        for fact in plan.facts
        if fact.pointer and not any(_within(fact.pointer, each) for each in plan.sensitive)
    }


def _within(pointer: str, sensitive: str) -> bool:
    """Whether one of the two places holds the other."""
    return f"{pointer}/".startswith(f"{sensitive}/") or f"{sensitive}/".startswith(f"{pointer}/")


def _before(one: Sequence[Any], plan: FrozenPlan, telling: dict[str, tuple[str, str]]) -> Before:
    theirs = _facts(plan)
    same = tuple(
        label
        for pointer, (label, value) in telling.items()
        if theirs.get(pointer) == (label, value)
    )
    return Before(one[0], one[1], one[2], one[3], one[4], tuple(one[6]), same)
