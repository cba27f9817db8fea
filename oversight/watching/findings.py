"""What a look at the clock may find, as it is kept and as it is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

#: ``without_clock``: pending requests that no deadline was promised of; it is by now.
#: ``overdue``: rows later than a minute.  ``stuck``: a row that is claimed again and again.
What: TypeAlias = Literal["without_clock", "overdue", "stuck"]
WHATS: Final[tuple[What, ...]] = ("without_clock", "overdue", "stuck")
#: Subjects that are named with one finding.
MOST_NAMED: Final = 20


class Found(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that should not be."""

    what: What
    #: The due kind.
    kind: str
    count: int = 1
    #: By how much the oldest is late.
    late_s: float = 0.0
    #: How often a stuck row was claimed.
    tries: int = 0
    #: Ids of what it is about: of requests, ``req_…``; of others bare.
    subjects: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """For the operator."""
        match self.what:
            case "without_clock":
                named = ", ".join(self.subjects[:3]) + (", …" if self.count > 3 else "")
                return f"{self.count} pending without {self.kind}, which was written anew: {named}"
            case "overdue":
                return f"{self.count} of {self.kind}, the oldest by {self.late_s:.0f} s"
            case "stuck":
                return (
                    f"{self.kind} of {', '.join(self.subjects)} was tried {self.tries} times, "
                    f"and is late by {self.late_s:.0f} s"
                )


def encode(found: Sequence[Found]) -> bytes:
    """As it is kept."""
    return msgspec.json.encode(found)


def decode(kept: bytes) -> list[Found]:
    """What was kept."""
    return msgspec.json.decode(kept, type=list[Found])
