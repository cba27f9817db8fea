"""The mail server and the sender, as the environment says them, and what the doctor says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import doctor, environment
from notifications.mail.server import Sender, Server
from tests.notifications.postbox import opened

NAMES = ("ASSENTRY_SMTP_URL", "ASSENTRY_SMTP_PASSWORD_FILE", "ASSENTRY_MAIL_FROM")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSENTRY_DATA", str(tmp_path))
    monkeypatch.setenv("ASSENTRY_BASE_URL", "http://127.0.0.1:8750")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", Server("mail.example", 25, "none")),
        ("smtp://mail.example/", Server("mail.example", 25, "none")),
        ("smtp://mail.example:2525", Server("mail.example", 2525, "none")),
        ("smtp://mail.example?starttls=0", Server("mail.example", 25, "none")),
        ("smtps://mail.example", Server("mail.example", 465, "tls")),
        ("smtp://mail.example?starttls=1", Server("mail.example", 587, "starttls")),
        ("smtp+starttls://mail.example:25", Server("mail.example", 25, "starttls")),
        ("smtps://a%40b:p%3A%2F@mail.example", Server("mail.example", 465, "tls", "a@b", "p:/")),
        ("smtp://u:p@127.0.0.1:1025", Server("127.0.0.1", 1025, "none", "u", "p")),
        ("smtp://u:p@[::1]:1025", Server("::1", 1025, "none", "u", "p")),
        ("smtp://u:p@h.example?starttls=1", Server("h.example", 587, "starttls", "u", "p")),
    ],
)
def test_an_address_names_a_server(
    monkeypatch: pytest.MonkeyPatch, url: str, server: Server
) -> None:
    monkeypatch.setenv("ASSENTRY_SMTP_URL", url)
    found = environment.smtp()
    assert found == server
    assert found is not None
    assert found.password == server.password


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail.example", "scheme"),
        ("http://mail.example", "scheme"),
        ("smtp://", "names no host"),
        ("smtp://:25", "names no host"),
        ("smtp://größe.example", "xn--"),
        ("smtp://mail.example:0", "port"),
        ("smtp://mail.example:99999", "is no address"),
        ("smtp://mail.example:x", "is no address"),
        ("smtp://mail.example/inbox", "after the host"),
        ("smtp://mail.example#x", "after the host"),
        ("smtp://mail.example\n.evil.example", "line break"),
        ("smtp://mail example", "blank"),
        ("smtp://mail.example?tls=1", "unknown parameter"),
        ("smtp://mail.example?starttls=yes", "unknown parameter"),
        ("smtps://mail.example?starttls=1", "TLS twice"),
        ("smtps://user@mail.example", "lacks a password"),
        ("smtps://:password@mail.example", "lacks a user"),
        ("smtps://u:gr%C3%B6%C3%9Fe@mail.example", "ASCII"),
        ("smtps://u:a%0D%0Ab@mail.example", "ASCII"),
        ("smtp://u:secret-word@mail.example", "in the clear"),
        ("smtp://u:secret-word@10.0.0.1", "in the clear"),
        ("smtp://u:secret-word@localhost.evil.example", "in the clear"),
        ("smtp://u:secret-word@127.0.0.1.evil.example", "in the clear"),
    ],
)
def test_an_address_that_is_none_or_tells_a_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    monkeypatch.setenv("ASSENTRY_SMTP_URL", url)
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_SMTP_URL") as error:
        environment.smtp()
    assert words in str(error.value)
    assert "secret-word" not in str(error.value)


def test_the_password_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    monkeypatch.setenv("ASSENTRY_SMTP_PASSWORD_FILE", str(file))
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtps://robot@mail.example")
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_SMTP_PASSWORD_FILE cannot be read"):
        environment.smtp()
    file.write_text("secret-word\n")
    assert environment.smtp() == Server("mail.example", 465, "tls", "robot", "secret-word")
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtp://robot@mail.example")
    with pytest.raises(ImproperlyConfigured, match="in the clear"):
        environment.smtp()
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtps://robot:other@mail.example")
    with pytest.raises(ImproperlyConfigured, match="keep one of them"):
        environment.smtp()
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtps://mail.example")
    with pytest.raises(ImproperlyConfigured, match="lacks a user"):
        environment.smtp()


def test_without_one_there_is_no_mail_but_beside_the_mailbox_of_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert environment.smtp() is None
    told = {"smtp_url": "smtp://127.0.0.1:8753", "page": "http://127.0.0.1:8752/"}
    (tmp_path / "mailbox.json").write_text(json.dumps(told))
    assert environment.smtp() == Server("127.0.0.1", 8753, "none")
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "smtps://mail.example")
    assert environment.smtp() == Server("mail.example", 465, "tls")
    # A mailbox that somebody's trial left behind takes no mail of a server that others use.
    monkeypatch.setenv("ASSENTRY_SMTP_URL", "")
    monkeypatch.setenv("ASSENTRY_BASE_URL", "https://assentry.example")
    assert environment.smtp() is None


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("robot@mail.example", Sender("", "robot@mail.example")),
        ("  robot@mail.example ", Sender("", "robot@mail.example")),
        ("Approvals <robot@mail.example>", Sender("Approvals", "robot@mail.example")),
        ('"Approvals, EU" <robot@mail.example>', Sender("Approvals, EU", "robot@mail.example")),
        ("Größe <robot@mail.example>", Sender("Größe", "robot@mail.example")),
        ("<robot@mail.example>", Sender("", "robot@mail.example")),
        ("a+b@[192.0.2.1]", Sender("", "a+b@[192.0.2.1]")),
    ],
)
def test_a_sender_is_one_address(
    monkeypatch: pytest.MonkeyPatch, text: str, sender: Sender
) -> None:
    monkeypatch.setenv("ASSENTRY_MAIL_FROM", text)
    assert environment.mail_from() == sender


@pytest.mark.parametrize(
    "text",
    [
        "robot",
        "robot@",
        "@mail.example",
        "a@x.example, b@x.example",
        "A <a@x.example>, B <b@x.example>",
        "A <a@x.example> <b@x.example>",
        "a@x.example b@x.example",
        "A <a@x.example",
        "A <a@x.example>\r\nBcc: evil@x.example",
        "a@x.example\nBcc: evil@x.example",
        "A\u2028B <a@x.example>",
        "A\u202eB <a@x.example>",
        'A "B" <a@x.example>',
        "größe@x.example",
        "a@größe.example",
        "A <a@b@x.example>",
    ],
)
def test_a_sender_that_is_not_one_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("ASSENTRY_MAIL_FROM", text)
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_MAIL_FROM"):
        environment.mail_from()


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://127.0.0.1:8750", "assentry@localhost"),
        ("http://[::1]:8750", "assentry@localhost"),
        ("https://approvals.shop.example/a", "assentry@approvals.shop.example"),
        ("https://192.0.2.1", "assentry@[192.0.2.1]"),
        ("https://[2001:db8::1]", "assentry@[IPv6:2001:db8::1]"),
    ],
)
def test_the_sender_is_the_products_host_where_nobody_says(
    monkeypatch: pytest.MonkeyPatch, base_url: str, address: str
) -> None:
    monkeypatch.setenv("ASSENTRY_BASE_URL", base_url)
    assert environment.mail_from() == Sender("Assentry", address)


# -- the doctor ----------------------------------------------------------------------------------------


def test_the_doctor_says_whether_mail_is_set_up_and_answers(settings: Any) -> None:
    settings.SMTP = None
    (finding,) = doctor._mail()
    assert (finding.level, finding.detail) == ("ok", "not set up: nobody is told by mail")
    with opened(auth_require_tls=False) as box:
        box.logins["robot"] = "secret-word"
        settings.SMTP = box.server(user="robot", password="secret-word")
        (finding,) = doctor._mail()
        assert finding.level == "ok"
        assert f"smtp://127.0.0.1:{box.port} answers" in finding.detail
        settings.SMTP = box.server(user="robot", password="wrong-word")
        (wrong,) = doctor._mail()
        settings.SMTP = box.server("tls")
        (no_tls,) = doctor._mail()
        assert box.mails == []
        settings.SMTP = box.server()
    (away,) = doctor._mail()
    for finding in (wrong, no_tls, away):
        assert finding.level == "failed"
        assert "ASSENTRY_SMTP_URL" in finding.todo
        assert "word" not in finding.detail


def test_the_doctor_warns_of_mails_in_the_clear_beyond_this_machine(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as box:
        settings.SMTP = box.server()
        monkeypatch.setattr(Server, "loopback", property(lambda _: False))
        (finding,) = doctor._mail()
    assert finding.level == "warning"
    assert "in the clear" in finding.detail
