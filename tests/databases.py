"""The databases of a test run: one server, one migrated template, one clone of it per worker process.

The tests run as the runtime role, as the product does; ``owner`` is there for migrations and for
moving time.  Nothing is rolled back or flushed: each test makes workspaces of its own.

``ASSENTRY_TEST_DATABASE_URL`` (runtime role) with ``ASSENTRY_TEST_OWNER_URL`` (a role that may create
databases) use a server that is there; otherwise an embedded one lives as long as the run.
``DATABASE_URL`` is never used: a test run must not find somebody's data.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from config import environment
from runtime.postgres import EmbeddedPostgres

RUNTIME = "ASSENTRY_TEST_DATABASE_URL"
OWNER = "ASSENTRY_TEST_OWNER_URL"
#: Who creates and drops the databases, and what they are called; from the controller to its workers.
ADMIN = "ASSENTRY_TEST_ADMIN_URL"
PREFIX = "ASSENTRY_TEST_PREFIX"


def named(url: str, database: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def point_at(database: str) -> None:
    """Make Django, and every process that a test starts, use this database."""
    runtime, owner = named(os.environ[RUNTIME], database), named(os.environ[OWNER], database)
    connections.close_all()
    settings.DATABASES["default"].update(environment.database(runtime))
    settings.DATABASES["owner"].update(environment.database(owner))
    settings.RUNTIME_ROLE = settings.DATABASES["default"]["USER"]
    settings.OWNER_ROLE = settings.DATABASES["owner"]["USER"]
    os.environ["DATABASE_URL"], os.environ["ASSENTRY_OWNER_URL"] = runtime, owner


class Server:
    """The server and the template, made once by the process that controls the run."""

    def __init__(self) -> None:
        self._embedded: EmbeddedPostgres | None = None
        self._folder: Path | None = None

    def start(self) -> None:
        """Start or find the server, and migrate the template."""
        if RUNTIME not in os.environ:
            self._folder = Path(tempfile.mkdtemp(prefix="assentry-tests-"))
            self._embedded = EmbeddedPostgres(
                self._folder, fsync=False, settings={"max_connections": "200"}
            )
            self._embedded.start()
            os.environ[RUNTIME] = self._embedded.runtime_url
            os.environ[OWNER] = self._embedded.owner_url
            os.environ[ADMIN] = self._embedded.superuser_url
        os.environ.setdefault(ADMIN, os.environ[OWNER])
        os.environ[PREFIX] = f"assentry_test_{secrets.token_hex(4)}"
        template = f"{os.environ[PREFIX]}_template"
        create(template)
        point_at(template)
        call_command("migrate", verbosity=0, skip_checks=True)
        connections.close_all()

    def stop(self) -> None:
        """Remove what this run made."""
        connections.close_all()
        if self._embedded is None or self._folder is None:
            with psycopg.connect(os.environ[ADMIN], autocommit=True) as admin:
                like = f"{os.environ[PREFIX]}%"
                for (name,) in admin.execute(
                    "SELECT datname FROM pg_database WHERE datname LIKE %s", [like]
                ).fetchall():
                    admin.execute(
                        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                            sql.Identifier(name)
                        )
                    )
            return
        place = self._embedded.place
        self._embedded.stop()
        for folder in (place, self._folder):
            shutil.rmtree(folder, ignore_errors=True)


def create(database: str, *, template: str = "template1") -> None:
    """Create a database that belongs to the owner role, as the launcher does."""
    owner = urlsplit(os.environ[OWNER]).username or ""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(
        sql.Identifier(database), sql.Identifier(template), sql.Identifier(owner)
    )
    with psycopg.connect(os.environ[ADMIN], autocommit=True) as admin:
        for attempt in range(50):
            try:
                admin.execute(statement)
            except psycopg.errors.ObjectInUse:  # another worker is copying the template
                if attempt == 49:
                    raise
                time.sleep(0.1)
            else:
                return


def use_clone(worker: str) -> None:
    """Give this process a database of its own, already migrated."""
    prefix = os.environ[PREFIX]
    database = f"{prefix}_{worker}"
    create(database, template=f"{prefix}_template")
    point_at(database)
