"""The small grammars of request headers and queries that the hot calls read."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl

from core.problems import bad_query, bad_request, unsupported_media_type

#: The longest wait of one call, in seconds: below the minute after which proxies give up.
MAX_WAIT_S: Final = 55
MAX_IDEMPOTENCY_KEY: Final = 255
#: The TypeID of a request.
ID_PATTERN: Final = "^req_[0-7][0-9a-hjkmnp-tv-z]{25}$"

_PREFERENCE: Final = re.compile(
    r"""(?:^|,)\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s",;]+)))?"""
)
_SF_STRING: Final = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"(?:\s*;.*)?')
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_CHARSET: Final = re.compile(r'charset\s*=\s*"?([^\s";]+)"?', re.IGNORECASE)


def preferred_wait(prefer: str | None) -> int | None:
    """The seconds of ``Prefer: wait=N`` (RFC 7240), at most 55; None where there is none.

    The first occurrence counts, and a preference that makes no sense is ignored, as the RFC says.
    """
    if not prefer:
        return None
    for found in _PREFERENCE.finditer(prefer):
        if found["name"].lower() == "wait":
            text = found["quoted"] if found["quoted"] is not None else found["bare"] or ""
            return (
                min(int(text), MAX_WAIT_S)
                if text.isascii() and text.isdecimal() and len(text) < 10
                else None
            )
    return None


def query_wait(query: str) -> int:
    """The seconds of ``?wait=N``, 0 where it is absent.

    Raises:
        Problem: 422 for anything but a whole number from 0 to 55.
    """
    if not query:
        return 0
    values = [value for name, value in parse_qsl(query, keep_blank_values=True) if name == "wait"]
    if not values:
        return 0
    text = values[0]
    if len(values) > 1 or not (
        text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= MAX_WAIT_S
    ):
        raise bad_query("wait", f"A whole number of seconds from 0 to {MAX_WAIT_S}, once.")
    return int(text)


def idempotency_key(header: str | None) -> str | None:
    """The key of ``Idempotency-Key``, None without the header.

    A structured-field string ``"k"`` (draft-ietf-httpapi-idempotency-key-header) and a bare ``k`` are
    one key: both spellings are in use.

    Raises:
        Problem: 400 when it is empty, too long, or has other than printable ASCII characters.
    """
    if header is None:
        return None
    text = header.strip()
    if text.startswith('"'):
        found = _SF_STRING.fullmatch(text)
        if found is None:
            raise bad_request(
                "invalid_idempotency_key", 'The Idempotency-Key is not a string such as "4f1c…".'
            )
        text = re.sub(r"\\(.)", r"\1", found[1])
    if not text or len(text) > MAX_IDEMPOTENCY_KEY or _UNPRINTABLE.search(text):
        raise bad_request(
            "invalid_idempotency_key",
            f"An Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters.",
        )
    return text


def require_json(content_type: str | None, content_encoding: str | None = None) -> None:
    """Refuse a body that is not plain UTF-8 JSON by its own words.

    Raises:
        Problem: 415.
    """
    if content_type == "application/json" and content_encoding is None:
        return
    kind, _, parameters = (content_type or "").partition(";")
    charset = _CHARSET.search(parameters)
    plain = (
        kind.strip().lower() == "application/json"
        and (content_encoding or "identity") == "identity"
    )
    if not plain or (charset is not None and charset[1].lower() not in ("utf-8", "utf8")):
        raise unsupported_media_type()
