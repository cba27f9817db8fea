"""The canonical bytes of JSON (RFC 8785), and their digest: what people approve."""

from __future__ import annotations

import hashlib
from typing import Any

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
