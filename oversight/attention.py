"""What owners and administrators must notice: what stopped, ran out or ended unknown by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from approvals import unsettled
from approvals.access import Reader
from callbacks import lists
from callbacks.lists import Disabled
from core.db import pool
from oversight.access import may_administer
from oversight.channels import Trouble, trouble
from oversight.endpoints import owner_of
from oversight.watching.standing import standing

NOBODY_WATCHES: Final = "Nobody keeps this server's deadlines: its worker does not run"
BEHIND: Final = "This server is behind with its deadlines and messages"


@dataclass(frozen=True, slots=True)
class Attention:
    """Endpoints that were disabled by themselves, and how many approvals came to nothing known.

    The counts end at 100: `approvals.unsettled.MOST_COUNTED` and more.
    """

    disabled: Sequence[Disabled]
    lapsed: int
    untold: int
    #: Of channels, for administrators.
    channels: Trouble = field(default_factory=Trouble)
    #: Of the server's clock, for administrators: what is wrong in one sentence, or nothing.
    clock: str = ""

    def __bool__(self) -> bool:
        return bool(self.disabled or self.lapsed or self.untold or self.channels or self.clock)


def attention(*, reader: Reader) -> Attention:
    """What this person ought to look at, of the last seven days."""
    lapsed, untold = unsettled.count(reader=reader)
    return Attention(
        disabled(reader=reader), lapsed, untold, trouble(reader=reader), clock(reader=reader)
    )


def clock(*, reader: Reader) -> str:
    """Whether the server keeps its deadlines, for who administers; empty while it does.

    What is late may be another workspace's: nothing of it is named.
    """
    if not may_administer(reader):
        return ""
    with pool().connection() as conn:
        stands = standing(conn)
    if stands.silent:
        return NOBODY_WATCHES
    return BEHIND if any(each.what != "without_clock" for each in stands.found) else ""


def disabled(*, reader: Reader) -> list[Disabled]:
    """The endpoints that the person manages and that were disabled by themselves lately."""
    return lists.disabled(
        workspace=reader.workspace_id, owner=owner_of(reader), recent=unsettled.RECENT
    )
