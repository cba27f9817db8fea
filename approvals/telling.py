"""What callbacks tell of requests: the request object without what must not travel.

The agent's own people wrote the payload, but a callback goes to an address, and is kept there: fields
that policy calls sensitive are covered, and what would make the message too large for many receivers
(Standard Webhooks: under 20 kB) is left to its digest and the link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import Connection

from approvals import read
from approvals.present import request_object
from approvals.row import Row

#: A payload in canonical bytes, and the whole object.
MOST_PAYLOAD: Final = 16_000
MOST_OBJECT: Final = 18_000
#: What is left out of a large object, in this order, until it is small enough.
LEFT_OUT: Final[tuple[tuple[str, Any], ...]] = (
    ("payload", None),
    ("changes", []),
    ("evidence", []),
    ("context", {}),
    ("messages", []),
    ("decisions", []),
    ("facts", []),
    ("metadata", {}),
    ("answer", None),
)

_encode: Final = msgspec.json.Encoder().encode


def bodies(conn: Connection[Any], request_ids: Sequence[UUID]) -> Mapping[UUID, bytes]:
    """What callbacks tell of these requests, as they stand now; those that are gone left out."""
    if not request_ids:
        return {}
    return {row.id: _body(row) for row in read.rows(conn, request_ids)}


def _body(row: Row) -> bytes:
    # What its agent sees, and no more: not what people say among themselves.
    told = msgspec.structs.asdict(request_object(row, for_person=False, covered=True))
    left: list[str] = []
    if len(row.payload) > MOST_PAYLOAD:
        told["payload"], left = None, ["payload"]
    shown = _encode({**told, "left_out": left})
    for name, empty in LEFT_OUT:
        if len(shown) <= MOST_OBJECT:
            break
        if name not in left:
            told[name] = empty
            left.append(name)
            shown = _encode({**told, "left_out": left})
    return shown
