"""Which policy a request was planned by: its versions, and the digest of their texts as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.rows import dict_row

from audit.log import rfc3339
from core import ids
from core.canonical import digest, show_digest
from people.sql import NAME_OF

_VERSIONS: Final = f"""
SELECT v.id, v.number, v.text, v.digest, v.created_at, v.created_by_id,
       {NAME_OF.format(person="v.created_by_id")} AS created_by
  FROM policies_policyversion v
 WHERE v.id = ANY(%(versions)s) AND v.workspace_id = %(workspace)s ORDER BY v.number
"""


def versions(
    conn: Connection[Any], workspace: UUID, wanted: Sequence[UUID]
) -> list[dict[str, Any]]:
    """These versions, the first one first.

    ``digest`` is the one that was saved, ``text_digest`` that of the text as it is stored now: they differ
    where addresses in it were erased since.
    """
    with conn.cursor(row_factory=dict_row) as cursor:
        values = {"versions": list(set(wanted)), "workspace": workspace}
        found = cursor.execute(_VERSIONS, values).fetchall()
    return [
        {
            "id": ids.encode("pol", one["id"]),
            "number": one["number"],
            "digest": show_digest(bytes(one["digest"])),
            "text_digest": show_digest(digest(one["text"].encode())),
            "applied_at": rfc3339(one["created_at"]),
            "applied_by": None
            if one["created_by_id"] is None
            else {"id": ids.encode("per", one["created_by_id"]), "name": one["created_by"]},
        }
        for one in found
    ]
