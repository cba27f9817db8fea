"""How often Slack may be called: one post a second and channel, and a wait for whoever does not keep to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: Posts to one channel that may come at once, and how many a second are given back.
BURST: Final = 3
PER_SECOND: Final = 1.0


@dataclass(frozen=True)
class Verdict:
    """Whether a call goes through: `retry_after` where it does not; `early` where it came before it was told to."""

    retry_after: int | None
    early: bool


class Limits:
    """Token buckets for posts, and waits that a test orders; both on a clock that a test may move."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.on = True
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._waits: dict[tuple[str, str, str], float] = {}
        self._ordered: dict[tuple[str, str], int] = {}

    def order(self, method: str, team: str, retry_after: int) -> None:
        """Answer the next call of a method for a workspace, and all until the wait is over, with 429."""
        self._ordered[method, team] = retry_after

    def judge(self, method: str, team: str, channel: str) -> Verdict:
        """What becomes of a call that is made now."""
        now = self.clock()
        team_wait = self._waits.get((method, team, ""), now)
        early = max(team_wait, self._waits.get((method, team, channel), now)) > now
        ordered = self._ordered.pop((method, team), None)
        if ordered is not None:
            return Verdict(self._wait((method, team, ""), now, ordered), early)
        if team_wait > now:
            return Verdict(math.ceil(team_wait - now), early)
        if method == "chat.postMessage" and self.on and not self._take(team, channel, now):
            return Verdict(self._wait((method, team, channel), now, 1), early)
        return Verdict(None, early)

    def _wait(self, key: tuple[str, str, str], now: float, seconds: int) -> int:
        self._waits[key] = now + seconds
        return seconds

    def _take(self, team: str, channel: str, now: float) -> bool:
        left, at = self._buckets.get((team, channel), (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        enough = left >= 1
        self._buckets[team, channel] = (left - 1 if enough else left, now)
        return enough
