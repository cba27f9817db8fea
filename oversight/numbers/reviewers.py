"""Who decides how much, how fast and how alike: section `reviewers`.  `oversight.numbers.access` says who sees it."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from approvals import numbers_people
from approvals.numbers_people import People, Work
from core import ids
from oversight.numbers.measures import MOST_ROWS, Took, share, took_of
from oversight.numbers.period import OfPeriod, Wanted, counting
from people.names import names

HOURS: Final = 24


class ReviewerNumbers(Struct, frozen=True, kw_only=True):
    """What one person decided."""

    person: Annotated[str, Meta(title="Id", description="The person's id")]
    name: Annotated[str, Meta(title="Person", description="What they are called")]
    decisions: Annotated[int, Meta(title="Decisions", description="Those taken back included")]
    approved: Annotated[int, Meta(title="Approved", description="Of them")]
    rejected: Annotated[int, Meta(title="Rejected", description="Of them")]
    edited: Annotated[int, Meta(title="Edited", description="Of them")]
    returned: Annotated[int, Meta(title="Returned", description="To the agent, with a question")]
    answered: Annotated[int, Meta(title="Answered", description="Questions")]
    decide: Annotated[
        Took, Meta(title="To decide", description="From the opening of the stage to each decision")
    ]
    shown: Annotated[
        int,
        Meta(
            title="Approvals that were opened first",
            description="Approvals of who is known to have opened the request",
        ),
    ]
    fast: Annotated[
        int,
        Meta(title="Faster than reading", description="Of them, within two seconds of that"),
    ]
    fast_share: Annotated[
        float | None, Meta(title="Share faster than reading", description="`fast` by `shown`")
    ]
    streak: Annotated[
        int, Meta(title="Longest streak", description="Most approvals in a row, nothing between")
    ]
    shared: Annotated[
        int,
        Meta(title="Decided with others", description="Votes at a step where others voted as well"),
    ]
    disagreed: Annotated[
        int, Meta(title="Against another", description="Of them, where another said the opposite")
    ]
    disagreement: Annotated[
        float | None, Meta(title="Disagreement", description="`disagreed` by `shared`")
    ]
    hours: Annotated[
        list[int],
        Meta(
            title="By hour",
            description="Decisions by the hour of the day, on the clocks of `timezone`",
            min_length=HOURS,
            max_length=HOURS,
        ),
    ]


class ReviewersNumbers(OfPeriod, frozen=True, kw_only=True):
    """The work of people on the requests of the period; without `audit` or `administer` one's own."""

    everybody: Annotated[bool, Meta(description="Whether it is everybody's, and not one's own")]
    reviewers: Annotated[
        list[ReviewerNumbers], Meta(description="Those with most decisions first, at most 100")
    ]
    left_out: Annotated[int, Meta(description="People beyond the hundred")]


def reviewers(wanted: Wanted) -> ReviewersNumbers:
    """The work of everybody, or of one person alone.  Problem: as `counting` raises."""
    with counting() as conn:
        found = numbers_people.people(conn, wanted.span(), wanted.person)
    most = sorted(found.work, key=lambda who: (-found.work[who].decisions, who))
    called = names(wanted.workspace, most[:MOST_ROWS])
    return ReviewersNumbers(
        **wanted.period.told(),
        everybody=wanted.person is None,
        reviewers=[
            _reviewer(who, called.get(who, ""), found.work[who], found) for who in most[:MOST_ROWS]
        ],
        left_out=len(most[MOST_ROWS:]),
    )


def _reviewer(who: UUID, name: str, work: Work, found: People) -> ReviewerNumbers:
    shown, fast = found.reading.get(who, (0, 0))
    several, against = found.agreeing.get(who, (0, 0))
    return ReviewerNumbers(
        person=ids.encode("per", who),
        name=name,
        decisions=work.decisions,
        approved=work.approved,
        rejected=work.rejected,
        edited=work.edited,
        returned=work.returned,
        answered=work.answered,
        decide=took_of(work.times, work.quantiles),
        shown=shown,
        fast=fast,
        fast_share=share(fast, shown),
        streak=found.streaks.get(who, 0),
        shared=several,
        disagreed=against,
        disagreement=share(against, several),
        hours=[found.hours.get((who, hour), 0) for hour in range(HOURS)],
    )
