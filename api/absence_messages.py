"""What the API reads and tells of absences."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from approvals.shape import AgentOwner


class AbsenceBody(
    Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, rename={"begins_at": "from"}
):
    """The body of ``POST /me/absences``."""

    begins_at: Annotated[
        datetime, Meta(tz=True, description="An instant that has passed means from now on")
    ]
    until: Annotated[datetime, Meta(tz=True, description="When they are back")]
    stand_in: Annotated[
        str | None,
        Meta(description="Who decides in their place: the id or the e-mail address of a person"),
    ] = None


class AbsenceShown(Struct, frozen=True, kw_only=True, rename={"begins_at": "from"}):
    """A time in which somebody is away."""

    id: str
    person: AgentOwner
    begins_at: str
    until: str
    stand_in: Annotated[
        AgentOwner | None, Meta(description="Who decides in their place; null: nobody active")
    ]


class AbsenceDeclared(AbsenceShown, frozen=True, kw_only=True):
    """An absence as it was declared."""

    warnings: Annotated[
        list[str], Meta(description="For whom nobody stands in meanwhile: a sentence each")
    ]


class AbsenceList(Struct, frozen=True, kw_only=True):
    """Absences that hold now or later, in the order they begin."""

    results: list[AbsenceShown]
