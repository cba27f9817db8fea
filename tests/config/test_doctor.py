"""What the doctor finds, and that it finds nothing where nothing is."""

from __future__ import annotations

import io
import json
import shutil
from collections import namedtuple
from contextlib import contextmanager
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connections

from config import doctor, doctor_clock, environment
from config.checks import the_log_is_only_added_to
from config.findings import Finding
from core import db
from tests.promises import ask, promise


def found(check, *, conn=None) -> dict[str, str]:
    """Return check → level."""
    return {finding.check: finding.level for finding in check(*([conn] if conn else []))}


@pytest.fixture
def conn():
    with db.connect() as made:
        yield made


@contextmanager
def as_owner(change: str, back: str):
    with connections["owner"].cursor() as cursor:
        cursor.execute(change)
        try:
            yield
        finally:
            cursor.execute(back)


@pytest.mark.parametrize(
    ("check", "name"),
    [(doctor._version, "database"), (doctor._migrations, "migrations"), (doctor.log, "log")],
)
def test_the_database_of_the_tests_is_well(conn, check, name):
    assert found(check, conn=conn) == {name: "ok"}


def test_two_roles_are_well_and_one_is_a_warning(conn, settings):
    assert found(doctor.roles, conn=conn) == {"roles": "ok"}
    settings.DATABASES["owner"], owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    try:
        assert found(doctor.roles, conn=conn) == {"roles": "warning"}
    finally:
        settings.DATABASES["owner"] = owner


@pytest.mark.parametrize("right", ["UPDATE", "TRUNCATE"])
def test_a_deployment_whose_runtime_role_may_change_the_log_is_refused(right, settings):
    role = settings.RUNTIME_ROLE

    def said() -> list[str]:
        messages = the_log_is_only_added_to(None, ["default"])
        return [f"{message.id} {message.msg}" for message in messages]

    assert said() == []
    with as_owner(
        f"GRANT {right} ON audit_checkpoint TO {role}",
        f"REVOKE {right} ON audit_checkpoint FROM {role}",
    ):
        assert said() == ["assentry.E002 the runtime role has the right to change audit_checkpoint"]


def test_a_deployment_with_one_role_is_warned_and_without_a_database_nothing_is_asked(settings):
    settings.DATABASES["owner"], owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    try:
        (warning,) = the_log_is_only_added_to(None, ["default"])
        assert warning.id == "assentry.W002"
        assert the_log_is_only_added_to(None, None) == []
    finally:
        settings.DATABASES["owner"] = owner


def test_a_runtime_role_that_owns_something_is_found(conn):
    conn.execute("CREATE TEMP TABLE mine (id int)")
    assert found(doctor.roles, conn=conn) == {"roles": "ok"}  # its own scratch is nobody's table
    with db.connect("owner") as owner:
        (name,) = owner.execute("SELECT current_user").fetchone() or ()
        assert next(iter(doctor.roles(owner))).level == "warning", name


@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE", "TRIGGER"])
def test_a_right_to_change_the_log_is_found(conn, right, settings):
    role = settings.RUNTIME_ROLE
    with as_owner(
        f"GRANT {right} ON audit_event TO {role}", f"REVOKE {right} ON audit_event FROM {role}"
    ):
        (finding,) = doctor.log(conn)
    assert finding.level == "failed"
    assert "audit_event" in finding.detail


def test_a_trigger_that_does_not_always_fire_is_found(conn):
    with as_owner(
        "ALTER TABLE audit_leaf ENABLE TRIGGER leaf_kept",
        "ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER leaf_kept",
    ):
        (finding,) = doctor.log(conn)
    assert finding.level == "failed"
    assert "audit_leaf" in finding.detail


def test_commits_that_do_not_reach_the_disk_are_found(conn):
    ((fsync,),) = ask("SELECT current_setting('fsync')")
    conn.execute("SET synchronous_commit = off")
    (finding,) = doctor._durability(conn)
    assert finding.level == "failed"
    assert "synchronous_commit" in finding.detail
    assert ("fsync" in finding.detail) == (fsync == "off")


def test_overdue_rows_are_a_warning_and_then_a_failure(conn):
    kind = f"test.{uuid4()}"
    try:
        promise(kind, -20)
        assert [f.level for f in doctor_clock.overdue(conn) if kind in f.detail] == ["warning"]
        promise(kind, -90)
        assert [f.level for f in doctor_clock.overdue(conn) if kind in f.detail] == ["failed"]
    finally:
        ask("DELETE FROM core_due WHERE kind = %s RETURNING 1", kind)


