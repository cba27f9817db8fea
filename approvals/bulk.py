"""Deciding several requests at once: alike, of little risk, and each with a vote of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import msgspec

from approvals import inbox, read
from approvals.access import Reader
from approvals.choices import Choice
from approvals.decide import decide
from approvals.row import Row
from approvals.shown import row_digest
from approvals.status import Kind, Status
from audit.actor import Actor
from core import paging
from core.db import pool
from core.problems import FieldError, Problem, invalid, not_found
from policies.assurance import CHANNELS, usable

MOST: Final = 50
RISKS: Final = ("low", "medium")


_PLANS: Final = """
SELECT v.plan FROM approvals_request r
  JOIN approvals_revision v ON v.workspace_id = r.workspace_id AND v.request_id = r.id AND v.number = r.revision
 WHERE r.id = ANY(%(ids)s::uuid[])
"""


class _Terms(msgspec.Struct, frozen=True):
    """Of a plan, the rule that made it, and where it is decided (`approvals.frozen.FrozenPlan`)."""

    rule: str | None
    version: int
    channels: tuple[str, ...] = CHANNELS
    assurance: str = "session"
    dwell_s: int = 0


_TERMS: Final = msgspec.json.Decoder(_Terms)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one vote: the request as it then stands, or why it was not counted."""

    request_id: UUID
    rendered: bytes | None
    problem: Problem | None


def alike(*, reader: Reader, row: Row) -> list[Row]:
    """What this person could decide together with a request, itself among it; up to 50, urgent first.

    Empty where it is not decided together with others: a question, or of more than medium risk.  Those
    that people do not decide here (``web``) are left out.
    """
    if row.kind != Kind.REQUEST or row.risk not in RISKS:
        return []
    with pool().connection() as conn:
        rows = read.rows(conn, _of_action(reader, row))
    return [one for one in rows if _kind(one) == _kind(row) and _here(one)][:MOST]


def count_alike(*, reader: Reader, row: Row) -> int:
    """How many others `alike` has beside this one; none where it is not among them."""
    mine = _TERMS.decode(row.plan)
    if row.kind != Kind.REQUEST or row.risk not in RISKS or not _decided_here(mine):
        return 0
    found = _of_action(reader, row)
    if row.id not in found:
        return 0
    with pool().connection() as conn:
        plans = conn.execute(_PLANS, {"ids": found}, prepare=True).fetchall()
    terms = [_TERMS.decode(plan) for (plan,) in plans]
    same = [one for one in terms if (one.rule, one.version) == (mine.rule, mine.version)]
    return min(MOST, sum(map(_decided_here, same))) - 1


def _of_action(reader: Reader, row: Row) -> list[UUID]:
    return inbox.mine_of_action(
        reader=reader, action=row.action, risks=RISKS, limit=paging.MAX_LIMIT
    )


@dataclass(frozen=True, slots=True)
class SortedOut:
    """Chosen requests: those that are decided together, by kind, and why each other one is not.

    ``others`` have no reason where it is that this person does not decide on them now.
    """

    together: list[list[Row]]
    apart: list[tuple[Row, str]]
    others: list[Row]


def sort_out(*, reader: Reader, request_ids: Sequence[UUID]) -> SortedOut:
    """Which of these requests this person could decide together, up to 50; what they may not see is left out."""
    with pool().connection() as conn:
        found = {row.id: row for row in read.visible(conn, reader, request_ids)}
    rows = [found[one] for one in dict.fromkeys(request_ids) if one in found][:MOST]
    mine = inbox.mine_among(reader=reader, request_ids=[row.id for row in rows])
    kinds: dict[tuple[Any, ...], list[Row]] = {}
    apart, others = [], []
    for row in rows:
        why = _apart(row)
        if row.status != Status.PENDING:
            apart.append((row, f"It has ended: {row.status}."))
        elif why is not None:
            apart.append((row, why[1]))
        elif row.id not in mine or not _here(row):
            others.append(row)
        else:
            kinds.setdefault(_kind(row), []).append(row)
    return SortedOut(list(kinds.values()), apart, others)


def decide_alike(
    *, actor: Actor, reader: Reader, chosen: Sequence[tuple[UUID, Choice]]
) -> list[Outcome]:
    """Count one person's verdict on each of up to 50 requests of one action and one rule.

    Each vote is looked at and counted by itself, as if it had been the only one: some may be refused.

    Args:
        chosen: the requests, each with the verdict on exactly what was shown of it.

    Raises:
        Problem: 404 one of them is not to be seen; 422 they are not alike, one carries more than
            medium risk, is a question, or is named twice.  Nothing is decided then.
    """
    wanted = [request_id for request_id, _ in chosen]
    with pool().connection() as conn:
        found = {row.id: row for row in read.visible(conn, reader, wanted)}
    if set(wanted) - set(found):
        raise not_found()
    faults = _faults([found[request_id] for request_id in wanted])
    if faults:
        raise invalid(faults, code="not_alike", detail="These are not decided together.")
    return [
        _decide(actor, reader, request_id, _with_shown(found[request_id], choice))
        for request_id, choice in chosen
    ]


def _with_shown(row: Row, chosen: Choice) -> Choice:
    return replace(chosen, shown_digest=row_digest(row, chosen.channel))


def _decide(actor: Actor, reader: Reader, request_id: UUID, chosen: Choice) -> Outcome:
    try:
        rendered = decide(actor=actor, reader=reader, request_id=request_id, chosen=chosen)
    except Problem as problem:
        problem.extra.pop("request", None)
        return Outcome(request_id, None, problem)
    return Outcome(request_id, rendered, None)


def _faults(rows: Sequence[Row]) -> list[FieldError]:
    first, seen = rows[0], set[UUID]()
    faults = []
    for index, row in enumerate(rows):
        pointer = f"/requests/{index}/id"
        if row.id in seen:
            faults.append(FieldError(pointer, "twice", "It is named twice."))
        elif (why := _apart(row)) is not None:
            faults.append(FieldError(pointer, *why))
        elif _kind(row) != _kind(first):
            detail = "It has another action, or another rule asked for it."
            faults.append(FieldError(pointer, "not_alike", detail))
        seen.add(row.id)
    return faults


def _apart(row: Row) -> tuple[str, str] | None:
    """Why it is never decided together with others: a code and a sentence."""
    if row.kind != Kind.REQUEST:
        return "question", "A question is answered by itself."
    if row.risk not in RISKS:
        return "too_risky", f"It carries {row.risk} risk: look at it by itself."
    return None


def _here(row: Row) -> bool:
    return _decided_here(_TERMS.decode(row.plan))


def _decided_here(terms: _Terms) -> bool:
    # A second factor is given for one request, and each has to be open for a while.
    at_all = "web" in usable(terms.channels, terms.assurance)
    return at_all and terms.assurance != "mfa" and not terms.dwell_s


def _kind(row: Row) -> tuple[Any, ...]:
    plan = _TERMS.decode(row.plan)
    return row.action, plan.rule, plan.version
