"""The mailbox that `./up` runs beside the product: where it listens, its process, what is said of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime import ports
from runtime.folder import write_private
from runtime.options import Options

VARIABLE = "ASSENTRY_SMTP_URL"
#: For `manage.py` beside `./up`; written or taken away at each start.
FILE = "mailbox.json"
FOLDER = "mail"
PROGRAM = (sys.executable, "-m", "runtime.mailbox")


@dataclass(frozen=True)
class Mail:
    """Where the mailbox shows its page, and where it takes mails."""

    port: int
    smtp_port: int

    @classmethod
    def read(cls, options: Options) -> Mail | None:
        """None where others are served, or mail has a server of its own."""
        if not options.development or os.environ.get(VARIABLE):
            return None
        # The port after the product's is the demo's.
        return cls(*ports.free(options.port + 2, options.port + 3))

    @property
    def address(self) -> str:
        """Of its page."""
        return f"http://127.0.0.1:{self.port}/"

    def environment(self) -> dict[str, str]:
        """What every process needs to send mails there."""
        return {VARIABLE: f"smtp://127.0.0.1:{self.smtp_port}"}

    def command(self, options: Options, program: Sequence[str] = PROGRAM) -> list[str]:
        """The command line of its process."""
        return [
            *(*program, "--folder", str(options.data / FOLDER), "--host", "127.0.0.1"),
            *("--smtp-port", str(self.smtp_port), "--port", str(self.port)),
        ]


def tell(data: Path, mail: Mail | None) -> None:
    """Say to others on this data folder where the mailbox is, or that there is none."""
    if mail is None:
        (data / FILE).unlink(missing_ok=True)
    else:
        said = {"smtp_url": mail.environment()[VARIABLE], "page": mail.address}
        write_private(data / FILE, json.dumps(said) + "\n")
