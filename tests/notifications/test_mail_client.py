"""Mails to a real server on loopback: what is taken, tried later, given up, and for how long one waits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from notifications.mail import client as module
from notifications.mail.client import REUSED_MAILS, REUSED_S, Client, Later, Refused, probe
from notifications.mail.line import verdict
from notifications.mail.server import Security, Sender, Server
from tests.core.certificates import Authority, self_signed, serving_as
from tests.notifications.postbox import Postbox, opened

SENDER = Sender("Assentry", "assentry@shop.example")
MAIL = b"Subject: s\r\n\r\nText.\r\n"
ANA = "ana@shop.example"


class Now:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def box() -> Iterator[Postbox]:
    with opened() as made:
        yield made


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def client(now: Now) -> Iterator[Client]:
    made = Client(command_s=5, now=now)
    yield made
    made.close()


@pytest.fixture
def hasty() -> Iterator[Client]:
    made = Client(command_s=0.3, mail_s=3)
    yield made
    made.close()


def send(client: Client, box: Postbox, to: str = ANA, message: bytes = MAIL, **more: Any) -> None:
    client.send(server=box.server(**more), sender=SENDER, message=message, to=to)


def test_a_mail_arrives_for_one_recipient_from_the_sender(client: Client, box: Postbox) -> None:
    send(client, box)
    (mail,) = box.mails
    assert (mail.sender, mail.to, mail.raw) == ("assentry@shop.example", [ANA], MAIL)
    assert box.commands[:1] == ["EHLO"]


def test_the_module_sends_through_what_is_set(box: Postbox, settings: Any) -> None:
    settings.SMTP, settings.MAIL_FROM = box.server(), SENDER
    try:
        module.send(message=MAIL, to=ANA)
    finally:
        module.close()
    assert [mail.to for mail in box.mails] == [[ANA]]
    settings.SMTP = None
    with pytest.raises(Later, match="ASSENTRY_SMTP_URL") as later:
        module.send(message=MAIL, to=ANA)
    assert later.value.operator


# -- one connection ----------------------------------------------------------------------------------


def test_one_connection_is_used_for_a_minute(client: Client, box: Postbox, now: Now) -> None:
    for seconds in (0, REUSED_S - 1, 1):
        now.seconds += seconds
        send(client, box)
    assert [mail.connection for mail in box.mails] == [1, 1, 2]
    assert "QUIT" in box.commands


def test_one_connection_is_used_for_so_many_mails(client: Client, box: Postbox) -> None:
    for _ in range(REUSED_MAILS + 1):
        send(client, box)
    assert [mail.connection for mail in box.mails] == [1] * REUSED_MAILS + [2]


@pytest.mark.parametrize("how", ["leaves", "answers"])
def test_a_connection_that_the_server_ended_is_opened_again(
    client: Client, box: Postbox, how: str
) -> None:
    send(client, box)
    if how == "leaves":
        box.leaves.add("END")
        send(client, box)
        box.leaves.clear()
    else:
        box.answers["RSET"] = ["421 4.4.2 Idle for too long"]
    send(client, box)
    assert [mail.connection for mail in box.mails][-2:] == [1, 2]


def test_another_server_or_sender_is_another_connection(client: Client, box: Postbox) -> None:
    send(client, box)
    client.send(server=box.server(), sender=Sender("", "b@b.example"), message=MAIL, to=ANA)
    with opened() as other:
        send(client, other)
        client.close()
    assert [mail.connection for mail in box.mails] == [1, 2]
    assert [mail.connection for mail in other.mails] == [1]


def test_threads_take_turns(client: Client, box: Postbox) -> None:
    threads = [
        threading.Thread(target=send, args=(client, box, f"p{number}@shop.example"))
        for number in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(mail.to[0] for mail in box.mails) == sorted(
        f"p{number}@shop.example" for number in range(12)
    )
    assert {mail.connection for mail in box.mails} == {1}


# -- answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "code", "expected", "operator"),
    [
        ("connection", 421, Later, False),
        ("connection", 554, Later, True),
        ("login", 454, Later, False),
        ("login", 535, Later, True),
        ("sender", 451, Later, False),
        ("sender", 552, Refused, None),
        ("sender", 553, Later, True),
        ("sender", 530, Later, True),
        ("recipient", 421, Later, False),
        ("recipient", 450, Later, False),
        ("recipient", 530, Later, True),
        ("recipient", 550, Refused, None),
        ("recipient", 551, Refused, None),
        ("mail", 452, Later, False),
        ("mail", 535, Later, True),
        ("mail", 554, Refused, None),
        ("mail", 599, Refused, None),
        ("mail", -1, Later, False),
        ("mail", 600, Later, False),
        ("recipient", 354, Later, False),
    ],
)
def test_what_an_answer_means(
    stage: Any, code: int, expected: type[Exception], operator: bool | None
) -> None:
    found = verdict(stage, code, b"5.1.1 No such user\nhere")
    assert type(found) is expected
    assert str(code) in found.detail
    assert "\n" not in found.detail
    assert getattr(found, "operator", None) == operator


def test_what_a_server_says_is_shown_in_one_plain_line_and_a_login_not_at_all() -> None:
    found = verdict("recipient", 550, "5.1.1 \u202egone\r\nX: \x00" + "y" * 5000)
    assert "⟦U+202E⟧" in found.detail
    assert "\x00" not in found.detail
    assert "\n" not in found.detail
    assert len(found.detail) <= 300
    assert verdict("login", 535, b"5.7.8 wrong: hunter2").detail == (
        "the mail server refused the login: 535 5.7.8"
    )


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        ("RCPT", "550 5.1.1 No such user", Refused),
        ("RCPT", "451 4.7.1 Greylisted, try later", Later),
        ("RCPT", "421 4.3.2 Going down", Later),
        ("MAIL", "553 5.7.1 Not you", Later),
        ("END", "554 5.7.1 Looks like spam", Refused),
        ("END", "452 4.3.1 Full", Later),
    ],
)
def test_a_no_is_told_apart_and_the_next_mail_goes(
    client: Client, box: Postbox, command: str, answer: str, expected: type[Exception]
) -> None:
    box.answers[command] = [answer]
    with pytest.raises(expected, match=answer[:3]):
        send(client, box)
    assert box.mails == []
    send(client, box, "ben@shop.example")
    (mail,) = box.mails
    assert mail.to == ["ben@shop.example"], "what was refused is forgotten"
    # Who was refused says nothing against the connection; one that may be going down is left.
    assert mail.connection == (1 if expected is Refused else 2)


@pytest.mark.parametrize("greeting", ["421 4.3.2 Busy", "554 5.3.2 No mail here"])
def test_a_server_that_greets_with_a_no_is_tried_later(
    client: Client, box: Postbox, greeting: str
) -> None:
    box.answers["GREETING"] = [greeting]
    with pytest.raises(Later) as later:
        send(client, box)
    assert later.value.operator == greeting.startswith("5")
    send(client, box)
    assert len(box.mails) == 1


def test_nobody_there_is_later(client: Client) -> None:
    with socket.socket() as probe_:
        probe_.bind(("127.0.0.1", 0))
        port = probe_.getsockname()[1]
    away = Server("127.0.0.1", port, "none")
    with pytest.raises(Later, match="does not answer") as later:
        client.send(server=away, sender=SENDER, message=MAIL, to=ANA)
    assert not later.value.operator


@pytest.mark.parametrize("command", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_no_command_takes_longer_than_it_may(
    hasty: Client, box: Postbox, command: str, how: str
) -> None:
    getattr(box, how).add(command)
    began = time.monotonic()
    with pytest.raises(Later, match="took too long"):
        send(hasty, box)
    assert time.monotonic() - began < 2.5
    getattr(box, how).clear()
    send(hasty, box)
    assert box.mails[-1].connection == 2


@pytest.mark.parametrize("command", ["GREETING", "EHLO", "MAIL", "RCPT", "END"])
def test_a_connection_that_breaks_is_later(client: Client, box: Postbox, command: str) -> None:
    box.answers[command] = ["250-and"]  # a line that promises another one
    box.leaves.add(command)
    with pytest.raises(Later):
        send(client, box)
    box.leaves.clear()
    send(client, box)


# -- who and what --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    [
        "",
        "nobody",
        "a@x.example, b@x.example",
        "a@x.example\r\nRCPT TO:<b@x.example>",
        "a@x.example> ORCPT=<b@x.example",
        "Ana <a@x.example>",
        "<a@x.example>",
        "a@x.example\x00",
        '"a b"@x.example',
    ],
)
def test_what_is_not_one_address_goes_to_no_server(client: Client, box: Postbox, to: str) -> None:
    with pytest.raises(Refused, match="not one address"):
        send(client, box, to)
    assert box.connections == 0


def test_line_ends_of_any_kind_cannot_end_a_mail(client: Client, box: Postbox) -> None:
    body = b"Subject: s\r\n\r\na\n.\nMAIL FROM:<x@x>\r.\rb\r\n.\r\nRSET\r\n..\r\n"
    send(client, box, message=body)
    (mail,) = box.mails
    assert mail.raw.split(b"\r\n\r\n", 1)[1] == (
        b"a\r\n.\r\nMAIL FROM:<x@x>\r\n.\r\nb\r\n.\r\nRSET\r\n..\r\n"
    )


def test_a_name_beyond_ascii_needs_a_server_that_takes_it(client: Client, box: Postbox) -> None:
    with pytest.raises(Refused, match="SMTPUTF8"):
        send(client, box, "größe@shop.example")
    send(client, box, "ana@größe.example")
    assert box.mails[0].to == ["ana@xn--gre-6ka8i.example"]
    with opened(enable_SMTPUTF8=True) as modern:
        send(client, modern, "größe@größe.example")
        send(client, modern)
        client.close()
    assert [mail.to for mail in modern.mails] == [["größe@xn--gre-6ka8i.example"], [ANA]]
    assert ["SMTPUTF8" in mail.options for mail in modern.mails] == [True, False]


# -- the login and TLS ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("tests")


@pytest.fixture
def trusted(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    file = tmp_path / "authority.pem"
    file.write_bytes(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return authority


LOGIN: dict[str, Any] = {"user": "robot", "password": "hunter2"}


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
def test_with_tls_and_a_login(
    client: Client, trusted: Authority, tmp_path: Path, security: Security, implicit: bool
) -> None:
    context = serving_as(trusted.issue("127.0.0.1"), tmp_path)
    with opened(tls=context, implicit=implicit, auth_require_tls=not implicit) as box:
        box.logins["robot"] = "hunter2"
        server = box.server(security, **LOGIN)
        client.send(server=server, sender=SENDER, message=MAIL, to=ANA)
        client.send(server=server, sender=SENDER, message=MAIL, to=ANA)
        client.close()
        assert [mail.connection for mail in box.mails] == [1, 1]
        assert box.tried == [("robot", "hunter2")]


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
@pytest.mark.parametrize("of", ["nobody", "another name"])
def test_a_certificate_that_is_not_trusted_is_told_nothing(
    client: Client,
    trusted: Authority,
    tmp_path: Path,
    security: Security,
    implicit: bool,
    of: str,
) -> None:
    pair = self_signed("127.0.0.1") if of == "nobody" else trusted.issue("mail.example")
    with opened(tls=serving_as(pair, tmp_path), implicit=implicit) as box:
        with pytest.raises(Later, match="certificate is not trusted") as later:
            client.send(server=box.server(security, **LOGIN), sender=SENDER, message=MAIL, to=ANA)
        assert later.value.operator
        assert (box.tried, box.mails) == ([], [])


@pytest.mark.parametrize("answer", [None, "454 4.7.0 Not now", "502 5.5.1 No"])
def test_without_the_tls_that_is_set_nothing_is_sent(
    client: Client, tmp_path: Path, authority: Authority, answer: str | None
) -> None:
    tls = serving_as(authority.issue("127.0.0.1"), tmp_path) if answer else None
    with opened(tls=tls, auth_require_tls=False) as box:
        if answer:
            box.answers["STARTTLS"] = [answer]
        with pytest.raises(Later) as later:
            client.send(server=box.server("starttls", **LOGIN), sender=SENDER, message=MAIL, to=ANA)
        assert later.value.operator == (answer is None or answer.startswith("5"))
        assert (box.tried, box.mails) == ([], [])


def test_a_server_that_speaks_no_tls_is_later(client: Client, box: Postbox) -> None:
    with pytest.raises(Later, match="TLS") as later:
        send(client, box, security="tls")
    assert later.value.operator
    assert box.mails == []


@pytest.mark.parametrize(("case", "operator"), [("wrong", True), ("none", True), ("busy", False)])
def test_a_login_that_does_not_work_is_the_operators_and_gives_nothing_away(
    client: Client, case: str, operator: bool
) -> None:
    with opened(auth_require_tls=case == "none") as box:
        if case == "busy":
            box.always["AUTH"] = "454 4.7.0 Busy, hunter2"
        with pytest.raises(Later) as later:
            send(client, box, **LOGIN)
        assert later.value.operator == operator
        assert "hunter2" not in later.value.detail
        assert box.mails == []
        box.always.clear()
        if case != "none":
            box.logins["robot"] = "hunter2"
            send(client, box, **LOGIN)
            client.close()
            assert len(box.mails) == 1


def test_nobody_prints_a_password() -> None:
    server = Server("mail.example", 587, "starttls", "robot", "hunter2")
    for text in (repr(server), str(server), server.shown, repr(SimpleNamespace(smtp=server))):
        assert "hunter2" not in text
    assert "robot" not in server.shown


# -- asking whether it works ---------------------------------------------------------------------------


def test_asking_whether_it_works_sends_nothing(box: Postbox) -> None:
    probe(server=box.server(), sender=SENDER, seconds=5)
    assert box.commands == ["EHLO", "QUIT"]
    box.hangs.add("EHLO")
    began = time.monotonic()
    with pytest.raises(Later, match="took too long"):
        probe(server=box.server(), sender=SENDER, seconds=0.3)
    assert time.monotonic() - began < 2
