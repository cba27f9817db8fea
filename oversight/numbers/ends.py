"""How requests end, and how soon: sections `latency` and `outcomes`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from approvals import numbers_ends
from approvals.numbers_ends import Ends
from approvals.status import Basis, Status
from oversight.numbers.measures import MOST_ROWS, Took, share, took
from oversight.numbers.period import OfPeriod, Wanted, counting
from people.models import Role


class ActionLatency(Struct, frozen=True, kw_only=True):
    """How soon people decide on one action."""

    action: Annotated[str, Meta(title="Action", description="The action; empty: a question")]
    latency: Annotated[Took, Meta(title="Latency", description="From the submit to the end")]


class RoleLatency(Struct, frozen=True, kw_only=True):
    """How soon what asks one role is decided."""

    role: Annotated[str, Meta(title="Role", description="Its name")]
    title: Annotated[str, Meta(title="Title", description="What people call it")]
    latency: Annotated[Took, Meta(title="Latency", description="From the submit to the end")]


class ChannelLatency(Struct, frozen=True, kw_only=True):
    """How soon requests are decided whose deciding vote came from one channel."""

    channel: Annotated[str, Meta(title="Channel", description="Of the deciding vote, the last")]
    latency: Annotated[Took, Meta(title="Latency", description="From the submit to the end")]


class LatencyNumbers(OfPeriod, frozen=True, kw_only=True):
    """From the submit to the end, of requests that people ended by their votes."""

    total: Annotated[Took, Meta(description="Of all of them")]
    actions: Annotated[list[ActionLatency], Meta(description="Those with most first, at most 100")]
    roles: Annotated[list[RoleLatency], Meta(description="By each role that their stages asked")]
    channels: Annotated[list[ChannelLatency], Meta(description="By the channel of the last vote")]
    left_out: Annotated[int, Meta(description="Actions beyond the hundred")]


class Ended(Struct, frozen=True, kw_only=True):
    """What became of requests; each is in one of these, and in `submitted`."""

    submitted: Annotated[int, Meta(title="Submitted", description="All of them")]
    approved: Annotated[int, Meta(title="Approved", description="By people")]
    answered: Annotated[int, Meta(title="Answered", description="Questions, by people")]
    auto_allowed: Annotated[int, Meta(title="Allowed by policy", description="Nobody was asked")]
    rejected: Annotated[int, Meta(title="Rejected", description="By people")]
    denied: Annotated[int, Meta(title="Denied by policy", description="By policy alone")]
    expired: Annotated[int, Meta(title="Expired", description="Nobody decided in time")]
    allowed_late: Annotated[
        int,
        Meta(title="Allowed at the deadline", description="Nobody decided, and policy says yes"),
    ]
    cancelled: Annotated[
        int, Meta(title="Cancelled", description="By the agent, its owner or the kill switch")
    ]
    pending: Annotated[int, Meta(title="Pending", description="Not ended yet")]


class DayOutcomes(Ended, frozen=True, kw_only=True):
    """What became of what came on one day."""

    day: Annotated[str, Meta(title="Day", description="On the clocks of `timezone`")]


class ActionOutcomes(Ended, frozen=True, kw_only=True):
    """What became of one action."""

    action: Annotated[str, Meta(title="Action", description="The action; empty: a question")]
    auto_allowed_share: Annotated[
        float | None,
        Meta(title="Share allowed by policy", description="`auto_allowed` by `submitted`"),
    ]
    timeout_rate: Annotated[
        float | None,
        Meta(
            title="Timeout rate",
            description="`expired` and `allowed_late` by all that have ended",
        ),
    ]
    expired_rate: Annotated[
        float | None, Meta(title="Expired rate", description="`expired` by all that have ended")
    ]


class OutcomeNumbers(OfPeriod, frozen=True, kw_only=True):
    """What became of the requests that were submitted."""

    total: Annotated[Ended, Meta(description="Of all of them")]
    auto_allowed_share: Annotated[
        float | None, Meta(description="`total.auto_allowed` by `total.submitted`")
    ]
    days: Annotated[list[DayOutcomes], Meta(description="Every day, by when requests came")]
    actions: Annotated[list[ActionOutcomes], Meta(description="Those with most first, at most 100")]
    left_out: Annotated[int, Meta(description="Actions beyond the hundred")]


def latency(wanted: Wanted) -> LatencyNumbers:
    """How soon people decided.  Problem: as `counting` raises."""
    with counting() as conn:
        found = numbers_ends.latency(conn, wanted.span())
    actions = sorted(found.actions.items(), key=lambda one: (-one[1][0], one[0]))
    held = Role.objects.filter(workspace_id=wanted.workspace, id__in=list(found.roles)).order_by(
        "name"
    )
    return LatencyNumbers(
        **wanted.period.told(),
        total=took(found.total),
        actions=[
            ActionLatency(action=action, latency=took(one)) for action, one in actions[:MOST_ROWS]
        ],
        roles=[
            RoleLatency(role=role.name, title=role.title, latency=took(found.roles[role.id]))
            for role in held
        ],
        channels=[
            ChannelLatency(channel=channel, latency=took(one))
            for channel, one in sorted(found.channels.items())
        ],
        left_out=len(actions[MOST_ROWS:]),
    )


def outcomes(wanted: Wanted) -> OutcomeNumbers:
    """What became of the requests.  Problem: as `counting` raises."""
    with counting() as conn:
        found = numbers_ends.outcomes(conn, wanted.span())
    total = _ended(found.actions.values())
    actions = sorted(
        ((action, _ended([ends])) for action, ends in found.actions.items()),
        key=lambda one: (-one[1]["submitted"], one[0]),
    )
    return OutcomeNumbers(
        **wanted.period.told(),
        total=Ended(**total),
        auto_allowed_share=share(total["auto_allowed"], total["submitted"]),
        days=[
            DayOutcomes(day=day.isoformat(), **_ended([found.days.get(day, {})]))
            for day in wanted.period.days()
        ],
        actions=[_action(action, counts) for action, counts in actions[:MOST_ROWS]],
        left_out=len(actions[MOST_ROWS:]),
    )


def _action(action: str, counts: Mapping[str, int]) -> ActionOutcomes:
    ended = counts["submitted"] - counts["pending"]
    return ActionOutcomes(
        action=action,
        **counts,
        auto_allowed_share=share(counts["auto_allowed"], counts["submitted"]),
        timeout_rate=share(counts["expired"] + counts["allowed_late"], ended),
        expired_rate=share(counts["expired"], ended),
    )


def _ended(several: Iterable[Ends]) -> dict[str, int]:
    """The members of `Ended`."""
    counts = dict.fromkeys(Ended.__struct_fields__, 0)
    for ends in several:
        for (status, basis), count in ends.items():
            counts["submitted"] += count
            counts[named(Status(status), Basis(basis) if basis else None)] += count
    return counts


def named(status: Status, basis: Basis | None) -> str:
    """Which member of `Ended` an end is; pending has no basis."""
    match status:
        case Status.APPROVED:
            by_nobody = {Basis.POLICY: "auto_allowed", Basis.CLOCK: "allowed_late"}
            return "approved" if basis is None else by_nobody.get(basis, "approved")
        case Status.REJECTED:
            return "denied" if basis is Basis.POLICY else "rejected"
        case Status.ANSWERED | Status.EXPIRED | Status.CANCELLED | Status.PENDING:
            return status.value
