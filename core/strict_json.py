"""Reading JSON that strangers sent: what is accepted has exactly one meaning.

Everything `loads` returns has canonical bytes (core.canonical), and reading those bytes again
gives the same value. That is why a number is refused when its canonical spelling would be an
integer beyond ±(2^53 - 1), however it was written: `9007199254740993`, `9007199254740992` and
`1e17` are; `1e30`, whose canonical spelling is `1e+30`, is not.

The ordinary body takes one pass of the C scanner of the standard library. Only a body found
wrong is read a second time, to name every fault and its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import accumulate, islice
from typing import Any, Final, NoReturn

from core.canonical import JSON, MAX_INTEGER
from core.problems import MAX_ERRORS, FieldError, Problem, bad_request, clip, too_large

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 64
MAX_MEMBERS: Final = 10_000

_BOM: Final = b"\xef\xbb\xbf"
# From here up, the canonical spelling of a float has an exponent (RFC 8785, 3.2.2.3).
_EXPONENT_FROM: Final = 1e21
_MAY_BE_BAD_TEXT: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_BAD_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_STEP: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(_STEP))

_TEXTS: Final = {
    "duplicate_key": "This key appears twice in one object: keep one of the two.",
    "number_not_finite": "NaN and Infinity are not JSON: leave the member out, or send null.",
    "number_too_large": "JSON numbers are exact only up to 2^53 - 1: send this one as a string.",
    "number_not_exact": "This decimal changes when read as IEEE 754 double: "
    "write at most 15 significant digits, or send it as a string.",
    "lone_surrogate": "Half of a surrogate pair is not a character: remove it, or send both.",
    "nul_character": "The character U+0000 cannot be stored: remove it.",
}


class _RefusedError(Exception):
    """The fast pass met something that is well-formed JSON, but not accepted."""


def loads(
    body: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_members: int = MAX_MEMBERS,
) -> JSON:
    """Return the JSON value of `body`, or raise a Problem: 413 for its size, 400 for the rest.

    `max_members` counts the members of all objects and the items of all arrays together. Codes:
    body_too_large, empty_body, byte_order_mark, not_utf8, too_deep, too_many_members,
    invalid_json, and with a JSON pointer in `errors` those of duplicate keys, numbers and texts.
    """
    if len(body) > max_bytes:
        raise too_large(max_bytes)
    text = _decode(body)
    opened = body.count(b"[") + body.count(b"{")
    if opened > max_depth or opened + body.count(b",") > max_members:
        _check_shape(body, max_depth, max_members)
    try:
        value: JSON = _fast.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_problem(error) from None
    except _RefusedError:
        _explain(text)
    if _MAY_BE_BAD_TEXT.search(text) is not None and _has_bad_text(value):
        _explain(text)
    return value


def _decode(body: bytes) -> str:
    if body.startswith(_BOM):
        raise bad_request("byte_order_mark", "The body starts with a byte order mark: remove it.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise bad_request(
            "not_utf8", f"The body is not UTF-8 (at byte {error.start}): encode it as UTF-8."
        ) from None
    if not text or text.isspace():
        raise bad_request("empty_body", "The body is empty: send a JSON value.")
    return text


def _check_shape(body: bytes, max_depth: int, max_members: int) -> None:
    """Refuse nesting and numbers of members that the scanner shall not even begin with.

    Exact for every prefix that is JSON; after a syntax error it does not matter.
    """
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b'"'.join(unescaped.split(b'"')[::2]).translate(None, b" \t\r\n")
    brackets = outside.translate(None, _NOT_BRACKETS)
    # Twice as many brackets as members are too many members anyway; look no further.
    seen = islice(brackets, 2 * max_members + 2)
    if any(depth > max_depth for depth in accumulate(map(_STEP.__getitem__, seen))):
        raise bad_request("too_deep", f"The body nests deeper than {max_depth}: flatten it.")
    filled = outside.count(b"[") + outside.count(b"{") - outside.count(b"[]") - outside.count(b"{}")
    if outside.count(b",") + filled > max_members:
        raise bad_request(
            "too_many_members",
            f"The body has more than {max_members} members and items: send less, or a link.",
        )


def _number_fault(text: str) -> str | None:
    """Return the code of what is wrong with a number literal, or None."""
    if text in ("NaN", "Infinity", "-Infinity"):
        return "number_not_finite"
    if text.lstrip("-").isdigit():
        # Without leading zeros, more than 16 digits are beyond 2^53; int() of thousands is slow.
        return "number_too_large" if len(text) > 17 or abs(int(text)) > MAX_INTEGER else None
    value = float(text)
    if MAX_INTEGER < abs(value) < _EXPONENT_FROM or value in (float("inf"), float("-inf")):
        return "number_too_large"
    if value == 0:
        # Its own case: Decimal cannot hold every exponent that underflows to zero.
        return "number_not_exact" if re.search("[1-9]", re.split("[eE]", text)[0]) else None
    return None if Decimal(text) == Decimal(repr(value)) else "number_not_exact"


def _int(text: str) -> int:
    if len(text) > 15 and _number_fault(text) is not None:
        raise _RefusedError
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if (repr(value) != text or abs(value) > MAX_INTEGER) and _number_fault(text) is not None:
        raise _RefusedError
    return value or 0.0  # -0.0 and 0.0 have one canonical spelling, so they are one value


def _constant(text: str) -> NoReturn:
    raise _RefusedError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedError
    return members


_fast: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)


def _has_bad_text(value: JSON) -> bool:
    """Tell whether any string or key holds U+0000 or half a surrogate pair."""
    if isinstance(value, str):
        return _BAD_TEXT.search(value) is not None
    if isinstance(value, dict):
        return any(_BAD_TEXT.search(key) or _has_bad_text(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_bad_text, value))


class _Number(str):
    """A number literal as it was written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The members of an object as they were written, duplicates too."""


_verbatim: Final = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_float=_Number, parse_int=_Number, parse_constant=_Number
)


def _explain(text: str) -> NoReturn:
    """Raise the Problem that names the faults of a refused body, in the order of the text."""
    try:
        tree = _verbatim.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_problem(error) from None
    errors = list(islice(_faults(tree, ""), MAX_ERRORS))
    place = f" at {clip(errors[0].pointer, 100)}" if errors[0].pointer else ""
    raise bad_request(errors[0].code, f"Refused{place}: {errors[0].detail}", errors)


def _faults(node: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(node, _Number):
        code = _number_fault(node)
    elif isinstance(node, str):
        code = _text_fault(node)
    elif isinstance(node, _Pairs):
        yield from _member_faults(node, pointer)
        return
    else:
        for index, item in enumerate(node if isinstance(node, list) else ()):
            yield from _faults(item, f"{pointer}/{index}")
        return
    if code is not None:
        yield FieldError(pointer, code, _TEXTS[code])


def _member_faults(pairs: _Pairs, pointer: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for key, item in pairs:
        code = _text_fault(key)
        if code is not None:
            # The pointer stops at the object: such a key cannot be written in an answer.
            yield FieldError(pointer, code, "In a key. " + _TEXTS[code])
            continue
        inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key in seen:
            yield FieldError(inner, "duplicate_key", _TEXTS["duplicate_key"])
        seen.add(key)
        yield from _faults(item, inner)


def _text_fault(text: str) -> str | None:
    found = _BAD_TEXT.search(text)
    if found is None:
        return None
    return "nul_character" if found[0] == "\0" else "lone_surrogate"


def _syntax_problem(error: json.JSONDecodeError) -> Problem:
    return bad_request(
        "invalid_json",
        f"The body is not JSON: {clip(error.msg)} (line {error.lineno}, column {error.colno}).",
    )
