"""Headers that somebody wants sent with each callback: what is allowed, and what stays ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from core.problems import FieldError

MOST: Final = 10
LONGEST_VALUE: Final = 2_000
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
#: RFC 9110, 5.5: visible characters and blanks; nothing that could begin another line.
_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: What frames or routes the message, and what tells who sent it.
OURS: Final = frozenset(
    {
        *("host", "content-length", "content-type", "content-encoding", "transfer-encoding"),
        *("connection", "keep-alive", "proxy-connection", "upgrade", "te", "trailer", "expect"),
        *("accept-encoding", "user-agent", "cookie", "proxy-authorization"),
    }
)


def faults(wanted: Mapping[str, str]) -> list[FieldError]:
    """What is wrong with headers, each with its place; none where they may be sent."""
    found = []
    if len(wanted) > MOST:
        found.append(FieldError("/headers", "too_many", f"At most {MOST} headers."))
    lowered = [name.lower() for name in wanted]
    for name, value in wanted.items():
        pointer = "/headers/" + name.replace("~", "~0").replace("/", "~1")
        if not _NAME.fullmatch(name):
            found.append(FieldError(pointer, "invalid_header", "This is no name of a header."))
        elif name.lower() in OURS or name.lower().startswith("webhook-"):
            found.append(
                FieldError(pointer, "reserved_header", "This header is set by the server.")
            )
        elif lowered.count(name.lower()) > 1:
            found.append(FieldError(pointer, "duplicate_header", "A header is written once."))
        elif len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            detail = f"A value has 1 to {LONGEST_VALUE} visible ASCII characters, on one line."
            found.append(FieldError(pointer, "invalid_header", detail))
    return found
