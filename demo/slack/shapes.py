"""Checks that are put together like the documents they check; each problem names its place.

A check is called with the value, its JSON pointer and the list that problems go into.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

Check = Callable[[Any, str, list[str]], None]

#: Text that markup may stand in, and text that it may not.
BOTH: Final = ("plain_text", "mrkdwn")
PLAIN: Final = ("plain_text",)


def problem(found: list[str], at: str, text: str) -> None:
    """Say what is wrong where, as `response_metadata.messages` does."""
    found.append(f"[ERROR] {text} [json-pointer:{at}]")


def string(longest: int, shortest: int = 0) -> Check:
    """A text of so many characters."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, str):
            problem(found, at, "must be a string")
        elif len(value) > longest:
            problem(found, at, f"must be less than {longest + 1} characters")
        elif len(value) < shortest:
            problem(found, at, f"must be more than {shortest - 1} characters")

    return check


def boolean(value: Any, at: str, found: list[str]) -> None:
    """True or false."""
    if not isinstance(value, bool):
        problem(found, at, "must be a boolean")


def integer(least: int, most: int) -> Check:
    """A whole number in a range."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            problem(found, at, "must be an integer")
        elif not least <= value <= most:
            problem(found, at, f"must be between {least} and {most}")

    return check


def url(longest: int = 3000) -> Check:
    """An address on the web."""
    text = string(longest, 1)

    def check(value: Any, at: str, found: list[str]) -> None:
        before = len(found)
        text(value, at, found)
        if len(found) == before and urlsplit(value).scheme not in {"http", "https", "slack"}:
            problem(found, at, "Invalid URL")

    return check


def one_of(*values: str) -> Check:
    """One of some words."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if value not in values:
            problem(found, at, f"must be one of the following values: {', '.join(values)}")

    return check


def items(each: Check, most: int, least: int = 1) -> Check:
    """A list whose items pass a check."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, list):
            problem(found, at, "must be an array")
            return
        if len(value) > most:
            problem(found, at, f"no more than {most} items allowed")
        if len(value) < least:
            problem(found, at, f"no less than {least} items allowed")
        for number, item in enumerate(value):
            each(item, f"{at}/{number}", found)

    return check


def shape(fields: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            problem(found, at, "must be an object")
            return
        for name in required:
            if name not in value:
                problem(found, at, f"missing required field: {name}")
        for name, inside in value.items():
            if name in fields:
                fields[name](inside, f"{at}/{name}", found)
            elif name != "type":
                problem(found, at, f"invalid additional property: {name}")

    return check


def kinds(known: Mapping[str, Check]) -> Check:
    """An object of one of some types, each with its own check."""

    def check(value: Any, at: str, found: list[str]) -> None:
        if not isinstance(value, dict):
            problem(found, at, "must be an object")
            return
        kind = value.get("type")
        if not isinstance(kind, str):
            problem(found, at, "missing required field: type")
        elif kind not in known:
            problem(found, f"{at}/type", f"unsupported type: {kind}")
        else:
            known[kind](value, at, found)

    return check


def text(longest: int, of: Collection[str] = BOTH) -> Check:
    """A text object of so many characters; https://docs.slack.dev/reference/block-kit/composition-objects/text-object"""
    plain = shape({"text": string(longest, 1), "emoji": boolean}, ("text",))
    marked = shape({"text": string(longest, 1), "verbatim": boolean}, ("text",))
    known = {"plain_text": plain, "mrkdwn": marked}
    return kinds({kind: known[kind] for kind in of})


def anything(value: Any, at: str, found: list[str]) -> None:
    """Whatever it is."""
