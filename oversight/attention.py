"""What owners and administrators must notice: what stopped, ran out or ended unknown by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from approvals import unsettled
from approvals.access import Reader
from callbacks import lists
from callbacks.lists import Disabled
from oversight.channels import Trouble, trouble
from oversight.endpoints import owner_of


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

    def __bool__(self) -> bool:
        return bool(self.disabled or self.lapsed or self.untold or self.channels)


def attention(*, reader: Reader) -> Attention:
    """What this person ought to look at, of the last seven days."""
    lapsed, untold = unsettled.count(reader=reader)
    return Attention(disabled(reader=reader), lapsed, untold, trouble(reader=reader))


def disabled(*, reader: Reader) -> list[Disabled]:
    """The endpoints that the person manages and that were disabled by themselves lately."""
    return lists.disabled(
        workspace=reader.workspace_id, owner=owner_of(reader), recent=unsettled.RECENT
    )
