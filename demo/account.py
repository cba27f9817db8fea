"""What ran, held against what was approved: the shop's ledger beside the server's requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from assentry import Request, digest

from demo.cases import Case
from demo.shop import Effect

#: What a sum of the reconciliation should be for all to be well; the others may be anything.
NONE_OF: Final = ("effects without their yes", "reported as done, not in the ledger")


@dataclass(frozen=True)
class Line:
    """One request or question, and what the shop did for it.

    Attributes:
        basis: why it ended (``people``, ``policy``…); empty while it is pending.
        by: who voted.
        ran_at: when it ran; empty where it did not.
    """

    id: str
    action: str
    run: str
    case: str
    title: str
    outcome: str
    basis: str
    by: tuple[str, ...]
    page: str
    ran_at: str
    asked: bool


@dataclass(frozen=True)
class Unapproved:
    """An effect without a yes to exactly what ran, and what is missing."""

    effect: Effect
    why: str


@dataclass(frozen=True)
class Account:
    """The whole.

    Attributes:
        lines: all requests and questions, newest first.
        unapproved: what ran without its yes; there must be none.
        counts: requests by their outcome, and ``ran``, the effects of the ledger.
        sums: the two sides held against each other; those in `NONE_OF` must be 0.
    """

    lines: tuple[Line, ...]
    unapproved: tuple[Unapproved, ...]
    counts: Counter[str] = field(default_factory=Counter)
    sums: Mapping[str, int] = field(default_factory=dict)
    cases: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing ran without its yes, and nothing was claimed that did not run."""
        return not any(self.sums.get(name) for name in NONE_OF)


def account(
    requests: Sequence[Request], effects: Sequence[Effect], cases: Sequence[Case]
) -> Account:
    """Hold the two against each other.

    `effects` must have been read before `requests`: what ran by then was approved by then.
    """
    by_id = {request.id: request for request in requests}
    done = {effect.request: effect for effect in effects}
    reasons = {case.run: case.reason for case in cases}
    unapproved = _unapproved(effects, by_id)
    lines = tuple(_line(request, done.get(request.id), reasons) for request in requests)
    counts = Counter(_kind(request, request.id in done) for request in requests)
    counts["ran"] = len(effects)
    return Account(
        lines, unapproved, counts, _sums(requests, done, effects, unapproved), len(cases)
    )


def _unapproved(effects: Sequence[Effect], by_id: Mapping[str, Request]) -> tuple[Unapproved, ...]:
    found: list[Unapproved] = []
    seen: set[str] = set()
    for effect in effects:
        why = _missing(effect, by_id.get(effect.request))
        # One yes is for one effect: the second of a request has none.
        if not why and effect.request in seen:
            why = "it ran before"
        seen.add(effect.request)
        if why:
            found.append(Unapproved(effect, why))
    return tuple(found)


def _missing(effect: Effect, request: Request | None) -> str:
    """What is missing for this effect to have its yes; empty where nothing is."""
    if request is None:
        return "the server knows no such request"
    if request.status != "approved":
        return f"the request is {request.status}"
    if request.action != effect.action:
        return f"approved was {request.action}"
    if request.payload_digest != effect.payload_digest:
        return "approved was another payload"
    if digest(effect.payload) != effect.payload_digest:
        return "its payload is not what its digest says"
    return ""


def _sums(
    requests: Sequence[Request],
    done: Mapping[str, Effect],
    effects: Sequence[Effect],
    unapproved: Sequence[Unapproved],
) -> dict[str, int]:
    asked = [request for request in requests if request.kind == "request"]
    approved = [request for request in asked if request.status == "approved"]
    ran = [request for request in asked if request.id in done]
    reported = {request.id for request in asked if _status(request.result) == "succeeded"}
    return {
        "effects": len(effects),
        "effects without their yes": len(unapproved),
        "approved, not run yet": sum(request.id not in done for request in approved),
        "asked, waiting": sum(request.pending for request in requests),
        "refused": sum(request.status in {"rejected", "expired", "cancelled"} for request in asked),
        "run, not reported yet": sum(request.id not in reported for request in ran),
        "reported as done, not in the ledger": len(reported - done.keys()),
    }


def _status(result: Mapping[str, Any] | None) -> str:
    return str(result["status"]) if result else ""


#: How it is said, by what it ended on; other bases are named.
_APPROVED: Final = {"policy": "allowed by policy", "people": "approved by people"}
_REJECTED: Final = {"policy": "refused by policy", "people": "rejected by people"}


def _kind(request: Request, ran: bool) -> str:
    basis = request.basis or ""
    if request.kind == "question":
        return f"question {request.status}"
    if request.status == "rejected":
        return _REJECTED.get(basis, f"rejected ({basis})")
    if request.status == "approved":
        return _APPROVED.get(basis, f"approved ({basis})") if ran else "approved, not run yet"
    return request.status


def _line(request: Request, effect: Effect | None, reasons: Mapping[str, str]) -> Line:
    raw: dict[str, Any] = request.raw
    run = str((raw["run"] or {}).get("external_id", ""))
    votes = [
        vote["person"]["name"]
        for vote in raw["decisions"]
        if not vote["void"] and vote["verdict"] != "return"
    ]
    return Line(
        id=request.id,
        action=request.action,
        run=run,
        case=reasons.get(run, ""),
        title=str(raw["title"]),
        outcome=_kind(request, effect is not None),
        basis=request.basis or "",
        by=tuple(votes),
        page=str(raw["links"]["page"]),
        ran_at=effect.at if effect else "",
        asked=request.kind == "request",
    )
