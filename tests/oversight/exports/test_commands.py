"""Exporting from the machine (``manage.py audit_export``) and from anywhere (``assentry audit export``)."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.db import connections

from audit.sequencer import sequence
from core import ids
from oversight.models import Export
from tests.api.tenant import Tenant
from tests.audit.logs import bodies, write
from tests.events import events_of
from tests.oversight.exports.conftest import Auditor, work
from tests.oversight.exports.reader import note, read
from tests.promises import ask

ROOT = Path(__file__).resolve().parents[3]


def run(tenant: Tenant, *words: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("audit_export", tenant.workspace.slug, *words, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def test_the_command_writes_what_has_happened_by_now(
    tenant: Tenant, auditor: Auditor, tmp_path: Path, capfd: Any
) -> None:
    request = tenant.submit()
    out = tmp_path / "log.jsonl"
    made = run(tenant, "--out", str(out))
    file = read(out.read_bytes(), tenant.workspace.id)
    assert request["id"] in {event["subject"] for event in file.parsed()}
    assert made["state"] == "ready"
    assert made["file"] == str(out)
    assert made["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert made["by"] == {"type": "operator", "id": None, "via": "audit_export"}
    assert "100 %" in capfd.readouterr().err
    assert ask("SELECT 1 FROM core_due WHERE subject = %s", ids.decode("exp", made["id"])) == []
    assert list(tmp_path.iterdir()) == [out]
    assert auditor.call("GET", f"/{made['id']}/content").content == out.read_bytes()
    (event,) = events_of(tenant.workspace.id, "log.exported")
    assert event["subject"] == made["id"]


def test_its_conditions_are_those_of_the_api(tenant: Tenant, tmp_path: Path) -> None:
    tenant.person().decide(tenant.submit())
    tenant.submit("mail.burn")
    out = tmp_path / "log.csv"
    words = ["--since", "2020-01-01T00:00:00Z", "--outcome", "approved", "--role", "reviewers"]
    words += ("--agent", tenant.agent.name, "--action", "mail.send", "--kind", "request.*")
    made = run(tenant, "--out", str(out), "--format", "csv", *words)
    assert made["events"] == 2
    assert set(made["query"]) == {"from", "outcome", "role", "agent", "action", "kind"}
    beside = (tmp_path / "log.csv.manifest").read_text(encoding="utf-8")
    told = note(beside, tenant.workspace.id, "assentry export-csv/1")
    assert told["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "yesterday"), "--since: An instant such as"),
        (("--agent", "nobody"), "--agent: There is no agent"),
        (("--to-s3",), "--to-s3: There is no store"),
        (("--out", "/nonexistent/folder/x"), "cannot be written: No such file"),
    ],
    ids=str,
)
def test_what_it_refuses(tenant: Tenant, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError) as caught:
        call_command("audit_export", tenant.workspace.slug, *words)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_written_to_its_end_is_absent(
    tenant: Tenant, tmp_path: Path, monkeypatch: Any
) -> None:
    write(tenant.workspace.id, 50)

    def full(*_: Any) -> Any:
        yield b"half", None
        raise RuntimeError

    monkeypatch.setattr("oversight.exports.writing.export_format.pages", full)
    with pytest.raises((CommandError, RuntimeError)):
        run(tenant, "--out", str(tmp_path / "log.jsonl"))
    assert list(tmp_path.iterdir()) == []


# -- the client's ----------------------------------------------------------------------------------


def start(auditor: Auditor, url: str, *words: str, cwd: Path) -> subprocess.Popen[str]:
    """``assentry audit export``, started with the auditor's key."""
    environment = {
        **os.environ,
        "ASSENTRY_URL": url,
        "ASSENTRY_KEY": auditor.headers["Authorization"].removeprefix("Bearer "),
        "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
        "COLUMNS": "200",
    }
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from assentry.cli.entry import main; main()",
            *("audit", "export", *words),
        ],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def working() -> Iterator[None]:
    """A worker, for the time of a block."""
    stop = threading.Event()

    def works() -> None:
        while not stop.wait(0.05):
            work()
        connections.close_all()

    thread = threading.Thread(target=works)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class Breaking(BaseHTTPRequestHandler):
    """A proxy that ends the answers to downloads in their middle, as often as it is told."""

    target = ""
    breaks = 0
    ranges: list[str | None]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        names = ("authorization", "content-type", "range", "if-range")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        answer = requests.request(
            self.command, self.target + self.path, data=body, headers=headers, timeout=60
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
        self.end_headers()
        content = answer.content
        if self.path.endswith("/content"):
            type(self).ranges.append(self.headers.get("range"))
            if self.breaks:
                type(self).breaks -= 1
                content = content[: len(content) // 3]
        self.wfile.write(content)
        self.close_connection = True

    do_GET = do_POST = _serve  # noqa: N815 - as the library calls them

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def breaking(target: str, breaks: int) -> Iterator[tuple[str, list[str | None]]]:
    ranges: list[str | None] = []
    handler = type("H", (Breaking,), {"target": target, "breaks": breaks, "ranges": ranges})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_client_loads_a_file_over_a_connection_that_breaks(
    auditor: Auditor, tmp_path: Path
) -> None:
    write(auditor.workspace, 3_000)
    sequence(auditor.workspace)
    with working(), breaking(auditor.tenant.server.url, 3) as (url, ranges):
        process = start(auditor, url, "--out", "log.jsonl", "--json", cwd=tmp_path)
        out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    made = json.loads(out)
    content = (tmp_path / "log.jsonl").read_bytes()
    assert read(content, auditor.workspace).manifest["export"] == made["id"]
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert len(ranges) == 4
    assert ranges[0] == "bytes=0-"
    starts = [int((one or "").removeprefix("bytes=").removesuffix("-")) for one in ranges]
    assert starts == sorted(set(starts))
    assert "loading 100 %" in error
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]
    assert Export.objects.filter(workspace_id=auditor.workspace).count() == 1


def test_the_same_command_goes_on_with_what_another_left(auditor: Auditor, tmp_path: Path) -> None:
    write(auditor.workspace, 2_000)
    sequence(auditor.workspace)
    url = auditor.tenant.server.url
    words = ("--out", "log.jsonl", "--kind", "request.*")
    with working(), breaking(url, 100) as (broken, _):
        # It loads a third, then a third of the rest, …: until something is killed.
        process = start(auditor, broken, *words, cwd=tmp_path)
        part = tmp_path / "log.jsonl.part"
        while process.poll() is None and not (part.exists() and part.stat().st_size):
            time.sleep(0.02)
        process.kill()
        process.communicate()
    left = part.read_bytes()
    about = json.loads((tmp_path / "log.jsonl.part.json").read_bytes())
    about["url"] = url
    (tmp_path / "log.jsonl.part.json").write_text(json.dumps(about))
    assert left
    with working():
        process = start(auditor, url, *words, "--json", cwd=tmp_path)
        out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert json.loads(out)["id"] == about["export"]
    assert (tmp_path / "log.jsonl").read_bytes().startswith(left)
    starts = [
        event["data"]["start"] for event in events_of(auditor.workspace, "log.export_downloaded")
    ]
    assert starts[-1] == len(left)
    assert Export.objects.filter(workspace_id=auditor.workspace).count() == 1


def test_what_the_client_is_refused(auditor: Auditor, tmp_path: Path) -> None:
    sequence(auditor.workspace)
    url = auditor.tenant.server.url
    process = start(auditor, url, "--out", "x", "--agent", "nobody", cwd=tmp_path)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 119
    assert "/agent: There is no agent of that name or id." in error
    other = start(auditor, url, "--out", "no/such/folder", cwd=tmp_path)
    _, error = other.communicate(timeout=60)
    assert other.returncode == 2
    assert "No such file or directory" in error
    agent = Tenant(auditor.tenant.server)
    auditor.headers = agent.headers
    refused = start(auditor, url, "--out", "x", cwd=tmp_path)
    _, error = refused.communicate(timeout=60)
    assert refused.returncode == 119
    assert "wrong_kind_of_key" in error
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_client_loads_a_csv_with_its_manifest(auditor: Auditor, tmp_path: Path) -> None:
    sequence(auditor.workspace)
    with working():
        words = ("--out", "log.csv", "--format", "csv")
        process = start(auditor, auditor.tenant.server.url, *words, cwd=tmp_path)
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    content = (tmp_path / "log.csv").read_bytes()
    told = note(
        (tmp_path / "log.csv.manifest").read_text(), auditor.workspace, "assentry export-csv/1"
    )
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert f"SHA-256 {told['sha256']}" in out
    assert content.count(b"\r\n") <= len(bodies(auditor.workspace)) + 1
