"""The web process itself: an inherited socket, an end in order, and an end with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from config.environment import ROOT
from tests.api.tenant import Tenant


class Web:
    """``python -m config.web --fd N`` on a socket of ours."""

    def __init__(self, tmp_path: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.read_end, self.write_end = os.pipe()
        number = self.listener.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "config.web", "--fd", str(number)],
            cwd=ROOT,
            pass_fds=(number, self.read_end),
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "ASSENTRY_DATA": str(tmp_path),
                "ASSENTRY_BASE_URL": self.url,
                "ASSENTRY_PARENT_FD": str(self.read_end),
            },
        )
        os.close(self.read_end)
        assert requests.get(f"{self.url}/readyz", timeout=20).json()["status"] in {"ok", "degraded"}

    def ended_after(self, limit: float) -> float:
        began = time.monotonic()
        assert self.process.wait(limit) == 0
        return time.monotonic() - began


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A web process of its own."""
    web = Web(tmp_path)
    yield web
    if web.process.poll() is None:
        web.process.kill()
        web.process.wait()
    web.listener.close()


def test_it_ends_at_once_when_idle(web: Web) -> None:
    kept = requests.Session()
    assert kept.get(f"{web.url}/api/docs", timeout=30).status_code == 200
    web.process.send_signal(signal.SIGTERM)
    assert web.ended_after(5) < 1.0


def test_it_answers_everybody_who_waits_before_it_ends(web: Web, tenant: Tenant) -> None:
    tenant.server.api = f"{web.url}/api/v1"
    try:
        request = tenant.submit()
        waits = [tenant.later("GET", f"/requests/{request['id']}?wait=50") for _ in range(20)]
        waits.append(tenant.later("POST", "/requests/wait", json={"ids": [request["id"]]}))
        reviewer = tenant.person()
        stream = reviewer.call("GET", "/inbox/events", stream=True)
        assert stream.status_code == 200
        time.sleep(0.5)
        web.process.send_signal(signal.SIGTERM)
        for waiting in waits:
            answer = waiting.result(3)
            assert answer.status_code == 200
            assert "pending" in answer.text
        assert b"event: end" in stream.raw.read()
        assert web.ended_after(3) < 3.0
    finally:
        tenant.server.api = f"{tenant.server.url}/api/v1"


def test_it_ends_with_its_parent(web: Web) -> None:
    os.close(web.write_end)
    web.ended_after(5)
