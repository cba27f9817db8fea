"""What can be wrong with a policy document, and where."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: A broken document yields this many errors at most: the first ones say what is wrong.
MAX_ERRORS: Final = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column from 1, and a JSON pointer into the document."""

    line: int
    column: int
    path: str


@dataclass(frozen=True, slots=True, order=True)
class PolicyError:
    """One fault of a document: where, and what to write instead."""

    line: int
    column: int
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.detail}"


class PolicyErrors(Exception):
    """The document cannot be used; `errors` has all faults, in the order of the text."""

    def __init__(self, errors: Iterable[PolicyError]) -> None:
        self.errors: tuple[PolicyError, ...] = tuple(sorted(set(errors)))[:MAX_ERRORS]
        super().__init__("\n".join(str(error) for error in self.errors))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to add to “unknown …”: the nearest known name, else all of them when few."""
    names = sorted(known)
    # difflib is quadratic in the length of what it is given.
    close = difflib.get_close_matches(name[:64], names, n=1, cutoff=0.6)
    if close:
        return f" Did you mean “{close[0]}”?"
    if names and len(names) <= 12:
        return f" Known here: {', '.join(names)}."
    return ""


def quoted(text: str, limit: int = 60) -> str:
    """Return `text` in quotation marks, shortened for a message, on one line."""
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= limit else f"“{line[: limit - 1]}…”"
