"""How Slack says no: a code, mostly under status 200."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

MISSING: Final = "[ERROR] missing required field: {}"


class SlackError(Exception):
    """A method refused.

    Args:
        code: Slack's own name of the error, such as ``channel_not_found``.
        messages: what `response_metadata.messages` says, one for each thing that is wrong.
    """

    def __init__(self, code: str, messages: Sequence[str] = ()) -> None:
        super().__init__(code)
        self.code, self.messages = code, list(messages)

    def body(self) -> dict[str, Any]:
        """The answer as Slack writes it."""
        body: dict[str, Any] = {"ok": False, "error": self.code}
        if self.messages:
            body["errors"] = [message.removeprefix("[ERROR] ") for message in self.messages]
            body["response_metadata"] = {"messages": self.messages}
        return body


def missing(field: str) -> SlackError:
    """A required argument was left out."""
    return SlackError("invalid_arguments", [MISSING.format(field)])
