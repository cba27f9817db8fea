"""The mailbox of `./up` as its own process: what it takes, keeps and shows, and to whom."""

from __future__ import annotations

import http.client
import json
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from runtime.letters import Letters, words
from runtime.mailbox_page import OFFERED, linked, listing
from tests.runtime import helpers

BIDI = "\N{RIGHT-TO-LEFT OVERRIDE}"


class Box:
    """One running mailbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.smtp_port, self.port = helpers.free_port(), helpers.free_port()
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "runtime.mailbox", "--folder", str(folder)),
                *("--smtp-port", str(self.smtp_port), "--port", str(self.port)),
            ],
            cwd=helpers.ROOT,
            env=helpers.environment(),
        )
        helpers.wait_for(self.takes)

    def takes(self) -> bool:
        try:
            with self.smtp():
                return True
        except OSError:
            return False

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20)

    def send(self, message: EmailMessage | bytes, *to: str) -> None:
        data = message if isinstance(message, bytes) else message.as_bytes()
        with self.smtp() as smtp:
            smtp.sendmail("assentry@shop.example", list(to), data)

    def call(self, path: str, host: str = "") -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, answer.headers, said

    def messages(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.call(f"/messages.json{query}")[2])["messages"]
        return found


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with helpers.folder() as place:
        made = Box(place / "mail")
        yield made
        made.process.kill()
        made.process.wait()


def mail(to: str, subject: str = "Refund A-1029", *, text: str = "Text.", html: str = "") -> Any:
    message = EmailMessage()
    message["From"] = "Assentry <assentry@shop.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = "<one@shop.example>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def test_a_mail_is_listed_shown_and_kept_for_its_owner_alone(box: Box) -> None:
    text = "Open it: https://shop.example/r/1?a=1&b=2.\nNot javascript:alert(1) nor <b>this</b>\n"
    box.send(
        mail("ana@shop.example", "Größe & <b>", text=text), "ana@shop.example", "bcc@x.example"
    )
    (found,) = box.messages("?to=ANA@shop.example")
    assert found["to"] == ["ana@shop.example", "bcc@x.example"]
    assert found["subject"] == "Größe & <b>"
    assert found["message_id"] == "<one@shop.example>"
    assert box.messages("?to=nobody@shop.example") == []

    listed = box.call("/?to=ana%40shop.example")[2]
    assert "Größe &amp; &lt;b&gt;" in listed
    assert 'http-equiv="refresh"' in listed
    shown = box.call(f"/message/{found['id']}")[2]
    assert (
        '<a href="https://shop.example/r/1?a=1&amp;b=2" target="_blank" rel="noreferrer noopener">'
        in shown
    )
    assert shown.count("<a href=") == 3, "the way back, the one address, the source"
    assert "&lt;b&gt;this" in shown
    assert "Message-ID" in shown
    assert "iframe" not in shown, "it has no HTML"

    whole = json.loads(box.call(f"/message/{found['id']}.json")[2])
    assert whole["text"].split() == text.split()
    assert ["To", "ana@shop.example"] in whole["headers"]
    status, headers, source = box.call(f"/message/{found['id']}/source")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert "Subject: =?utf-8?" in source

    assert box.folder.stat().st_mode & 0o777 == 0o700
    (file,) = box.folder.glob(f"{found['id']}.eml")
    assert file.stat().st_mode & 0o777 == 0o600


def test_html_stands_in_a_frame_that_loads_and_runs_nothing(box: Box) -> None:
    html = '<p style="color:red">Hi</p><script>alert(1)</script><img src="https://evil.example/x">'
    box.send(mail("html@shop.example", html=html), "html@shop.example")
    (found,) = box.messages("?to=html@shop.example")
    shown = box.call(f"/message/{found['id']}")[2]
    assert "<script" not in shown
    (frame,) = re.findall(r"<iframe[^>]*>", shown)
    assert "allow-scripts" not in frame
    assert "allow-same-origin" not in frame
    status, headers, body = box.call(f"/message/{found['id']}/html")
    assert status == 200
    assert html in body.replace("\r", "").replace("\n", "")
    rules = dict(
        rule.strip().partition(" ")[::2] for rule in headers["Content-Security-Policy"].split(";")
    )
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"
    assert rules["style-src"] == "'unsafe-inline'"
    assert rules["img-src"] == "data:"
    assert "allow-scripts" not in rules["sandbox"]
    assert "allow-same-origin" not in rules["sandbox"]


@pytest.mark.parametrize(
    "path",
    ["/", "/messages.json", "/nothing", "/message/1", "/message/../../etc", "/message/%2e%2e.json"],
)
def test_only_this_machine_is_answered_with_headers_that_keep_others_out(
    box: Box, path: str
) -> None:
    expected = 200 if path in ("/", "/messages.json") else 404
    for host, status in {
        "evil.example": 403,
        f"evil.example:{box.port}": 403,
        "127.0.0.1.evil.example": 403,
        f"localhost:{box.port}": expected,
    }.items():
        answered, headers, _said = box.call(path, host)
        assert answered == status, host
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_mail_that_is_too_large_is_refused_with_its_reason_and_not_kept(box: Box) -> None:
    line = b"x" * 900 + b"\r\n"
    announced = b"Subject: large\r\n\r\n" + line * 3000
    with box.smtp() as smtp, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        smtp.sendmail("a@shop.example", ["large@shop.example"], announced)
    with box.smtp() as smtp:  # one that does not say its size before
        smtp.helo()
        smtp.mail("a@shop.example")
        smtp.rcpt("large@shop.example")
        code, said = smtp.data(announced)
    assert refused.value.smtp_code == code == 552
    assert refused.value.smtp_error == said == b"5.3.4 The mailbox takes mails of up to 2 MiB"
    assert box.messages("?to=large@shop.example") == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\xff\xfe",
        b"Subject: =?utf-8?b?////?=\r\n =?nonsense?q?x?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff",
        b"To: <<>>,,;:\r\nFrom: \xff\xff\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!=",
        b"X-Envelope-To: victim@shop.example\r\nContent-Type: text/plain\r\n\r\nforged",
        b"Subject: " + b"=?a?q?" * 100_000 + b"\r\n\r\nx",
    ],
)
def test_no_mail_breaks_the_page(box: Box, raw: bytes) -> None:
    folded = re.sub(rb"(.{900})", rb"\1\r\n ", raw) if len(raw) > 998 else raw
    before = len(box.messages("?to=odd@shop.example"))
    box.send(folded, "odd@shop.example")
    found = box.messages("?to=odd@shop.example")
    assert len(found) == before + 1
    assert box.messages("?to=victim@shop.example") == []
    for path in ("", ".json", "/source", "/html"):
        assert box.call(f"/message/{found[0]['id']}{path}")[0] == 200
    assert box.call("/")[0] == 200


def test_the_newest_are_kept_and_what_a_kill_left_half_is_not(tmp_path: Path) -> None:
    letters = Letters(tmp_path / "mail", kept=3)
    for number in range(5):
        letters.add(
            sender="a@x.example",
            recipients=[f"{number}@x.example"],
            content=f"Subject: {number}\r\n\r\n".encode(),
        )
    (tmp_path / "mail" / ".1795750752200726-000001.eml").write_text("half")
    (tmp_path / "mail" / "notes.eml").write_text("not ours")
    again = Letters(tmp_path / "mail", kept=3)
    assert [each.subject for each in again.newest()] == ["4", "3", "2"]
    assert [each.subject for each in letters.newest()] == ["4", "3", "2"]
    assert not (tmp_path / "mail" / ".1795750752200726-000001.eml").exists()
    assert (tmp_path / "mail" / "notes.eml").exists()


def test_only_its_own_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "secret.eml").write_text("Subject: secret\r\n\r\n")
    letters = Letters(tmp_path / "mail")
    (tmp_path / "mail" / "notes.eml").write_text("Subject: not ours\r\n\r\n")
    for name in ("../secret", "notes", "", "..", "1795750752200726-000001/../notes"):
        assert letters.read(name) is None, name


def test_an_envelope_writes_no_lines_of_its_own(tmp_path: Path) -> None:
    letters = Letters(tmp_path)
    name = letters.add(
        sender="a@x.example\r\nX-Forged: 1",
        recipients=["b@x.example\r\nX-Forged: 2"],
        content=b"Subject: s\r\n\r\nx",
    )
    letter = letters.read(name)
    assert letter is not None
    assert [key for key, _ in letter.headers] == ["X-Envelope-To", "X-Envelope-From", "Subject"]


def test_words_of_headers_become_one_line() -> None:
    assert words("=?utf-8?b?R3LDtsOfZQ==?= =?utf-8?q?_A?=") == "Größe A"
    assert words("=?utf-8?q?a=0D=0ABcc:_b?=") == "a Bcc: b"
    assert words("a\r\n b") == "a  b"


def test_only_web_addresses_become_links() -> None:
    assert "<a" not in linked("javascript:alert(1) data:text/html,x ftp://x //x mailto:a@b")
    assert linked('"https://x.example/a"') == (
        '&quot;<a href="https://x.example/a" target="_blank" rel="noreferrer noopener">'
        "https://x.example/a</a>&quot;"
    )
    text = "(http://x.example/a?b=<i>&c) http://y.example/!"
    assert unescape(re.sub(r"</?a[^>]*>", "", linked(text))) == text


def test_many_recipients_leave_room_for_the_mails(tmp_path: Path) -> None:
    letters = Letters(tmp_path)
    for number in range(OFFERED + 5):
        letters.add(sender="", recipients=[f"p{number}@x.example"], content=b"\r\n")
    page = listing(letters.newest(), "")
    assert "5 more addresses" in page
    assert page.count('<ul class="to"') == 1
    assert page.split("</ul>")[0].count("<li><a") == OFFERED + 1


def test_it_ends_at_once_also_with_somebody_connected(box: Box) -> None:
    with helpers.folder() as place:
        other = Box(place / "mail")
        with other.smtp():
            began = time.monotonic()
            other.process.send_signal(signal.SIGTERM)
            assert other.process.wait(5) == 0
            assert time.monotonic() - began < 2


@pytest.mark.parametrize("host", ["192.0.2.1", "::", "mail.example"])
def test_it_listens_on_loopback_only(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "runtime.mailbox", "--folder", str(tmp_path / "mail")),
            *("--host", host, "--smtp-port", "1", "--port", "2"),
        ],
        cwd=helpers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "only loopback" in done.stderr


def test_a_port_that_is_taken_is_said_in_one_line(box: Box, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "runtime.mailbox", "--folder", str(tmp_path / "mail")),
            *("--smtp-port", str(box.smtp_port), "--port", str(helpers.free_port())),
        ],
        cwd=helpers.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("mailbox: ")
    assert len(done.stderr.splitlines()) == 1
