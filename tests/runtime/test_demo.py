"""`./up --demo`: its words on the command line, and what it tells its processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import options as options_module
from runtime.demo import Demo
from runtime.options import ROOT, Options


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return replace(options_module.read(), data=tmp_path, port=8750)


@pytest.mark.parametrize("words", [["--nonsense"], ["--scripted"], ["demo"], ["--demo", "--demo"]])
def test_wrong_words_start_nothing_and_say_what_there_is(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "up"), *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("usage: ./up [--demo [--scripted]]")


def test_help_is_help() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "up"), "--help"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--scripted" in done.stdout


def test_without_its_word_there_is_no_demo(options: Options) -> None:
    assert Demo.read([], options) is None


def test_its_page_has_the_next_port_or_one_that_is_free(options: Options) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        demo = Demo.read(["--demo"], replace(options, port=port - 1))
        assert demo is not None
        assert not demo.scripted
        assert demo.port not in (port, 0)


def test_what_was_seeded_is_kept_and_told(options: Options) -> None:
    demo = Demo(scripted=True, port=8751)
    assert not demo.seeded(options.data)
    people = [
        {"email": "olga@shop.example", "password": "pw-1", "role": "owner"},
        {"email": "ana@shop.example", "password": "pw-2", "role": "support lead"},
    ]
    demo.keep(options.data, json.dumps({"people": people, "agent_key": "k"}))
    assert demo.seeded(options.data)
    assert (options.data / "demo.json").stat().st_mode & 0o077 == 0
    said = demo.text(options)
    assert "http://127.0.0.1:8751/" in said
    assert "1 people review" in said
    assert "ana@shop.example  pw-2  (support lead)" in said
    command = demo.command(options)
    assert command[1:3] == ["-m", "demo"]
    assert "--scripted" in command
    assert "k" not in command, "the key is no argument, which others on the machine could read"
    assert "clients/python/src" in demo.environment()["PYTHONPATH"]
