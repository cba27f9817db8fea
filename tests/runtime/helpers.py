"""Real processes for the tests of `runtime/`: folders, free ports, and who is still alive."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg.conninfo

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "ASSENTRY_", "PYTEST_", "DJANGO_")


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything about an instance, plus `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def folder(*parts: str) -> Iterator[Path]:
    """A folder that every user may enter, with what the launcher keeps elsewhere removed too."""
    top = Path(tempfile.mkdtemp(prefix="assentry runtime "))
    top.chmod(0o755)
    place = top.joinpath(*parts)
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place
    finally:
        for left in top.rglob("instance.json"):
            host = psycopg.conninfo.conninfo_to_dict(json.loads(left.read_text())["owner_url"])
            shutil.rmtree(str(host["host"]), ignore_errors=True)
        shutil.rmtree(top, ignore_errors=True)


def copy_instance(original: Path, data: Path) -> None:
    """A stopped instance again in another place: quicker than making one."""
    subprocess.run(["cp", "-a", f"{original}/.", str(data)], check=True)
    state = json.loads((data / "postgres.json").read_text())
    state["cluster"] = str(data / "postgres")
    (data / "postgres.json").write_text(json.dumps(state))


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], seconds: float = 20.0, what: str = "") -> None:
    """Poll until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)


def mentioning(text: str) -> list[psutil.Process]:
    """Live processes, other than this one, with `text` in their command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            words = " ".join(process.cmdline())
            if text in words or text in str(process.environ().get("ASSENTRY_DATA", "")):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def nobodys_python() -> str | None:
    """An interpreter like ours that an unprivileged user can run, or None."""
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, shutil.which(name, path="/usr/bin:/usr/local/bin:/opt/bin")):
        if candidate is None:
            continue
        try:
            tried = subprocess.run([candidate, "-c", ""], user="nobody", cwd="/", check=False)
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate
    return None
