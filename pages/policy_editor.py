"""What the editor of the policy says about a document, and keeps of what was typed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.http import QueryDict

from core import strict_json, visible
from core.problems import Problem
from policies import leaning
from policies.cases import CaseResult, in_words
from policies.comparing import Comparison, Line
from policies.errors import PolicyError, PolicyErrors
from policies.source import with_file_ends
from policies.trying import Given, Tried

#: What the buttons of the form ask for; `confirm` is the second press of applying.
DEEDS: Final = ("check", "compare", "try", "apply", "confirm")
#: So many lines that hide something are named, and so many that differ are shown.
_MOST_HIDING: Final = 20
MOST_LINES: Final = 2_000
#: Of a long line so much is shown around its column.
_BEFORE, _AFTER = 60, 140
_AROUND: Final = 2
_MOST_NUMBER: Final = 1e15

#: In the order of the attention that they ask for.
_GROUPS: Final[tuple[tuple[leaning.Lean, str, str], ...]] = (
    ("looser", "Loosens", "More may come to run, or more people may decide, than before."),
    (
        "depends",
        "Depends",
        "Which way it goes depends on what is submitted, and on who comes in time.",
    ),
    ("tighter", "Tightens", "Less runs, or fewer people decide."),
    ("neither", "Neither", "Words, and who is told: nothing that decides."),
)


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it stands: the document, the version it was edited from, why, and a submission to try."""

    text: str = ""
    base: int = 0
    comment: str = ""
    action: str = ""
    payload: str = "{}"
    count: str = ""
    sum: str = ""

    @classmethod
    def of(cls, form: QueryDict) -> Typed:
        """The fields as they came; browsers send line ends of their own."""
        said = {name: with_file_ends(form.get(name, "")) for name in ("text", "comment")}
        base = form.get("base", "")
        return cls(
            said["text"],
            int(base) if base.isascii() and base.isdecimal() and len(base) < 10 else -1,
            said["comment"].strip(),
            form.get("action", "").strip(),
            form.get("payload", ""),
            form.get("count", "").strip(),
            form.get("sum", "").strip(),
        )

    def given(self) -> Given | str | None:
        """The submission to try; None where none was typed, else a sentence of what is wrong with it."""
        if not self.action:
            return None
        try:
            payload = strict_json.loads(self.payload.encode(errors="replace"))
        except Problem as problem:
            return f"The payload: {problem.detail}"
        if not isinstance(payload, dict):
            return "The payload is a JSON object, such as {}."
        try:
            count, total = (float(one or 0) for one in (self.count, self.sum))
        except ValueError:
            return "Count and sum are numbers."
        if not (0 <= count <= _MOST_NUMBER and -_MOST_NUMBER <= total <= _MOST_NUMBER):
            return "Count and sum are numbers, and the count is not below 0."
        return Given(self.action, payload, count, total)


@dataclass(frozen=True, slots=True)
class Group:
    """Changes that lean the same way."""

    leans: str
    title: str
    says: str
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A comparison as a page shows it; `cut` is how many differing lines are left out."""

    against: int | None
    groups: list[Group]
    lines: Sequence[Line]
    cut: int

    @property
    def loosens(self) -> list[Group]:
        """What asks for attention before it counts."""
        return [one for one in self.groups if one.leans in ("looser", "depends")]

    @property
    def rest(self) -> list[Group]:
        """The others."""
        return [one for one in self.groups if one.leans not in ("looser", "depends")]


def shown(found: Comparison, lines: list[Line]) -> Shown:
    """The differences by the way they lean, and line by line."""
    leans = [(one.leans, one.text) for one in found.changes]
    leans += [(one.leans, one.text) for one in found.effects]
    groups = [
        Group(lean, title, says, [text for way, text in leans if way == lean])
        for lean, title, says in _GROUPS
    ]
    return Shown(
        found.against,
        [group for group in groups if group.texts],
        lines[:MOST_LINES],
        max(0, len(lines) - MOST_LINES),
    )


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a document that follow each other: number, text, whether something is wrong there."""

    rows: list[tuple[int, str, bool]]


