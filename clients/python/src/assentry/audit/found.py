"""What comes of checking a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assentry.audit.notes import Key
from assentry.errors import AssentryError


class Wrong(AssentryError):
    """The file is not the log that was signed, or not whole.

    Attributes:
        position: of the first event that is known to be wrong; None where it cannot be said.
        within: the events ``(from, to)`` of which at least one is wrong, where only that is known.
        line: the line of the file, from 1, where it is one that is wrong.
    """

    def __init__(
        self,
        why: str,
        *,
        position: int | None = None,
        within: tuple[int, int] | None = None,
        line: int | None = None,
    ) -> None:
        self.why, self.position, self.within, self.line = why, position, within, line
        place = "" if line is None else f"line {line:,}: "
        if position is not None:
            place = f"position {position:,}: "
        elif within is not None:
            place = f"positions {within[0]:,} to {within[1]:,}: "
        super().__init__(place + why)


@dataclass
class Report:
    """What a file that is right holds.

    Attributes:
        events: how many are in the file; ``size`` is how many there are in the log.
        key: signed the manifest.
        anchored: the sizes of the anchors that were held against it.
    """

    origin: str
    size: int
    root: bytes
    events: int
    export: str
    created_at: str
    query: dict[str, Any]
    key: Key
    anchored: list[int] = field(default_factory=list)
