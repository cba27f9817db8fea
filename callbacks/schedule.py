"""When the next try is, and when an endpoint is given up.  Pure; every rule is tabled in tests.

Standard Webhooks 1.0 (ten attempts, ``Retry-After``), Svix's practice for disabling.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from core.durations import scaled

#: How long after the one before it each try comes; the first comes at once.
DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
MOST_TRIES: Final = len(DELAYS)
#: Each delay is longer by up to this share, so that many receivers are not met at once.
JITTER: Final = 0.2
LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
#: Answers that say when to come again.
THROTTLED: Final = frozenset({429, 502, 503, 504})
GONE: Final = 410

#: An endpoint is suspect from its first failure; if it fails again half a day later, but within a day,
#: its clock starts, and after five days of nothing but failures it is disabled.
STREAK_AFTER: Final = timedelta(hours=12)
STREAK_GAP: Final = timedelta(hours=24)
GIVEN_UP_AFTER: Final = timedelta(days=5)

#: So many failures in a row open the breaker; it doubles from there on.
BREAKER_AT: Final = 5
BREAKER_FIRST: Final = timedelta(seconds=30)
BREAKER_LONGEST: Final = timedelta(minutes=5)


def next_try(tries: int, retry_after: timedelta | None = None) -> timedelta | None:
    """How long to wait after the `tries`-th try failed; None after the last one.

    Args:
        tries: from 1.
        retry_after: what the receiver asked for: never less than that.
    """
    if tries >= MOST_TRIES:
        return None
    delay = scaled(DELAYS[tries])
    delay += delay * random.uniform(0, JITTER)  # noqa: S311 - no secret
    return delay if retry_after is None else max(delay, retry_after)


def retry_after(text: str | None, now: datetime) -> timedelta | None:
    """What ``Retry-After`` asks for (RFC 9110, 10.2.3: seconds or a date), at most 24 hours.

    None for what cannot be read, and for what lies behind.
    """
    if not text:
        return None
    written = text.strip()
    if written.isascii() and written.isdecimal():
        seconds = int(written[:12])
        asked = timedelta(seconds=min(seconds, int(LONGEST_RETRY_AFTER.total_seconds())))
    else:
        try:
            at = parsedate_to_datetime(written)
        except (ValueError, TypeError, OverflowError):
            return None
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        asked = min(at - now, LONGEST_RETRY_AFTER)
    return asked if asked > timedelta(0) else None


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint fares."""

    failures: int = 0
    open_until: datetime | None = None
    suspect_since: datetime | None = None
    failing_since: datetime | None = None
    last_failure_at: datetime | None = None
    last_success_at: datetime | None = None

    def succeeded(self, at: datetime) -> Health:
        """After a success: nothing that was before counts any more."""
        return Health(last_success_at=at)

    def failed(self, at: datetime, asked: timedelta | None = None) -> Health:
        """After a failure.

        Args:
            asked: for how long the receiver wants to be left alone (``Retry-After``).
        """
        suspect, failing, last = self.suspect_since, self.failing_since, self.last_failure_at
        if failing is None:
            if suspect is None or last is None or at - last > scaled(STREAK_GAP):
                suspect = at
            elif at - suspect >= scaled(STREAK_AFTER):
                failing = at
        failures = self.failures + 1
        return replace(
            self,
            failures=failures,
            open_until=_later(at, _breaker(failures), asked),
            suspect_since=suspect,
            failing_since=failing,
            last_failure_at=at,
        )

    def is_given_up(self, at: datetime) -> bool:
        """Whether there was nothing but failures for so long that nobody is there."""
        return self.failing_since is not None and at - self.failing_since >= scaled(GIVEN_UP_AFTER)


def _breaker(failures: int) -> timedelta | None:
    if failures < BREAKER_AT:
        return None
    doubled = BREAKER_FIRST * 2 ** min(failures - BREAKER_AT, 8)
    return scaled(min(doubled, BREAKER_LONGEST))


def _later(at: datetime, *waits: timedelta | None) -> datetime | None:
    longest = max((wait for wait in waits if wait is not None), default=None)
    return None if longest is None else at + longest
