"""Holding a ledger of what really happened against an exported log: what acted without approval?

Neither the server nor its word is needed: the export is checked first, as `assentry audit verify` does.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import typer

#: Columns that are looked for where none is named.
COLUMNS: Final = ("request", "request_id", "permit", "permit_id")
#: Lines of a list that are printed for people; JSON has them all.
SHOWN: Final = 20
_SHOWN_CHARACTERS: Final = 60
#: Ids of requests, permits and recorded actions, in either case: providers may raise it.
_IDS: Final = re.compile("(?:req|pmt|rec)_[0-9a-z]{26}(?![0-9a-z])", re.IGNORECASE)
_KINDS: Final = tuple(
    b'"kind":"%b"' % kind
    for kind in (
        *(b"request.submitted", b"request.approved", b"request.revoked", b"permit.issued"),
        *(b"permit.consumed", b"result.reported", b"action.recorded"),
    )
)

#: A line of the ledger (the last of its row, from 1, its header's), and what its column says.
Row: TypeAlias = tuple[int, str]


@dataclass(slots=True)
class Act:
    """What the log says of one request, or of an action that was recorded without asking."""

    action: str = ""
    approved: bool = False
    #: A permit of it was used.
    consumed: bool = False
    #: When it was run by the log: a permit was used, success was reported, or it was recorded.
    ran_at: datetime | None = None
    in_ledger: bool = False

    def take(self, event: Mapping[str, Any]) -> None:
        """Learn from an event about it."""
        data, ran = event["data"], False
        match event["kind"]:
            case "request.submitted":
                self.action = data["action"]
            case "request.approved":
                self.approved = True
            case "request.revoked":
                self.approved = self.consumed
            case "permit.consumed":
                self.consumed = ran = True
            case "result.reported":
                ran = data["status"] == "succeeded"
            case "action.recorded":
                self.action, self.approved, ran = data["action"], data["effect"] == "allow", True
            case _:
                pass  # that a permit was issued says only whose it is
        if ran and self.ran_at is None:
            self.ran_at = datetime.fromisoformat(event["at"])


@dataclass(slots=True)
class Found:
    """What came of holding a ledger against a log.

    Attributes:
        agreed: rows whose request was approved, each the first of its request.
        without_permit: those of them of which no permit was used.
        unknown: rows that name nothing in the log, or more than one request.
        not_approved: rows whose request nobody approved, or whose approval was taken back before.
        twice: rows of a request that an earlier row named already.
        missing: requests that were run by the log, and that no row names.
    """

    agreed: int = 0
    without_permit: int = 0
    unknown: list[Row] = field(default_factory=list)
    not_approved: list[Row] = field(default_factory=list)
    twice: list[Row] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether nothing acted without approval, nothing twice, and nothing is missing."""
        return not (self.unknown or self.not_approved or self.twice or self.missing)


@dataclass(frozen=True, slots=True)
class Expected:
    """Which of the requests that were run must stand in the ledger: of an action, run in a time."""

    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __contains__(self, act: Act) -> bool:
        return (
            act.ran_at is not None
            and self.action in (None, act.action)
            and (self.since is None or self.since <= act.ran_at)
            and (self.until is None or act.ran_at < self.until)
        )


def reconcile(
    ledger: Path, log: Path, *, match: str | None, expected: Expected, query: Mapping[str, Any]
) -> Found:
    """Hold a ledger against a log that was checked.

    Args:
        match: the ledger's column with ids of requests, permits or records; None: the first of `COLUMNS`.
        query: what the log was narrowed to.

    Raises:
        typer.BadParameter: the ledger or the log cannot be used; it says why.
    """
    # What began later may lack the approval of what it says was run.
    if narrowed := sorted(set(query) - {"until"}):
        told = f"It was narrowed by {', '.join(narrowed)}: export the log from its beginning."
        raise typer.BadParameter(told, param_hint="--log")
    acts, permits = _acts(log)
    found = Found()
    for row in _rows(ledger, match):
        act = _named(row[1], acts, permits)
        if act is None:
            found.unknown.append(row)
            continue
        if not act.approved:
            found.not_approved.append(row)
        elif act.in_ledger:
            found.twice.append(row)
        else:
            found.agreed += 1
            found.without_permit += not act.consumed
        act.in_ledger = True
    found.missing = [name for name, act in acts.items() if act in expected and not act.in_ledger]
    return found


