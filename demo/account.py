"""What ran, held against what was approved: the shop's ledger beside the server's requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assentry.objects import Request

from demo.cases import Case
from demo.shop import Effect


@dataclass(frozen=True)
class Line:
    """One request or question, and what the shop did for it."""

    id: str
    run: str
    case: str
    title: str
    outcome: str
    by: tuple[str, ...]
    page: str
    ran_at: str
    asked: bool


@dataclass(frozen=True)
class Account:
    """The whole: ``unapproved`` are effects without a yes to exactly what ran, which must be none."""

    lines: tuple[Line, ...]
    unapproved: tuple[Effect, ...]
    counts: Counter[str] = field(default_factory=Counter)
    cases: int = 0


def account(
    requests: Sequence[Request], effects: Sequence[Effect], cases: Sequence[Case]
) -> Account:
    """Hold the two against each other."""
    by_id = {request.id: request for request in requests}
    done = {effect.request: effect for effect in effects}
    reasons = {case.run: case.reason for case in cases}
    unapproved = tuple(effect for effect in effects if not _covered(effect, by_id))
    lines = tuple(_line(request, done.get(request.id), reasons) for request in requests)
    counts = Counter(_kind(request, request.id in done) for request in requests)
    counts["ran"] = len(effects)
    return Account(lines, unapproved, counts, len(cases))


def _covered(effect: Effect, requests: dict[str, Request]) -> bool:
    """Whether somebody, or policy, said yes to exactly this."""
    request = requests.get(effect.request)
    return (
        request is not None
        and request.status == "approved"
        and request.action == effect.action
        and request.payload_digest == effect.payload_digest
    )


def _kind(request: Request, ran: bool) -> str:
    if request.kind == "question":
        return f"question {request.status}"
    if request.status == "rejected":
        return "refused by policy" if request.basis == "policy" else "rejected by people"
    if request.status == "approved":
        how = "allowed by policy" if request.basis == "policy" else "approved by people"
        return how if ran else "approved, not run yet"
    return request.status


def _line(request: Request, effect: Effect | None, reasons: dict[str, str]) -> Line:
    raw: dict[str, Any] = request.raw
    run = str((raw["run"] or {}).get("external_id", ""))
    votes = [
        vote["person"]["name"]
        for vote in raw["decisions"]
        if not vote["void"] and vote["verdict"] != "return"
    ]
    return Line(
        id=request.id,
        run=run,
        case=reasons.get(run, ""),
        title=str(raw["title"]),
        outcome=_kind(request, effect is not None),
        by=tuple(votes),
        page=str(raw["links"]["page"]),
        ran_at=effect.at if effect else "",
        asked=request.kind == "request",
    )
