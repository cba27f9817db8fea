"""One PostgreSQL data directory: where it lies, how it is made, which version made it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from runtime.accounts import Account
from runtime.errors import Refused
from runtime.folder import write_private
from runtime.programs import FOLDER_VARIABLE, Programs, find_major, shared_folder

SUPERUSER = "postgres"
OWNER = "assentry_owner"
RUNTIME = "assentry"
DATABASE = "assentry"
STATE_FILE = "postgres.json"
FIRST_WITH_BUILTIN_LOCALE = 17
# sun_path is 104 bytes on macOS and 108 on Linux, its closing zero included.
SOCKET_PATH_LIMIT = 103
SOCKET_NAME = ".s.PGSQL.5432"


@dataclass
class State:
    """What the launcher must remember: kept in `postgres.json`, mode 0600."""

    cluster: str
    superuser_password: str
    owner_password: str
    runtime_password: str
    ready: bool = False

    @classmethod
    def new(cls, cluster: Path) -> State:
        """Fresh passwords for a cluster that does not exist yet."""
        one, two, three = (secrets.token_urlsafe(24) for _ in range(3))
        return cls(str(cluster), one, two, three)


def load_state(data: Path) -> State | None:
    """The remembered state, or None on the first start."""
    try:
        return State(**json.loads((data / STATE_FILE).read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Refused(f"{data / STATE_FILE} is damaged: restore it from a backup.") from error


def save_state(data: Path, state: State) -> None:
    """Remember the state."""
    write_private(data / STATE_FILE, json.dumps(asdict(state), indent=1) + "\n")


def choose_folder(data: Path, account: Account) -> Path:
    """Where a new cluster goes: in the data folder, unless its user cannot get there."""
    if account.can_enter(data):
        return data / "postgres"
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    home = shared_folder() / f"data-{key}"
    home.mkdir(mode=0o711, exist_ok=True)
    home.chmod(0o711)
    (home / "belongs-to").write_text(f"{data}\n")
    return home / "postgres"


def check_belongs(data: Path, cluster: Path) -> None:
    """Refuse a copied data folder that points at the original's cluster elsewhere."""
    note = cluster.parent / "belongs-to"
    if cluster.parent == data or not note.exists():
        return
    first = Path(note.read_text().strip())
    if first == data:
        return
    try:
        taken = json.loads((first / STATE_FILE).read_text())["cluster"] == str(cluster)
    except (OSError, ValueError, KeyError):
        taken = False
    if taken:
        raise Refused(
            f"{data} is a copy of {first}, and its database {cluster} still belongs to that "
            f"one. Start with an empty ASSENTRY_DATA and restore a dump into it."
        )
    note.write_text(f"{data}\n")


def check_version(data: Path, cluster: Path, programs: Programs) -> None:
    """Refuse a cluster of another major version, saying how to move it."""
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by == str(programs.major):
        return
    old = find_major(int(made_by)) if made_by.isdigit() else None
    old_folder = _shell(old or Path(f"/path/to/postgresql-{made_by}/bin"))
    aside = _shell(data / f"postgresql-{made_by}")
    serve = f"ASSENTRY_DATA={_shell(data)} {_shell(Path(sys.executable))} -m runtime.postgres"
    tools = _shell(programs.folder)
    raise Refused(
        f"The database in {cluster} was made by PostgreSQL {made_by}, and this is PostgreSQL "
        f"{programs.major}. Nothing was changed. To move it, in the checkout:\n"
        f"  1. {FOLDER_VARIABLE}={old_folder} {serve}\n"
        f"  2. meanwhile, in another terminal: {tools}/pg_dump -Fc -f assentry.dump 'URL'\n"
        f"     with the URL that 1 printed; then end 1 with Ctrl-C\n"
        f"  3. mkdir {aside} && mv {_shell(cluster)} {_shell(data / STATE_FILE)} {aside}\n"
        f"  4. {serve}\n"
        f"  5. meanwhile: {tools}/pg_restore --exit-on-error -d 'URL' assentry.dump\n"
        f"     with the URL that 4 printed; then end 4, and start ./up"
    )


def _shell(path: Path) -> str:
    return shlex.quote(str(path))


