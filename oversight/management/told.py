"""What the commands of this folder share: ids that are typed in, and refusals in their words."""

from __future__ import annotations

from uuid import UUID

from core import ids
from core.problems import Problem
from people.management.base import Failed


def named(prefix: str, text: str | None, argument: str) -> UUID | None:
    """The id behind a typed one; None where none was.

    Raises:
        Failed: with exit code 2 for what is no such id.
    """
    if text is None:
        return None
    try:
        return ids.decode(prefix, text)
    except ids.BadId as error:
        raise Failed(f"{argument}: {error}", {"argument": argument}, code=2) from error


def refused(problem: Problem) -> Failed:
    """A refusal of a service, as a command says it."""
    told = " ".join(error.detail for error in problem.errors) or problem.detail
    return Failed(told, {"code": problem.code})
