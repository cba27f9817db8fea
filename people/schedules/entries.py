"""What a calendar said, as it is kept: who is on duty from when until when, by the ids of people."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from people.schedules.rotation import Span

#: What is kept of one calendar: 20,000 events make at most twice as many entries.
MAX_BYTES: Final = 4 * 1024 * 1024
#: How many people may stand in all entries together.
MAX_SAID: Final = 200_000


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """From when until when, and the places of people in `Entries.people`."""

    begin: datetime
    end: datetime
    who: tuple[int, ...]


class Entries(msgspec.Struct, frozen=True):
    """In order and without overlap; at times that are left out nobody is on duty."""

    people: tuple[UUID, ...]
    kept: tuple[Kept, ...]


class Stint(msgspec.Struct, frozen=True):
    """People who are on duty from `begin` until `end`, whoever else is."""

    begin: datetime
    end: datetime
    who: frozenset[UUID]


class TooMuch(ValueError):
    """What is said of who is on duty takes more room than there is."""


def merged(stints: Iterable[Stint]) -> Entries:
    """Stints that may overlap, as entries that do not: who is in any of them is on duty.

    Raises:
        TooMuch: very many overlap.
    """
    kept: list[tuple[datetime, datetime, frozenset[UUID]]] = []
    said = 0
    for begin, end, who in _between_edges(stints):
        if kept and kept[-1][1] == begin and kept[-1][2] == who:
            kept[-1] = (kept[-1][0], end, who)
            continue
        kept.append((begin, end, who))
        said += len(who)
        if said > MAX_SAID:
            raise TooMuch
    people = tuple(sorted({person for _, _, who in kept for person in who}))
    numbers = {person: number for number, person in enumerate(people)}
    return Entries(
        people,
        tuple(
            Kept(begin, end, tuple(sorted(numbers[person] for person in who)))
            for begin, end, who in kept
        ),
    )


def _between_edges(
    stints: Iterable[Stint],
) -> Iterator[tuple[datetime, datetime, frozenset[UUID]]]:
    """Who is on duty between each two instants at which a stint begins or ends; times of nobody are left out."""
    changes: dict[datetime, Counter[UUID]] = {}
    for stint in stints:
        if stint.begin < stint.end:
            changes.setdefault(stint.begin, Counter()).update(stint.who)
            changes.setdefault(stint.end, Counter()).subtract(stint.who)
    running: Counter[UUID] = Counter()
    edges = sorted(changes)
    for begin, end in itertools.pairwise(edges):
        for person, more in changes[begin].items():
            running[person] += more
            if not running[person]:
                del running[person]
        if running:
            yield begin, end, frozenset(running)


def to_bytes(entries: Entries) -> bytes:
    """The bytes that are kept.

    Raises:
        TooMuch: they are more than `MAX_BYTES`.
    """
    written = msgspec.json.encode(entries)
    if len(written) > MAX_BYTES:
        raise TooMuch
    return written


def of_bytes(written: bytes) -> tuple[Span, ...]:
    """What `to_bytes` wrote, with the ids of people as text in place of addresses."""
    entries = msgspec.json.decode(written, type=Entries)
    people = [str(person) for person in entries.people]
    return tuple(
        Span(one.begin, one.end, tuple(people[number] for number in one.who))
        for one in entries.kept
    )
