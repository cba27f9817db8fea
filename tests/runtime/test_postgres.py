"""The embedded PostgreSQL, with real servers: each hostile circumstance works or is explained."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runtime import cluster as clusters
from runtime import programs
from runtime.accounts import server_account
from runtime.errors import Refused
from runtime.postgres import EmbeddedPostgres
from tests.runtime import helpers

IS_ROOT = os.geteuid() == 0
LONG = "x" * 100
#: Takes a lock as the last child of a killed postmaster keeps it, and lets go a little later.
HOLD_LOCK = """
import fcntl, sys, time
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(1)
"""


@pytest.fixture
def data() -> Iterator[Path]:
    with helpers.folder("data") as place:
        yield place


@pytest.fixture(scope="module")
def original() -> Iterator[Path]:
    with helpers.folder("data") as place:
        with EmbeddedPostgres(place, fsync=False):
            pass
        yield place


@pytest.fixture
def made(data: Path, original: Path) -> Path:
    """A data folder that has been started and stopped before."""
    helpers.copy_instance(original, data)
    return data


def launch(data: Path, way: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.launch", str(data), way],
        env=helpers.environment(),
        cwd=helpers.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def ask(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row[0] if row else None


class TestOneServer:
    def test_roles_files_and_recovery(self, data: Path) -> None:
        """One server carries several facts: making one takes a second."""
        with EmbeddedPostgres(data) as postgres:
            assert ask(postgres.superuser_url, "SHOW fsync") == "on"
            assert ask(postgres.superuser_url, "SHOW listen_addresses") == ""
            assert ask(postgres.owner_url, "SELECT current_user::text") == "assentry_owner"
            assert ask(postgres.runtime_url, "SELECT current_user::text") == "assentry"
            assert ask(postgres.runtime_url, "SELECT upper('äé')") == "ÄÉ"
            assert ask(postgres.owner_url, "SHOW server_encoding") == "UTF8"
            with psycopg.connect(postgres.owner_url, autocommit=True) as owner:
                owner.execute("CREATE TABLE kept (n int)")
                owner.execute("INSERT INTO kept VALUES (1)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask(postgres.runtime_url, "CREATE TABLE mine (n int)")
            with pytest.raises(psycopg.OperationalError):
                ask(postgres.runtime_url.replace("@", "wrong@"), "SELECT 1")

            for name in ("instance.json", "postgres.json", "secret_key", "postgres.log"):
                assert stat.S_IMODE((data / name).stat().st_mode) == 0o600, name
            sockets = clusters.socket_folder(data, server_account(postgres.place))
            assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
            assert len(str(sockets / clusters.SOCKET_NAME)) < 104

            with pytest.raises(Refused, match="Another process runs the database"):
                EmbeddedPostgres(data).start()

            postgres.kill9()
            postgres.start()
            assert ask(postgres.owner_url, "SELECT count(*) FROM kept") == 1
        assert not sockets.exists()
        assert not helpers.mentioning(str(postgres.place))

    def test_settings_and_no_fsync(self, made: Path) -> None:
        with EmbeddedPostgres(made, fsync=False, settings={"max_connections": "37"}) as postgres:
            assert ask(postgres.superuser_url, "SHOW max_connections") == "37"
            assert ask(postgres.superuser_url, "SHOW fsync") == "off"


@pytest.mark.parametrize("way", ["exec", "stay"])
class TestKilledLauncher:
    def test_the_server_ends_with_it(self, made: Path, way: str) -> None:
        launcher = launch(made, way)
        assert launcher.stdout is not None
        assert launcher.stdout.readline().startswith("postgresql://")
        assert helpers.mentioning(f"{made}/postgres")
        finish(launcher)
        helpers.wait_for(lambda: not helpers.mentioning(f"{made}/postgres"), what="no orphan")

    def test_an_immediate_restart_waits_for_the_old_one(self, made: Path, way: str) -> None:
        launcher = launch(made, way)
        assert launcher.stdout is not None
        url = launcher.stdout.readline().strip()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            finish(launcher)
            again = launch(made, way)
            assert again.stdout is not None
            assert again.stdout.readline().strip() == url
        try:
            assert ask(url, "SELECT count(*) FROM kept") == 0
        finally:
            finish(again)


class TestStalePid:
    def test_the_number_of_a_stranger_in_postmaster_pid(self, made: Path) -> None:
        """As after a reboot, or in a new container: the number now belongs to somebody else."""
        postgres = EmbeddedPostgres(made, fsync=False)
        postgres.start()
        text = (postgres.place / "postmaster.pid").read_text()
        postgres.kill9()
        stranger = subprocess.Popen(["sleep", "60"])
        try:
            first, rest = text.split("\n", 1)
            assert first.isdigit()
            (postgres.place / "postmaster.pid").write_text(f"{stranger.pid}\n{rest}")
            postgres.start()
            postgres.stop()
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_a_stranger_s_number_while_the_server_s_own_children_still_hold_its_lock(
        self, made: Path
    ) -> None:
        """The postmaster was killed; for a moment its children live on, and somebody got its number."""
        postgres = EmbeddedPostgres(made, fsync=False)
        postgres.start()
        place = postgres.place
        postgres.kill9()
        helpers.wait_for(lambda: not helpers.mentioning(str(place)), what="no child any more")
        child = subprocess.Popen(
            [sys.executable, "-c", HOLD_LOCK, str(made / "server.lock")], stdout=subprocess.PIPE
        )
        stranger = subprocess.Popen(["sleep", "60"])
        with child, stranger:
            try:
                assert child.stdout is not None
                assert child.stdout.readline() == b"held\n"
                (place / "postmaster.pid").write_text(f"{stranger.pid}\n")
                postgres.start()
                postgres.stop()
                assert stranger.poll() is None
            finally:
                child.kill()
                stranger.kill()


class TestRefused:
    def test_a_cluster_of_another_major_version(self, made: Path) -> None:
        (made / "postgres" / "PG_VERSION").write_text("15\n")
        with pytest.raises(Refused, match=r"made by PostgreSQL 15(?s:.)*pg_dump(?s:.)*pg_restore"):
            EmbeddedPostgres(made).start()

    def test_a_cluster_without_its_passwords(self, made: Path) -> None:
        (made / "postgres.json").unlink()
        with pytest.raises(Refused, match=r"postgres\.json .* is missing"):
            EmbeddedPostgres(made).start()

    def test_a_data_folder_that_is_a_file(self, data: Path) -> None:
        (data / "file").touch()
        with pytest.raises(Refused, match="ASSENTRY_DATA"):
            EmbeddedPostgres(data / "file").start()

    def test_an_interrupted_initdb_leaves_nothing_half_made(self, data: Path) -> None:
        (data / "postgres.new").mkdir()
        (data / "postgres.new" / "PG_VERSION").write_text("18\n")
        with EmbeddedPostgres(data, fsync=False) as postgres:
            assert ask(postgres.owner_url, "SELECT 1") == 1
        assert not (data / "postgres.new").exists()

    @pytest.mark.skipif(not IS_ROOT or not shutil.which("mount"), reason="needs root for a tmpfs")
    @pytest.mark.parametrize("size", ["4m", "30m"])
    def test_a_full_disk(self, data: Path, size: str) -> None:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(data)],
            check=False,
            capture_output=True,
        )
        if mounted.returncode != 0:
            pytest.skip("this container may not mount")
        try:
            with pytest.raises(Refused, match="is full: free some space"):
                EmbeddedPostgres(data).start()
        finally:
            subprocess.run(["umount", str(data)], check=True)


class TestPlaces:
    def test_a_very_long_path_with_spaces_and_quotes(self) -> None:
        with helpers.folder('it\'s a "place" 100%', LONG, LONG, "ünïcode") as place:
            with EmbeddedPostgres(place / "data", fsync=False) as postgres:
                assert ask(postgres.runtime_url, "SELECT 1") == 1
            with EmbeddedPostgres(place / "data", fsync=False) as postgres:
                assert ask(postgres.runtime_url, "SELECT 1") == 1

    def test_a_socket_name_taken_by_somebody_else_is_passed_over(self, data: Path) -> None:
        account = server_account()
        mine = clusters.socket_folder(data, account)
        mine.rmdir()
        elsewhere = data / "elsewhere"
        elsewhere.mkdir()
        mine.symlink_to(elsewhere)
        try:
            other = clusters.socket_folder(data, account)
            assert other != mine
            other.rmdir()
        finally:
            mine.unlink()

    @pytest.mark.skipif(not IS_ROOT, reason="only root has to change to another user")
    def test_root_with_data_below_a_closed_folder(self) -> None:
        top = Path(tempfile.mkdtemp(prefix="assentry-closed-"))
        data = top / "data"
        home = None
        try:
            with EmbeddedPostgres(data, fsync=False) as postgres:
                home = postgres.place.parent
                assert ask(postgres.runtime_url, "SELECT 1") == 1
                assert not postgres.place.is_relative_to(top)
                assert postgres.place.stat().st_uid != 0
            assert stat.S_IMODE(top.stat().st_mode) == 0o700
            copy = top / "copy"
            shutil.copytree(data, copy)
            with pytest.raises(Refused, match="is a copy of"):
                EmbeddedPostgres(copy).start()
            data.rename(top / "moved")
            with EmbeddedPostgres(top / "moved", fsync=False) as postgres:
                assert postgres.place.parent == home
        finally:
            shutil.rmtree(top, ignore_errors=True)
            if home is not None and home.name.startswith("data-"):
                shutil.rmtree(home, ignore_errors=True)

    @pytest.mark.skipif(not IS_ROOT, reason="only root has to change to another user")
    def test_root_with_programs_below_a_closed_folder(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in a checkout below /root: the server's user gets a copy it can reach."""
        wheel = programs._wheel_root()
        assert wheel is not None
        with helpers.folder() as top:
            closed, shared = top / "closed", top / "shared"
            shutil.copytree(wheel / programs.WHEEL_TREE, closed / wheel.name / programs.WHEEL_TREE)
            shutil.copytree(
                wheel.parent / f"{programs.WHEEL}.libs", closed / f"{programs.WHEEL}.libs"
            )
            closed.chmod(0o700)
            monkeypatch.setattr(programs, "_wheel_root", lambda: closed / wheel.name)
            monkeypatch.setattr(programs, "SHARED_FOLDERS", (shared,))
            found = programs.find(server_account())
            assert found.folder.is_relative_to(shared)
            assert stat.S_IMODE(closed.stat().st_mode) == 0o700
            with EmbeddedPostgres(data, fsync=False) as postgres:
                assert ask(postgres.runtime_url, "SELECT 1") == 1