def excerpts(text: str, faults: Iterable[PolicyError]) -> list[Excerpt]:
    """The lines that faults stand on, with those around them."""
    rows = text.split("\n")
    columns = {fault.line: fault.column for fault in reversed(list(faults))}
    wanted = sorted(
        {
            near
            for line in columns
            for near in range(line - _AROUND, line + _AROUND + 1)
            if 1 <= near <= len(rows)
        }
    )
    found: list[Excerpt] = []
    for number in wanted:
        if not found or found[-1].rows[-1][0] != number - 1:
            found.append(Excerpt([]))
        shown_row = _around(rows[number - 1], columns.get(number, 1))
        found[-1].rows.append((number, shown_row, number in columns))
    return found


def _around(row: str, column: int) -> str:
    """A line, cut around a column where it is very long."""
    if len(row) <= _BEFORE + _AFTER:
        return row
    begin, end = max(0, column - _BEFORE), column + _AFTER
    return f"{'…' if begin else ''}{row[begin:end]}{'…' if end < len(row) else ''}"


def hiding(text: str) -> list[str]:
    """A sentence for each line that has characters which do not show, or pass for others."""
    found = list(_hiding(text))
    more = len(found) - _MOST_HIDING
    return found[:_MOST_HIDING] + ([f"So do {more} more lines."] if more > 0 else [])


def _hiding(text: str) -> Iterator[str]:
    for number, row in enumerate(text.split("\n"), 1):
        marks = visible.marks(row)
        if marks:
            listed = list(dict.fromkeys(f"{one.mark} ({one.note})" for one in marks))
            more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
            yield f"Line {number} has what does not show as it is: {'; '.join(listed[:3])}{more}."


@dataclass(frozen=True, slots=True)
class Case:
    """A case of the document, as it went."""

    of: CaseResult
    name: str

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.of.case.place.line


def cases(results: Iterable[CaseResult]) -> list[Case]:
    """The cases of a document, those that fail first."""
    named = [Case(one, one.case.name or one.case.action) for one in results]
    return sorted(named, key=lambda one: one.of.differs is None)


@dataclass(slots=True)
class Outcome:
    """What came of the press of a button."""

    deed: str = ""
    status: int = 200
    faults: tuple[PolicyError, ...] = ()
    excerpts: list[Excerpt] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hides: list[str] = field(default_factory=list)
    is_sound: bool = False
    compared: Shown | None = None
    #: What somebody else applied meanwhile, and who that was.
    meanwhile: Shown | None = None
    meanwhile_by: str = ""
    is_stale: bool = False
    cases: list[Case] | None = None
    tried: Tried | None = None
    tried_says: str = ""
    #: What is wrong with a field beside the document.
    wrong: str = ""
    wrong_field: str = ""

    @property
    def reviews(self) -> bool:
        """Whether the page asks for the second press of applying."""
        return self.deed in ("apply", "confirm") and not self.faults

    def faulty(self, text: str, found: PolicyErrors) -> None:
        """Keep what is wrong with the document, and where."""
        self.faults = found.errors
        self.excerpts = excerpts(text, found.errors)

    def say_tried(self, tried: Tried) -> None:
        """Keep what would come of the submission."""
        self.tried = tried
        self.tried_says = in_words(tried.plan) if tried.plan else tried.refused


STARTER: Final = """\
assentry: 1
fallback: reviewers
roles:
  reviewers:
    title: Reviewers
    members: [{email}]
actions:
  mail.send:
    title: Send a mail
    risk: low
rules:
  - name: Somebody looks at every mail
    action: mail.send
    effect: ask
    ask:
      stages:
        - any_of: [reviewers]
tests:
  - name: A mail is asked about
    given: {{action: mail.send, payload: {{}}}}
    expect: {{effect: ask, stages: [[reviewers]]}}
"""


def starter(email: str) -> str:
    """A document to begin with, where there is none yet."""
    return STARTER.format(email=json.dumps(email, ensure_ascii=False))
