"""What a method is called with: JSON or a form, whose lists and objects are JSON in text."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from demo.slack.errors import SlackError, missing

FORM: Final = "application/x-www-form-urlencoded"
#: A body larger than this is no call of the API.
MOST_BYTES: Final = 4 * 1024 * 1024


class Arguments(dict[str, Any]):
    """The arguments by name."""

    def required(self, name: str) -> str:
        """A text that must be there.

        Raises:
            SlackError: invalid_arguments, where it is not.
        """
        value = self.get(name)
        if not isinstance(value, str) or not value:
            raise missing(name)
        return value

    def text(self, name: str) -> str:
        """A text that may be left out, as the empty text."""
        value = self.get(name)
        if value is None:
            return ""
        if isinstance(value, bool | dict | list):
            raise SlackError("invalid_arguments", [f"[ERROR] must be a string: {name}"])
        return str(value)

    def flag(self, name: str) -> bool:
        """Yes or no; forms write it as a word or a digit."""
        return str(self.get(name, "")).lower() in {"true", "1"}

    def structure(self, name: str, code: str = "invalid_arguments") -> Any:
        """A list or an object, which a form sends as JSON; None where it is left out.

        Raises:
            SlackError: `code`, where the text is not JSON.
        """
        value = self.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError(code, [f"[ERROR] not valid JSON: {name}"]) from None


def read(kind: str, body: bytes, query: str) -> Arguments:
    """Arguments from a request's content type, body and query.

    Raises:
        SlackError: invalid_post_type, invalid_json or json_not_object.
    """
    arguments = Arguments(parse_qsl(query, keep_blank_values=True))
    kind = kind.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        # A token in a JSON body does not count: Slack wants it in the header there.
        arguments.update({name: value for name, value in given.items() if name != "token"})
    elif kind == FORM:
        arguments.update(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    elif body:
        raise SlackError("invalid_post_type")
    return arguments
