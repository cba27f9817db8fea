"""What the system knows of other processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def command_line(pid: int) -> str:
    """What a live process was started with, in one line; empty where there is no such process.

    Linux says it in `/proc`; elsewhere `ps` is part of the system.
    """
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return os.fsdecode(words.rstrip(b"\0").replace(b"\0", b" "))
    asked = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()
