"""What lies ahead: times that nobody covers, and what would happen if nobody answered."""

from __future__ import annotations

from typing import Final

from api.operations.terms import ID, READING, WORKSPACE, WRITING, Operation, Success
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
        "/api/v1/requests/{id}/rehearsal",
        "rehearseRequest",
        "Rehearsal",
        "What would happen to a request if nobody answered",
        "session read",
        {200: Success("From now on", "RehearsalShown")},
        (*READING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/rehearsals",
        "rehearse",
        "Rehearsal",
        "What would happen to a draft if nobody answered",
        "session",
        {200: Success("Nothing is stored, and nobody is told", "RehearsalShown")},
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="RehearsalBody",
    ),
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
