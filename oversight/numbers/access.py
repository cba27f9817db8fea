"""Who may see which numbers.

What is counted by role, action, agent or tool is for who may see all requests, audit or administer.
What is counted by person is data about that person's work: everybody sees their own, and only who
audits or administers sees that of others.  Seeing all requests is not enough for it.
"""

from __future__ import annotations

from typing import Final

from approvals.access import Reader
from core.problems import forbidden

_READ: Final = frozenset({"view", "audit", "administer"})
_READ_PEOPLE: Final = frozenset({"audit", "administer"})


def may_read(reader: Reader) -> bool:
    """Whether this person may see the numbers that name nobody."""
    return not reader.permissions.isdisjoint(_READ)


def must_read(reader: Reader) -> None:
    """Problem: 403 for everybody else."""
    if not may_read(reader):
        raise forbidden("The numbers are for who may see all, audit or administer.")


def may_read_people(reader: Reader) -> bool:
    """Whether this person may see the numbers of each reviewer; without, they see their own."""
    return not reader.permissions.isdisjoint(_READ_PEOPLE)