@pytest.mark.skipif(not IS_ROOT, reason="the suite itself runs unprivileged already")
class TestUnprivileged:
    def run(self, python: str, data: Path) -> subprocess.CompletedProcess[str]:
        packages = sysconfig.get_path("purelib")
        return subprocess.run(
            [python, "-m", "tests.runtime.launch", str(data), "exec", "once"],
            env={
                "PATH": os.defpath,
                "PYTHONPATH": f"{helpers.ROOT}{os.pathsep}{packages}",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            cwd="/",
            user="nobody",
            group="nogroup",
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_it_works(self, data: Path) -> None:
        python = helpers.nobodys_python()
        if python is None:
            pytest.skip("no Python of this version that an unprivileged user can run")
        shutil.chown(data, "nobody")
        done = self.run(python, data)
        assert done.stdout.startswith("postgresql://"), done.stderr

    def test_a_folder_it_may_not_write(self, data: Path) -> None:
        python = helpers.nobodys_python()
        if python is None:
            pytest.skip("no Python of this version that an unprivileged user can run")
        done = self.run(python, data)
        assert done.stderr.startswith(f"refused: The data folder {data} cannot be used")


def test_a_log_is_bounded(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.postgres.LOG_LIMIT", 1000)
    with EmbeddedPostgres(made, fsync=False) as postgres:
        with pytest.raises(psycopg.errors.UndefinedColumn):
            ask(postgres.owner_url, f"SELECT {'x' * 40} /* {'y' * 2000} */")
        helpers.wait_for(lambda: postgres.log.stat().st_size > 1000)
        postgres.rotate_log()
        assert postgres.log.stat().st_size == 0
        assert "does not exist" in (made / "postgres.log.1").read_text()
        with pytest.raises(psycopg.errors.UndefinedColumn):
            ask(postgres.owner_url, "SELECT z")
        helpers.wait_for(lambda: '"z"' in postgres.log.read_text())


def test_start_says_why_the_server_ended(made: Path) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match=r"did not start in .*shared_buffers"):
        EmbeddedPostgres(made, fsync=False, settings={"shared_buffers": "nonsense"}).start()
    assert time.monotonic() - began < 10


def test_signals_at_the_terminal_do_not_reach_the_server(made: Path) -> None:
    with EmbeddedPostgres(made, fsync=False) as postgres:
        pid = int((postgres.place / "postmaster.pid").read_text().split()[0])
        assert os.getpgid(pid) != os.getpgrp()
        assert os.getsid(pid) != os.getsid(0)


class Alone:
    """`python -m runtime.postgres`, as the advice for another major version prints it."""

    def __init__(self, command: str) -> None:
        self.process = subprocess.Popen(
            ["sh", "-c", f"exec env {command}"],
            cwd=helpers.ROOT,
            env=helpers.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate()
        assert self.process.returncode == 0


def test_the_advice_for_another_major_version_works_word_for_word(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = programs.find(server_account())
    old = next((found for n in (17, 16, 15) if (found := programs.find_major(n))), None)
    if old is None:
        pytest.skip("only one version of PostgreSQL on this machine")
    with monkeypatch.context() as patch:
        patch.setenv(programs.FOLDER_VARIABLE, str(old))
        with EmbeddedPostgres(data, fsync=False) as postgres:
            assert programs.find(server_account()).major != here.major
            with psycopg.connect(postgres.owner_url, autocommit=True) as owner:
                owner.execute("CREATE TABLE kept (n int)")
                owner.execute("INSERT INTO kept VALUES (41), (42)")
                owner.execute("GRANT SELECT ON kept TO assentry")
    with pytest.raises(Refused) as refused:
        EmbeddedPostgres(data).start()
    lines = [line.strip() for line in str(refused.value).splitlines()]
    steps = [
        line[3:].removeprefix("meanwhile").split(": ", 1) for line in lines if line[1:3] == ". "
    ]
    serve_old, dump, move, serve_new, restore = (step[-1] for step in steps)
    with Alone(serve_old) as url:
        subprocess.run(["sh", "-c", dump.replace("URL", url)], cwd=data, check=True)
    subprocess.run(["sh", "-c", move], check=True)
    with Alone(serve_new) as url:
        subprocess.run(["sh", "-c", restore.replace("URL", url)], cwd=data, check=True)
        assert ask(url, "SELECT sum(n)::int FROM kept") == 83
    with EmbeddedPostgres(data, fsync=False) as postgres:
        assert ask(postgres.runtime_url, "SELECT sum(n)::int FROM kept") == 83
