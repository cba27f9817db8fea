"""From a bare Python to a complete `.venv`: standard library only, and nothing when it stands.

uv does it when it is on the path, else a virtual environment and pip with hashed requirements.
A stamp inside `.venv` says for what it was made; when it fits, this costs a few milliseconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import Refused

STAMP = "assentry.json"
# Present while packages are being installed: whoever finds it finds a broken environment.
UNFINISHED = "assentry.unfinished"
INPUTS = ("uv.lock", "requirements.txt", "requirements-dev.txt")
NO_NETWORK = re.compile(
    r"name resolution|name or service not known|nodename nor servname|connection ?error|"
    r"failed to establish|network is unreachable|connection refused|timed out|dns error|"
    r"error sending request|could not fetch url|proxyerror|ssl",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Environment:
    """The virtual environment of one checkout."""

    root: Path

    @property
    def folder(self) -> Path:
        """`.venv` in the checkout."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter. Always run modules with it: script shebangs break in long paths."""
        return self.folder / "bin" / "python"

    def wanted(self, *, dev: bool) -> dict[str, str | bool]:
        """The stamp that a complete environment carries."""
        digest = hashlib.sha256()
        for name in INPUTS:
            with contextlib.suppress(FileNotFoundError):
                digest.update((self.root / name).read_bytes())
        return {
            "lock": digest.hexdigest(),
            "python": f"{sys.version.split()[0]} {sys.base_prefix}",
            "place": str(self.root),
            "dev": dev,
        }

    def stamped(self) -> Mapping[str, str | bool]:
        """The stamp it carries, empty when there is none."""
        try:
            found: dict[str, str | bool] = json.loads((self.folder / STAMP).read_text())
        except (OSError, ValueError):
            return {}
        return found

    def fits(self, *, dev: bool) -> bool:
        """True when nothing has to be done; a development environment also serves `up`."""
        if (self.folder / UNFINISHED).exists():
            return False
        stamp = self.stamped()
        wanted = self.wanted(dev=bool(stamp.get("dev")) or dev)
        return dict(stamp) == wanted and self.python.exists()

    def must_begin_anew(self) -> bool:
        """True for an interrupted, moved or copied one, and for one of another Python."""
        if (self.folder / UNFINISHED).exists():
            return True
        stamp, wanted = self.stamped(), self.wanted(dev=False)
        if stamp:
            return any(stamp.get(key) != wanted[key] for key in ("python", "place"))
        return _version_of(self.python) != list(sys.version_info[:2])


def ensure(root: Path, *, dev: bool) -> Path:
    """Make the environment complete and return its interpreter; raises `Refused`.

    `dev` adds what the tests need. Without it, what an earlier `./test` installed stays.
    """
    environment = Environment(root)
    if environment.fits(dev=dev):
        return environment.python
    with _one_at_a_time(root):
        if not environment.fits(dev=dev):
            _make(environment, dev=dev)
    return environment.python


def _make(environment: Environment, *, dev: bool) -> None:
    began = time.monotonic()
    sys.stderr.write(f"Setting up {environment.folder} (once) …\n")
    dev = dev or bool(environment.stamped().get("dev"))
    try:
        if environment.must_begin_anew():
            _remove(environment.folder)
        (environment.folder / STAMP).unlink(missing_ok=True)
        uv = shutil.which("uv")
        if not (uv and _with_uv(environment, uv, dev=dev)):
            _with_pip(environment, dev=dev)
        stamp = environment.folder / STAMP
        stamp.write_text(json.dumps(environment.wanted(dev=dev)))
        (environment.folder / UNFINISHED).unlink(missing_ok=True)
    except OSError as error:
        raise Refused(
            f"{environment.folder} cannot be made ({error.strerror or error}): free space, or "
            "make the checkout writable."
        ) from error
    sys.stderr.write(f"… done in {time.monotonic() - began:.0f} s.\n")


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _with_uv(environment: Environment, uv: str, *, dev: bool) -> bool:
    """Let uv do it; False when it could not, so that pip may try (an old uv, for one)."""
    base = str(getattr(sys, "_base_executable", sys.executable))
    own = {"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": str(environment.folder)}
    variables = {**_clean_environment(), **own}
    if not environment.python.exists():
        command = [uv, "venv", "--quiet", "--python", base, str(environment.folder)]
        if _run(command, environment.root, variables)[0] != 0:
            return False
    (environment.folder / UNFINISHED).touch()
    command = [uv, "sync", "--frozen", "--no-progress", "--python", base]
    command += ["--all-groups"] if dev else ["--no-dev", "--inexact"]
    code, output = _run(command, environment.root, variables)
    if code == 0:
        return True
    if "No space left" in output or NO_NETWORK.search(output):
        raise Refused(_why(output))
    sys.stderr.write(f"uv could not do it ({_last_line(output)}); trying pip.\n")
    return False


def _with_pip(environment: Environment, *, dev: bool) -> None:
    python, folder = str(environment.python), environment.folder
    if _run([python, "-m", "pip", "--version"], environment.root, _clean_environment())[0] != 0:
        _create_venv(folder)
    (folder / UNFINISHED).touch()
    requirements = environment.root / ("requirements-dev.txt" if dev else "requirements.txt")
    command = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    command += ["--no-compile", "--no-input", "--disable-pip-version-check"]
    command += ["--no-warn-script-location", "-r", str(requirements)]
    code, output = _run(command, environment.root, _clean_environment())
    if code != 0:
        raise Refused(_why(output))


def _create_venv(folder: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    advice = (
        f"This Python cannot make virtual environments: install python{version}-venv (Debian, "
        f"Ubuntu: sudo apt install python{version}-venv), or uv, then start again."
    )
    if missing:
        raise Refused(advice)
    base = str(getattr(sys, "_base_executable", sys.executable))
    code, output = _run([base, "-m", "venv", str(folder)], folder.parent, _clean_environment())
    if code != 0:
        raise Refused(advice if "ensurepip" in output else _why(output))


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout


def _clean_environment() -> dict[str, str]:
    """Ours without what would point Python, pip or uv at another environment."""
    leave_out = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_USER", "PIP_PREFIX"}
    return {name: value for name, value in os.environ.items() if name not in leave_out}


def _why(output: str) -> str:
    """One sentence for what went wrong."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return "The disk is full: free some space (the environment takes 500 MB) and start again."
    if "DO NOT MATCH THE HASHES" in output or "Hash mismatch" in output:
        return f"A package is not the one that was locked, and was refused: {_last_line(output)}"
    if NO_NETWORK.search(output):
        return (
            "The packages could not be downloaded: the first start needs a network (or a mirror "
            f"that pip or uv is configured for). {_last_line(output)}"
        )
    return f"The packages could not be installed: {_last_line(output)}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or ["no message"])[-1]


def _version_of(python: Path) -> list[int]:
    program = "import sys; print(*sys.version_info[:2])"
    code, output = _run([str(python), "-c", program], Path("/"), _clean_environment())
    return [int(word) for word in output.split()] if code == 0 else []


@contextlib.contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """A lock on the checkout's folder itself: no file is left behind."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Waiting for another ./up or ./test to set up the environment …\n")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
