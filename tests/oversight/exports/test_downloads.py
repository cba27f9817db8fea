"""Downloads: any range gives the same bytes, in constant memory, whoever is slow or leaves."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import time
from typing import Any

import pytest

from audit.export_format import Place
from audit.sequencer import sequence
from benchmarks import log
from core import ids
from core.db import pool
from core.downloads import NotSatisfiable, Range, asked_range
from oversight.exports import writing
from oversight.models import Export
from oversight.rotation import rotate_signing_key
from signing import keys
from tests.audit.logs import ACTOR, write
from tests.factories import WorkspaceFactory
from tests.oversight.exports.conftest import Auditor, code


@pytest.fixture(autouse=True)
def _places_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oversight.exports.writing.PLACE_EVERY", 150)
    monkeypatch.setattr("audit.export_format.PAGE", 100)
    monkeypatch.setattr("oversight.exports.csv_format.PAGE", 100)


def stored(made: dict[str, Any]) -> Export:
    return Export.objects.get(id=ids.decode("exp", made["id"]))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
@pytest.mark.parametrize("query", [{}, {"kind": "request.commented"}], ids=["whole", "narrowed"])
def test_any_range_gives_the_same_bytes(
    auditor: Auditor, format: str, query: dict[str, str]
) -> None:
    for count in (300, 1, *[60] * 12):  # checkpoints nearer than they are told, places between them
        write(auditor.workspace, count)
        sequence(auditor.workspace)
    made = auditor.exported(format=format, **query)
    whole = auditor.call("GET", f"/{made['id']}/content")
    content = whole.content
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert whole.headers["ETag"] == f'"{made["sha256"]}"'
    assert len(content) == made["bytes"] == int(whole.headers["Content-Length"])
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert len(json.loads(bytes(stored(made).places or b""))) >= 4
    dice = random.Random(7)
    places = [Place(**one).offset for one in json.loads(bytes(stored(made).places or b""))]
    starts = [0, 1, len(content) - 1, *places, *(at - 1 for at in places)]
    for first in [*starts, *(dice.randrange(len(content)) for _ in range(8))]:
        last = dice.choice([len(content) - 1, min(len(content) - 1, first + dice.randrange(9_999))])
        part = auditor.call(
            "GET", f"/{made['id']}/content", headers={"Range": f"bytes={first}-{last}"}
        )
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{len(content)}"
        assert part.content == content[first : last + 1]


def test_the_bytes_stay_when_another_key_signs(auditor: Auditor) -> None:
    made = auditor.exported()
    before = auditor.call("GET", f"/{made['id']}/content").content
    rotate_signing_key(actor=ACTOR, purpose=keys.LOG)
    assert auditor.call("GET", f"/{made['id']}/content").content == before


def test_ranges_that_do_not_fit(auditor: Auditor) -> None:
    made = auditor.exported()
    path = f"/{made['id']}/content"
    behind = auditor.call("GET", path, headers={"Range": f"bytes={made['bytes']}-"})
    assert code(behind) == "416 range_not_satisfiable"
    assert behind.headers["Content-Range"] == f"bytes */{made['bytes']}"
    old = auditor.call("GET", path, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (old.status_code, len(old.content)) == (200, made["bytes"])
    same = auditor.call(
        "GET", path, headers={"Range": "bytes=5-", "If-Range": f'"{made["sha256"]}"'}
    )
    assert same.status_code == 206
    head = auditor.call("HEAD", path)
    assert (head.content, head.headers["Content-Length"]) == (b"", str(made["bytes"]))


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None),
        ("bytes=0-", Range(0, 9, 10)),
        ("bytes=3-5", Range(3, 5, 10)),
        ("bytes=3-99", Range(3, 9, 10)),
        ("bytes=-4", Range(6, 9, 10)),
        ("bytes=-99", Range(0, 9, 10)),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=1-2,4-5", None),
        ("lines=1-2", None),
        ("bytes=x-", None),
    ],
)
def test_which_range_is_asked_for(header: str | None, found: Range | None) -> None:
    assert asked_range(header, 10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=-0", "bytes=11-12"])
def test_a_range_behind_the_end(header: str) -> None:
    with pytest.raises(NotSatisfiable):
        asked_range(header, 10)


def _opened(auditor: Auditor, path: str) -> socket.socket:
    sock = socket.create_connection(auditor.tenant.server.address, timeout=20)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    token = auditor.headers["Authorization"]
    sock.sendall(
        f"GET /api/v1/audit/exports{path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: {token}\r\n\r\n".encode()
    )
    return sock


def _open(auditor: Auditor) -> int:
    parts = auditor.tenant.server.front._parts
    assert parts is not None
    return parts.downloads.open


def _until(auditor: Auditor, count: int, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while _open(auditor) != count:
        assert time.monotonic() < until, f"{_open(auditor)} downloads are open, not {count}"
        time.sleep(0.01)


def test_slow_readers_hold_nothing_and_who_leaves_is_noticed(auditor: Auditor) -> None:
    log.fill(os.environ, auditor.tenant.workspace.slug, 60_000)
    made = auditor.exported()
    assert made["bytes"] > 25_000_000
    slow = [_opened(auditor, f"/{made['id']}/content") for _ in range(12)]
    try:
        _until(auditor, 12)
        for sock in slow:
            assert sock.recv(15) == b"HTTP/1.1 200 OK"
        # More slow readers than connections and threads: others are served all the same.
        for _ in range(3):
            assert auditor.call("GET", f"/{made['id']}").status_code == 200
        whole = auditor.call("GET", f"/{made['id']}/content")
        assert hashlib.sha256(whole.content).hexdigest() == made["sha256"]
        with pool().connection(timeout=1) as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        for sock in slow:
            sock.close()
    _until(auditor, 0, seconds=2)  # far sooner than all of it could be written


def test_what_breaks_in_the_middle_breaks_off(auditor: Auditor, monkeypatch: Any) -> None:
    write(auditor.workspace, 1_000)
    made = auditor.exported()
    pieces = writing.pieces

    def breaking(*args: Any) -> Any:
        for number, piece in enumerate(pieces(*args)):
            if number == 3:
                raise RuntimeError("the disk is gone")
            yield piece

    monkeypatch.setattr(writing, "pieces", breaking)
    with _opened(auditor, f"/{made['id']}/content") as sock:
        said = b""
        while more := sock.recv(65_536):
            said += more
    head, _, body = said.partition(b"\r\n\r\n")
    assert f"content-length: {made['bytes']}".encode() in head.lower()
    assert 0 < len(body) < made["bytes"]
    assert b"disk" not in said


def test_a_long_log_takes_no_more_memory_than_a_short_one() -> None:
    workspace = WorkspaceFactory()
    taken = []
    for more in (2_000, 60_000):
        log.fill(os.environ, workspace.slug, more)
        taken.append(log.run(os.environ, workspace.slug))
    short, long = taken
    assert long.bytes > 25_000_000
    assert long.rss_mib < short.rss_mib + 20
