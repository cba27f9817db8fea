"""The supervisor with real processes: start, restart, end, and every way of being in the way."""

from __future__ import annotations

import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import psutil
import pytest

from tests.runtime import helpers


class Up:
    """One running supervisor of stand-ins."""

    started: ClassVar[list[Up]] = []

    def __init__(self, data: Path, *words: str, **more: str) -> None:
        self.data = data
        self.port = int(more.get("ASSENTRY_PORT", helpers.free_port()))
        self.output = data.parent / f"output-{self.port}"
        settings = {"ASSENTRY_DATA": str(data), "ASSENTRY_PORT": str(self.port), **more}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime.stand_in", "up", *words],
                cwd=helpers.ROOT,
                env=helpers.environment(**settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(self)

    def said(self) -> str:
        return self.output.read_text()

    def ready(self) -> Up:
        helpers.wait_for(
            lambda: "Assentry is running" in self.said() or self.process.poll() is not None, 30
        )
        assert self.process.poll() is None, self.said()
        return self

    def ended(self, seconds: float = 15.0) -> int:
        return self.process.wait(seconds)

    def noted(self, name: str) -> list[int]:
        """The process ids of all starts of one stand-in."""
        lines = (self.data / "noted").read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.split()[0] == name]

    def postmaster(self) -> int:
        """The process id of the database, 0 while there is none."""
        try:
            return int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return 0

    def left(self) -> list[psutil.Process]:
        return helpers.mentioning(str(self.data))


@pytest.fixture
def data() -> Iterator[Path]:
    with helpers.folder("data") as place:
        yield place
        for up in Up.started:
            up.process.kill()
            up.process.wait()
        Up.started.clear()
        for process in helpers.mentioning(str(place)):
            process.kill()


def test_from_nothing_to_ready_and_back(data: Path) -> None:
    first = Up(data).ready()
    said = first.said()
    for text in (f"http://127.0.0.1:{first.port}/", "reviewer@demo.example", "a-password", "curl"):
        assert text in said
    helpers.wait_for(lambda: len(first.noted("web")) == 2 and len(first.noted("worker")) == 1)
    first.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert first.ended() == 0
    assert time.monotonic() - began < 5
    assert not first.left()

    # A warm start migrates and seeds nothing, and shows the same at its new address.
    second = Up(data).ready()
    assert len(second.noted("migrate")) == len(second.noted("seed")) == 1
    assert f"curl http://127.0.0.1:{second.port}/api" in second.said()
    assert str(first.port) not in second.said()
    assert (data / "welcome.json").stat().st_mode & 0o077 == 0

    # A second copy: the same folder is refused, another one on another port works.
    same = Up(data)
    assert same.ended() == 1
    assert f"already runs on {data} (http://127.0.0.1:{second.port}" in same.said()
    taken = Up(data.parent / "third", ASSENTRY_PORT=str(second.port))
    assert taken.ended() == 1
    assert f"Port {second.port} on 127.0.0.1 cannot be used" in taken.said()
    assert "ASSENTRY_PORT=" in taken.said()
    other = Up(data.parent / "other").ready()
    other.process.terminate()
    assert other.ended() == 0
    assert second.process.poll() is None

    # What dies is started again: a web process, the worker, the database.
    helpers.wait_for(lambda: len(second.noted("web")) == 4 and len(second.noted("worker")) == 2)
    os.kill(second.noted("web")[-1], signal.SIGKILL)
    os.kill(second.noted("worker")[-1], signal.SIGKILL)
    helpers.wait_for(lambda: len(second.noted("web")) == 5 and len(second.noted("worker")) == 3)
    postmaster = second.postmaster()
    os.kill(postmaster, signal.SIGKILL)
    helpers.wait_for(lambda: "PostgreSQL ended" in second.said())
    helpers.wait_for(lambda: second.postmaster() not in {0, postmaster})

    # Killed without a chance to clean up: nothing stays, and a start at once works.
    second.process.kill()
    second.ended()
    third = Up(data, STAND_IN="stubborn").ready()
    helpers.wait_for(lambda: not [pid for pid in third.noted("web")[:5] if _lives(pid)], 6)

    # Web processes that ignore SIGTERM are killed, in bounded time.
    began = time.monotonic()
    third.process.terminate()
    assert third.ended() == 0
    assert time.monotonic() - began < 6.5
    assert not third.left()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_killed_supervisor_leaves_nothing(data: Path) -> None:
    up = Up(data, STAND_IN="stubborn").ready()
    assert len(up.left()) > 4
    up.process.kill()
    up.ended()
    helpers.wait_for(lambda: not up.left(), 8)


