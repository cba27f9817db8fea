"""What django-allauth asks of us about second factors (`MFA_ADAPTER` names this module).

Its models and verification are used; secrets are sealed at rest, each to its user: copied into
somebody else's row it does not open.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from psycopg import Connection
from psycopg.types.json import Jsonb

from signing.sealing import sealer

#: What is sealed of an authenticator's data: an app's secret, and what recovery codes are made from.
_NAMES: Final = frozenset({"secret", "seed"})
_SECRETS: Final = """
SELECT id, user_id, data FROM mfa_authenticator WHERE type IN ('totp', 'recovery_codes') ORDER BY id FOR UPDATE
"""
_KEEP: Final = "UPDATE mfa_authenticator SET data = %s WHERE id = %s"
_WHOSE: Final[ContextVar[UUID]] = ContextVar("whose factors")


@contextmanager
def secrets_of(user: UUID) -> Iterator[None]:
    """Seal and open secrets of this user while the context lasts; outside of one, none opens."""
    token = _WHOSE.set(user)
    try:
        yield
    finally:
        _WHOSE.reset(token)


def about(user: UUID) -> str:
    """The place that the secrets of a user's factors are sealed to."""
    return f"second factor of user {user}"


def reseal(conn: Connection[Any]) -> tuple[int, int]:
    """Seal every secret with the newest key, in the caller's transaction: how many were, and were not.

    Raises:
        CannotOpen: one was sealed with a key that is not given.
    """
    changed = unchanged = 0
    for key, user, data in conn.execute(_SECRETS).fetchall():
        for name in sorted(_NAMES & set(data)):
            sealed = base64.b64decode(data[name])
            if sealer().is_newest(sealed):
                unchanged += 1
                continue
            again = sealer().seal(sealer().open(sealed, about(user)), about(user))
            data[name] = base64.b64encode(again).decode()
            conn.execute(_KEEP, [Jsonb(data), key])
            changed += 1
    return changed, unchanged


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth carries no types
    """allauth's, with secrets sealed."""

    def encrypt(self, text: str) -> str:
        """The text sealed, in base64."""
        return base64.b64encode(sealer().seal(text.encode(), about(_WHOSE.get()))).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What was sealed; `CannotOpen` where it was changed, moved, or its key is gone."""
        return sealer().open(base64.b64decode(encrypted_text), about(_WHOSE.get())).decode()

    def get_totp_issuer(self) -> str:
        """What authenticator apps list a code under: one person may use several servers."""
        return f"Assentry {urlsplit(settings.BASE_URL).netloc}"
