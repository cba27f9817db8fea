"""The secrets of an installation: where each is sealed to, and an app that can call with its token."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from notifications.slack.client import App
from signing.sealing import CannotOpen, Column, sealer

TABLE: Final = "notifications_slackinstallation"
NAMES: Final = ("bot_token", "signing_secret", "app_token", "earlier_secret")

_TOKENS: Final = """
SELECT id, workspace_id, bot_token FROM notifications_slackinstallation
 WHERE id = ANY(%(ids)s) AND state = 'active' AND bot_token IS NOT NULL
"""


def about(installation: UUID, name: str) -> str:
    """The place that one secret of an installation is sealed to."""
    # The secret before stays sealed to where it stood.
    kept = "signing_secret" if name == "earlier_secret" else name
    return f"slack {installation.hex} {kept}"


#: Every sealed column of this folder.
SEALED: Final = tuple(Column(TABLE, name, partial(about, name=name)) for name in NAMES)


def seal(installation: UUID, name: str, secret: str) -> bytes:
    """A secret, sealed to its place."""
    return sealer().seal(secret.encode(), about(installation, name))


def open_(installation: UUID, name: str, sealed: bytes) -> str:
    """What was sealed there.

    Raises:
        CannotOpen: the key that sealed it is not given.
    """
    return sealer().open(bytes(sealed), about(installation, name)).decode()


def apps(conn: Connection[Any], installations: Sequence[UUID]) -> dict[UUID, App]:
    """Those of these installations that work, ready to call with."""
    rows = conn.execute(_TOKENS, {"ids": list(installations)}).fetchall()
    found = {}
    for installation, workspace, token in rows:
        try:
            found[installation] = App(
                installation, workspace, open_(installation, "bot_token", token)
            )
        except CannotOpen:
            continue  # as `doctor` says; what is due waits until the key is back
    return found
