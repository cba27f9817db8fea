"""Words that must be found nowhere afterwards, and the search of a whole database for them."""

from __future__ import annotations

import base64
import hashlib
import secrets

from django.db import connections


def canary() -> str:
    """A word that stands nowhere else."""
    return f"canary{secrets.token_hex(8)}"


def forms(*values: bytes) -> list[str]:
    """Every way in which these bytes, or their digest, may be written down.

    Base64 also of where they do not begin at a multiple of three bytes.
    """
    found: set[str] = set()
    for value in values:
        raw = hashlib.sha256(value).digest()
        texts = {value.decode("latin-1"), raw.hex()}
        for held in (value, raw):
            for before in range(3):
                whole = base64.b64encode(b"x" * before + held).decode()
                # The characters that other bytes have a share in are left out.
                inner = whole[(before * 8 + 5) // 6 : (before + len(held)) * 8 // 6]
                texts |= {inner, inner.translate(str.maketrans("+/", "-_"))}
        found |= texts | {text.encode("latin-1").hex() for text in texts} | {raw.hex()}
    return sorted(found)


class _Since:
    """The oldest transaction whose rows a search looks at."""

    xid = 0


def begin() -> None:
    """Rows that are there already, of other tests, cannot hold a word that is made from now on."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        (_Since.xid,) = cursor.fetchone()


def places(needles: list[str]) -> set[str]:
    """The tables in which a row of this test holds one of these, in any column, in small letters or as it is.

    A row as text has its bytes in hex, its arrays and JSON as they are.
    """
    found = set()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                "WITH fresh AS MATERIALIZED (SELECT one::text AS whole, lower(one::text) AS small"
                f' FROM "{table}" AS one WHERE one.xmin::text::bigint >= %s)'
                " SELECT EXISTS (SELECT 1 FROM fresh, unnest(%s::text[]) AS needle"
                " WHERE strpos(whole, needle) > 0 OR strpos(small, needle) > 0)",
                [_Since.xid, needles],
            )
            if cursor.fetchone() == (True,):
                found.add(table)
    return found
