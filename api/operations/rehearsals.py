"""What lies ahead: times that nobody covers, and what would happen if nobody answered."""

from __future__ import annotations

from typing import Final

from api.operations.terms import ID, READING, WORKSPACE, WRITING, Operation, Success, named_id
from people.coverage import DAYS, MOST_DAYS

_DAYS: Final = {
    "name": "days",
    "in": "query",
    "description": "How far to look ahead",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DAYS},
}

_DRILL: Final = named_id("drl", "The drill")

REHEARSALS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/drills",
        "listDrills",
        "Rehearsal",
        "The latest drills",
        "session read",
        {200: Success("All for administrators, else those that one was in", "DrillList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/drills",
        "startDrill",
        "Rehearsal",
        "Send a drill to everybody who would be told now",
        "session",
        {201: Success("It goes out", "DrillReport")},
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="DrillBody",
    ),
    Operation(
        "get",
        "/api/v1/drills/{id}",
        "readDrill",
        "Rehearsal",
        "Who was reached, how, and how fast",
        "session read",
        {200: Success("So far", "DrillReport")},
        (*READING, "NotFound"),
        (_DRILL, WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/drills/{id}/confirm",
        "confirmDrill",
        "Rehearsal",
        "Say that one is there",
        "session",
        {200: Success("Their part of it", "DrillReport")},
        (*WRITING, "NotFound"),
        (_DRILL, WORKSPACE),
        body="NoBody",
        body_required=False,
    ),
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
