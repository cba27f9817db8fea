"""When `./up` runs a mailbox, and where."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import options as options_module
from runtime import ports, welcome
from runtime.mail import Mail, tell
from runtime.options import Options
from tests.runtime import helpers


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    for name in ("ASSENTRY_SMTP_URL", "ASSENTRY_HOST", "ASSENTRY_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    read = options_module.read()
    return replace(read, data=tmp_path, port=8750, base_url="http://127.0.0.1:8750")


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("127.0.0.1", "https://assentry.example"),
        ("0.0.0.0", "http://127.0.0.1:8750"),  # noqa: S104
        ("127.0.0.1", "http://assentry.example"),
    ],
)
def test_where_others_are_served_there_is_none(options: Options, host: str, base_url: str) -> None:
    assert Mail.read(replace(options, host=host, base_url=base_url)) is None


def test_with_a_server_of_its_own_there_is_none(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtps://mail.example")
    assert Mail.read(options) is None
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "")
    assert Mail.read(options) is not None


def test_it_has_the_ports_after_the_demos_or_ones_that_are_free(options: Options) -> None:
    base = helpers.free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        mail = Mail.read(replace(options, port=port - 2))
        assert mail is not None
        assert mail.port not in (port, 0)
        mail = Mail.read(replace(options, port=port - 3))
        assert mail is not None
        assert mail.smtp_port not in (port, 0, mail.port)
    assert ports.free(base) == [base]
    assert len(set(ports.free(*[port] * 5))) == 5
    past_the_last = Mail.read(replace(options, port=65535))
    assert past_the_last is not None
    assert 0 < past_the_last.port < 65536


def test_what_a_copy_that_ended_left_behind_moves_nothing() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as caller:
            listener.accept()[0].close()  # the server's side ends first, and stays in TIME_WAIT
            assert caller.recv(1) == b""
    assert ports.free(port) == [port]


def test_what_is_told_of_it(options: Options) -> None:
    mail = Mail(port=8752, smtp_port=8753)
    assert mail.environment() == {"ASSENTRY_SMTP_URL": "smtp://127.0.0.1:8753"}
    command = mail.command(options)
    assert command[1:3] == ["-m", "runtime.mailbox"]
    assert command[command.index("--folder") + 1] == str(options.data / "mail")
    tell(options.data, mail)
    assert (options.data / "mailbox.json").stat().st_mode & 0o077 == 0
    tell(options.data, None)
    tell(options.data, None)
    assert not (options.data / "mailbox.json").exists()
    assert "Mail   http://127.0.0.1:8752/" in welcome.text(options, 1.0, mail.address)
    assert "Mail   " not in welcome.text(options, 1.0)
