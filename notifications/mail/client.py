"""Mails to the mail server, one after the other, over one connection that is used again for a while.

`send` returns when the server has taken the mail, and says apart what a later try may mend (`Later`)
and what it will not (`Refused`).  Where the answer to a whole mail is lost, nobody knows whether it
was taken: that is `Later` too, and the same Message-ID lets mailboxes see one mail.
"""

from __future__ import annotations

import os
import re
import smtplib
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import Final

from django.conf import settings

from notifications.mail.line import Later, Line, Refused, opened, verdict
from notifications.mail.message import POLICY
from notifications.mail.server import ADDRESS, Sender, Server, in_ascii

__all__ = ["Client", "Later", "Refused", "close", "probe", "send"]

#: From the first byte of a command to the last of its answer, however slowly they come.
COMMAND_S: Final = 10.0
#: A whole mail, with the connection it may need.
MAIL_S: Final = 30.0
REUSED_S: Final = 60.0
REUSED_MAILS: Final = 50
_EOL: Final = re.compile(rb"\r\n|\r|\n")


def send(*, message: bytes | EmailMessage, to: str) -> None:
    """Give one mail to the mail server that is set; returns when the server has taken it.

    Args:
        message: as `notifications.mail.message.build` made it.
        to: the one address it goes to, whatever its headers say.

    Raises:
        Later: it was not taken, or nobody knows; ``operator`` where waiting alone mends nothing.
        Refused: the server takes no such mail for this recipient.
    """
    if settings.SMTP is None:
        raise Later("no mail server is set: ASSENTRY_SMTP_URL", operator=True)
    _client.send(server=settings.SMTP, sender=settings.MAIL_FROM, message=message, to=to)


def close() -> None:
    """End the connection of this process, where there is one."""
    _client.close()


def probe(*, server: Server, sender: Sender, seconds: float) -> None:
    """Connect and sign in as `send` would, and send nothing.

    Raises:
        Later: why it does not work, within `seconds`.
    """
    line = opened(server, helo=_domain(sender), command_s=seconds, whole_s=seconds)
    line.leave()


class Client:
    """One connection, for the threads of one process in turn; `now` is a monotonic clock."""

    def __init__(
        self,
        *,
        command_s: float = COMMAND_S,
        mail_s: float = MAIL_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command_s = command_s
        self._mail_s = mail_s
        self._now = now
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._key: tuple[Server, Sender, int] | None = None
        self._opened = 0.0
        self._mails = 0

    def send(
        self, *, server: Server, sender: Sender, message: bytes | EmailMessage, to: str
    ) -> None:
        """As `send` of this module, through a given server."""
        if ADDRESS.fullmatch(to) is None:
            raise Refused("the recipient is not one address")
        data = message if isinstance(message, bytes) else message.as_bytes(policy=POLICY)
        # A lone CR or LF is read as a line's end by some servers and not by others: one of them
        # could see a second mail in this one.
        data = _EOL.sub(b"\r\n", data)
        with self._lock:
            line = self._ready(server, sender)
            try:
                _deliver(line, sender.address, in_ascii(to), data)
            except Refused:
                if not line.again():
                    self._drop()
                raise
            except BaseException:
                self._drop()
                raise
            self._mails += 1

    def close(self) -> None:
        """End the connection, where there is one."""
        with self._lock:
            self._end()

    def _ready(self, server: Server, sender: Sender) -> Line:
        """The connection that is there, where it may be used again and answers; else a new one."""
        key = (server, sender, os.getpid())
        if self._key != key or self._worn():
            self._end()
        if self._line is not None:
            self._line.allow(self._mail_s)
            if self._line.again():
                return self._line
            self._drop()
        self._line = opened(
            server, helo=_domain(sender), command_s=self._command_s, whole_s=self._mail_s
        )
        self._key, self._opened, self._mails = key, self._now(), 0
        return self._line

    def _worn(self) -> bool:
        return self._mails >= REUSED_MAILS or self._now() - self._opened >= REUSED_S

    def _end(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        if self._key is not None and self._key[2] != os.getpid():
            line.close()  # a copy of the parent's, which goes on using it
        else:
            line.allow(self._command_s)
            line.leave()

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()


def _deliver(line: Line, sender: str, to: str, data: bytes) -> None:
    options = [f"SIZE={len(data)}"] if line.has_extn("size") else []
    if not to.isascii():
        if not line.has_extn("smtputf8"):
            raise Refused("the mail server takes no address with such letters (SMTPUTF8)")
        options.append("SMTPUTF8")
    try:
        code, said = line.mail(sender, options)
        if code != 250:
            raise verdict("sender", code, said)
        code, said = line.rcpt(to)
        if code not in {250, 251}:
            raise verdict("recipient", code, said)
        code, said = line.data(data)
        if code != 250:
            raise verdict("mail", code, said)
    except smtplib.SMTPDataError as error:
        raise verdict("mail", error.smtp_code, error.smtp_error) from error
    except OSError as error:  # all of smtplib's are
        raise Later(f"the connection to the mail server broke: {line.why(error)}") from error


def _domain(sender: Sender) -> str:
    return sender.address.rpartition("@")[2]


_client: Final = Client()
