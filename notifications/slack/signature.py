"""Whether a request comes from Slack, and for which installations it speaks.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack/ - HMAC-SHA256 over the raw
body, five minutes at most from now.  What the body says of team and app only chooses whose secret is
tried; nothing of it is believed before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from slack_sdk.signature import Clock, SignatureVerifier

from core.db import pool
from notifications.slack.secrets import open_
from signing.sealing import CannotOpen

_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")

_CANDIDATES: Final = """
SELECT i.id, i.workspace_id, w.name, i.team_id, i.enterprise_id, i.bot_user_id, i.signing_secret,
       CASE WHEN i.earlier_until > clock_timestamp() THEN i.earlier_secret END
  FROM notifications_slackinstallation i JOIN people_workspace w ON w.id = i.workspace_id
 WHERE i.state <> 'removed' AND i.signing_secret IS NOT NULL
   AND (%(app)s::text IS NULL OR i.app_id = %(app)s)
   AND (%(anywhere)s
        OR i.team_id = %(team)s
        OR (i.team_id IS NULL AND i.enterprise_id = %(enterprise)s))
"""
_ANY: Final = """
SELECT EXISTS (SELECT 1 FROM notifications_slackinstallation
                WHERE state <> 'removed' AND signing_secret IS NOT NULL)
"""


class NotConfigured(Exception):
    """No signing secret is known here at all: nothing can be verified, so nothing is taken."""


class NotSlack(Exception):
    """The signature, its time or its form is wrong."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the body says it comes from.

    Commands of old apps name no app.  All None is what comes from no team: a URL's verification.
    """

    app: str | None = None
    team: str | None = None
    enterprise: str | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """An installation that the request was proven to speak for."""

    id: UUID
    workspace: UUID
    workspace_name: str
    team: str | None
    enterprise: str | None
    bot_user: str


def verified(
    *,
    origin: Origin,
    body: bytes,
    timestamp: str | None,
    signature: str | None,
    clock: Clock | None = None,
) -> list[Installed]:
    """The installations whose secret signed exactly these bytes; at least one.

    Raises:
        NotConfigured: there is no secret to verify with.
        NotSlack: it is not signed by one, or too old, or from the future.
    """
    with pool().connection() as conn:
        found = _candidates(conn, origin)
        if not found and not _configured(conn):
            raise NotConfigured
    if timestamp is None or _TIMESTAMP.fullmatch(timestamp) is None:
        raise NotSlack
    if signature is None or _SIGNATURE.fullmatch(signature) is None:
        raise NotSlack
    signed = [
        installed
        for installed, secrets in found
        if any(_signs(secret, body, timestamp, signature, clock) for secret in secrets)
    ]
    if not signed:
        raise NotSlack
    return signed


def named(origin: Origin) -> list[Installed]:
    """The installations that a payload names which came over a connection of their app's own."""
    with pool().connection() as conn:
        return [installed for installed, _ in _candidates(conn, origin)]


def _signs(
    secret: Callable[[], str], body: bytes, timestamp: str, signature: str, clock: Clock | None
) -> bool:
    try:
        verifier = SignatureVerifier(secret(), clock or Clock())
        return bool(verifier.is_valid(body, timestamp, signature))
    except (CannotOpen, UnicodeDecodeError):
        return False


def _candidates(
    conn: Connection[Any], origin: Origin
) -> list[tuple[Installed, Sequence[Callable[[], str]]]]:
    values = {
        "app": origin.app,
        "team": origin.team,
        "enterprise": origin.enterprise,
        "anywhere": origin == Origin(),
    }
    found: list[tuple[Installed, Sequence[Callable[[], str]]]] = []
    for row in conn.execute(_CANDIDATES, values).fetchall():
        *told, secret, earlier = row
        sealed = [one for one in (secret, earlier) if one is not None]
        opened = [partial(open_, told[0], "signing_secret", one) for one in sealed]
        found.append((Installed(*told), opened))
    return found


def _configured(conn: Connection[Any]) -> bool:
    row = conn.execute(_ANY).fetchone()
    return row is not None and bool(row[0])