def _acts(log: Path) -> tuple[dict[str, Act], dict[str, str]]:
    """What the log says of each request, and the requests of its permits."""
    acts: dict[str, Act] = {}
    permits: dict[str, str] = {}
    with gzip.open(log) if log.suffix == ".gz" else log.open("rb") as file:
        for line in file:
            if not line.startswith(b'{"actor":') or not any(kind in line for kind in _KINDS):
                continue
            event = json.loads(line)
            acts.setdefault(event["subject"], Act()).take(event)
            if event["kind"] == "permit.issued":
                permits[event["data"]["permit"]] = event["subject"]
    return acts, permits


def _named(said: str, acts: Mapping[str, Act], permits: Mapping[str, str]) -> Act | None:
    """What a cell names by one or several ids of it; None for nothing, and for more than one thing."""
    ids = [one.lower() for one in _IDS.findall(said)]
    subjects = {permits.get(one, one) for one in ids}
    return acts.get(subjects.pop()) if len(subjects) == 1 else None


def _rows(ledger: Path, match: str | None) -> Iterator[Row]:
    """The rows of a ledger, with what their column says."""
    try:
        with ledger.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            column = _column(reader.fieldnames or [], match)
            for row in reader:
                yield reader.line_num, row[column] or ""
    except OSError as error:
        raise typer.BadParameter(f"{error.strerror}: {ledger}", param_hint="LEDGER") from None
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{ledger} is not in UTF-8.", param_hint="LEDGER") from None
    except csv.Error as error:
        raise typer.BadParameter(
            f"{ledger} is no CSV file: {error}.", param_hint="LEDGER"
        ) from None


def _column(names: Sequence[str], match: str | None) -> str:
    if not names:
        raise typer.BadParameter("The file is empty.", param_hint="LEDGER")
    wanted = COLUMNS if match is None else (match,)
    found = next((name for name in wanted if name in names), None)
    if found is None:
        told = f"The ledger has no column {' or '.join(wanted)}; it has {', '.join(map(_inert, names))}."
        raise typer.BadParameter(told, param_hint="--match")
    if names.count(found) > 1:
        told = f"The ledger has {names.count(found)} columns called {found}: rename one."
        raise typer.BadParameter(told, param_hint="--match")
    return found


def sentences(found: Found) -> Iterator[str]:
    """What was found, for people; whatever stood in the ledger is inert."""
    yield f"{found.agreed:,} agree: approved, and in the ledger once."
    if found.without_permit:
        yield f"  Of them {found.without_permit:,} without a permit that was used."
    for title, rows in (
        ("acted, and the log knows nothing of it", found.unknown),
        ("acted without approval", found.not_approved),
        ("acted once more", found.twice),
    ):
        if rows:
            yield f"WRONG: {len(rows):,} {title}:"
            yield from (f"  line {line:,}: {_inert(name)}" for line, name in rows[:SHOWN])
            yield from _more(len(rows))
    if found.missing:
        yield f"WRONG: {len(found.missing):,} run by the log, and not in the ledger:"
        yield from (f"  {name}" for name in found.missing[:SHOWN])
        yield from _more(len(found.missing))


def as_object(found: Found) -> dict[str, Any]:
    """What was found, whole, as JSON has it."""

    def told(rows: Sequence[Row]) -> list[dict[str, Any]]:
        return [{"line": line, "says": said} for line, said in rows]

    return {
        "ok": found.is_right,
        "agreed": found.agreed,
        "without_permit": found.without_permit,
        "unknown": told(found.unknown),
        "not_approved": told(found.not_approved),
        "twice": told(found.twice),
        "missing": found.missing,
    }


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"  and {count - SHOWN:,} more (--json has them all)"


def _inert(text: str) -> str:
    return json.dumps(text[:_SHOWN_CHARACTERS]) if text else "(empty)"