def test_the_demo_runs_beside_and_ends_with_it(data: Path) -> None:
    first = Up(data, "--demo", "--scripted").ready()
    helpers.wait_for(lambda: len(first.noted("demo")) == 1)
    helpers.wait_for(lambda: "Scripted reviewers decide." in first.said())
    assert "ana@shop.example  her-password  (support lead)" in first.said()
    assert "reviewer@demo.example" in first.said(), "the product's own people are there as always"
    os.kill(first.noted("demo")[-1], signal.SIGKILL)
    helpers.wait_for(lambda: len(first.noted("demo")) == 2)
    first.process.send_signal(signal.SIGINT)
    assert first.ended() == 0
    assert not first.left()

    # Seeded once; without the word there is no demo, with it the same shop goes on.
    plain = Up(data).ready()
    helpers.wait_for(lambda: len(plain.noted("worker")) == 2)
    assert "ana@shop.example" not in plain.said()
    plain.process.terminate()
    assert plain.ended() == 0
    again = Up(data, "--demo").ready()
    helpers.wait_for(lambda: "Sign in and decide:" in again.said())
    helpers.wait_for(lambda: len(again.noted("demo")) == 3)
    assert len(again.noted("seed_retail")) == len(again.noted("seed")) == 1
    again.process.kill()
    again.ended()
    helpers.wait_for(lambda: not again.left(), 8)


def test_slack_is_played_for_the_shop_and_its_app_is_connected_once(data: Path) -> None:
    first = Up(data, "--demo").ready()
    helpers.wait_for(lambda: "plays Slack" in first.said())
    (page,) = re.findall(r"Slack  (http://127\.0\.0\.1:\d+/)", first.said())
    seed = data / "slack.json"
    helpers.wait_for(lambda: json.loads(seed.read_text())["connected"])
    assert seed.stat().st_mode & 0o077 == 0
    told = json.loads((data / "connected.json").read_text())
    team = json.loads(seed.read_text())["team"]
    assert told["arguments"][0] == "shop"
    assert not [word for word in told["arguments"] if word in team.values()]
    assert told["given"] == {name: team[name] for name in ("bot_token", "signing_secret")}
    assert (told["said"]["ok"], told["said"]["team_id"]) == (True, "T0SHOP")
    helpers.wait_for(lambda: len(first.noted("web")) == 2 and len(first.noted("worker")) == 1)
    for pid in (*first.noted("web"), *first.noted("worker")):
        assert psutil.Process(pid).environ()["ASSENTRY_SLACK_API_URL"] == f"{page}api/"
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - on loopback
        shown = answer.read().decode()
    assert "support-leads" in shown
    assert "Ana" in shown
    first.process.send_signal(signal.SIGINT)
    assert first.ended() == 0
    assert not first.left()

    # The shop is still there without the word, so its Slack is too; nothing is connected twice.
    again = Up(data).ready()
    helpers.wait_for(lambda: "plays Slack" in again.said())
    helpers.wait_for(lambda: len(again.noted("worker")) == 2)
    assert len(again.noted("slack_connect")) == 1
    again.process.kill()
    again.ended()
    helpers.wait_for(lambda: not again.left(), 8)

    # Pointed elsewhere, nothing is played.
    own = Up(data, ASSENTRY_SLACK_API_URL="http://127.0.0.1:9/api/").ready()
    helpers.wait_for(lambda: len(own.noted("worker")) == 3)
    assert "plays Slack" not in own.said()
    environment = psutil.Process(own.noted("web")[-1]).environ()
    assert environment["ASSENTRY_SLACK_API_URL"] == "http://127.0.0.1:9/api/"
    own.process.terminate()
    assert own.ended() == 0


def test_an_app_that_cannot_be_connected_is_said_and_the_rest_goes_on(data: Path) -> None:
    up = Up(data, "--demo", STAND_IN="broken connect").ready()
    helpers.wait_for(lambda: "was not connected to Slack" in up.said())
    assert "Slack refuses it." in up.said()
    helpers.wait_for(lambda: len(up.noted("demo")) == 1)
    assert len(up.noted("slack_connect")) == 1
    assert json.loads((data / "slack.json").read_text())["connected"] is False
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == 0
    helpers.wait_for(lambda: not up.left(), 8)


