"""The sentences people read: time left, outcomes, what a deadline means.  Pure, and tabled.

Nothing here quotes what an agent wrote; names of people and roles are put in by the templates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: From here on the time left is shown as urgent.
SOON: Final = timedelta(minutes=15)

RISKS: Final = ("low", "medium", "high", "critical")

#: (status, basis) → (heading, what it means).  Expired is never called rejected.
OUTCOMES: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("approved", "people"): (
        "Approved",
        "Everybody who had to agree did. The agent may run exactly this, once.",
    ),
    ("approved", "confirm"): (
        "Confirmed by the owner",
        "Its own owner confirmed it, as the rule asks; nobody independent decided. Exactly this may run, once.",
    ),
    ("approved", "confirm:initiator"): (
        "Confirmed by who started the run",
        "The one who started the run confirmed it, as the rule asks; nobody independent decided. Exactly this may run, once.",
    ),
    ("approved", "policy"): (
        "Allowed by policy",
        "Nobody was asked. The agent may run exactly this, once.",
    ),
    ("approved", "clock"): (
        "Allowed by the clock",
        "Nobody answered in time, and policy lets this low-risk action run then.",
    ),
    ("approved", "break_glass"): (
        "Approved past the plan",
        "Two administrators broke the glass. The agent may run exactly this, once; a third person must review it.",
    ),
    ("answered", "people"): ("Answered", "The agent has the answer."),
    ("rejected", "people"): ("Rejected", "The agent was told not to run it."),
    ("rejected", "confirm"): ("Not confirmed by the owner", "The agent was told not to run it."),
    ("rejected", "confirm:initiator"): (
        "Not confirmed by who started the run",
        "The agent was told not to run it.",
    ),
    ("rejected", "policy"): (
        "Refused by policy",
        "Nobody was asked. The agent was told not to run it.",
    ),
    ("expired", "clock"): (
        "Expired",
        "Nobody decided in time. That is not a rejection: the agent was told not to run it, and may ask again.",
    ),
    ("cancelled", "agent"): ("Withdrawn by the agent", "It needs no decision any more."),
    ("cancelled", "owner"): ("Withdrawn by the agent's owner", "It needs no decision any more."),
    ("cancelled", "kill_switch"): (
        "Stopped by the kill switch",
        "Its agent was suspended; nothing of it may run.",
    ),
}

#: Which colour an end has: words carry the meaning, the colour only repeats it.
TONES: Final = {
    "approved": "ok",
    "answered": "ok",
    "rejected": "no",
    "expired": "warn",
    "cancelled": "quiet",
}

#: What somebody did, by verdict.
VERDICTS: Final = {
    "approve": "approved",
    "reject": "rejected",
    "edit": "changed it and approved",
    "answer": "answered",
    "return": "gave it back",
}

#: What reject offers by one press; the code travels in the form, the words are what is recorded.
REASONS: Final = (
    ("details", "The details are wrong"),
    ("not_needed", "Not needed, or already done"),
    ("not_allowed", "Against our rules"),
    ("unclear", "I cannot tell what this would do"),
)


def moment(text: str) -> datetime:
    """An RFC 3339 instant of the request object, aware, in UTC."""
    return datetime.fromisoformat(text)


#: What became of an approval since, by the state of its permit; ``open`` adds nothing.
PERMITS: Final[dict[str, str]] = {
    "issued": "The agent picked up its permit; no tool has used it yet.",
    "consumed": "A tool used the permit: it ran, or was begun. It cannot run again.",
    "revoked": "It was taken back before a tool used it: it may not run any more.",
    "lapsed": "Nobody used it in time: it may not run any more.",
}
UNKNOWN_END: Final = "No result came in time, so nobody knows how it ended."


def since(state: str, *, result_missing: bool) -> str:
    """What became of an approval since; empty while nothing did."""
    said = PERMITS.get(state, "")
    return f"{said} {UNKNOWN_END}" if result_missing else said


def outcome(status: str, basis: str | None, *, initiator: bool = False) -> tuple[str, str]:
    """Heading and meaning of an end; ``initiator`` says that a stage asked who started the run."""
    if basis == "confirm" and initiator:
        basis = "confirm:initiator"
    return OUTCOMES.get((status, basis or ""), (status.capitalize(), ""))


def eraser(kind: str, name: str | None) -> str:
    """Who had a request's content erased: a person by name, an operator, or the workspace's retention."""
    return {
        "operator": "an operator of this server",
        "retention": "this workspace's retention",
    }.get(kind) or (name or "somebody")


def at_deadline(on_expiry: str, *, last_stage: bool) -> tuple[str, str | None]:
    """What happens when the time is up: a sentence, and the role that is asked then, if one is.

    ``last_stage`` says that the stage for after the deadline is already the open one.
    """
    kind, _, role = on_expiry.partition(":")
    if kind == "allow":
        return "it is allowed without a person: policy says so for this low-risk action", None
    if kind == "ask" and not last_stage:
        return "one more role is asked:", role
    return "it expires: the agent is told that nobody decided, and must not run it", None


def done(verdict: str, *, question: bool = False) -> str:
    """What this person has just done, said to them."""
    if verdict == "reject":
        return "You declined to answer." if question else "You rejected."
    return {
        "approve": "You approved.",
        "edit": "You changed the payload.",
        "answer": "You answered.",
        "return": "You gave it back to the agent.",
    }[verdict]


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 approval``, ``2 approvals``."""
    return f"{count} {one if count == 1 else many or one + 's'}"
