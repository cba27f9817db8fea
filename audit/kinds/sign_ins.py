"""What proves that somebody is who they say: their second factors, password and sessions."""

from __future__ import annotations

from audit.kinds.base import Data


class FactorAdded(Data, frozen=True, kw_only=True):
    """``factor``: ``totp`` (an authenticator app) or ``passkey``, which commits to its ``name``."""

    KIND = "factor.added"
    factor: str


class FactorRemoved(Data, frozen=True, kw_only=True):
    """A passkey commits to its ``name``."""

    KIND = "factor.removed"
    factor: str


class FactorRefused(Data, frozen=True, kw_only=True):
    """A second factor was wrong; ``purpose`` is one of `people.passkeys`."""

    KIND = "factor.refused"
    factor: str
    purpose: str


class RecoveryCodesMade(Data, frozen=True, kw_only=True):
    """Those of before are worth nothing any more."""

    KIND = "factor.recovery_codes_made"
    count: int


class RecoveryCodeUsed(Data, frozen=True, kw_only=True):
    KIND = "factor.recovery_code_used"
    left: int


class PasswordChanged(Data, frozen=True, kw_only=True):
    """By its owner, who knew the one of before; every other session ended with it."""

    KIND = "password.changed"


class SessionsEnded(Data, frozen=True, kw_only=True):
    """Somebody ended sessions of theirs, beside signing out."""

    KIND = "session.ended"
    count: int
