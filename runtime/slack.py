"""The Slack that `./up --demo` plays beside the product: its seed, its process, and the shop's app in it.

Where the shop is, it is too, also without ``--demo``: else its app would be looked for at Slack itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from runtime import demo, ports
from runtime.folder import write_private
from runtime.options import ROOT, Options

VARIABLE: Final = "ASSENTRY_SLACK_API_URL"
FILE: Final = "slack.json"
PROGRAM: Final = (sys.executable, "-m", "demo.slack")
#: How often it is looked at whether the app is connected, while it is not.
LOOK_SECONDS: Final = 0.2
#: The channels of the roles in `demo/policy.yaml`.
CHANNELS: Final = (
    {"id": "C0SUPPORT", "name": "support-leads"},
    {"id": "C0FINANCE", "name": "finance-leads"},
)


@dataclass(frozen=True)
class Slack:
    """Where it listens."""

    port: int

    @classmethod
    def read(cls, options: Options, *, wanted: bool) -> Slack | None:
        """None where others are served, where there is no shop, or where Slack's address was given."""
        seeded = (options.data / FILE).exists()
        if not options.development or os.environ.get(VARIABLE) or not (wanted or seeded):
            return None
        # The ports between are the demo's and the mailbox's.
        return cls(*ports.free(options.port + 4))

    @property
    def address(self) -> str:
        """Of its page."""
        return f"http://127.0.0.1:{self.port}/"

    def environment(self) -> dict[str, str]:
        """What every process needs to call it in the place of Slack."""
        return {VARIABLE: f"{self.address}api/"}

    def keep(self, data: Path) -> None:
        """Write whom it plays, once: the shop's people, and secrets that count nowhere else."""
        if (data / FILE).exists():
            return
        shop = json.loads((data / demo.SEED).read_text())
        names = [one["email"].partition("@")[0] for one in shop["people"]]
        users = [
            {"id": f"U0{name.upper()}", "name": name, "real_name": name.title()} for name in names
        ]
        team = {
            "id": "T0SHOP",
            "name": "The shop",
            "app_id": "A0ASSENTRY",
            "bot_token": f"xoxb-{secrets.token_hex(16)}",
            "signing_secret": secrets.token_hex(16),
        }
        made = {"workspace": shop["workspace"], "connected": False, "team": team}
        _write(data, {**made, "channels": list(CHANNELS), "users": users})

    def command(self, options: Options, program: Sequence[str] = PROGRAM) -> list[str]:
        """The command line of its process."""
        return [
            *(*program, "--seed", str(options.data / FILE), "--app", options.base_url),
            *("--host", "127.0.0.1", "--port", str(self.port)),
        ]

    def text(self) -> str:
        """The lines to print once the product answers."""
        return (
            f"  Slack  {self.address}  (plays Slack: see there what is asked in the channels)\n"
            "         To decide there, choose a person, type /assentry connect, and open the link\n"
            "         signed in as the same person.\n"
        )


class Connecting:
    """Connects the shop's app, once, as soon as its Slack answers; by a command, beside everything else."""

    def __init__(
        self,
        slack: Slack,
        data: Path,
        manage: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self._slack, self._data = slack, data
        self._manage, self._environment = manage, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._over = bool(_read(data)["connected"])

    @property
    def due_in(self) -> float | None:
        """Seconds until it is to be looked at; None once there is nothing to do."""
        return None if self._over else LOOK_SECONDS

    def tend(self) -> str | None:
        """Begin it, or see whether it is done; a line to print where it failed."""
        if self._over:
            return None
        if self._process is None:
            if self._answers():
                self._begin()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._over = True
        if code == 0:
            _write(self._data, {**_read(self._data), "connected": True})
            return None
        return "The shop's app was not connected to Slack: see above. The rest goes on."

    def end(self) -> None:
        """Break it off; the next start begins it anew."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _begin(self) -> None:
        seed = _read(self._data)
        given = {name: seed["team"][name] for name in ("bot_token", "signing_secret")}
        self._process = subprocess.Popen(
            [*self._manage, "slack_connect", seed["workspace"], "--bot-token-stdin"],
            cwd=ROOT,
            env=dict(self._environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        # A few bytes: a pipe takes them at once.  Where the command ended already, `tend` sees it.
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:  # type: ignore[union-attr]
            pipe.write(json.dumps(given).encode())

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._slack.port), timeout=1.0).close()
        except OSError:
            return False
        return True


def _read(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / FILE).read_text())
    return found


def _write(data: Path, seed: Mapping[str, Any]) -> None:
    write_private(data / FILE, json.dumps(seed, indent=1) + "\n")
