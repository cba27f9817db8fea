"""The machine a figure was measured on; without it a figure says nothing."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

PACKAGES = ("django", "psycopg", "uvicorn", "msgspec", "celery")


def describe() -> dict[str, Any]:
    """Cores, memory, load, versions."""
    return {
        "at": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def one_line(machine: dict[str, Any]) -> str:
    """The description for people."""
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    load = " ".join(f"{value:.2f}" for value in machine["load_average"])
    return (
        f"{machine['at']}: {machine['cores']} cores, {machine['memory_gib']} GiB, load {load}, "
        f"{machine['system']}, Python {machine['python']}, {versions}"
    )
