"""One connection to a mail server: opened as it is set, each command with a deadline, each no judged."""

from __future__ import annotations

import contextlib
import io
import re
import smtplib
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from core import visible
from core.tls import Contexts
from notifications.mail.server import Server

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

Stage: TypeAlias = Literal["connection", "login", "sender", "recipient", "mail"]

MOST_DETAIL: Final = 300
#: Nothing of a mail is wrong with these: who sends must sign in, or must use TLS.
_SIGN_IN: Final = frozenset({530, 534, 535, 538})
_TOO_LARGE: Final = 552
_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


class Later(Exception):
    """Not now: the server is away, slow, full, or not set up well; a later try may do.

    ``operator`` is true where waiting alone mends nothing: the login, TLS, the sender's address.
    """

    def __init__(self, detail: str, *, operator: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.operator = operator


class Refused(Exception):
    """The server takes no such mail for this recipient, now or later."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def verdict(stage: Stage, code: int, said: bytes | str) -> Later | Refused:
    """What the answer `code` to one stage of a mail means (RFC 5321, 4.2; RFC 4954, 6).

    A 5xx is about this mail only once the server has heard of its recipient or its size.  What is
    said to a login is left out but for its codes: a server may repeat there what it was told.
    """
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    if stage == "login":
        found = _ENHANCED.match(words)
        words = found[0] if found else ""
    shown = visible.plain(" ".join(words.split()), one_line=True)
    detail = f"the mail server refused the {stage}: {code} {shown}".rstrip()[:MOST_DETAIL]
    permanent = 500 <= code <= 599
    of_this_mail = stage in {"recipient", "mail"} or (stage == "sender" and code == _TOO_LARGE)
    if permanent and of_this_mail and code not in _SIGN_IN:
        return Refused(detail)
    return Later(detail, operator=permanent)


def opened(server: Server, *, helo: str, command_s: float, whole_s: float) -> Line:
    """A connection over which mails can be sent at once: with TLS and signed in, where that is set.

    Raises:
        Later: why there is none.
    """
    line = Line(server, helo=helo, command_s=command_s)
    line.allow(whole_s)
    try:
        _open(line, server)
    except BaseException as error:
        line.close()
        if isinstance(error, OSError):  # all of smtplib's are
            raise _why_not(line, error) from error
        raise
    return line


def _open(line: Line, server: Server) -> None:
    code, said = line.connect(server.host, server.port)
    if code != 220:
        raise verdict("connection", code, said)
    line.ehlo_or_helo_if_needed()
    if server.security == "starttls":
        # Where the server does not offer it, or somebody on the way cut it out, nothing is sent.
        line.starttls(context=_context())
        line.ehlo_or_helo_if_needed()
    if server.user:
        line.login(server.user, server.password)


def _why_not(line: Line, error: OSError) -> Later:
    match error:
        case smtplib.SMTPAuthenticationError():
            found = verdict("login", error.smtp_code, error.smtp_error)
        case smtplib.SMTPResponseException():
            found = verdict("connection", error.smtp_code, error.smtp_error)
        case ssl.SSLCertVerificationError():
            text = f"the mail server's certificate is not trusted: {error.verify_message}"
            return Later(text[:MOST_DETAIL], operator=True)
        case ssl.SSLError():
            text = f"no TLS with the mail server: {error.reason or error}"
            return Later(text[:MOST_DETAIL], operator=True)
        case smtplib.SMTPNotSupportedError():
            missing = "AUTH" if "AUTH" in str(error) else "STARTTLS"
            return Later(f"the mail server does not offer {missing}", operator=True)
        case _:
            return Later(f"the mail server does not answer: {line.why(error)}")
    return found if isinstance(found, Later) else Later(found.detail, operator=True)


def _context() -> ssl.SSLContext:
    return Contexts(ssl.SSLSocket).of(None)


class Line(smtplib.SMTP):
    """SMTP whose commands end in time, also where a server sends its answer byte by byte."""

    def __init__(self, server: Server, *, helo: str, command_s: float) -> None:
        super().__init__(local_hostname=helo, timeout=command_s)
        self._host = server.host  # whose certificate it is
        self._security = server.security
        self._command_s = command_s
        self._until = self._whole = time.monotonic() + command_s

    def allow(self, seconds: float) -> None:
        """Let all commands from now on end within so many seconds."""
        self._whole = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the command that runs must have ended; raises TimeoutError when there are none."""
        seconds = min(self._until, self._whole) - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    def why(self, error: OSError) -> str:
        """What broke the connection, in one line."""
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            return "it took too long"
        text = error.strerror or str(error) or type(error).__name__
        return visible.plain(" ".join(text.split()), one_line=True)[:MOST_DETAIL]

    def again(self) -> bool:
        """Make room for the next mail; False where the connection is of no use any more."""
        try:
            code, _said = self.rset()
        except OSError:
            return False
        return code == 250

    def leave(self) -> None:
        """Say good-bye and close."""
        with contextlib.suppress(OSError):
            self.quit()
        self.close()

    def send(self, s: ReadableBuffer | str) -> None:
        """As smtplib's, within the command's time, which begins here."""
        self._begin()
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib's, within the command's time."""
        if self.file is None:
            self._begin()
            self.file = io.BufferedReader(_Reader(self))
        return super().getreply()

    def _begin(self) -> None:
        self._until = time.monotonic() + self._command_s
        if self.sock is not None:
            self.sock.settimeout(self.left())

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._until = time.monotonic() + self._command_s
        made = socket.create_connection((host, port), self.left())
        if self._security != "tls":
            return made
        try:
            made.settimeout(self.left())
            return _context().wrap_socket(made, server_hostname=self._host)
        except BaseException:
            made.close()
            raise


class _Reader(io.RawIOBase):
    """The bytes of a connection, as long as its command has time."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        sock = self._line.sock
        if sock is None:
            return 0
        sock.settimeout(self._line.left())
        return sock.recv_into(buffer)
