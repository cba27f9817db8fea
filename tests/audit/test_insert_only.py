"""Every statement that the runtime role, the owner and a superuser could try to change what was logged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from psycopg import errors

from audit.sequencer import sequence
from core import db
from tests.audit.logs import write
from tests.databases import ADMIN, named

TABLES = ["audit_event", "audit_leaf", "audit_subtree", "audit_checkpoint"]
TRIGGERS = {
    "audit_event": "event_insert_only",
    "audit_leaf": "leaf_insert_only",
    "audit_subtree": "audit_subtree_insert_only",
    "audit_checkpoint": "audit_checkpoint_insert_only",
}
#: What there is to lose: everything of one workspace's log.
CONTENT = {
    "audit_event": "SELECT md5(string_agg(id::text || encode(body, 'hex'), ',' ORDER BY id)) FROM audit_event",
    "audit_leaf": "SELECT md5(string_agg(position || encode(hash, 'hex'), ',' ORDER BY position)) FROM audit_leaf",
    "audit_subtree": "SELECT md5(string_agg(level || encode(hash, 'hex'), ',' ORDER BY index)) FROM audit_subtree",
    "audit_checkpoint": "SELECT md5(string_agg(note, ',' ORDER BY number)) FROM audit_checkpoint",
}

#: For each table ``t``, by ``{t}``; ``{g}`` is its trigger and ``{r}`` the runtime role.
ATTEMPTS = {
    "update": "UPDATE {t} SET workspace_id = workspace_id",
    "delete": "DELETE FROM {t}",
    "truncate": "TRUNCATE {t}",
    "truncate cascade": "TRUNCATE {t} CASCADE",
    "upsert": "INSERT INTO {t} SELECT * FROM {t} LIMIT 1"
    " ON CONFLICT ON CONSTRAINT {t}_pkey DO UPDATE SET workspace_id = EXCLUDED.workspace_id",
    "merge": "MERGE INTO {t} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
    "for update": "SELECT * FROM {t} FOR UPDATE",
    "lock": "BEGIN; LOCK TABLE {t} IN ACCESS EXCLUSIVE MODE",
    "disable a trigger": "ALTER TABLE {t} DISABLE TRIGGER {g}",
    "disable all triggers": "ALTER TABLE {t} DISABLE TRIGGER ALL",
    "weaken a trigger": "ALTER TABLE {t} ENABLE TRIGGER {g}",
    "drop a trigger": "DROP TRIGGER {g} ON {t}",
    "make a trigger": "CREATE TRIGGER other BEFORE INSERT ON {t} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "make a rule": "CREATE RULE gone AS ON INSERT TO {t} DO INSTEAD NOTHING",
    "row security": "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
    "rename": "ALTER TABLE {t} RENAME TO gone",
    "rename a column": "ALTER TABLE {t} RENAME COLUMN workspace_id TO gone",
    "change a column": "ALTER TABLE {t} ALTER COLUMN workspace_id TYPE text",
    "drop a column": "ALTER TABLE {t} DROP COLUMN workspace_id",
    "drop": "DROP TABLE {t} CASCADE",
    "move": "ALTER TABLE {t} SET SCHEMA pg_temp",
    "inherit": "CREATE TEMP TABLE heir () INHERITS ({t})",
    "own": "ALTER TABLE {t} OWNER TO {r}",
    "reindex": "REINDEX TABLE {t}",
    "copy to a file": "COPY {t} TO '/tmp/assentry-stolen'",
    "copy to a program": "COPY {t} TO PROGRAM 'cat'",
}  # fmt: skip
#: Ways round, whichever the table.
ROUND = {
    "triggers off": "SET session_replication_role = replica",
    "be the owner": "SET ROLE {o}",
    "act as the owner": "SET SESSION AUTHORIZATION {o}",
    "join the owner": "GRANT {o} TO {r}",
    "become superuser": "ALTER ROLE {r} SUPERUSER",
    "another trigger function": "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "drop the trigger function": "DROP FUNCTION audit_refuse_change() CASCADE",
    "a shadow in front": "CREATE TABLE public.audit_shadow (id int)",
    "a schema in front": "CREATE SCHEMA shadow",
    "the catalogue": "UPDATE pg_trigger SET tgenabled = 'D'",
    "drop the owner's things": "DROP OWNED BY {o}",
    "take the owner's things": "REASSIGN OWNED BY {o} TO {r}",
    "the settings of the server": "ALTER SYSTEM SET session_replication_role = replica",
    "the settings of the role": "ALTER ROLE {o} SET session_replication_role = replica",
    "a file": "SELECT pg_read_file('postgresql.conf')",
    "a large object": "SELECT lo_import('/etc/passwd')",
    "the history of the server": "SELECT pg_switch_wal()",
}


@pytest.fixture(scope="module")
def log() -> UUID:
    """A log with something in each of the tables."""
    workspace = uuid4()
    write(workspace, 300)
    sequence(workspace)
    return workspace


@pytest.fixture(scope="module")
def runtime() -> Iterator[psycopg.Connection[Any]]:
    """A session of the runtime role."""
    with db.connect() as conn:
        yield conn


@pytest.fixture(scope="module")
def owner() -> Iterator[psycopg.Connection[Any]]:
    """A session of the role that owns the tables."""
    with db.connect("owner") as conn:
        yield conn


def content(log: UUID, table: str) -> Any:
    """What a table holds of the log."""
    with db.pool().connection() as conn:
        return conn.execute(f"{CONTENT[table]} WHERE workspace_id = %s", [log]).fetchone()


def names(table: str = "") -> dict[str, str]:
    return {
        "t": table,
        "g": TRIGGERS.get(table, ""),
        "r": settings.RUNTIME_ROLE,
        "o": settings.OWNER_ROLE,
    }


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_runtime_role_changes_nothing(
    runtime: psycopg.Connection[Any], log: UUID, attempt: str, table: str
):
    before = content(log, table)
    with pytest.raises((errors.InsufficientPrivilege, errors.FeatureNotSupported)):
        runtime.execute(ATTEMPTS[attempt].format(**names(table)))
    runtime.rollback()
    assert content(log, table) == before


@pytest.mark.parametrize("attempt", ROUND)
def test_the_runtime_role_finds_no_way_round(runtime: psycopg.Connection[Any], attempt: str):
    with pytest.raises(errors.InsufficientPrivilege):
        runtime.execute(ROUND[attempt].format(**names()))


@pytest.mark.parametrize("table", TABLES)
def test_the_runtime_role_cannot_grant_itself_anything(
    runtime: psycopg.Connection[Any], table: str
):
    runtime.execute("GRANT ALL ON {t} TO {r}".format(**names(table)))  # a warning, and nothing else
    given = "SELECT has_table_privilege(current_user, %s, 'UPDATE, DELETE, TRUNCATE, TRIGGER')"
    assert runtime.execute(given, [table]).fetchone() == (False,)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("attempt", ["update", "delete", "truncate", "truncate cascade", "merge"])
def test_the_owner_of_the_tables_is_refused_by_their_triggers(
    owner: psycopg.Connection[Any], log: UUID, attempt: str, table: str
):
    before = content(log, table)
    # A foreign key may be faster than the trigger.
    with pytest.raises((errors.RestrictViolation, errors.FeatureNotSupported)):
        owner.execute(ATTEMPTS[attempt].format(**names(table)))
    assert content(log, table) == before


@pytest.mark.parametrize("table", TABLES)
def test_whoever_may_switch_triggers_off_is_refused_too(log: UUID, table: str):
    url = named(os.environ[ADMIN], settings.DATABASES["default"]["NAME"])
    before = content(log, table)
    with psycopg.connect(url, autocommit=True) as conn:
        try:
            conn.execute("SET session_replication_role = replica")
        except errors.InsufficientPrivilege:
            return  # the server of the tests is somebody's who does not let us be superuser
        for attempt in ("update", "delete", "truncate cascade"):
            with pytest.raises(errors.RestrictViolation):
                conn.execute(ATTEMPTS[attempt].format(**names(table)))
    assert content(log, table) == before