def test_a_worker_is_alive_while_its_connections_ask(conn):
    assert found(doctor_clock.worker, conn=conn) == {"worker": "failed"}
    with db.connect(application_name=doctor_clock.WORKER) as other:
        other.execute("SELECT 1")
        assert found(doctor_clock.worker, conn=conn) == {"worker": "ok"}
    with db.connect(application_name=f"{doctor_clock.WORKER} listener"):
        assert found(doctor_clock.worker, conn=conn) == {"worker": "failed"}


def test_a_missing_database_is_one_finding(settings):
    entry = settings.DATABASES["default"]
    settings.DATABASES["default"] = {**entry, "HOST": "127.0.0.1", "PORT": "1"}
    try:
        (finding,) = doctor._databases()
    finally:
        settings.DATABASES["default"] = entry
    assert (finding.check, finding.level) == ("database", "failed")
    assert entry["PASSWORD"] not in finding.detail


@pytest.mark.parametrize(
    ("url", "level"),
    [
        ("https://assentry.example", "ok"),
        ("http://127.0.0.1:8750", "ok"),
        ("http://assentry.example", "warning"),
    ],
)
def test_plain_http_beyond_loopback_is_a_warning(settings, url, level):
    settings.BASE_URL = url
    assert found(doctor._base_url) == {"base url": level}


@pytest.mark.parametrize(
    ("url", "development", "scale", "level"),
    [
        ("http://127.0.0.1:8750", "1", "60", "ok"),
        ("http://127.0.0.1:8750", "", "", "ok"),
        ("http://127.0.0.1:8750", "", "60", "warning"),
        ("https://assentry.example", "1", "", "failed"),
    ],
)
def test_development_switches(settings, monkeypatch, url, development, scale, level):
    settings.BASE_URL = url
    monkeypatch.setenv("ASSENTRY_DEV", development)
    monkeypatch.setenv("ASSENTRY_TIME_SCALE", scale)
    assert found(doctor._switches) == {"switches": level}


@pytest.mark.parametrize(("mode", "level"), [(0o600, "ok"), (0o400, "ok"), (0o640, "failed")])
def test_a_secret_key_that_others_may_read_is_found(tmp_path, monkeypatch, mode, level):
    path = tmp_path / "key"
    path.write_text("secret")
    path.chmod(mode)
    monkeypatch.delenv("ASSENTRY_SECRET_KEY", raising=False)
    monkeypatch.setenv("ASSENTRY_SECRET_KEY_FILE", str(path))
    assert found(doctor._secret_key) == {"secret key": level}


@pytest.mark.parametrize(
    ("free", "level"), [(5 * 1024**3, "ok"), (500 * 1024**2, "warning"), (1024, "failed")]
)
def test_a_disk_that_fills_is_found(tmp_path, monkeypatch, free, level):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(environment, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, free))
    assert found(doctor._disk) == {"disk": level}


def test_redis_is_asked_only_where_it_is_used(settings):
    settings.REDIS_URL = ""
    assert found(doctor._redis) == {"redis": "ok"}
    settings.REDIS_URL = "redis://:secret@127.0.0.1:1/0"
    (finding,) = doctor._redis()
    assert finding.level == "failed"
    assert "secret" not in finding.detail


def test_the_command_prints_a_line_per_check_json_last_and_exits_honestly(monkeypatch):
    bad = Finding("disk", "failed", "full", "free some space")
    good = Finding("redis", "ok", "answers")
    for findings, healthy in (([good], True), ([good, bad], False)):
        monkeypatch.setattr(doctor, "examine", lambda findings=findings: iter(findings))
        out = io.StringIO()
        if healthy:
            call_command("doctor", "--json", stdout=out)
        else:
            with pytest.raises(SystemExit) as ended:
                call_command("doctor", "--json", stdout=out)
            assert ended.value.code == 1
            assert "free some space" in out.getvalue()
        lines = out.getvalue().splitlines()
        assert lines[0].split() == ["ok", "redis", "answers"]
        told = json.loads(lines[-1])
        assert told["ok"] is healthy
        assert [check["check"] for check in told["checks"]] == [f.check for f in findings]


def test_examining_this_very_instance_ends_and_names_every_check():
    names = {finding.check for finding in doctor.examine()}
    assert {"base url", "switches", "secret key", "database", "migrations", "roles"} <= names
    assert {"log", "durability", "overdue", "worker", "redis"} <= names
