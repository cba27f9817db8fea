"""Inbox and request page with 1,000 and with 1,000,000 requests stored, and what a first visit loads."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import psycopg

from benchmarks.client import Answer, run
from benchmarks.figures import Result, Row, in_ms
from benchmarks.pages_fill import LAST_ID, Filling, fill
from benchmarks.product import PASSWORD, POLICY, REVIEWER, WORKSPACE, NotReady, Product
from core import ids

RARELY: Final = "rarely@bench.example"
#: Addresses in a page that a browser loads by itself.
_LOADS: Final = re.compile(
    r'<(?:link\s[^>]*?rel="(?:stylesheet|icon|manifest|modulepreload)"[^>]*?href|script\s[^>]*?src|img\s[^>]*?src)="([^"]+)"'
)


@dataclass(frozen=True, slots=True)
class Scale:
    """How many requests are stored, how many of them wait, and how often each page is asked for."""

    few: int = 1_000
    many: int = 1_000_000
    pending: int = 500
    much_pending: int = 10_000
    looks: int = 60
    warm: int = 5


@dataclass(frozen=True, slots=True)
class Looked:
    """Durations of each page's calls in seconds, by its name."""

    took: Mapping[str, list[float]]

    def p95(self, name: str) -> float:
        """Milliseconds."""
        return in_ms(self.took[name], 95)["p95"]


def measure(product: Product, scale: Scale | None = None) -> Result:
    """The same pages by one person, one call after the other, before and after the many are there."""
    scale = scale or Scale()
    like = _prepare(product)
    result = Result("pages", notes={"few": scale.few, "many": scale.many, "pending": scale.pending})
    fill(product.superuser_url(), like(1, scale.few, scale.pending))
    asked = like(1, 1, 0).waiting
    few = run(_look(product, scale, scale.few, asked))
    begun = time.perf_counter()
    _decide_all(product)
    fill(product.superuser_url(), like(scale.few + 1, scale.many, scale.pending))
    result.notes["fill_s"] = round(time.perf_counter() - begun, 1)
    many = run(_look(product, scale, scale.many, asked))
    more = scale.many + scale.much_pending - scale.pending
    fill(product.superuser_url(), like(scale.many + 1, more, scale.much_pending - scale.pending))
    much = run(_look(product, scale, more, asked))
    for name in few.took:
        result.notes[name] = {
            "few": in_ms(few.took[name], 50, 95),
            "many": in_ms(many.took[name], 50, 95),
            "much_pending": in_ms(much.took[name], 50, 95),
        }
        result.rows.append(
            Row(
                f"{name}, {scale.many:,} stored: p95",
                many.p95(name),
                "ms",
                few.p95(name),
                f"the same with {scale.few:,} stored",
                goal="≤ 80 ms, ≤ 1.3 ×",
            )
        )
        what = f"{name}, {scale.much_pending:,} of them wait: p95"
        result.rows.append(Row(what, much.p95(name), "ms", goal="≤ 80 ms"))
    loaded = first_load(*run(_first(product)))
    result.notes["first_load_bytes"] = loaded
    result.rows.append(
        Row("a first visit loads, compressed", sum(loaded.values()) / 1e3, "kB", goal="≤ 150 kB")
    )
    return result


def first_load(html: bytes, fetch: Callable[[str], bytes]) -> dict[str, int]:
    """Compressed bytes of a page and of everything that a browser loads for it, by path."""
    found = {"": html}
    for path in dict.fromkeys(_LOADS.findall(html.decode())):
        found[path] = fetch(path)
    return {path: len(gzip.compress(body, 6)) for path, body in found.items()}


