"""Every version of a request's payload, as its agent or a person may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

import msgspec

from agents.authentication import KeyContext
from approvals import read, shape
from approvals.access import Reader
from approvals.frozen import FrozenPlan, decode
from approvals.present import changes_of, instant, masked
from core import ids
from core.canonical import show_digest
from core.db import pool

READ_ALL: Final = """
SELECT number, payload, digest, plan, author_id, created_at
  FROM approvals_revision
 WHERE workspace_id = %(workspace)s AND request_id = %(request)s
 ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Version:
    """One revision, ready to be shown."""

    number: int
    payload: Any
    #: None once the request was erased.
    digest: str | None
    plan: FrozenPlan
    author: str
    changes: list[shape.Change]
    created_at: str


def for_agent(*, caller: KeyContext, request_id: UUID) -> list[Version]:
    """All revisions of one of the agent's own requests, the first one first.

    Raises:
        Problem: 404 where it is not its own, or not there.
    """
    read.for_agent(caller=caller, request_id=request_id)
    return _versions(caller.workspace_id, request_id, for_person=False)


def for_person(*, reader: Reader, request_id: UUID) -> list[Version]:
    """All revisions of a request that a person may see, sensitive values covered.

    Raises:
        Problem: 404 where they may not, or there is none.
    """
    read.for_person(reader=reader, request_id=request_id)
    return _versions(reader.workspace_id, request_id, for_person=True)


def _versions(workspace: UUID, request_id: UUID, *, for_person: bool) -> list[Version]:
    with pool().connection() as conn:
        rows = conn.execute(READ_ALL, {"workspace": workspace, "request": request_id}).fetchall()
    befores: list[bytes | None] = [None, *(before[1] for before, _ in pairwise(rows))]
    return [
        _version(row, before, for_person=for_person)
        for row, before in zip(rows, befores, strict=True)
    ]


def _version(row: Sequence[Any], before: bytes | None, *, for_person: bool) -> Version:
    number, payload, digest, stored, author, created_at = row
    plan = decode(stored)
    sensitive = plan.sensitive if for_person else ()
    return Version(
        number=number,
        payload=masked(payload, sensitive) if for_person else msgspec.Raw(payload),
        digest=show_digest(digest) if digest else None,
        plan=plan,
        author="agent" if author is None else ids.encode("per", author),
        changes=changes_of(before, payload, sensitive),
        created_at=instant(created_at),
    )
