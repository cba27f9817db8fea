"""The SQL for one's own PostgreSQL makes two roles that the product works with."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from tests import databases
from tests.docs.pages import ROOT, blocks

OPERATE = ROOT / "docs" / "operate.md"


@pytest.fixture
def own() -> Iterator[dict[str, str]]:
    """The environment of a server whose database the SQL of the document made."""
    number = secrets.token_hex(4)
    names = {"assentry_owner": f"docs_owner_{number}", "assentry": f"docs_{number}"}
    (block,) = blocks("sql", of=OPERATE)
    text = block.text.replace("assentry_owner", "{owner}").replace("assentry", "{runtime}")
    text = text.format(owner=names["assentry_owner"], runtime=names["assentry"])
    with psycopg.connect(os.environ[databases.ADMIN], autocommit=True) as admin:
        (may,) = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = user").fetchone() or (
            False,
        )
        if not may:
            pytest.skip("this server lets nobody here create roles")
        for statement in filter(str.strip, text.split(";")):
            admin.execute(statement.encode())
        try:
            yield {
                "DATABASE_URL": _url(names["assentry"], "second-secret", names["assentry"]),
                "ASSENTRY_OWNER_URL": _url(
                    names["assentry_owner"], "first-secret", names["assentry"]
                ),
            }
        finally:
            admin.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(names["assentry"]))
            )
            for role in names.values():
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _url(role: str, password: str, database: str) -> str:
    parts = urlsplit(os.environ[databases.ADMIN])
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{place}", path=f"/{database}"))


def _manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_roles_of_the_document_are_what_the_product_needs(own: dict[str, str]) -> None:
    _manage(own, "migrate", "--verbosity", "0")
    _manage(own, "workspace_create", "acme")
    told = _manage(own, "doctor")
    for check in ("database", "migrations", "roles", "log"):
        assert f"ok       {check:11}" in told, told
