"""Keys that sign, the kill switch, and what is erased or kept."""

from __future__ import annotations

from audit.kinds.base import Data


class SigningKeyRotated(Data, frozen=True, kw_only=True):
    KIND = "signing_key.rotated"
    purpose: str
    before: str | None
    after: str


class KillSwitchPressed(Data, frozen=True, kw_only=True):
    """Commits to ``reason``."""

    KIND = "kill_switch.pressed"
    scope: str
    target: str
    agents: list[str]
    cancelled: int
    revoked: int


class KillSwitchUndone(Data, frozen=True, kw_only=True):
    """Its agents may act again; what it ended stays ended."""

    KIND = "kill_switch.undone"
    kill: str
    agents: list[str]


class KillSwitchDrilled(Data, frozen=True, kw_only=True):
    """It was tried and rolled back: what it would have stopped."""

    KIND = "kill_switch.drilled"
    scope: str
    target: str
    agents: int
    cancelled: int
    revoked: int
    milliseconds: int


class SubjectErased(Data, frozen=True, kw_only=True):
    """What these subjects say was erased; that they were there stays.  Commits to ``reason``.

    ``before``, of retention, says until when they had ended.
    """

    KIND = "subject.erased"
    scope: str
    subjects: list[str]
    count: int
    before: str | None = None


class ErasureLooked(Data, frozen=True, kw_only=True):
    """Somebody looked what an erasure would find by a text, and how much it was."""

    KIND = "erasure.looked"
    count: int


class HoldSet(Data, frozen=True, kw_only=True):
    """A legal hold: nothing that it covers is erased.  Commits to ``reason``."""

    KIND = "hold.set"
    scope: str
    target: str


class HoldLifted(Data, frozen=True, kw_only=True):
    """``subjects`` names the hold.  Commits to ``reason``."""

    KIND = "hold.lifted"
    subjects: list[str]


class RetentionSet(Data, frozen=True, kw_only=True):
    """How many days what ended requests say is kept; none: for ever."""

    KIND = "retention.set"
    days: int | None
