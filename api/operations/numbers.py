"""The numbers of a workspace."""

from __future__ import annotations

from typing import Final

from api.operations.terms import READING, WORKSPACE, Operation, Success, query
from oversight.numbers.sections import SECTIONS, Section

_PERIOD: Final = (
    query("from", "The first day or instant; by default 30 days before `until`"),
    query("until", "Up to this day or instant, itself not included; by default now"),
    query("timezone", "Whose days and hours they are, `Europe/Berlin`; by default `UTC`"),
    WORKSPACE,
)
_ERRORS: Final = (*READING, "NotFound", "Invalid")
_WHO: Final = "For people who may see all requests, audit or administer. At most 366 days."
_OWN: Final = "Of everybody for people who audit or administer, else of oneself. At most 366 days."


def _section(section: Section) -> Operation:
    return Operation(
        "get",
        f"/api/v1/numbers/{section.name}",
        f"read{section.name.title()}Numbers",
        "Administration",
        section.says.removesuffix("."),
        "session read",
        {200: Success("The numbers", section.of.__name__)},
        _ERRORS,
        _PERIOD,
        description=_OWN if section.name == "reviewers" else _WHO,
    )


NUMBERS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/numbers",
        "readNumbers",
        "Administration",
        "How requests of a period were answered, by role and by hour",
        "session read",
        {200: Success("The numbers", "Numbers")},
        _ERRORS,
        _PERIOD,
        description=_WHO,
    ),
    *(_section(section) for section in SECTIONS.values()),
)
