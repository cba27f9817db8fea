"""The double as a process: started with a seed, ended by a signal or with who started it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from slack_sdk import WebClient

from runtime.parent import VARIABLE
from tests.docs.pages import ROOT, blocks

#: What the documents show.
SEED: dict[str, Any] = json.loads(
    next(one.text for one in blocks("json", of=ROOT / "docs" / "demo.md") if '"team"' in one.text)
)


class Started:
    """Starts the process, and ends what is left of it."""

    def __init__(self, folder: Path) -> None:
        self.seed, self.all = folder / "seed.json", list[subprocess.Popen[str]]()

    def __call__(self, seed: Any, *more: str, fd: int | None = None) -> subprocess.Popen[str]:
        self.seed.write_text(json.dumps(seed))
        command = [sys.executable, "-m", "demo.slack", "--seed", str(self.seed)]
        environment = {**os.environ, **({VARIABLE: str(fd)} if fd is not None else {})}
        made = subprocess.Popen(
            [*command, "--app", "http://127.0.0.1:9", *more],
            cwd=ROOT,
            env=environment,
            pass_fds=() if fd is None else (fd,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.all.append(made)
        return made


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    started = Started(tmp_path)
    yield started
    for one in started.all:
        one.kill()
        one.communicate()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().split()[1]


def test_it_plays_what_the_seed_says_until_a_signal(start: Started) -> None:
    process = start(SEED)
    base = address(process)
    client = WebClient("xoxb-demo", base_url=f"{base}api/")
    assert client.auth_test()["team"] == "Acme Shop"
    assert client.users_info(user="U0ANA")["user"]["profile"]["email"] == "ana@shop.example"
    client.chat_postMessage(channel="C0DESK", text="hello")
    assert "hello" in requests.get(base, timeout=30).text
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_it_ends_with_who_started_it(start: Started) -> None:
    read, write = os.pipe()
    process = start(SEED, fd=read)
    os.close(read)
    assert address(process).startswith("http://127.0.0.1:")
    assert process.poll() is None
    os.close(write)
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        ({}, "team must be an object"),
        ({**SEED, "team": {**SEED["team"], "bot_token": ""}}, "team.bot_token must be a text"),
        ({**SEED, "channels": [{"id": "C0"}]}, "channels[0].name must be a text"),
        ({**SEED, "users": []}, "users must name at least one"),
        ([], "must be an object"),
    ],
)
def test_a_seed_that_is_wrong_is_named(start: Started, seed: Any, says: str) -> None:
    process = start(seed)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert says in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_named(start: Started) -> None:
    port = address(start(SEED)).rstrip("/").rpartition(":")[2]
    process = start(SEED, "--port", port)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"127.0.0.1:{port} cannot be used" in said
