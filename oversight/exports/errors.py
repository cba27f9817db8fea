"""Why an export could not be written or sent."""

from __future__ import annotations

from people.errors import Refusal


class NotExported(Exception):
    """An attempt failed.  The message is for people and names no secret."""

    def __init__(self, text: str, *, lasting: bool = False) -> None:
        """With ``lasting``, trying again would change nothing."""
        super().__init__(text)
        self.lasting = lasting


class Lost(Exception):
    """Somebody else writes this export by now; nothing of this attempt may stay."""


class NoStore(Refusal):
    """There is no store: set ASSENTRY_S3_ENDPOINT, ASSENTRY_S3_BUCKET and its keys (docs/operate.md)."""

    argument = "target"


class BadCondition(Refusal):
    """{said}"""

    def __init__(self, name: str, said: str) -> None:
        """The condition ``name`` makes no sense, or names what is not there."""
        super().__init__(said=said)
        self.argument = name  # type: ignore[misc]  # which one, is known only now
