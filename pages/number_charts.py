"""The charts of each section of the numbers, with what they say in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any, Final

from oversight.numbers.agents import (
    AgentVersionNumbers,
    CallbackNumbers,
    ToolNumbers,
    VersionNumbers,
)
from oversight.numbers.ends import Ended, LatencyNumbers, OutcomeNumbers
from oversight.numbers.measures import Took
from oversight.numbers.period import OfPeriod
from oversight.numbers.reviewers import ReviewersNumbers
from pages import charts
from pages.charts import Bar, Bars, Chart, Days, Range, Ranges
from pages.numbers import percent, span

#: What becomes of requests, from the bottom of a column up, and which members of `Ended` each has.
OUTCOMES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "approved": ("Approved or answered by people", ("approved", "answered")),
    "allowed": ("Allowed by policy", ("auto_allowed",)),
    "rejected": ("Rejected by people", ("rejected",)),
    "denied": ("Denied by policy", ("denied",)),
    "late": ("Ran out of time", ("expired", "allowed_late")),
    "cancelled": ("Cancelled", ("cancelled",)),
    "pending": ("Pending", ("pending",)),
}
_QUESTION: Final = "Questions"
_WEEK: Final = 7
_ALIKE: Final = (
    "No agent's newest version is surely rejected more or less often than the one before it."
)


def _latency(found: LatencyNumbers) -> dict[str, list[Chart]]:
    by_action = [(one.action or _QUESTION, one.latency) for one in found.actions]
    by_role = [(one.title, one.latency) for one in found.roles]
    by_channel = [(one.channel, one.latency) for one in found.channels]
    return {
        "latency": [_took("by-action", "Until people had decided, by action", by_action)],
        "latency_roles": [_took("by-role", "Until people had decided, by role", by_role)],
        "latency_channels": [
            _took("by-channel", "Until people had decided, by channel", by_channel)
        ],
    }


def _outcomes(found: OutcomeNumbers) -> dict[str, list[Chart]]:
    total = found.total
    late = [one for one in found.actions if one.timeout_rate]
    late.sort(key=lambda one: -(one.timeout_rate or 0))
    allowed = "" if found.auto_allowed_share is None else percent(found.auto_allowed_share)
    rows = [(one.day, _kinds(one)) for one in found.days]
    weekly = len(rows) > charts.MOST_COLUMNS
    said = (
        f"Of {total.submitted:,} requests policy allowed {allowed} alone, people rejected "
        f"{total.rejected:,}, and {total.expired + total.allowed_late:,} ran out of time."
    )
    return {
        "outcomes": [
            charts.columns(
                "by-day",
                "What became of requests, by the week they came"
                if weekly
                else "What became of requests, by the day they came",
                said,
                {name: title for name, (title, _) in OUTCOMES.items()},
                by_week(rows) if weekly else [(_day(day), counts) for day, counts in rows],
            )
        ],
        "outcomes_actions": [
            _bars(
                "timeouts",
                "How often time runs out, by action",
                _most(
                    late,
                    lambda one: f"{one.action or _QUESTION} ({percent(one.timeout_rate)})",
                    "Time runs out most often for",
                ),
                [
                    Bar(
                        one.action or _QUESTION,
                        percent(one.timeout_rate or 0),
                        charts.width(one.timeout_rate, 1),
                        f"{one.expired + one.allowed_late:,} of {one.submitted - one.pending:,} ended; {one.expired:,} expired",
                    )
                    for one in late
                ],
            ),
        ],
    }


def _callbacks(found: CallbackNumbers) -> dict[str, list[Chart]]:
    every = found.endpoints
    settled = sum(one.callbacks - one.pending for one in every)
    arrived = sum(one.delivered for one in every)
    said = f"{arrived:,} of {settled:,} callbacks arrived." if settled else "None was sent."
    rates = [
        Bar(
            f"{one.origin} ({one.agent})",
            percent(one.delivery_rate),
            charts.width(one.delivery_rate, 1),
            f"{one.delivered:,} of {one.callbacks - one.pending:,}",
        )
        for one in every
        if one.delivery_rate is not None
    ]
    delays = [(f"{one.origin} ({one.agent})", one.delay) for one in every]
    return {
        "callbacks": [
            _bars("delivered", "How many arrive, by endpoint", said, rates),
            _took("delays", "How late they arrive, by endpoint", delays),
        ]
    }


def _tools(found: ToolNumbers) -> dict[str, list[Chart]]:
    failing = sorted(
        (one for one in found.tools if one.failed), key=lambda one: -(one.error_rate or 0)
    )
    costs = [one for one in found.agents if one.cost_per_run is not None]
    most = max((one.cost_per_run or 0 for one in costs), default=0)
    return {
        "tools": [
            _bars(
                "errors",
                "How often calls fail, by tool and model",
                _most(
                    failing,
                    lambda one: f"{one.name} ({percent(one.error_rate)})",
                    "Most often fails",
                ),
                [
                    Bar(
                        one.name,
                        percent(one.error_rate or 0),
                        charts.width(one.error_rate, 1),
                        f"{one.failed:,} of {one.calls:,}; {one.retries:,} retried",
                    )
                    for one in failing
                ],
            ),
            _took(
                "calls",
                "How long calls take, by tool and model",
                [(one.name, one.latency) for one in found.tools],
            ),
        ],
        "runs": [
            _bars(
                "costs",
                "What a run costs, by agent",
                "In the workspace's money, of the runs that told a cost."
                if costs
                else "No run told a cost.",
                [
                    Bar(
                        one.agent,
                        money(one.cost_per_run or 0),
                        charts.width(one.cost_per_run, most),
                        _many(one.costed, "run")
                        + (
                            ""
                            if one.cost_per_success is None
                            else f"; {money(one.cost_per_success)} per success"
                        ),
                    )
                    for one in costs
                ],
            )
        ],
    }


def _versions(found: AgentVersionNumbers) -> dict[str, list[Chart]]:
    rows = [
        Range(
            _called(one),
            f"{percent(one.reject_rate)} rejected",
            f"{one.rejected:,} of {one.decided:,}, surely {percent(one.reject_low or 0)} to {percent(one.reject_high or 0)}; {one.edited:,} edited",
            charts.place(one.reject_low or 0),
            charts.place(one.reject_high or 0),
            charts.place(one.reject_rate),
        )
        for one in found.versions
        if one.reject_rate is not None
    ]
    shown = tuple(rows[: charts.MOST_ROWS])
    said = compared(found.versions)
    return {
        "versions": [
            Ranges(
                "rejects", "How much is rejected, by version", said, shown, len(rows) - len(shown)
            )
        ]
    }


def _reviewers(found: ReviewersNumbers) -> dict[str, list[Chart]]:
    every = found.reviewers
    most = max((one.decisions for one in every), default=0)
    fast, shown = sum(one.fast for one in every), sum(one.shown for one in every)
    said = f"{fast:,} of {shown:,} approvals whose page was timed came within two seconds."
    days = [
        charts.hours(one.name, one.hours, _busiest(one.hours)) for one in every[: charts.MOST_ROWS]
    ]
    return {
        "reviewers": [
            _bars(
                "decisions",
                "How much people decide",
                said if shown else "No approval's page was timed.",
                [
                    Bar(
                        one.name,
                        f"{one.decisions:,}",
                        charts.width(one.decisions, most),
                        f"{one.fast:,} of {one.shown:,} faster than reading; {_many(one.streak, 'approval')} in a row; "
                        f"{one.disagreed:,} of {one.shared:,} against another",
                    )
                    for one in every
                ],
            ),
            Days(
                "hours",
                "When people decide",
                f"From midnight to midnight ({found.timezone}).",
                tuple(days),
                len(every) - len(days),
            ),
        ]
    }


_CHARTS: Final[Mapping[str, Callable[[Any], dict[str, list[Chart]]]]] = {
    "latency": _latency,
    "outcomes": _outcomes,
    "callbacks": _callbacks,
    "tools": _tools,
    "versions": _versions,
    "reviewers": _reviewers,
}


def drawn(section: str, found: OfPeriod) -> dict[str, list[Chart]]:
    """The charts of a section, by the table that they draw."""
    return _CHARTS[section](found)


def compared(versions: Sequence[VersionNumbers]) -> str:
    """Whether an agent's newest version is surely rejected more, or less, than the one before it."""
    told = []
    named = [one for one in versions if one.version]
    for _, group in groupby(named, key=lambda one: one.agent):
        newest, *older = group
        if not older or newest.reject_rate is None or older[0].reject_rate is None:
            continue
        before = older[0].version
        if (newest.reject_low or 0) > (older[0].reject_high or 0):
            told.append(f"{_called(newest)} is rejected more often than {before}.")
        elif (newest.reject_high or 0) < (older[0].reject_low or 0):
            told.append(f"{_called(newest)} is rejected less often than {before}.")
    return " ".join(told) or _ALIKE


