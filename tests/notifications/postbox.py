"""A mail server on loopback that remembers what it took, and refuses, delays or hangs as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from notifications.mail.server import Security, Server


@dataclass
class Mail:
    """One mail that was taken: its envelope, and what the server saw of its content."""

    sender: str
    to: list[str]
    raw: bytes
    connection: int
    options: list[str]

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)


@dataclass
class Postbox:
    """How the server behaves, and what it saw.

    ``answers`` are those to a command (``MAIL``, ``RCPT``, ``END``) in place of the usual one, used up
    in turn; ``always`` are the same for ever.  A command in ``hangs`` is never answered, one in
    ``drips`` byte by byte without an end, and after one in ``leaves`` the connection is cut.  The
    answer to a whole mail is that to ``END``.
    """

    mails: list[Mail] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    drips: set[str] = field(default_factory=set)
    leaves: set[str] = field(default_factory=set)
    #: Addresses that are nobody's here.
    unknown: set[str] = field(default_factory=set)
    logins: dict[str, str] = field(default_factory=dict)
    tried: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0

    def server(self, security: Security = "none", **more: Any) -> Server:
        """The address of it, as the product knows servers."""
        return Server(self.host, self.port, security, **more)

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: LoginPassword
    ) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        self.tried.append((user, password))
        if answer := self._next("AUTH"):
            return AuthResult(success=False, handled=False, message=answer)
        good = self.logins.get(user) == password
        return AuthResult(success=good, handled=False)

    def _next(self, command: str) -> str | None:
        waiting = self.answers.get(command)
        return waiting.pop(0) if waiting else self.always.get(command)


class _Handler:
    def __init__(self, box: Postbox) -> None:
        self.box = box

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        answer = self.box._next("RCPT")
        if address in self.box.unknown:
            answer = "550 5.1.1 No such user"
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_MAIL(  # noqa: N802 - the library's name
        self,
        _server: SMTP,
        _session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        answer = self.box._next("MAIL")
        if answer is None:
            envelope.mail_from, envelope.mail_options = address, options
        return answer or "250 OK"

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        answer = self.box._next("END")
        if answer is None:
            self.box.mails.append(
                Mail(
                    envelope.mail_from or "",
                    list(envelope.rcpt_tos),
                    envelope.original_content or b"",
                    cast("_Server", server).number,
                    list(envelope.mail_options),
                )
            )
        return answer or "250 OK"


class _Server(SMTP):
    """SMTP with the postbox's bad manners: each command is noted, each answer goes through `push`."""

    def __init__(self, box: Postbox, **more: Any) -> None:
        super().__init__(_Handler(box), authenticator=box._authenticate, **more)
        self.box = box
        self.command = "GREETING"
        self.number = 0
        self._smtp_methods = {
            name: self._noted(name, method) for name, method in self._smtp_methods.items()
        }

    def _noted(self, name: str, method: Callable[[str], Awaitable[None]]) -> Any:
        @functools.wraps(method)
        async def run(argument: str) -> None:
            self.command = name
            self.box.commands.append(name)
            await method(argument)

        return run

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self.number:  # STARTTLS makes it a second time
            self.box.connections += 1
            self.number = self.box.connections
        super().connection_made(transport)

    async def push(self, status: str | bytes) -> None:
        told = status if isinstance(status, str) else status.decode()
        command, leaves = self.command, self.command in self.box.leaves
        if command in self.box.hangs:
            await asyncio.Event().wait()
        if command in {"GREETING", "EHLO", "HELO", "RSET", "STARTTLS"}:
            told = self.box._next(command) or told
        if command in self.box.drips:
            while True:
                self._writer.write(b"2")
                await self._writer.drain()
                await asyncio.sleep(0.02)
        await super().push(told)
        if told.startswith("354"):
            self.command = "END"  # what comes next is the answer to the whole mail
        if leaves and self.transport is not None:
            self.transport.close()


@contextlib.contextmanager
def opened(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, **more: Any
) -> Iterator[Postbox]:
    """A postbox on a free port of loopback; `tls` is offered by STARTTLS, or from the first byte."""
    box = Postbox()
    options: dict[str, Any] = {"hostname": "postbox.localhost", "timeout": 30, **more}
    if tls is not None and not implicit:
        options["tls_context"] = tls
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="postbox")
    thread.start()

    served: list[_Server] = []

    def serve() -> _Server:
        served.append(_Server(box, loop=loop, **options))
        return served[-1]

    async def start() -> asyncio.Server:
        return await loop.create_server(serve, box.host, 0, ssl=tls if implicit else None)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for each in served:
            if each.transport is not None:
                each.transport.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
        box.port = server.sockets[0].getsockname()[1]
        yield box
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