def test_mail_works_without_an_account_and_ends_with_it(data: Path) -> None:
    up = Up(data).ready()
    (page,) = re.findall(r"Mail   (http://127\.0\.0\.1:\d+/)", up.said())
    told = json.loads((data / "mailbox.json").read_text())
    assert told["page"] == page
    helpers.wait_for(lambda: len(up.noted("web")) == 2 and len(up.noted("worker")) == 1)
    for pid in (*up.noted("web"), *up.noted("worker")):
        assert psutil.Process(pid).environ()["ASSENTRY_SMTP_URL"] == told["smtp_url"]
    address = urlsplit(told["smtp_url"])
    helpers.wait_for(lambda: _connects(str(address.hostname), address.port or 0))
    with smtplib.SMTP(str(address.hostname), address.port or 0) as smtp:
        smtp.sendmail("a@shop.example", ["ana@shop.example"], "Subject: Refund\r\n\r\nText.\r\n")
    with urllib.request.urlopen(f"{page}messages.json") as answer:  # noqa: S310 - on loopback
        (message,) = json.load(answer)["messages"]
    assert (message["to"], message["subject"]) == (["ana@shop.example"], "Refund")
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == 0
    assert not up.left()

    # With a server of one's own there is no mailbox, and nothing says that there is one.
    own = Up(data, ASSENTRY_SMTP_URL="smtp://127.0.0.1:2525").ready()
    helpers.wait_for(lambda: len(own.noted("worker")) == 2)
    assert "Mail   " not in own.said()
    assert "plays Slack" not in own.said(), "there is no shop"
    assert not (data / "mailbox.json").exists()
    assert not [each for each in own.left() if "runtime.mailbox" in each.cmdline()]
    environment = psutil.Process(own.noted("web")[-1]).environ()
    assert environment["ASSENTRY_SMTP_URL"] == "smtp://127.0.0.1:2525"


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port)).close()
    except OSError:
        return False
    return True


def test_a_process_that_keeps_dying_is_given_up_loudly(data: Path) -> None:
    up = Up(data, STAND_IN="broken")
    assert up.ended(40) == 1
    assert "The worker process ended with code 3, for the 5th time" in up.said()
    assert not up.left()


def test_a_demo_that_keeps_dying_is_left_and_the_product_goes_on(data: Path) -> None:
    up = Up(data, "--demo", STAND_IN="broken demo").ready()
    helpers.wait_for(lambda: "The demo process ended with code 3 once more" in up.said(), 20)
    deaths = len(up.noted("demo"))
    assert deaths == 5
    os.kill(up.noted("worker")[-1], signal.SIGKILL)
    helpers.wait_for(lambda: len(up.noted("worker")) == 2)
    assert len(up.noted("demo")) == deaths
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == 0
    helpers.wait_for(lambda: not up.left(), 8)


def test_ctrl_c_during_the_start(data: Path) -> None:
    up = Up(data)
    helpers.wait_for(lambda: (data / "up.lock").exists())
    up.process.send_signal(signal.SIGINT)
    assert up.ended() == 0
    assert "Traceback" not in up.said()
    helpers.wait_for(lambda: not up.left(), 8)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"ASSENTRY_PORT": "99999"}, "ASSENTRY_PORT=99999 is not a port"),
        ({"ASSENTRY_HOST": "198.51.100.7"}, "is not https"),
        ({"ASSENTRY_HOST": "203.0.113.9", "ASSENTRY_ALLOW_PLAIN_HTTP": "1"}, "cannot be used"),
        ({"DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/a"}, "The database does not answer"),
        ({"ASSENTRY_DATA": "/proc/nothing"}, "The data folder /proc/nothing cannot be used"),
    ],
)
def test_one_clear_line(data: Path, settings: dict[str, str], text: str) -> None:
    up = Up(data, **settings)
    assert up.ended() == 1
    assert text in up.said()
    assert "Traceback" not in up.said()
    assert "secret" not in up.said()


def test_a_port_that_somebody_else_uses(data: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = somebody.getsockname()[1]
        up = Up(data, ASSENTRY_PORT=str(port))
        assert up.ended() == 1
    assert f"Port {port} on 127.0.0.1 cannot be used" in up.said()
    assert not (data / "postgres").exists()


def test_development_switches_only_on_loopback() -> None:
    program = (
        "from runtime import options; import json;"
        "print(json.dumps(options.read().environment().get('ASSENTRY_DEV')))"
    )
    for host, base_url, expected in (
        ("127.0.0.1", "", "1"),
        ("localhost", "http://localhost:8750", "1"),
        ("127.0.0.1", "https://a.example", "0"),  # a proxy lets everybody in
        ("198.51.100.7", "https://a.example", "0"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=helpers.environment(
                ASSENTRY_HOST=host, ASSENTRY_BASE_URL=base_url, ASSENTRY_DEV="1"
            ),
            stdout=subprocess.PIPE,
            check=True,
        )
        assert json.loads(done.stdout) == expected, (host, base_url)
