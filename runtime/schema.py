"""Whether the database lacks anything that `manage.py migrate` would bring.

Django takes a second to find out; this takes milliseconds. It errs towards migrating.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg

from runtime.folder import write_private

STAMP = "migrated"
# What decides which migrations of other packages belong to the product.
DECIDING_FILES = ("uv.lock", "config/settings.py")


def on_disk(root: Path) -> set[tuple[str, str]]:
    """The (app, name) of each migration of the product itself."""
    return {(path.parent.parent.name, path.stem) for path in root.glob("*/migrations/[0-9]*.py")}


def fingerprint(root: Path, migrations: set[tuple[str, str]]) -> str:
    """Changes whenever the set of migrations to apply may have changed."""
    digest = hashlib.sha256(repr(sorted(migrations)).encode())
    for name in DECIDING_FILES:
        path = root / name
        digest.update(path.read_bytes() if path.exists() else b"-")
    return digest.hexdigest()


def is_current(root: Path, data: Path, url: str) -> bool:
    """True when this database has every migration; raises `psycopg.OperationalError`."""
    applied = _applied(url)
    migrations = on_disk(root)
    try:
        stamp = (data / STAMP).read_text().strip()
    except OSError:
        return False
    return stamp == fingerprint(root, migrations) and migrations <= applied


def remember(root: Path, data: Path) -> None:
    """Note that everything was applied."""
    write_private(data / STAMP, fingerprint(root, on_disk(root)) + "\n")


def _applied(url: str) -> set[tuple[str, str]]:
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            return set(connection.execute("SELECT app, name FROM django_migrations").fetchall())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege):
        return set()


def has_workspace(url: str) -> bool:
    """True when there is at least one workspace."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        row = connection.execute("SELECT EXISTS (SELECT FROM people_workspace)").fetchone()
    return bool(row and row[0])
