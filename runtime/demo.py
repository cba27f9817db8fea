"""The demo that `./up --demo` runs beside the product: its seed, its process, what is said of it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import ports
from runtime.folder import write_private
from runtime.options import ROOT, Options

SEED = "demo.json"
FOLDER = "demo"
PROGRAM = (sys.executable, "-m", "demo")


@dataclass(frozen=True)
class Demo:
    """How the demo runs: whether reviewers are scripted, and where its own page listens."""

    scripted: bool
    port: int

    @classmethod
    def read(cls, arguments: list[str], options: Options) -> Demo | None:
        """What the command line asks for; None without ``--demo``."""
        if "--demo" not in arguments:
            return None
        (port,) = ports.free(options.port + 1)
        return cls("--scripted" in arguments, port)

    def seeded(self, data: Path) -> bool:
        """Whether its workspace was made here before."""
        return (data / SEED).exists()

    def keep(self, data: Path, last_line: str) -> None:
        """Keep what `seed_demo --retail` printed: the only copy of its passwords and its key."""
        write_private(data / SEED, json.dumps(json.loads(last_line), indent=1) + "\n")

    def command(self, options: Options, program: Sequence[str] = PROGRAM) -> list[str]:
        """The command line of its process."""
        return [
            *(*program, "--url", options.base_url),
            *("--seed", str(options.data / SEED), "--folder", str(options.data / FOLDER)),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *(["--scripted"] if self.scripted else []),
        ]

    def environment(self) -> dict[str, str]:
        """What its process needs beside the environment of all: the client."""
        client = str(ROOT / "clients" / "python" / "src")
        known = os.environ.get("PYTHONPATH")
        return {"PYTHONPATH": f"{client}{os.pathsep}{known}" if known else client}

    def text(self, options: Options) -> str:
        """The lines to print once the product answers."""
        said: dict[str, Any] = json.loads((options.data / SEED).read_text())
        who = "Scripted reviewers decide." if self.scripted else "Sign in and decide:"
        reviewers = len(said["people"]) - 1
        lines = [
            f"  Demo   http://127.0.0.1:{self.port}/  (what ran, and who said yes)",
            f"  {reviewers} people review what the shop's agent asks. {who}",
        ]
        lines += [
            f"           {one['email']}  {one['password']}  ({one['role']})"
            for one in said["people"]
        ]
        return "\n".join([*lines, ""])
