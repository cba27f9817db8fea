"""What one revision of a payload changed in the one before it.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.canonical import JSON, canonical
from policies import pointers

#: More changes than this are told as one, of the whole payload.
MAX_CHANGES: Final = 500

Op = Literal["add", "remove", "replace"]


@dataclass(frozen=True, slots=True)
class Change:
    """One place that differs; named as in JSON Patch (RFC 6902), with the value before as well."""

    op: Op
    steps: tuple[str, ...]
    before: JSON
    after: JSON

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer."""
        return "".join(pointers.step_to(step) for step in self.steps)


def difference(before: JSON, after: JSON) -> list[Change]:
    """Every place where two payloads differ, in the order of their keys.

    Objects are compared member by member, lists of one length item by item; a list that grew or
    shrank is one change.  Values are equal where their canonical bytes are, so 1 and 1.0 do not
    differ.  More than `MAX_CHANGES` are one change of the whole.
    """
    found = list(_differ(before, after, ()))
    return found if len(found) <= MAX_CHANGES else [Change("replace", (), before, after)]


def covered(changes: Sequence[Change], sensitive: Sequence[tuple[str, ...]]) -> list[Change]:
    """The same changes, with every value that is sensitive covered: that it changed still shows."""
    return [_cover(change, sensitive) for change in changes]


def _differ(before: JSON, after: JSON, steps: tuple[str, ...]) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            here = (*steps, name)
            if name not in after:
                yield Change("remove", here, before[name], None)
            elif name not in before:
                yield Change("add", here, None, after[name])
            else:
                yield from _differ(before[name], after[name], here)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differ(old, new, (*steps, str(at)))
    elif canonical(before) != canonical(after):
        yield Change("replace", steps, before, after)


def _cover(change: Change, sensitive: Sequence[tuple[str, ...]]) -> Change:
    at = len(change.steps)
    if any(change.steps[: len(one)] == one for one in sensitive):
        below: list[tuple[str, ...]] = [()]
    else:
        below = [one[at:] for one in sensitive if one[:at] == change.steps]
    if not below:
        return change
    before = None if change.op == "add" else pointers.hide(change.before, below)
    after = None if change.op == "remove" else pointers.hide(change.after, below)
    return Change(change.op, change.steps, before, after)
