"""Who is away, and who stands in."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import (
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    named_id,
)

_EXAMPLE: Final[dict[str, Any]] = {
    "from": "2027-03-01T00:00:00+01:00",
    "until": "2027-03-08T00:00:00+01:00",
    "stand_in": "ben@example.com",
}
_SAID: Final = "Meanwhile the stand-in is told in their place and may decide on their seat; the decision says so."
_LIST: Final = Success("In the order they begin", "AbsenceList")
_DECLARED: Final = Success("It holds", "AbsenceDeclared")

ABSENCES: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/me/absences",
        "listMyAbsences",
        "People",
        "When one is away",
        "session read",
        {200: _LIST},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/me/absences",
        "declareMyAbsence",
        "People",
        "Say that one will be away",
        "session",
        {201: _DECLARED},
        (*WRITING, "NotFound"),
        (WORKSPACE,),
        body="AbsenceBody",
        example=_EXAMPLE,
        description=_SAID,
    ),
    Operation(
        "delete",
        "/api/v1/me/absences/{id}",
        "endMyAbsence",
        "People",
        "Be back before its end, or call it off",
        "session",
        {204: Success("It holds no more")},
        (*READING, "NotFound"),
        (named_id("abs", "The absence"), WORKSPACE),
    ),
    Operation(
        "get",
        "/api/v1/people/absences",
        "listAbsences",
        "People",
        "Who is away now or later",
        "session read",
        {200: _LIST},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "delete",
        "/api/v1/people/absences/{id}",
        "endAbsence",
        "People",
        "End somebody's absence",
        "session",
        {204: Success("It holds no more")},
        (*READING, "NotFound"),
        (named_id("abs", "The absence"), WORKSPACE),
        description="For administrators.",
    ),
    Operation(
        "post",
        "/api/v1/people/{id}/absences",
        "declareAbsence",
        "People",
        "Say that somebody will be away",
        "session",
        {201: _DECLARED},
        (*WRITING, "NotFound"),
        (named_id("per", "Who will be away"), WORKSPACE),
        body="AbsenceBody",
        example=_EXAMPLE,
        description=f"For administrators. {_SAID}",
    ),
)
