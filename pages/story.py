"""What happened to one request so far, in words: its events, as whoever may see it may know them.

What people tried in vain, and who looked at the log, is for auditors (`pages.views.log`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from approvals import words
from approvals.row import Row
from audit.reading import Event, Wanted, events
from pages.actors import names_of

#: The newest events that stand on the page; the log has all.
MOST: Final = 100

Data = Mapping[str, Any]

_STEPS: Final = {
    "remind": "reminded who had not decided",
    "notify": "told others",
    "widen": "let others decide as well",
    "page": "called a pager",
    "expire": "met the deadline early",
}


def _always(said: str) -> Callable[[Data], str]:
    return lambda data: said


def _decided(data: Data) -> str:
    return f"{words.VERDICTS[data['verdict']]}, at step {data['stage'] + 1}"


def _opened(data: Data) -> str:
    why = ", because the deadline passed" if data["reason"] == "deadline" else ""
    return f"opened step {data['stage'] + 1}{why}"


def _stepped(data: Data) -> str:
    done = _STEPS.get(data["does"], "took a step")
    return done if data["state"] == "fired" else f"passed over a step of the clock ({data['does']})"


def _ended(said: str) -> Callable[[Data], str]:
    """An end; where it is not people's, it says whose."""
    whose = {"clock": ": the time was up", "policy": ", as policy says", "confirm": ": confirmed"}
    return lambda data: f"{said}{whose.get(data['basis'], '')}"


#: Kind → what its actor did, after their name.
DID: Final[dict[str, Callable[[Data], str]]] = {
    "request.submitted": _always("asked"),
    "question.asked": _always("asked"),
    "request.revised": lambda data: f"changed the payload: revision {data['revision']}",
    "request.returned": _always("gave it back to the agent"),
    "request.message_added": _always("answered, or added evidence"),
    "request.commented": _always("wrote to the others"),
    "request.claimed": _always("looks into it"),
    "request.released": _always("does not look into it any more"),
    "request.stage_opened": _opened,
    "request.approved": _ended("closed it: approved"),
    "request.rejected": _ended("closed it: rejected"),
    "request.answered": _ended("closed it: answered"),
    "request.expired": _always("closed it: expired, nobody decided in time"),
    "request.cancelled": _always("withdrew it"),
    "request.revoked": _always("took the approval back"),
    "request.extended": _always("gave it more time"),
    "request.sensitive_shown": _always("opened covered values"),
    "decision.recorded": _decided,
    "decision.voided": lambda data: f"voided a vote at step {data['stage'] + 1}",
    "permit.issued": _always("picked up the permit"),
    "permit.replaced": _always("picked up another permit"),
    "permit.consumed": _always("used the permit: it ran, or was begun"),
    "permit.lapsed": _always("let the approval lapse: nobody used it in time"),
    "result.reported": lambda data: f"told what came of it: {data['status']}",
    "result.missing": _always("waited for a result in vain"),
    "escalation.stepped": _stepped,
    "escalation.undelivered": _always("could not deliver anything of a step"),
    "break_glass.confirmed": _always("said yes past the plan"),
    "break_glass.reviewed": _always("reviewed the way past the plan"),
}
_TONES: Final = {
    "request.approved": "yes",
    "request.answered": "yes",
    "request.rejected": "nay",
    "request.revoked": "nay",
    "request.expired": "back",
    "permit.consumed": "yes",
}


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: who did what, through which door, when; ``dot`` is its mark."""

    who: str
    did: str
    via: str
    at: datetime
    dot: str


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, the first first; ``more``: there is more before it."""

    lines: tuple[Happened, ...]
    more: bool


def story(row: Row) -> Story:
    """The events of a request.  Who may know is the caller's to ask."""
    found = events(workspace=row.workspace_id, wanted=Wanted(subject=row.id), limit=MOST)
    told = [(one, json.loads(one.body)) for one in reversed(found.items)]
    told = [(one, body) for one, body in told if body["kind"] in DID]
    names = names_of(row.workspace_id, [body["actor"] for _, body in told])
    lines = [_line(one, body, name) for (one, body), name in zip(told, names, strict=True)]
    return Story(tuple(lines), found.next is not None)


def _line(one: Event, body: dict[str, Any], name: str) -> Happened:
    kind, actor = body["kind"], body["actor"]
    via = actor["via"] if actor["type"] == "person" else ""
    return Happened(name, DID[kind](body["data"]), via, one.at, _TONES.get(kind, ""))
