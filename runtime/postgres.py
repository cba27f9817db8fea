"""The embedded PostgreSQL: a real server of our own, made small.

It listens on a unix socket in a private folder, asks for a password even there, ends with the
process that started it, and is the same database a production deployment uses.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from runtime import cluster as clusters
from runtime import guard, options
from runtime.accounts import Account, server_account
from runtime.errors import Refused
from runtime.folder import ensure_keys, make_private, write_private
from runtime.locks import FileLock
from runtime.processes import command_line
from runtime.programs import Programs, find, interpreter

START_SECONDS = 60.0
STOP_SECONDS = 10.0
# A server whose launcher was killed gets this long to finish its own shutdown.
ORPHAN_SECONDS = 20.0
LOG_LIMIT = 10 * 1024 * 1024
LOG_TAIL = 4096


class EmbeddedPostgres:
    """One server on one data folder; a context manager, or `start` and `stop`.

    `data` is a folder of ours (made with mode 0700 when missing); the cluster lies in
    `data/postgres`, or where `data/postgres.json` says. `fsync=False` trades durability for
    speed, for tests. `settings` are PostgreSQL settings by name, over our own.
    """

    def __init__(
        self,
        data: Path | str,
        *,
        fsync: bool = True,
        settings: Mapping[str, str] | None = None,
        stay: bool = not sys.platform.startswith("linux"),
    ) -> None:
        # Not resolved further: a link that the operator made stays the name he knows.
        self.data = Path(data).absolute()
        self._durable = fsync
        self._settings = dict(settings or {})
        self._stay = stay
        self._launcher = FileLock(self.data / "launcher.lock")
        self._server = FileLock(self.data / "server.lock")
        self._process: subprocess.Popen[bytes] | None = None
        self._state: clusters.State | None = None
        self._sockets: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def superuser_url(self) -> str:
        """For tests and repairs: the role that may do everything."""
        state = self._known()
        return clusters.url("postgres", state.superuser_password, self._socket(), "postgres")

    @property
    def owner_url(self) -> str:
        """For migrations: the role that owns the tables."""
        return clusters.url(clusters.OWNER, self._known().owner_password, self._socket())

    @property
    def runtime_url(self) -> str:
        """For the running product: the role that owns nothing."""
        return clusters.url(clusters.RUNTIME, self._known().runtime_password, self._socket())

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.data / "postgres.log"

    @property
    def place(self) -> Path:
        """The cluster's folder."""
        return Path(self._known().cluster)

    def start(self) -> None:
        """Start the server, making the cluster first when there is none.

        Returns when it answers. Raises `Refused` with what to do when it cannot.
        """
        if self._process is not None:
            raise RuntimeError("already started")
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        make_private(self.data)
        if not self._launcher.take():
            raise Refused(f"Another process runs the database in {self.data}.")
        state = clusters.load_state(self.data)
        account = server_account(Path(state.cluster) if state else None)
        programs = find(account)
        if account.switch:
            self.data.chmod(0o711)
        if state is None:
            state = clusters.State.new(clusters.choose_folder(self.data, account))
            if (Path(state.cluster) / "PG_VERSION").exists():
                self._refuse_strange_cluster(Path(state.cluster), programs)
            clusters.save_state(self.data, state)
        self._state = state
        self._wait_for_orphan()
        self._sockets = clusters.socket_folder(self.data, account)
        self._make_cluster(account, programs)
        self._launch(account, programs)
        self._wait_until_ready()
        if not state.ready:
            clusters.prepare_roles(self.superuser_url, state)
            state.ready = True
            clusters.save_state(self.data, state)
        self._write_instance()

    def stop(self) -> None:
        """End the server after its open transactions were rolled back; fine to call twice."""
        process, self._process = self._process, None
        if process is not None:
            self._signal(process, signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._signal(process, signal.SIGQUIT)
                process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._sockets is not None:
            with contextlib.suppress(OSError):
                self._sockets.rmdir()
        self._server.release()
        self._launcher.release()

    def kill9(self) -> None:
        """Kill the server as a power cut would; `start` recovers."""
        process, self._process = self._process, None
        if process is not None:
            pid = self._pid_on_file()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid if self._stay and pid else process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self._server.release()
        self._launcher.release()

    def poll(self) -> int | None:
        """None while the server runs, else its exit code."""
        return self._process.poll() if self._process is not None else 0

    def rotate_log(self) -> None:
        """Keep the log and one older piece below `LOG_LIMIT` each; cheap, call it often."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                shutil.copyfile(self.log, self.log.with_name("postgres.log.1"))
                # The server appends, so it goes on at the new end.
                os.truncate(self.log, 0)

    def last_words(self) -> str:
        """The end of the log, for an error message."""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL))
            return file.read().decode(errors="replace")
        return ""

    def _known(self) -> clusters.State:
        if self._state is None:
            raise RuntimeError("not started")
        return self._state

    def _socket(self) -> Path:
        if self._sockets is None:
            raise RuntimeError("not started")
        return self._sockets

    def _refuse_strange_cluster(self, place: Path, programs: Programs) -> None:
        clusters.check_version(self.data, place, programs)
        raise Refused(
            f"{place} holds a database, but {self.data / clusters.STATE_FILE} with its passwords "
            "is missing: restore that file from a backup, or move the folder away."
        )

    def _wait_for_orphan(self) -> None:
        """Wait for the end of a server whose launcher died, and of all its processes.

        The lock says that one of them lives, not which: where the postmaster itself was killed,
        its children hold the lock for a moment, and the number on file may be anybody's by now.
        """
        if self._server.take():
            return
        pid = self._pid_on_file()
        for number in (signal.SIGINT, signal.SIGQUIT):
            if pid and f"-D {self.place}" in command_line(pid):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
            if self._server.take(wait=ORPHAN_SECONDS / 2):
                return
        raise Refused(
            f"An earlier PostgreSQL (process {pid}) still holds {self.place} and does not end: "
            "end it, then start again."
        )

    def _make_cluster(self, account: Account, programs: Programs) -> None:
        place, state = self.place, self._known()
        if (place / "PG_VERSION").exists():
            clusters.check_belongs(self.data, place)
            clusters.check_version(self.data, place, programs)
            if not account.can_enter(place):
                raise Refused(
                    f"The user {account.name!r}, who runs PostgreSQL, cannot enter {place}: let "
                    "every user pass through its parent folders (chmod o+x), or move it."
                )
            # The lock is ours, so no server is alive: the number in it may be anybody's now.
            (place / "postmaster.pid").unlink(missing_ok=True)
            return
        if state.ready:
            raise Refused(
                f"The database {place} is gone. Restore it, or move {self.data} away to begin anew."
            )
        clusters.create(place, account, programs, self._socket(), state, self._durable)

    def _launch(self, account: Account, programs: Programs) -> None:
        fd = self._server.fd
        if fd is None:
            raise RuntimeError("the server's lock is not held")
        settings = clusters.server_settings(programs.major, self._settings)
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings["unix_socket_directories"] = str(self._socket())
        settings["port"] = "5432"
        server = [programs.path("postgres"), "-D", str(self.place)]
        for name, value in settings.items():
            server += ["-c", f"{name}={value}"]
        user = (account.uid, account.gid) if account.switch else (-1, -1)
        way = "stay" if self._stay else "exec"
        numbers = [str(number) for number in (os.getpid(), *user, fd)]
        self.rotate_log()
        with self.log.open("ab") as log:
            self.log.chmod(0o600)
            self._process = subprocess.Popen(
                [*interpreter(), str(guard.__file__), *numbers, way, *server],
                stdin=subprocess.PIPE if self._stay else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                pass_fds=(fd,),
                start_new_session=True,
            )

    def _wait_until_ready(self) -> None:
        """Watch the status line that the server keeps in postmaster.pid, as pg_ctl does."""
        process = self._process
        until = time.monotonic() + START_SECONDS
        while process is not None and time.monotonic() < until:
            if process.poll() is not None:
                raise Refused(clusters.explain(self.last_words(), self.place))
            lines = self._pid_file()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise Refused(f"PostgreSQL in {self.place} was not ready after {START_SECONDS:.0f} s.")

    def _pid_file(self) -> list[str]:
        try:
            return (self.place / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _pid_on_file(self) -> int:
        lines = self._pid_file()
        return int(lines[0]) if lines and lines[0].isdigit() else 0

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)

    def _write_instance(self) -> None:
        instance = {"database_url": self.runtime_url, "owner_url": self.owner_url}
        write_private(self.data / "instance.json", json.dumps(instance, indent=1) + "\n")
        ensure_keys(self.data)


def main() -> int:
    """Run the database alone until Ctrl-C, for dumps and restores; prints the owner's URL."""
    try:
        with EmbeddedPostgres(options.read().data) as postgres:
            sys.stdout.write(f"{postgres.owner_url}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except Refused as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    # Blocked and waited for: a signal in the middle of the start is answered after it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main())