def create(
    cluster: Path, account: Account, programs: Programs, sockets: Path, state: State, sync: bool
) -> None:
    """Run initdb beside the final place, then rename: half a cluster is never left behind."""
    scratch = cluster.with_name(f"{cluster.name}.new")
    password_file = sockets / "password"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        account.give(scratch)
        write_private(password_file, state.superuser_password + "\n")
        account.give(password_file)
        done = subprocess.run(
            [
                programs.path("initdb"),
                *("-D", str(scratch), "-U", SUPERUSER, "--auth=scram-sha-256"),
                *("--pwfile", str(password_file), "--encoding=UTF8", *_locale(programs.major)),
                *([] if sync else ["--no-sync"]),
            ],
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **account.popen_arguments(),
        )
        if done.returncode != 0:
            raise Refused(explain(done.stderr, cluster))
        scratch.rename(cluster)
    except OSError as error:
        raise Refused(explain(str(error), cluster)) from error
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(scratch, ignore_errors=True)


def _locale(major: int) -> list[str]:
    if major >= FIRST_WITH_BUILTIN_LOCALE:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C"]


def explain(output: str, place: Path) -> str:
    """One sentence for what PostgreSQL or the system complained about."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return f"The disk that holds {place} is full: free some space and start again."
    if "Permission denied" in output:
        denied = next(line for line in lines if "Permission denied" in line)
        return f"PostgreSQL may not use {place}: {denied}"
    worst = [line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)]
    return f"PostgreSQL did not start in {place}: {(worst or lines or ['it said nothing'])[-1]}"


def prepare_roles(superuser_url: str, state: State) -> None:
    """Make the two roles and the database; may run again after an interruption."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role, password in ((OWNER, state.owner_password), (RUNTIME, state.runtime_password)):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
            verb = sql.SQL("ALTER" if known.fetchone() else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                    verb, sql.Identifier(role), sql.Literal(password)
                )
            )
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not known.fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE))
        )
        connection.execute(
            sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                sql.Identifier(DATABASE), sql.Identifier(RUNTIME)
            )
        )


def url(role: str, password: str, sockets: Path, database: str = DATABASE) -> str:
    """A libpq URL through the socket folder."""
    return f"postgresql://{role}:{quote(password)}@/{database}?host={quote(str(sockets), safe='')}"


def socket_folder(data: Path, account: Account) -> Path:
    """A short folder of mode 0700 for the socket, owned by the server's user.

    Raises `Refused` when none of the candidates can be made ours: a name that somebody else
    took in a shared folder is passed over, never used.
    """
    key = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    for base in _socket_bases(account):
        for number in range(4):
            folder = base / f"assentry-{key}{f'-{number}' if number else ''}"
            if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT and _own(
                folder, account
            ):
                return folder
    raise Refused(
        "There is no folder for PostgreSQL's socket: set TMPDIR to a short path that "
        f"{account.name!r} may enter."
    )


def _socket_bases(account: Account) -> Iterator[Path]:
    named = os.environ.get("XDG_RUNTIME_DIR")
    folders = [*([named] if named else []), tempfile.gettempdir(), "/tmp", "/var/tmp"]  # noqa: S108
    for folder in dict.fromkeys(folders):
        path = Path(folder)
        if path.is_absolute() and path.is_dir() and account.can_enter(path):
            yield path


def _own(folder: Path, account: Account) -> bool:
    """Make the folder, or find it ours: a real folder, private, of the right user."""
    try:
        folder.mkdir(mode=0o700)
        account.give(folder)
    except FileExistsError:
        pass
    except OSError:
        return False
    about = folder.lstat()
    private = stat.S_ISDIR(about.st_mode) and not about.st_mode & 0o077
    return private and about.st_uid == account.uid


def server_settings(major: int, overrides: Mapping[str, str]) -> dict[str, str]:
    """Settings for one small machine that also carries web and worker processes."""
    settings = {
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": "96MB",
        "effective_cache_size": "512MB",
        "maintenance_work_mem": "64MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "15min",
        "autovacuum": "on",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u ",
        "log_checkpoints": "off",
        "client_connection_check_interval": "10s",
    }
    if major >= 18:
        # Three processes fewer than the default, and nothing here reads large tables.
        settings["io_method"] = "sync"
    return settings | dict(overrides)
