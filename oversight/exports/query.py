"""What of a log is exported: read from what somebody typed, and found in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from agents.models import Agent
from approvals import in_log
from audit.kinds import KINDS
from audit.log import rfc3339
from audit.reading import Wanted
from core import ids
from core.canonical import JSON
from core.db import pool
from oversight.exports.errors import BadCondition
from people.models import Role

#: Positions that one statement looks at: a moment's work, whatever is asked for.
WINDOW: Final = 10_000
#: A clock that was set back by no more than this loses no event.
SLACK: Final = timedelta(hours=1)

_WINDOW: Final = """
SELECT l.position FROM audit_leaf AS l JOIN audit_event AS e ON e.id = l.event_id
 WHERE l.workspace_id = %(workspace)s AND l.position >= %(from)s AND l.position < %(to)s AND {where}
 ORDER BY l.position
"""
_CHECKPOINT: Final = """
SELECT size, at FROM audit_checkpoint WHERE workspace_id = %s AND number = %s
"""


@dataclass(frozen=True, slots=True)
class Query:
    """Conditions, each of which narrows; None is none.

    Attributes:
        since: from this instant on; `until`: before this one.
        agent: its id.
        action, role: by name.
        outcome: of `approvals.in_log.OUTCOMES`, or ``pending``.
        kind: of events, or with ``.*`` all of a noun.
        subject: the id of what events are about, as text.
    """

    since: datetime | None = None
    until: datetime | None = None
    agent: str | None = None
    action: str | None = None
    role: str | None = None
    outcome: str | None = None
    kind: str | None = None
    subject: str | None = None

    def to_json(self) -> dict[str, JSON]:
        """By the names of docs/log-format.md, with members only for what was asked."""
        told: dict[str, JSON] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                name = "from" if each.name == "since" else each.name
                told[name] = rfc3339(value) if isinstance(value, datetime) else value
        return told

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Query:
        """The reverse of `to_json`."""
        values = dict(told)
        since, until = values.pop("from", None), values.pop("until", None)
        return cls(
            since=datetime.fromisoformat(since) if since else None,
            until=datetime.fromisoformat(until) if until else None,
            **values,
        )

    def words(self) -> list[str]:
        """``name=value`` of each condition."""
        return [f"{name}={value}"[:200] for name, value in self.to_json().items()]


def read(workspace: UUID, given: Mapping[str, str | None]) -> Query:
    """The query that somebody typed: ``from``, ``until``, ``agent``, … as text; empty is none.

    Args:
        given: agents and roles by name, agents also by id.

    Raises:
        BadCondition: a condition that makes no sense, or names what is not there.
    """
    text = {name: value.strip() for name, value in given.items() if value and value.strip()}
    since, until = _instant(text.get("from"), "from"), _instant(text.get("until"), "until")
    if since and until and since >= until:
        raise BadCondition("until", "A later instant than “from”.")
    if "outcome" in text and text["outcome"] not in (*in_log.OUTCOMES, in_log.PENDING):
        named = ", ".join((*in_log.OUTCOMES, in_log.PENDING))
        raise BadCondition("outcome", f"One of {named}.")
    if "kind" in text and not _is_kind(text["kind"]):
        raise BadCondition("kind", "There is no kind of event of that name.")
    if len(text.get("action", "")) > 120:
        raise BadCondition("action", "The name of an action.")
    return Query(
        since=since,
        until=until,
        agent=_agent(workspace, text.get("agent")),
        action=text.get("action"),
        role=_role(workspace, text.get("role")),
        outcome=text.get("outcome"),
        kind=text.get("kind"),
        subject=_subject(text.get("subject")),
    )


def _is_kind(text: str) -> bool:
    return text in KINDS or (
        text.endswith(".*") and any(kind.startswith(text.removesuffix("*")) for kind in KINDS)
    )


def _instant(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadCondition(name, "An instant such as 2026-03-29T01:59:59Z, with its offset.")
    return found


def _agent(workspace: UUID, text: str | None) -> str | None:
    if text is None:
        return None
    found = Agent.objects.filter(workspace_id=workspace)
    try:
        one = found.filter(id=ids.decode("agt", text)).first()
    except ids.BadId:
        one = found.filter(name=text).first()
    if one is None:
        raise BadCondition("agent", "There is no agent of that name or id.")
    return ids.encode("agt", one.id)


def _role(workspace: UUID, text: str | None) -> str | None:
    if text is not None and not Role.objects.filter(workspace_id=workspace, name=text).exists():
        raise BadCondition("role", "There is no role of that name.")
    return text


def _subject(text: str | None) -> str | None:
    if text is not None:
        try:
            ids.decode(text.partition("_")[0], text)
        except (ids.BadId, KeyError):
            raise BadCondition("subject", "An id such as req_01h455vb4pex5vsknk084sn02q.") from None
    return text


@dataclass(frozen=True, slots=True)
class Selection:
    """The positions that fit a query in a log of ``size`` events, window by window from ``start`` on.

    ``walked`` hears how far it has looked; the walk may take long and find nothing.
    """

    workspace: UUID
    query: Query
    size: int
    start: int = 0
    walked: Callable[[int], None] | None = None

    def __iter__(self) -> Iterator[int]:
        where, values = _conditions(self.query)
        statement = _WINDOW.format(where=" AND ".join(where))
        values |= {"workspace": self.workspace, "size": self.size}
        at = max(self.start, first_possible(self.workspace, self.query.since))
        while at < self.size:
            upto = min(at + WINDOW, self.size)
            with pool().connection() as conn:
                rows = conn.execute(statement, {**values, "from": at, "to": upto}).fetchall()
            for (position,) in rows:
                yield position
            at = upto
            if self.walked is not None:
                self.walked(at)


def _conditions(query: Query) -> tuple[list[str], dict[str, Any]]:
    subject = query.subject and ids.decode(query.subject.partition("_")[0], query.subject)
    wanted = Wanted(query.kind, subject or None, None, query.since, query.until)
    where, values = wanted.conditions()
    more, others = in_log.conditions(
        agent=query.agent,
        agent_id=ids.decode("agt", query.agent) if query.agent else None,
        action=query.action,
        role=query.role,
        outcome=query.outcome,
    )
    return where + more, values | others


def first_possible(workspace: UUID, since: datetime | None) -> int:
    """A position before which nothing is as late as ``since``.

    What a checkpoint covers was committed before it was signed.  They are numbered without gaps, so the
    last one that is old enough is found by halving.
    """
    if since is None:
        return 0
    low, high, size = 0, 1, 0
    with pool().connection() as conn:

        def covered(number: int) -> int | None:
            row = conn.execute(_CHECKPOINT, [workspace, number]).fetchone()
            return row[0] if row is not None and row[1] < since - SLACK else None

        while (found := covered(high - 1)) is not None:
            low, size, high = high, found, high * 2
        while low < high - 1:
            middle = (low + high) // 2
            found = covered(middle - 1)
            if found is None:
                high = middle
            else:
                low, size = middle, found
    return size