def _prepare(product: Product) -> Callable[[int, int, int], Filling]:
    """Somebody who is asked rarely, and two requests to copy: one that waits, one that was approved."""
    product.manage("person_create", WORKSPACE, RARELY, "--password-stdin", stdin=PASSWORD)
    roles = {name: {"title": name.title(), "members": [RARELY]} for name in ("rare", "other")}
    roles["other"]["members"] = []
    policy = json.loads(json.dumps(POLICY))
    policy["roles"] |= roles
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(policy))
        file.flush()
        product.manage("policy_apply", WORKSPACE, file.name)
    waiting, decided = run(_two(product))
    with psycopg.connect(product.superuser_url()) as conn:
        known: dict[str, Any] = dict(
            conn.execute(
                "SELECT name, id FROM people_role WHERE name IN ('rare', 'other')"
            ).fetchall()
        )
    return lambda first, last, pending: Filling(
        first,
        last,
        pending,
        ids.decode("req", waiting),
        ids.decode("req", decided),
        known["rare"],
        known["other"],
    )


async def _two(product: Product) -> tuple[str, str]:
    await product.sign_in()
    connection = product.connection()
    waiting, decided = [
        (await product.submit(connection, number)).json() for number in ("first", "second")
    ]
    await product.approve(connection, decided)
    connection.close()
    return waiting["id"], decided["id"]


def _decide_all(product: Product) -> None:
    """What waited of the few ends, so that as many wait among the many."""
    with psycopg.connect(product.superuser_url(), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute(
            "UPDATE approvals_request SET status = 'approved', basis = 'people', stage = NULL, "
            "waiting_on = NULL, ended_at = clock_timestamp() WHERE status = 'pending' AND id < %s",
            [LAST_ID],
        )


async def _look(product: Product, scale: Scale, newest: int, asked: UUID) -> Looked:
    """Ask for each page in turns, so that what else the machine does meets all of them alike."""
    reviewer, rarely = await product.session(REVIEWER), await product.session(RARELY)
    connection = product.connection()
    with psycopg.connect(product.superuser_url()) as conn:
        found = [
            ids.encode("req", row[0])
            for condition in ("= 'pending'", "<> 'pending'")
            for row in conn.execute(
                f"SELECT id FROM approvals_request WHERE status {condition} AND id < %s "
                "AND roles = (SELECT roles FROM approvals_request WHERE id = %s) "
                "ORDER BY id DESC LIMIT 1",
                [LAST_ID, asked],
            )
        ]
    pages = {
        "inbox": (reviewer, "/"),
        "inbox, filtered": (reviewer, "/?view=all&risk=high,critical&due=4d&q=invoice"),
        "request that waits": (reviewer, f"/requests/{found[0]}"),
        "request that ended": (reviewer, f"/requests/{found[1]}"),
        "past requests": (reviewer, "/?view=all&state=past"),
        "past, a rare word": (reviewer, f"/?view=all&state=past&q={newest // 2 - 1}"),
        "past, a common word": (reviewer, "/?view=all&state=past&q=publish+invoice"),
        "past, I decided": (reviewer, "/?view=mine&state=rejected"),
        "past, asked rarely": (rarely, "/?view=all&state=past"),
    }
    took: dict[str, list[float]] = {name: [] for name in pages}
    for number in range(scale.warm + scale.looks):
        for name, (headers, path) in pages.items():
            begun = time.perf_counter()
            answer = await connection.call("GET", path, headers)
            lasted = time.perf_counter() - begun
            _check(name, answer)
            if number >= scale.warm:
                took[name].append(lasted)
    connection.close()
    return Looked(took)


def _check(name: str, answer: Answer) -> None:
    """A page that is not there, or a list with nothing in it, is quick and says nothing.

    Raises:
        NotReady: it is such a one.
    """
    shown = name.startswith("request ") or b'id="queue-items"' in answer.body
    if answer.status != 200 or not shown:
        raise NotReady(f"{name}: {answer.status}, and nothing in its list")


async def _first(product: Product) -> tuple[bytes, Callable[[str], bytes]]:
    """The inbox as somebody sees it first, and everything that it loads."""
    headers = await product.session(REVIEWER)
    connection = product.connection()
    html = (await connection.call("GET", "/", headers)).body
    loaded = {}
    for path in _LOADS.findall(html.decode()):
        place = urlsplit(urljoin(f"{product.origin}/", path))
        loaded[path] = (await connection.call("GET", place.path, headers)).body
    connection.close()
    return html, loaded.__getitem__
