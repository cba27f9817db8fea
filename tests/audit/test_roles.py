"""The runtime role owns nothing, and on the log it may only insert and select."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection

ADDED_ONLY = {
    "audit_event": "",
    "audit_leaf": "",
    "audit_subtree": "",
    "audit_checkpoint": "",
    "audit_side": "",
    "audit_pending": "DELETE",
}
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")


def rights_on(table: str) -> set[str]:
    """What the runtime role may do with a table."""
    with connection.cursor() as cursor:
        version = cursor.connection.info.server_version
        asked = [right for right in RIGHTS if right != "MAINTAIN" or version >= 170000]
        cursor.execute(
            "SELECT r FROM unnest(%s::text[]) r WHERE has_table_privilege(current_user, %s, r)",
            [asked, table],
        )
        return {right for (right,) in cursor.fetchall()}


def test_the_runtime_role_is_an_ordinary_role_that_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (settings.RUNTIME_ROLE, False, False, False, False)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT has_schema_privilege('public', 'CREATE')")
        assert cursor.fetchone() == (False,)


@pytest.mark.parametrize("table", ADDED_ONLY)
def test_the_runtime_role_only_adds_to_the_log(table):
    assert rights_on(table) == {"SELECT", "INSERT", *filter(None, [ADDED_ONLY[table]])}


@pytest.mark.parametrize(
    "table", ["audit_event", "audit_leaf", "audit_subtree", "audit_checkpoint"]
)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_forget(table, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


def test_which_migrations_ran_is_the_owners_word():
    assert rights_on("django_migrations") == {"SELECT"}


def test_other_tables_are_read_and_written_but_never_truncated():
    for table in ("people_person", "agents_key", "approvals_request", "core_due"):
        assert rights_on(table) == {"SELECT", "INSERT", "UPDATE", "DELETE"}
