"""Agents and keys as people read them: what each state means, and what a key may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from agents import keys as written
from agents.authentication import INITIATE, KNOWN_SCOPES, READ, SCOPES, SUBMIT
from agents.lists import KeyRow
from approvals.words import plural
from core import ids
from oversight.agents import AgentLine
from people.models import Person, Workspace

#: What each scope lets a program do.
SCOPE_WORDS: Final[Mapping[str, str]] = {
    READ: "read its requests, and wait for them",
    SUBMIT: "submit, revise and cancel requests, and report runs",
    INITIATE: "say which person started a run: only for a program that proves who they are",
}
#: Of whom a key is.
KINDS: Final[Mapping[str, str]] = {"agt": "agent", "tool": "tool", "aud": "auditor"}
#: Which agents a list shows.
FILTERS: Final[Mapping[str, str]] = {
    "": "All",
    "active": "Active",
    "suspended": "Suspended",
    "retired": "Retired",
}
#: How long a key may be made to last; empty: for ever.
LASTS: Final = (
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "a year"),
    ("", "for ever, until somebody revokes it"),
)
OVERLAPS: Final = (("1h", "1 hour"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"))
#: What the choice of an owner offers at most; who is not among them is typed.
MOST_OFFERED: Final = 500

_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "active": ("yes", "Active"),
    "suspended": ("back", "Suspended"),
    "stopped": ("nay", "Stopped by the kill switch"),
    "retired": ("void", "Retired"),
}
_KEY_STATES: Final[Mapping[str, tuple[str, str]]] = {
    "active": ("yes", "Active"),
    "expired": ("void", "Expired"),
    "revoked": ("void", "Revoked"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One agent in a list or at the head of its page; `dot` repeats in colour what `said` says."""

    id: str
    name: str
    owner: str
    owner_active: bool
    state: str
    dot: str
    said: str
    stopped_at: datetime | None
    seen_at: datetime | None
    created_at: datetime
    version: str
    keys: int
    asked: str
    waiting: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One key; `label` is its name, or what its text begins with."""

    id: str
    label: str
    kind: str
    prefix: str
    agent: str
    agent_name: str
    dot: str
    state: str
    said: str
    may: tuple[str, ...]
    actions: tuple[str, ...]
    rate_limit: int | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    replaces: str
    replaced_by: str

    @property
    def ends(self) -> datetime | None:
        """When it ends by itself, where it has not ended."""
        return self.expires_at if self.state == "active" else None


def line(found: AgentLine) -> Line:
    """An agent, with its state in words."""
    row, asked = found.row, found.asked
    state = "stopped" if found.stopped_at is not None else row.state
    dot, said = _STATES[state]
    changed = (
        (asked.approved, "approved"),
        (asked.rejected, "rejected"),
        (asked.edited, "changed by people"),
    )
    parts = ", ".join(f"{count} {verb}" for count, verb in changed if count)
    counted = plural(asked.asked, "request") if asked.asked else "no request"
    return Line(
        id=ids.encode("agt", row.id),
        name=row.name,
        owner=row.owner_name,
        owner_active=row.owner_active,
        state=state,
        dot=dot,
        said=said,
        stopped_at=found.stopped_at,
        seen_at=row.last_seen_at,
        created_at=row.created_at,
        version=row.version,
        keys=row.keys,
        asked=f"{counted}, {parts}" if parts else counted,
        waiting=asked.waiting,
    )


def key_line(row: KeyRow) -> KeyLine:
    """A key, with its state in words."""
    dot, said = _KEY_STATES[row.state]
    prefix = written.prefix(row.kind, row.id)
    if row.state == "active" and row.replaced_by_id is not None:
        dot, said = "back", "Replaced, and still valid"
    return KeyLine(
        id=ids.encode("key", row.id),
        label=row.name or prefix,
        kind=KINDS[row.kind],
        prefix=prefix,
        agent="" if row.agent_id is None else ids.encode("agt", row.agent_id),
        agent_name=row.agent_name or "",
        dot=dot,
        state=row.state,
        said=said,
        may=tuple(row.scopes),
        actions=tuple(row.actions),
        rate_limit=row.rate_limit,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.last_used_at,
        replaces="" if row.replaces_id is None else ids.encode("key", row.replaces_id),
        replaced_by="" if row.replaced_by_id is None else ids.encode("key", row.replaced_by_id),
    )


def scopes(chosen: tuple[str, ...] = SCOPES) -> list[tuple[str, str, bool]]:
    """The scopes that a key may be made with: (scope, what it lets do, whether it is chosen)."""
    return [(name, SCOPE_WORDS[name], name in chosen) for name in KNOWN_SCOPES]


def owners(workspace: Workspace) -> list[tuple[str, str]]:
    """Who may own an agent, as the form offers them: (e-mail address, name), by name."""
    found = Person.objects.filter(workspace=workspace, active=True, user__is_active=True)
    listed = found.select_related("user").order_by("user__name", "user__email")[:MOST_OFFERED]
    return [(one.user.email, one.name) for one in listed]
