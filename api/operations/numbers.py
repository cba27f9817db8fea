"""The numbers of a workspace."""

from __future__ import annotations

from typing import Final

from api.operations.terms import READING, WORKSPACE, Operation, Success, query

NUMBERS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/numbers",
        "readNumbers",
        "Administration",
        "How requests of a period were answered, by role and by hour",
        "session read",
        {200: Success("The numbers", "Numbers")},
        (*READING, "NotFound", "Invalid"),
        (
            query("from", "The first day or instant; by default 30 days before `until`"),
            query("until", "Up to this day or instant, itself not included; by default now"),
            query("timezone", "Whose days and hours they are, `Europe/Berlin`; by default `UTC`"),
            WORKSPACE,
        ),
        description="For people who may see all requests, audit or administer. At most 366 days.",
    ),
)
