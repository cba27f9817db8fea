"""The mailbox of `./up`: a mail server on loopback that sends nothing on, and a page that shows what came.

``python -m runtime.mailbox --folder FOLDER --smtp-port N --port M``.  The product speaks SMTP to it
as it does to any other server.  It keeps the newest mails as files, and takes them from, and shows
them to, programs of this machine alone: a mail may hold a link that is somebody's way in.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from runtime import mailbox_page, parent
from runtime.letters import Letters

HOSTS: Final = ("127.0.0.1", "localhost")
LIMIT: Final = 2 * 1024 * 1024
#: A client that says nothing for so long is left.
SILENT_S: Final = 60.0
TOO_LARGE: Final = f"552 5.3.4 The mailbox takes mails of up to {LIMIT // 1024**2} MiB"


class Taker:
    """What becomes of a mail: it is kept."""

    def __init__(self, letters: Letters) -> None:
        self._letters = letters

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Answer only when the mail is in its file."""
        content = envelope.original_content or b""
        if len(content) > LIMIT:
            return TOO_LARGE
        try:
            self._letters.add(
                sender=envelope.mail_from or "",
                recipients=envelope.rcpt_tos,
                content=content,
            )
        except OSError as error:
            return f"452 4.3.1 The mailbox cannot write: {error.strerror}"
        return "250 2.0.0 Kept"

    async def handle_exception(self, error: Exception) -> str:
        """Nobody's mail ends the mailbox."""
        return f"451 4.3.0 The mailbox failed: {type(error).__name__}"


class Server(SMTP):
    """SMTP as the mailbox speaks it."""

    async def push(self, status: str | bytes) -> None:
        """Say the size that is taken, where one is refused for it."""
        told = status if isinstance(status, str) else status.decode("ascii", "replace")
        await super().push(TOO_LARGE if told.startswith("552 ") else told)


def protocol(letters: Letters) -> SMTP:
    """One connection."""
    return Server(
        Taker(letters),
        data_size_limit=LIMIT,
        enable_SMTPUTF8=True,
        hostname="mailbox.localhost",
        ident="Assentry mailbox",
        timeout=SILENT_S,
        loop=asyncio.get_running_loop(),
    )


async def run(letters: Letters, host: str, smtp_port: int, port: int) -> None:
    """Take mails and show them until a signal.

    Raises:
        OSError: a port cannot be used.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, over.set)
    page = mailbox_page.serve(letters, host, port)
    try:
        server = await loop.create_server(lambda: protocol(letters), host, smtp_port)
        await over.wait()
        server.close()  # who is connected is not waited for: no answer means that it was not kept
    finally:
        page.shutdown()
        page.server_close()


def main(arguments: list[str]) -> int:
    """Run until a signal ends it: 0, or 1 where it cannot start."""
    parent.watch()
    options = _options(arguments)
    try:
        asyncio.run(run(Letters(options.folder), options.host, options.smtp_port, options.port))
    except OSError as error:
        sys.stderr.write(f"mailbox: {error.strerror or error}\n")
        return 1
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m runtime.mailbox", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept")
    parser.add_argument("--host", default="127.0.0.1", help="an address of loopback")
    parser.add_argument("--smtp-port", type=int, required=True, help="where mails are taken")
    parser.add_argument("--port", type=int, required=True, help="of the page that shows them")
    options = parser.parse_args(arguments)
    if options.host not in HOSTS:
        parser.error(f"--host {options.host}: only loopback, since mails may hold ways in")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
