"""What lies ahead: times that nobody covers."""

from __future__ import annotations

from typing import Final

from api.operations.terms import READING, WORKSPACE, Operation, Success
from people.coverage import DAYS, MOST_DAYS

_DAYS: Final = {
    "name": "days",
    "in": "query",
    "description": "How far to look ahead",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS},
}

REHEARSALS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/coverage",
        "readCoverage",
        "Rehearsal",
        "When nobody could decide, by role",
        "session read",
        {200: Success("The days ahead", "CoverageShown")},
        (*READING, "NotFound", "Invalid"),
        (WORKSPACE, _DAYS),
    ),
)
