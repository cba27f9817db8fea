"""What the forms about endpoints accept, and where their faults are shown.

What an endpoint may be is judged by `callbacks.endpoints`, as for the API; here is only what a form
adds to that: headers as lines, a choice of types, a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from django.http import QueryDict

from callbacks.endpoints import Wanted
from callbacks.lines import Which
from core.problems import FieldError, Problem, clip, invalid

MOST_HEADER_TEXT: Final = 25_000
#: Conflicts that belong to a field.
_FIELD_OF: Final[Mapping[str, str]] = {"endpoint_exists": "url", "too_many_endpoints": "agent"}
_FIELDS: Final = frozenset({"agent", "url", "events", "headers", "which", "since"})
_WHICH: Final[Mapping[str, Which]] = {"failed": "failed", "missing": "missing"}


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, to be shown again where it is refused."""

    agent: str = ""
    url: str = ""
    which: str = "all"
    events: tuple[str, ...] = ()
    headers: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> Typed:
        """The fields as they came."""
        return cls(
            form.get("agent", ""),
            form.get("url", "").strip(),
            "some" if form.get("which") == "some" else "all",
            tuple(form.getlist("events")[:50]),
            form.get("headers", "").replace("\r\n", "\n"),
        )

    def wanted(self) -> Wanted:
        """What the endpoint shall be.

        Raises:
            Problem: 422 for what only a form can get wrong.
        """
        return Wanted(self.url, self.chosen(), headers_of(self.headers))

    def chosen(self) -> list[str]:
        """The types that were chosen; none where every one is wanted.

        Raises:
            Problem: 422 where none was, although not every one is wanted.
        """
        if self.which == "all":
            return []
        if not self.events:
            raise _fault("/events", "Choose at least one, or every type.")
        return list(self.events)


def headers_of(text: str) -> dict[str, str]:
    """Headers from lines such as ``X-Team: payments``; empty lines are left out.

    Raises:
        Problem: 422 naming the first line that is none.
    """
    if len(text) > MOST_HEADER_TEXT:
        raise _fault("/headers", f"At most {MOST_HEADER_TEXT:,} characters in all.")
    found: dict[str, str] = {}
    for number, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        name, colon, value = written.partition(":")
        if not colon:
            raise _fault("/headers", f"Line {number} has no colon: write “Name: value”.")
        name = name.strip()
        if name in found:
            raise _fault("/headers", f"Line {number}: a header is written once.")
        found[name] = value.strip()
    return found


def faults(problem: Problem) -> dict[str, str]:
    """The faults of a refused form by its fields; what belongs to none is under ``form``."""
    if problem.code in _FIELD_OF:
        return {_FIELD_OF[problem.code]: problem.detail}
    found: dict[str, str] = {}
    for error in problem.errors:
        name, said = _said(error)
        found[name] = f"{found[name]} {said}" if name in found else said
    return found or {"form": problem.detail}


def _said(error: FieldError) -> tuple[str, str]:
    _, name, *inner = [*error.pointer.split("/", 2), ""]
    if name not in _FIELDS:
        return "form", error.detail
    if name == "headers" and inner[0]:
        header = clip(inner[0].replace("~1", "/").replace("~0", "~"))
        return name, f"“{header}”: {error.detail}"
    return name, error.detail


@dataclass(frozen=True, slots=True)
class Again:
    """What shall be sent again, and since when; as it was typed, and read."""

    which: str = "failed"
    since: str = ""

    @classmethod
    def of(cls, form: QueryDict) -> Again:
        """The fields as they came."""
        return cls(form.get("which", ""), form.get("since", "").strip())

    def read(self) -> tuple[Which, datetime | None]:
        """What is meant.

        Raises:
            Problem: 422 for a choice or a moment there is not.
        """
        if self.which not in _WHICH:
            raise _fault("/which", "Choose what shall be sent.")
        if not self.since:
            return _WHICH[self.which], None
        try:
            since = datetime.fromisoformat(self.since)
        except ValueError:
            detail = "Write the moment as 2026-11-01T08:00, in UTC, or leave it empty."
            raise _fault("/since", detail) from None
        return _WHICH[self.which], since if since.tzinfo else since.replace(tzinfo=UTC)


def _fault(pointer: str, detail: str) -> Problem:
    return invalid([FieldError(pointer, "invalid_input", detail)])
