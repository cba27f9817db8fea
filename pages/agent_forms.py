"""What the forms about agents and keys accept, and where their faults are shown.

What an agent or a key may be is judged by their services, as for the API; here is only what a form
adds to that: ticked boxes, lines of text, a choice of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.http import QueryDict

from agents.authentication import SCOPES
from core import durations
from core.problems import FieldError, Problem, invalid
from people.errors import Refusal

#: What services call otherwise, as commands do.
_FIELD_OF: Final[Mapping[str, str]] = {
    "scope": "scopes",
    "rate-limit": "rate_limit",
    "action": "actions",
}
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class TypedAgent:
    """The form of an agent as it was typed: its name, and who answers for it."""

    name: str = ""
    owner: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> TypedAgent:
        """The fields as they came."""
        return cls(form.get("name", "").strip()[:200], form.get("owner", "").strip()[:254])


@dataclass(frozen=True, slots=True)
class TypedKey:
    """The form of a key as it was typed; an agent's key has scopes and a limit, others a name."""

    kind: str = "tool"
    name: str = ""
    scopes: tuple[str, ...] = SCOPES
    actions: str = ""
    lasts: str = "90d"
    rate_limit: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> TypedKey:
        """The fields as they came."""
        return cls(
            kind=form.get("kind", ""),
            name=form.get("name", "").strip()[:200],
            scopes=tuple(form.getlist("scopes")[:_MOST]),
            actions=form.get("actions", "").replace("\r\n", "\n").replace("\0", "\ufffd")[:20_000],
            lasts=form.get("lasts", "").strip()[:20],
            rate_limit=form.get("rate_limit", "").strip()[:20],
        )

    def expires_in(self) -> timedelta | None:
        """How long it shall last; None: for ever.

        Raises:
            Problem: 422 where that is no duration.
        """
        return duration("lasts", self.lasts)

    def limit(self) -> int | None:
        """How many calls a minute it may make; None: any number.

        Raises:
            Problem: 422 where that is no number.
        """
        if not self.rate_limit:
            return None
        if not (self.rate_limit.isascii() and self.rate_limit.isdecimal()):
            raise _fault("rate_limit", "Write a whole number, or leave it empty.")
        return int(self.rate_limit)

    def listed(self) -> list[str]:
        """The actions, one a line.

        Raises:
            Problem: 422 where there are too many.
        """
        found = [name.strip() for name in self.actions.split("\n") if name.strip()]
        if len(found) > _MOST:
            raise _fault("actions", f"At most {_MOST} actions.")
        return found


@dataclass(frozen=True, slots=True)
class TypedRotation:
    """How a key shall be replaced: how long the old one goes on, and how long the new one lasts."""

    overlap: str = "24h"
    lasts: str = "same"
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> TypedRotation:
        """The fields as they came."""
        return cls(form.get("overlap", "").strip()[:20], form.get("lasts", "").strip()[:20])

    def goes_on(self) -> timedelta:
        """How long the old key goes on.

        Raises:
            Problem: 422 where that is no duration.
        """
        return duration("overlap", self.overlap) or timedelta()

    def expires_in(self) -> timedelta | None:
        """How long the new key lasts; None: as long as the old one was made for.

        Raises:
            Problem: 422 where that is no duration.
        """
        return None if self.lasts == "same" else duration("lasts", self.lasts)


def duration(name: str, text: str) -> timedelta | None:
    """What was chosen; None where it is empty.

    Raises:
        Problem: 422 at the field.
    """
    try:
        return durations.parse(text) if text else None
    except durations.DurationError as error:
        raise _fault(name, str(error)) from error


def faults(refused: Problem | Refusal, fields: frozenset[str]) -> dict[str, str]:
    """The faults of a refused form by its fields; what belongs to none is under ``form``."""
    if isinstance(refused, Refusal):
        name = _FIELD_OF.get(refused.argument, refused.argument)
        return {name if name in fields else "form": str(refused)}
    found: dict[str, str] = {}
    for error in refused.errors:
        name = error.pointer.removeprefix("/")
        found[name if name in fields else "form"] = error.detail
    return found or {"form": refused.detail}


def _fault(name: str, detail: str) -> Problem:
    return invalid([FieldError(f"/{name}", "invalid_input", detail)])
