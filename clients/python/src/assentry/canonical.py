"""The canonical bytes of JSON (RFC 8785), and their digest: what people approve."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any, NoReturn

import rfc8785

from assentry.errors import PayloadError


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value.

    Raises:
        PayloadError: for what is no JSON, NaN, integers beyond 2^53 - 1, lone surrogates.
    """
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise PayloadError("The value is nested too deeply, or in itself.") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise PayloadError(f"The value is no JSON that can be digested: {error}") from error


def digest(value: Any) -> str:
    """``sha256:`` and the hexadecimal SHA-256 of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def parsed(text: str | bytes) -> Any:
    """The value of JSON text that has exactly one meaning, whoever reads it.

    Raises:
        PayloadError: for what is no JSON in UTF-8, names a member twice, or holds a number that is
            another one when it is read as a double.
    """
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        return _strict.decode(whole)
    except RecursionError:
        raise PayloadError("The text is nested too deeply.") from None
    except ValueError as error:
        raise PayloadError(f"The text is no JSON that has one meaning: {error}") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object names a member twice")
    return members


def _decimal(text: str) -> float:
    value = float(text)
    exact = value not in (float("inf"), float("-inf")) and _same_number(text, value)
    if not exact:
        raise ValueError("a number changes when it is read as a double")
    return value


def _same_number(text: str, value: float) -> bool:
    if value == 0:
        # Its own case: Decimal cannot hold every exponent that underflows to zero.
        return not any(digit in "123456789" for digit in text.lower().partition("e")[0])
    return Decimal(text) == Decimal(repr(value))


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_strict = json.JSONDecoder(
    object_pairs_hook=_members, parse_float=_decimal, parse_constant=_constant
)
