"""What a document, or a saved version, would change against another: in words, and line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from people.errors import Refusal
from people.models import Workspace
from policies import compiled, document
from policies.active import active_version
from policies.compiled import Compiled, compile_document
from policies.differences import Change, EffectChange, changes, effect_changes
from policies.errors import PolicyErrors
from policies.models import PolicyVersion
from policies.source import with_file_ends
from policies.terms import Document

#: So many pairs of lines are looked at for what stayed; what is larger is told as replaced.  Lines that
#: repeat cost more than their pairs: four million of them take half a minute.
_MOST_PAIRS: Final = 250_000
_AROUND: Final = 3
Mark: TypeAlias = Literal["same", "out", "in", "gap"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a document would change.  ``against`` is the number of the version before, where there is one."""

    against: int | None
    changes: tuple[Change, ...]
    effects: tuple[EffectChange, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of two texts: in both, only in the first, only in the second, or so many left out between.

    ``before`` and ``after`` are its numbers; of a gap, ``text`` is how many lines it stands for.
    """

    mark: Mark
    before: int | None
    after: int | None
    text: str


class NotAccepted(Refusal):
    """Version {number} of the policy was saved by another release, and this one does not accept it.  Compare with a later version, or apply a new document."""


def compare(*, workspace: Workspace, text: str) -> Comparison:
    """Compare a document with the active version.  Without one, everything in it is new.

    Raises:
        PolicyErrors: it cannot be used.  Cases that fail are not looked at.
        NotAccepted: the active version cannot be read by this release.
    """
    parsed = document.parse(text)
    active = active_version(workspace.id)
    return _compared(None if active is None else _accepted(active), parsed)


def compare_versions(*, before: PolicyVersion | None, after: PolicyVersion) -> Comparison:
    """Compare two saved versions; None: with nothing.

    Raises:
        NotAccepted: one of them cannot be read by this release.
    """
    return _compared(None if before is None else _accepted(before), _accepted(after).document)


def _accepted(version: PolicyVersion) -> Compiled:
    try:
        return compiled.compile_policy(version.text, version.number)
    except PolicyErrors as error:
        raise NotAccepted(number=version.number) from error


def _compared(old: Compiled | None, parsed: Document) -> Comparison:
    if old is None:
        return Comparison(None, tuple(changes(_nothing(parsed), parsed)), ())
    effects = effect_changes(old, compile_document(parsed, old.number))
    return Comparison(old.number, tuple(changes(old.document, parsed)), tuple(effects))


def _nothing(parsed: Document) -> Document:
    return replace(
        parsed,
        roles={},
        actions={},
        rules=(),
        tools={},
        escalations={},
        tests=(),
        schedules={},
    )


def lines(before: str, after: str) -> list[Line]:
    """What differs line by line, each with three lines around it; empty where nothing does."""
    # As an editor counts them: YAML knows more line breaks than that.
    old, new = (with_file_ends(text).split("\n") for text in (before, after))
    head = _shared(old, new)
    tail = _shared(old[head:][::-1], new[head:][::-1])
    spans = [
        ("equal", 0, head, 0, head),
        *_spans(old, new, head, tail),
        ("equal", len(old) - tail, len(old), len(new) - tail, len(new)),
    ]
    found: list[Line] = []
    for at, (tag, first, last, begin, end) in enumerate(spans):
        if tag != "equal":
            found += [Line("out", number + 1, None, old[number]) for number in range(first, last)]
            found += [Line("in", None, number + 1, new[number]) for number in range(begin, end)]
        elif first < last:
            found += _around(
                old, first, last, begin - first, is_first=at == 0, is_last=at == len(spans) - 1
            )
    return found if any(line.mark in ("in", "out") for line in found) else []


def _shared(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _spans(
    old: list[str], new: list[str], head: int, tail: int
) -> Iterator[tuple[str, int, int, int, int]]:
    """What differs between a shared head and a shared tail, as difflib tells it."""
    left, right = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(left) * len(right) > _MOST_PAIRS:
        yield ("replace", head, head + len(left), head, head + len(right))
        return
    for tag, *span in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        first, last, begin, end = (at + head for at in span)
        yield (tag, first, last, begin, end)


def _around(
    old: list[str], first: int, last: int, shift: int, *, is_first: bool, is_last: bool
) -> Iterator[Line]:
    """The lines of a stretch that stayed which are next to what changed, and how many are between."""
    until = first if is_first else min(last, first + _AROUND)
    since = last if is_last else max(until, last - _AROUND)
    yield from (Line("same", at + 1, at + shift + 1, old[at]) for at in range(first, until))
    if since > until:
        yield Line("gap", None, None, str(since - until))
    yield from (Line("same", at + 1, at + shift + 1, old[at]) for at in range(since, last))