def money(cost: float) -> str:
    """A cost in the workspace's money: cents, or what is left of a smaller one."""
    return f"{cost:,.2f}" if cost >= 1 or not cost else f"{cost:.4g}"


def _took(id: str, title: str, rows: Sequence[tuple[str, Took]]) -> Bars:
    """Bars up to what half took, in an outline up to what 95 of 100 took."""
    known = [
        (label, took.count, took.p50_s, took.p95_s)
        for label, took in rows
        if took.p50_s is not None and took.p95_s is not None
    ]
    longest = max((most for _, _, _, most in known), default=0)
    slowest = max(known, key=lambda one: one[3], default=None)
    said = (
        "Nothing was timed."
        if slowest is None
        else f"Slowest is {slowest[0]}: half within {span(slowest[2])}, 95 of 100 within {span(slowest[3])}."
    )
    bars = [
        Bar(
            label,
            f"half within {span(half)}, 95 of 100 within {span(most)}",
            charts.width(half, longest),
            "once" if count == 1 else f"{count:,} times",
            charts.width(most, longest),
        )
        for label, count, half, most in known
    ]
    return _bars(id, title, said, bars)


def _bars(id: str, title: str, said: str, rows: Sequence[Bar]) -> Bars:
    shown = tuple(rows[: charts.MOST_ROWS])
    return Bars(id, title, said, shown, len(rows) - len(shown))


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _most(rows: Sequence[Any], call: Callable[[Any], str], said: str) -> str:
    return f"{said} {call(rows[0])}." if rows else "None."


def _kinds(of: Ended) -> dict[str, int]:
    return {
        name: sum(getattr(of, member) for member in members)
        for name, (_, members) in OUTCOMES.items()
    }


def by_week(rows: Sequence[tuple[str, Mapping[str, int]]]) -> list[tuple[str, dict[str, int]]]:
    """Seven days each from the first, named by its beginning."""
    found = []
    for first in range(0, len(rows), _WEEK):
        week = rows[first : first + _WEEK]
        counts = {name: sum(each[name] for _, each in week) for name in OUTCOMES}
        found.append((_day(week[0][0]), counts))
    return found


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {day:%b}"


def _called(one: VersionNumbers) -> str:
    return f"{one.agent} {one.version}" if one.version else f"{one.agent} (no version)"


def _busiest(counts: Sequence[int]) -> str:
    most = max(counts)
    hour = counts.index(most)
    return f"most from {hour:02}:00 to {hour + 1:02}:00: {most:,}"
