"""Who calls?  From an Authorization header to the key, agent, owner and workspace behind it.

On the path of every call that carries a key: parsing refuses most nonsense without the database,
and one statement reads all the rest.  `CALLER_COLUMNS` and `CALLER_FROM` let a caller that needs
more (the submit) read it in the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from psycopg import Connection

from agents import keys, last_use
from core.problems import Problem, forbidden, unauthorized
from people.sql import PERSON_NAME

SUBMIT: Final = "requests:submit"
READ: Final = "requests:read"
#: Naming the person who started a run: for a program that has proven who that is.
INITIATE: Final = "runs:initiator"
#: What a key may do unless it was made for less.  Cancelling needs `SUBMIT`, waiting needs `READ`.
SCOPES: Final = (READ, SUBMIT)
#: Every scope there is.
KNOWN_SCOPES: Final = (*SCOPES, INITIATE)

#: In the order that `caller_from` reads; more columns may follow.
CALLER_COLUMNS: Final = f"""
    k.hash, k.kind, k.expires_at, k.revoked_at, k.last_used_at, clock_timestamp(),
    k.id, workspace.id, workspace.slug, agent.id, agent.name, owner.id,
    {PERSON_NAME.format(user="owner_user")}, agent.state, k.scopes, k.rate_limit
"""

#: The key ``%(key)s`` as ``k``, with ``agent``, ``owner``, ``owner_user`` and ``workspace``.
CALLER_FROM: Final = """
    agents_key k
    JOIN agents_agent agent ON agent.id = k.agent_id AND k.id = %(key)s
    JOIN people_person owner ON owner.id = agent.owner_id
    JOIN people_user owner_user ON owner_user.id = owner.user_id
    JOIN people_workspace workspace ON workspace.id = k.workspace_id
"""

_READ_CALLER: Final = f"SELECT {CALLER_COLUMNS} FROM {CALLER_FROM}"
_INVALID: Final = 'Bearer error="invalid_token"'  # RFC 6750, 3.1
_WRONG_KIND: Final = {
    "agt": "This endpoint is for agents: send an agent's key.",
    "tool": "This endpoint is for tools: send a tool's key.",
    "aud": "This endpoint is for auditors: send an auditor's key.",
}
LAST_USE_STEP: Final = timedelta(minutes=1)

Presented = keys.ParsedKey


@dataclass(frozen=True, slots=True)
class KeyContext:
    """The caller behind a valid key, as the database said at ``now``.

    ``agent_state`` may be other than ``active``: such an agent reads and waits, and submits nothing.
    """

    key_id: UUID
    workspace_id: UUID
    workspace_slug: str
    agent_id: UUID
    agent_name: str
    agent_owner_id: UUID
    agent_owner_name: str
    agent_state: str
    scopes: Sequence[str]
    rate_limit: int | None
    now: datetime


def presented_key(header: str | None, kind: str = "agt") -> Presented:
    """Read the Authorization header; nothing is looked up yet.

    Raises:
        Problem: 401 for a header that is missing, of another scheme, or holds no well-formed key;
            403 for a key of another kind.
    """
    if not header:
        raise unauthorized()
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise unauthorized()
    try:
        presented = keys.parse(token.strip())
    except keys.BadKey:
        raise invalid_key() from None
    if presented.kind != kind:
        raise forbidden(_WRONG_KIND[kind], code="wrong_kind_of_key")
    return presented


def check_row(row: Sequence[Any] | None, presented: Presented) -> datetime:
    """Hold a presented key against its row; the row begins with hash, kind, expiry, revocation, last use, now.

    Returns the database's present, and notes the use.

    Raises:
        Problem: 401; in the same words for a key that never was and for a wrong secret, and saying
            that it expired or was revoked only to who holds the right one.
    """
    if row is None or not presented.matches(row[0]) or row[1] != presented.kind:
        raise invalid_key()
    _, _, expires_at, revoked_at, last_used_at, now = row[:6]
    if revoked_at is not None:
        raise unauthorized(
            "This key was revoked: use another.", code="key_revoked", challenge=_INVALID
        )
    if expires_at is not None and expires_at <= now:
        raise unauthorized(
            "This key has expired: use another.", code="key_expired", challenge=_INVALID
        )
    if last_used_at is None or now - last_used_at > LAST_USE_STEP:
        last_use.notes.note(presented.id)
    return cast("datetime", now)


def caller_from(row: Sequence[Any] | None, presented: Presented) -> KeyContext:
    """The caller, from a row that begins with `CALLER_COLUMNS` (or none) for the presented key.

    Raises:
        Problem: 401, see `check_row`.
    """
    now = check_row(row, presented)
    assert row is not None  # noqa: S101  # it was held against the key
    return KeyContext(
        key_id=row[6],
        workspace_id=row[7],
        workspace_slug=row[8],
        agent_id=row[9],
        agent_name=row[10],
        agent_owner_id=row[11],
        agent_owner_name=row[12],
        agent_state=row[13],
        scopes=row[14],
        rate_limit=row[15],
        now=now,
    )


def authenticate(conn: Connection[Any], header: str | None) -> KeyContext:
    """The caller behind an Authorization header, in one statement.

    Raises:
        Problem: 401, see `presented_key` and `caller_from`.
    """
    presented = presented_key(header)
    row = conn.execute(_READ_CALLER, {"key": presented.id}, prepare=True).fetchone()
    return caller_from(row, presented)


def require_scope(caller: KeyContext, scope: str) -> None:
    """Let only keys with this scope pass.

    Raises:
        Problem: 403 ``insufficient_scope``, naming it.
    """
    if scope not in caller.scopes:
        raise _scope_missing(scope)


def invalid_key() -> Problem:
    """401 for a key that never was, or a wrong secret."""
    return unauthorized("This is not a valid key.", code="invalid_key", challenge=_INVALID)


def _scope_missing(scope: str) -> Problem:
    problem = forbidden(f"This key lacks the scope {scope}.", code="insufficient_scope")
    problem.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{scope}"'
    return problem
