"""How requests are answered: who is asked how much, how fast they answer, what has to be escalated.

All are of the requests submitted from one instant up to another, so that the same question gets the same
answer later, once those have ended.  Shares are from 0 to 1, times in seconds; null where there is nothing
to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta, Struct
from psycopg import Connection

from approvals import numbers as requests
from approvals.numbers import Asked, Load, RoleId
from escalations import numbers as escalations
from escalations.numbers import Escalated
from oversight.numbers.measures import Took, share, took
from oversight.numbers.period import OfPeriod, Period, counting
from people.models import Role

DAYS: Final = 7
HOURS: Final = 24


class Answering(Struct, frozen=True, kw_only=True):
    """How requests are answered by whom they ask."""

    asked: Annotated[int, Meta(description="Requests that asked")]
    ended: Annotated[int, Meta(description="Of them, those that have ended")]
    expired: Annotated[int, Meta(description="Of them, those that expired while this was asked")]
    expired_share: Annotated[float | None, Meta(description="`expired` by `ended`")]
    escalated: Annotated[
        int, Meta(description="Requests with a step of their escalation taken, beyond reminders")
    ]
    escalation_rate: Annotated[float | None, Meta(description="`escalated` by `asked`")]
    reminded: Annotated[int, Meta(description="Requests of which somebody was reminded")]
    first_view: Annotated[
        Took, Meta(description="From the first message of a stage to the first look at it")
    ]
    decide: Annotated[Took, Meta(description="From the opening of a stage to each decision there")]


class RoleAnswering(Answering, frozen=True, kw_only=True):
    """How a role answers."""

    name: str
    title: str


class LoadShown(Struct, frozen=True, kw_only=True):
    """Seven days from Monday, of 24 hours each, in the time zone that was asked for."""

    submitted: Annotated[list[list[int]], Meta(description="Requests by when they came")]
    decided: Annotated[list[list[int]], Meta(description="Decisions on them by when they fell")]


class Numbers(OfPeriod, frozen=True, kw_only=True):
    """The numbers of a workspace."""

    submitted: Annotated[int, Meta(description="Requests, those included that asked nobody")]
    total: Annotated[Answering, Meta(description="Of all requests that asked somebody")]
    roles: Annotated[list[RoleAnswering], Meta(description="Of each role that was asked, by name")]
    load: LoadShown


def numbers(*, workspace: UUID, of: Period) -> Numbers:
    """Count, as the workspace stands at one instant.

    Raises:
        Problem: as `oversight.numbers.period.counting` does.
    """
    span = {"workspace": workspace, "since": of.since, "until": of.until}
    with counting() as conn:
        counted = _Counted.read(conn, span)
        submitted, decided = requests.load(conn, {**span, "zone": of.timezone})
    return Numbers(
        **of.told(),
        submitted=sum(submitted.values()),
        total=Answering(**counted.of(None)),
        roles=_roles(workspace, counted),
        load=LoadShown(submitted=_week(submitted), decided=_week(decided)),
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the folders counted, by role."""

    ends: Mapping[RoleId, Asked]
    steps: Mapping[RoleId, Escalated]
    viewing: Mapping[RoleId, requests.Took]
    deciding: Mapping[RoleId, requests.Took]

    @classmethod
    def read(cls, conn: Connection[Any], span: Mapping[str, Any]) -> _Counted:
        return cls(
            requests.ends(conn, span),
            escalations.escalated(conn, span),
            requests.viewing(conn, span),
            requests.deciding(conn, span),
        )

    def of(self, role: RoleId) -> dict[str, Any]:
        """The members of `Answering`."""
        ends = self.ends.get(role, Asked(0, 0, 0))
        steps = self.steps.get(role, Escalated(0, 0))
        return {
            "asked": ends.asked,
            "ended": ends.ended,
            "expired": ends.expired,
            "expired_share": share(ends.expired, ends.ended),
            "escalated": steps.escalated,
            "escalation_rate": share(steps.escalated, ends.asked),
            "reminded": steps.reminded,
            "first_view": took(self.viewing.get(role)),
            "decide": took(self.deciding.get(role)),
        }


def _roles(workspace: UUID, counted: _Counted) -> list[RoleAnswering]:
    asked = [role for role in counted.ends if role is not None]
    held = Role.objects.filter(workspace_id=workspace, id__in=asked).order_by("name")
    return [RoleAnswering(name=role.name, title=role.title, **counted.of(role.id)) for role in held]


def _week(load: Load) -> list[list[int]]:
    return [[load.get((day + 1, hour), 0) for hour in range(HOURS)] for day in range(DAYS)]
