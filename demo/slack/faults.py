"""What goes wrong on command: the wrong answer, none, a late one, or a lost one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Fault:
    """One thing that is to go wrong with the calls it matches; the newest that matches counts.

    Args:
        method: such as ``chat.postMessage``; ``*`` for all.
        team: only for this workspace.
        channel: only for this channel.
        error: Slack's code, under status 200.
        status: an HTTP status whose body is no JSON, as from what stands before Slack.
        hang: seconds until anything is answered.
        drop: the connection closes without an answer.
        after: the call takes effect first; only its answer is lost.
        times: how often; None for ever.
    """

    method: str
    team: str | None = None
    channel: str | None = None
    error: str | None = None
    status: int | None = None
    hang: float = 0.0
    drop: bool = False
    after: bool = False
    times: int | None = 1
    happened: int = 0

    def take(self, method: str, team: str, channel: str) -> bool:
        """Whether it is to happen to this call; counted where it is."""
        wanted = ((self.method, method), (self.team, team), (self.channel, channel))
        if any(want not in (None, "*", got) for want, got in wanted):
            return False
        if self.times is not None and self.happened >= self.times:
            return False
        self.happened += 1
        return True
