"""What lies ahead of a policy: times in which nobody of its roles could decide, and pagers that are not there.

None of it is wrong with a document, and nothing is refused because of it: it is said when one is checked or
saved, and shown to whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from psycopg import Connection

from core import durations
from core.db import pool
from notifications.pagers import registry
from people import coverage
from people.coverage import DAYS, Declared, RoleCoverage, Span
from people.models import Workspace
from people.roles import PolicyRole, people_by_email
from policies import active
from policies.terms import Document

_CLOCK: Final = "SELECT clock_timestamp()"


def ahead(
    conn: Connection[Any], workspace: UUID, *, days: int = DAYS
) -> tuple[datetime, datetime, list[RoleCoverage]]:
    """From when until when, and what the roles of the active policy look like in so many days from now."""
    begin = _now(conn)
    until = begin + timedelta(days=days)
    document = active.document_of(conn, workspace)
    names = [] if document is None else list(document.roles)
    return begin, until, coverage.forecast(conn, workspace, begin, until, names=names)


def warnings(*, workspace: Workspace, document: Document) -> list[str]:
    """What should be known of a document before it counts: a sentence each, in the order of the document.

    Args:
        document: one that `policies.services.check` accepts for this workspace.
    """
    emails = [email for role in document.roles.values() for email in role.emails]
    known = people_by_email(workspace, emails)
    declared = Declared(
        {
            name: PolicyRole(
                role.title,
                frozenset(known[email].id for email in role.emails),
                role.schedule,
                role.group,
            )
            for name, role in document.roles.items()
        },
        {name: one.says for name, one in document.schedules.items()},
    )
    with pool().connection() as conn:
        begin = _now(conn)
        until = begin + timedelta(days=DAYS)
        roles = coverage.forecast(conn, workspace.id, begin, until, declared=declared)
        grouped = list(_of_groups(conn, workspace.id, document, declared, begin))
        pagers = {name for _, name in registry.named(conn, {workspace.id})}
    by_name = {one.role: one for one in roles}
    said = [text for name in document.roles for text in _of_role(by_name[name], until - begin)]
    return [*said, *grouped, *_of_pagers(document, pagers)]


def _now(conn: Connection[Any]) -> datetime:
    found = conn.execute(_CLOCK).fetchone()
    assert found is not None  # noqa: S101  # a SELECT without FROM always answers
    now: datetime = found[0]
    return now


def _of_role(role: RoleCoverage, whole: timedelta) -> Iterator[str]:
    if role.uncovered:
        yield (
            f"Nobody can decide as {role.title} ({role.role}) "
            f"{when(role.uncovered, role.timezone, whole)}."
        )
    if role.off_duty and role.off_duty != role.uncovered:
        yield (
            f"Nobody of {role.title} ({role.role}) is on duty by {role.schedule} "
            f"{when(role.off_duty, role.timezone, whole)}: everybody in the role is told then."
        )


def when(spans: Sequence[Span], timezone: str, whole: timedelta) -> str:
    """Spans in words, `whole` being all that was looked at; at least one span."""
    total = sum((span.length for span in spans), timedelta())
    if total == whole:
        return f"in all of the next {durations.span(whole)}"
    zone = ZoneInfo(timezone)
    first = spans[0]
    said = f"from {_told(first.begin, zone)} until {_told(first.end, zone)} ({timezone})"
    if len(spans) == 1:
        return said
    times = "time" if len(spans) == 2 else "times"
    return f"{said} and {len(spans) - 1} more {times}, {durations.span(total)} of the next {durations.span(whole)}"


def _told(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _of_groups(
    conn: Connection[Any],
    workspace: UUID,
    document: Document,
    declared: Declared,
    begin: datetime,
) -> Iterator[str]:
    """Where the identity provider fills roles: what it cannot, and quorums that are not met yet."""
    grouped = [role for role in document.roles.values() if role.group is not None]
    if grouped and settings.OIDC is None:
        for role in grouped:
            yield (
                f"{role.title} ({role.name}) is filled by the group {role.group}, and this server has no "
                "identity provider: nobody comes into it so."
            )
    if not grouped:
        return
    known = coverage.facts(conn, workspace, begin, begin + timedelta(days=DAYS), declared=declared)
    for rule in document.rules:
        for number, stage in enumerate(rule.ask.stages if rule.ask else (), 1):
            roles = [document.roles[name] for name in stage.any_of]
            groups = ", ".join(dict.fromkeys(role.group for role in roles if role.group))
            people = {seat.person for role in roles for seat in known.roles[role.name].seats}
            if groups and len(people) < stage.approvals:
                yield (
                    f"The rule “{rule.name}” asks for {stage.approvals} in stage {number}, and "
                    f"{_count(len(people))} in its roles until more people of {groups} have signed in."
                )


def _count(people: int) -> str:
    return {0: "nobody is", 1: "one person is"}.get(people, f"{people} people are")


def _of_pagers(document: Document, pagers: set[str]) -> Iterator[str]:
    for name, steps in document.escalations.items():
        missing = dict.fromkeys(
            step.target for step in steps if step.does == "page" and step.target not in pagers
        )
        for target in missing:
            yield (
                f"The escalation {name} calls the pager {target}, which is not there: "
                "add it, or the next step is taken in its place."
            )
