"""The log itself: where it is anchored, and who read or exported it."""

from __future__ import annotations

from audit.kinds.base import Data


class AnchorAdded(Data, frozen=True, kw_only=True):
    """Checkpoints go to one more place outside: ``file``, ``webhook`` or ``tsa``.

    Commits to ``url`` where it has one.
    """

    KIND = "anchor.added"
    type: str


class AnchorRemoved(Data, frozen=True, kw_only=True):
    """Checkpoints no longer go there; what is there stays."""

    KIND = "anchor.removed"
    type: str


class LogAnchored(Data, frozen=True, kw_only=True):
    """A checkpoint was laid down outside the database."""

    KIND = "log.anchored"
    type: str
    checkpoint: int
    size: int


class LogAnchorFailed(Data, frozen=True, kw_only=True):
    """Several tries in a row failed; said once until one succeeds."""

    KIND = "log.anchor_failed"
    type: str
    failures: int


class LogAnchorRecovered(Data, frozen=True, kw_only=True):
    """It works again, after so many failures."""

    KIND = "log.anchor_recovered"
    type: str
    failures: int


class LogRollbackFound(Data, frozen=True, kw_only=True):
    """The log contradicts an anchor: it is ``shorter`` than that, or another at that size (``different``)."""

    KIND = "log.rollback_found"
    what: str
    anchored: int
    root: str
    size: int


class LogRollbackAccepted(Data, frozen=True, kw_only=True):
    """An operator lets the log go on though it contradicts an anchor.  Commits to ``reason``."""

    KIND = "log.rollback_accepted"
    anchored: int
    root: str
    size: int


class LogRead(Data, frozen=True, kw_only=True):
    """An auditor looked into the log; ``wanted`` says with which conditions, as ``name=value``."""

    KIND = "log.read"
    wanted: list[str]


class EvidenceExported(Data, frozen=True, kw_only=True):
    """Somebody made the evidence of a request: as ``json``, ``page`` or ``pdf``.

    ``size`` is the checkpoint's that it is proven against.  Commits to ``file``, its bytes, where it is one.
    """

    KIND = "evidence.exported"
    form: str
    size: int


class LogExported(Data, frozen=True, kw_only=True):
    """Somebody asked for an export; ``query`` says of what, as ``name=value``; empty: the whole log.

    ``size`` is the length of the log that it is taken from.
    """

    KIND = "log.exported"
    query: list[str]
    format: str
    target: str
    size: int


class LogExportDownloaded(Data, frozen=True, kw_only=True):
    """Somebody began to download an export, or the rest of it from a byte on."""

    KIND = "log.export_downloaded"
    start: int


class LogExportSent(Data, frozen=True, kw_only=True):
    """An export lies in the operator's store, whole.  Its SHA-256 is of the file."""

    KIND = "log.export_sent"
    events: int
    sha256: str
