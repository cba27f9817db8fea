"""`./up`: start everything in order, keep it running, end everything together.

Imports nothing of Django, so that it starts at once and stays small.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from urllib.parse import urlsplit

import psycopg

from runtime import mail as mail_module
from runtime import options as options_module
from runtime import schema, welcome
from runtime.children import Child, GaveUp, parent_pipe
from runtime.demo import PROGRAM, Demo
from runtime.errors import Refused
from runtime.folder import ensure_keys, make_private
from runtime.locks import FileLock
from runtime.mail import Mail
from runtime.options import ROOT, Options
from runtime.postgres import EmbeddedPostgres
from runtime.slack import PROGRAM as SLACK_PROGRAM
from runtime.slack import Connecting, Slack

WEB_PROCESSES = 2
READY_SECONDS = 60.0
# Web and worker get this long to answer what is in flight; PostgreSQL takes 0.1 s after them.
END_SECONDS = 4.0
TEND_SECONDS = 30.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MANAGE = (sys.executable, "manage.py")


class Stop(BaseException):
    """A signal asked for the end."""


def say(text: str) -> None:
    """Print for the person at the terminal."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


class Supervisor:
    """The processes of one instance; `run` returns when all of them have ended.

    `web` and `worker` are the commands to keep running; `--fd N` is appended to `web`.
    `manage` is the command line for migrations and the demo.  `demo`, where it is wanted, runs
    `demo_program`, and `mail` is the mailbox, where mails go to no server.  `slack`, where there is a
    shop, plays Slack for it.
    """

    def __init__(
        self,
        options: Options,
        *,
        web: Sequence[str] = (sys.executable, "-m", "config.web"),
        worker: Sequence[str] = (sys.executable, "-m", "config.worker"),
        manage: Sequence[str] = MANAGE,
        demo: Demo | None = None,
        demo_program: Sequence[str] = PROGRAM,
        mail: Mail | None = None,
        slack: Slack | None = None,
    ) -> None:
        self._options = options
        self._mail = mail
        self._slack = slack
        self._connecting: Connecting | None = None
        self._demo = demo
        self._demo_program = demo_program
        self._web = web
        self._worker = worker
        self._manage = manage
        self._began = time.monotonic()
        self._lock = FileLock(options.data / "up.lock")
        self._environment = {
            **options.environment(),
            **(mail.environment() if mail else {}),
            **(slack.environment() if slack else {}),
        }
        self._postgres: EmbeddedPostgres | None = None
        self._children: list[Child] = []
        self._later: list[Child] = []
        self._command: subprocess.Popen[str] | None = None
        self._wakeup: tuple[int, int] | None = None
        self._parent_fd = -1
        self._announced = False

    def run(self) -> int:
        """Start, tend, end. Returns 0 after Ctrl-C or SIGTERM, 1 when something gave up.

        Raises `Refused` when the start is impossible; then everything has ended too.
        """
        self._catch_signals()
        listener: socket.socket | None = None
        code = 0
        try:
            self._claim()
            listener = options_module.listen(self._options)
            self._prepare_database()
            self._start_children(listener)
            self._tend()
        except Stop:
            pass
        except GaveUp as reason:
            say(str(reason))
            code = 1
        finally:
            self._end(listener)
        return code

    def _catch_signals(self) -> None:
        self._parent_fd, _kept = parent_pipe()
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        self._wakeup = (read, write)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in ENDING_SIGNALS:
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        for number in ENDING_SIGNALS:
            signal.signal(number, self._hurry)
        raise Stop

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        for child in self._children:
            child.signal(signal.SIGKILL)

    def _claim(self) -> None:
        """Make sure that this is the only copy on its data folder."""
        make_private(self._options.data)
        if not self._lock.take():
            raise Refused(
                f"Assentry already runs on {self._options.data} ({self._lock.read_note()}). For a "
                "second copy: ASSENTRY_DATA=… ASSENTRY_PORT=… ./up"
            )
        self._lock.note(f"{self._options.base_url}, process {os.getpid()}")
        ensure_keys(self._options.data)
        mail_module.tell(self._options.data, self._mail)

    def _prepare_database(self) -> None:
        options = self._options
        if options.database_url is None:
            self._postgres = EmbeddedPostgres(options.data)
            self._postgres.start()
            url = self._postgres.owner_url
        else:
            url = options.owner_url or options.database_url
        try:
            if not schema.is_current(ROOT, options.data, url):
                say("Preparing the database …")
                self._run_manage("migrate", "--no-input", "--skip-checks", "-v", "0")
                schema.remember(ROOT, options.data)
            if not schema.has_workspace(url):
                last = self._run_manage("seed_demo").strip().splitlines()
                welcome.keep(options.data, options.base_url, last[-1] if last else "")
            if self._demo is not None and not self._demo.seeded(options.data):
                last = self._run_manage("seed_demo", "--retail").strip().splitlines()
                self._demo.keep(options.data, last[-1])
            if self._slack is not None:
                self._slack.keep(options.data)
        except psycopg.OperationalError as error:
            raise Refused(f"The database does not answer: {_first_line(error)}") from error

    def _run_manage(self, *arguments: str) -> str:
        """Run one management command to its end, and return what it printed."""
        self._command = subprocess.Popen(
            [*self._manage, *arguments],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        printed, _ = self._command.communicate()
        code, self._command = self._command.returncode, None
        if code != 0:
            raise Refused(f"`manage.py {' '.join(arguments)}` failed: see its messages above.")
        return printed

    def _start_children(self, listener: socket.socket) -> None:
        fd = listener.fileno()
        command = [*self._web, "--fd", str(fd)]
        first, *rest = [
            self._child(f"web {number + 1}", command, {}, [fd]) for number in range(WEB_PROCESSES)
        ]
        # Starting is all imports: on few cores three at once would make the first answer wait.
        self._children, self._later = [first], [*rest, self._child("worker", self._worker, {}, [])]
        first.start(self._parent_fd)

    def _start_the_rest(self) -> None:
        if self._mail is not None:
            command = self._mail.command(self._options)
            self._later.append(self._child("mailbox", command, {}, [], vital=False))
        if self._demo is not None:
            command = self._demo.command(self._options, self._demo_program)
            more = self._demo.environment()
            self._later.append(self._child("demo", command, more, [], vital=False))
        if self._slack is not None:
            command = self._slack.command(self._options, SLACK_PROGRAM)
            self._later.append(self._child("slack", command, {}, [], vital=False))
            self._connecting = Connecting(
                self._slack, self._options.data, self._manage, self._environment
            )
        for child in self._later:
            child.start(self._parent_fd)
        self._children, self._later = [*self._children, *self._later], []

    def _child(
        self,
        name: str,
        command: Sequence[str],
        more: Mapping[str, str],
        fds: Sequence[int],
        *,
        vital: bool = True,
    ) -> Child:
        environment = {**self._environment, **more}
        return Child(name, command, environment=environment, folder=ROOT, pass_fds=fds, vital=vital)

    def _tend(self) -> None:
        """Until a signal: start again what died, say when the product answers."""
        give_up = time.monotonic() + READY_SECONDS
        while True:
            self._tend_postgres()
            for child in self._children:
                if line := child.tend(self._parent_fd):
                    say(line)
            if self._connecting is not None and (line := self._connecting.tend()):
                say(line)
            if not self._announced:
                if self._answers():
                    self._announced = True
                    self._start_the_rest()
                    seconds = time.monotonic() - self._began
                    mailbox = self._mail.address if self._mail is not None else None
                    say(welcome.text(self._options, seconds, mailbox))
                    if self._demo is not None:
                        say(self._demo.text(self._options))
                    if self._slack is not None:
                        say(self._slack.text())
                elif time.monotonic() > give_up:
                    raise GaveUp(f"Assentry was not ready after {READY_SECONDS:.0f} s.")
            self._sleep()

    def _tend_postgres(self) -> None:
        if self._postgres is None:
            return
        self._postgres.rotate_log()
        if self._postgres.poll() is not None:
            say("PostgreSQL ended; it is started again.")
            self._postgres.stop()
            try:
                self._postgres.start()
            except Refused as reason:
                raise GaveUp(str(reason)) from reason

    def _sleep(self) -> None:
        """Until something happens to a child, or it is time to look again."""
        wait = TEND_SECONDS if self._announced else 0.02
        dues = [child.due_in() for child in self._children]
        if self._connecting is not None:
            dues.append(self._connecting.due_in)
        wait = min([wait, *(due for due in dues if due is not None)])
        if self._wakeup is None:
            raise RuntimeError("signals are not caught")
        readable, _, _ = select.select([self._wakeup[0]], [], [], wait)
        if readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wakeup[0], 4096)

    def _answers(self) -> bool:
        """True when /readyz says 200."""
        options = self._options
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host)  # noqa: S104
        name = urlsplit(options.base_url).netloc
        try:
            with socket.create_connection((host, options.port), timeout=1.0) as connection:
                connection.sendall(
                    f"GET /readyz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
                )
                return b" 200 " in connection.recv(64).split(b"\r\n")[0]
        except OSError:
            return False

    def _end(self, listener: socket.socket | None) -> None:
        """End everything that was started: first who uses the database, then the database."""
        until = time.monotonic() + END_SECONDS
        if listener is not None:
            listener.close()
        if self._command is not None and self._command.poll() is None:
            self._command.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._command.wait(END_SECONDS)
            self._command.kill()
        if self._connecting is not None:
            self._connecting.end()
        for child in self._children:
            child.signal(signal.SIGTERM)
        for child in self._children:
            if not child.wait(until):
                child.signal(signal.SIGKILL)
                child.wait(until + 1)
        if self._postgres is not None:
            self._postgres.stop()
        self._lock.release()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def main(arguments: Sequence[str] = (), **commands: Sequence[str]) -> int:
    """Run one instance as the environment describes it; `commands` as for `Supervisor`.

    `arguments` are those of `./up`: ``--demo``, with ``--scripted``.
    """
    try:
        options = options_module.read()
        demo = Demo.read(list(arguments), options)
        slack = Slack.read(options, wanted=demo is not None)
        mail = Mail.read(options)
        return Supervisor(options, demo=demo, mail=mail, slack=slack, **commands).run()
    except Refused as reason:
        sys.stderr.write(f"{reason}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
