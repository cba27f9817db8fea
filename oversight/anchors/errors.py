"""What anchoring refuses, and why a try failed."""

from __future__ import annotations

from people.errors import Refusal


class NotAnchored(Exception):
    """A try to lay a checkpoint down failed.  The message is for people and names no secret."""


class BadAddress(Refusal):
    """{said}"""

    argument = "url"


class BadRoots(Refusal):
    """It must hold one or more certificates in PEM, those that the authority's timestamps lead to."""

    argument = "ca"


class NoFolder(Refusal):
    """There is no folder for anchors: set ASSENTRY_ANCHOR_DIR for every process of the server."""

    argument = "file"


class AnchorExists(Refusal):
    """The workspace has this anchor already."""


class TooManyAnchors(Refusal):
    """A workspace has at most {most} anchors."""


class NoSuchAnchor(Refusal):
    """Workspace “{slug}” has no anchor {id}: see anchor_list."""

    argument = "id"


class NothingHeld(Refusal):
    """No anchor holds the log of workspace “{slug}”: there is nothing to accept."""


class NoReason(Refusal):
    """Say why, in at most {most} characters: it stands in the log."""

    argument = "reason"
