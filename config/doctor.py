"""What is missing, wrong or unsafe about this instance, and what to do about it.

Each check returns findings; the command prints them. Nothing here changes anything.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
import redis
from django.conf import settings

from audit.models import Checkpoint, Event, Leaf, Subtree
from config import environment, health
from config.doctor_channels import channels
from config.doctor_clock import overdue, watch, worker
from config.doctor_sign_in import people_are_made, single_sign_on
from config.findings import Connection, Finding, Level
from core import db
from notifications.mail import client as mail_client
from oversight.anchors import files, rollback
from oversight.anchors.standing import every

OLDEST_POSTGRES: Final = 15
#: A mail server that answers later than so may be well, but nobody waits for it here.
MAIL_S: Final = 3.0
DISK_WARNING: Final = 1024**3
DISK_FAILED: Final = 100 * 1024**2
INSERT_ONLY: Final = tuple(model._meta.db_table for model in (Event, Leaf, Subtree, Checkpoint))
DEV_SWITCHES: Final = ("ASSENTRY_TIME_SCALE", "ASSENTRY_FAILPOINTS")


def examine() -> Iterator[Finding]:
    """Run every check, in the order in which one would mend things."""
    for check in (_base_url, _switches, _secret_key, _sealing_key, _disk):
        yield from check()
    yield from _databases()
    yield from _redis()
    yield from _mail()
    yield from single_sign_on()


def _databases() -> Iterator[Finding]:
    try:
        conn = db.connect(connect_timeout=3, application_name="assentry doctor")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding(
            "database",
            "failed",
            f"not reachable: {reason}",
            "start it, or set DATABASE_URL; what depends on it was not checked",
        )
        return
    with conn:
        conn.execute("SELECT set_config('statement_timeout', '5s', false)")
        for check in DATABASE_CHECKS:
            try:
                yield from check(conn)
            except psycopg.Error as error:
                reason = str(error).strip().splitlines()[0]
                yield Finding(check.__name__.strip("_"), "failed", reason, "mend what stands above")


# -- the environment -------------------------------------------------------------------------------


def _base_url() -> Iterator[Finding]:
    url = urlsplit(settings.BASE_URL)
    if url.scheme == "https" or url.hostname in environment.LOOPBACK:
        yield Finding("base url", "ok", settings.BASE_URL)
    else:
        yield Finding(
            "base url",
            "warning",
            f"{settings.BASE_URL} sends sessions and keys in the clear",
            "put TLS in front and set ASSENTRY_BASE_URL to the https address",
        )


def _switches() -> Iterator[Finding]:
    development = os.environ.get("ASSENTRY_DEV") == "1"
    loopback = urlsplit(settings.BASE_URL).hostname in environment.LOOPBACK
    armed = [name for name in DEV_SWITCHES if os.environ.get(name)]
    if development and not loopback:
        yield Finding(
            "switches",
            "failed",
            f"ASSENTRY_DEV=1 on {settings.BASE_URL}",
            "unset it: a development server is for loopback only",
        )
    elif armed and not development:
        yield Finding(
            "switches", "warning", f"{', '.join(armed)} set, and ignored", "unset what does nothing"
        )
    else:
        mode = "a development server on loopback" if development else "none of development is set"
        yield Finding("switches", "ok", mode)


def _secret_key() -> Iterator[Finding]:
    if os.environ.get("ASSENTRY_SECRET_KEY"):
        yield Finding("secret key", "ok", "from the environment")
        return
    named = os.environ.get("ASSENTRY_SECRET_KEY_FILE")
    path = Path(named) if named else environment.data_folder() / "secret_key"
    yield _private("secret key", path)


def _sealing_key() -> Iterator[Finding]:
    if os.environ.get("ASSENTRY_SEALING_KEY"):
        yield Finding("sealing key", "ok", "from the environment")
        return
    named = os.environ.get("ASSENTRY_SEALING_KEY_FILE")
    path = Path(named) if named else environment.data_folder() / "sealing_key"
    yield _private("sealing key", path)


def _private(check: str, path: Path) -> Finding:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        return Finding(check, "failed", f"{path} has mode {mode:04o}", f"chmod 600 {path}")
    return Finding(check, "ok", f"{path}, mode {mode:04o}")


def _disk() -> Iterator[Finding]:
    folder = environment.data_folder()
    if not folder.exists():
        yield Finding("disk", "ok", "no data folder here")
        return
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free for {folder}"
    if free >= DISK_WARNING:
        yield Finding("disk", "ok", detail)
    else:
        level: Level = "failed" if free < DISK_FAILED else "warning"
        yield Finding("disk", level, detail, "free some space: PostgreSQL stops when there is none")


def _redis() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("redis", "ok", "not used")
        return
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    try:
        client.ping()
    except redis.RedisError as error:
        yield Finding(
            "redis",
            "failed",
            f"not reachable: {error}",
            "start it or mend REDIS_URL: until then nothing that follows from time happens",
        )
    else:
        yield Finding("redis", "ok", "answers")
    finally:
        client.close()


def _mail() -> Iterator[Finding]:
    server = settings.SMTP
    if server is None:
        yield Finding("mail", "ok", "not set up: nobody is told by mail")
        return
    sender = settings.MAIL_FROM
    try:
        mail_client.probe(server=server, sender=sender, seconds=MAIL_S)
    except mail_client.Later as error:
        todo = "mend ASSENTRY_SMTP_URL, or start the server: until then nobody is told by mail"
        yield Finding("mail", "failed", f"{server.shown}: {error.detail}", todo)
    else:
        detail = f"{server.shown} answers, from {sender.address}"
        if server.security == "none" and not server.loopback:
            todo = "add ?starttls=1 to ASSENTRY_SMTP_URL, or write smtps://…"
            yield Finding("mail", "warning", f"{detail}, in the clear", todo)
        else:
            yield Finding("mail", "ok", detail)


# -- the database ----------------------------------------------------------------------------------


def _version(conn: Connection) -> Iterator[Finding]:
    major, minor = divmod(conn.info.server_version, 10_000)
    shown = f"PostgreSQL {major}.{minor}"
    if major >= OLDEST_POSTGRES:
        yield Finding("database", "ok", f"{shown} answers")
    else:
        yield Finding(
            "database", "failed", shown, f"PostgreSQL {OLDEST_POSTGRES} or newer is needed"
        )


def _migrations(conn: Connection) -> Iterator[Finding]:
    missing = health.missing_migrations(conn)
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        yield Finding(
            "migrations", "failed", f"{len(missing)} missing: {shown}", "manage.py migrate"
        )
    else:
        yield Finding("migrations", "ok", "all applied")


def roles(conn: Connection) -> Iterator[Finding]:
    """Whether the role that serves could change what it must not: it owns nothing and is nobody special."""
    with db.connect("owner", connect_timeout=3, application_name="assentry doctor") as other:
        owner = other.execute("SELECT current_user").fetchone()
    row = conn.execute(_ROLE, {"owner": owner[0] if owner else ""}).fetchone()
    if row is None:
        return
    name, is_owner, powers, member, owned = row
    if is_owner:
        yield Finding(
            "roles",
            "warning",
            f"one role, {name}, both serves and owns the tables",
            "make a second one and set ASSENTRY_OWNER_URL: then the server cannot change the log",
        )
    elif powers or member or owned:
        has = ["is a superuser or close to one"] * powers
        has += ["is a member of the owner role"] * member
        has += [f"owns {owned} tables or functions"] * bool(owned)
        yield Finding(
            "roles",
            "failed",
            f"the runtime role {name} {', '.join(has)}",
            "take that from it: whoever takes over the server could change the log",
        )
    else:
        yield Finding("roles", "ok", f"{name} serves and owns nothing")


_ROLE: Final = """
SELECT r.rolname, r.rolname = %(owner)s,
       r.rolsuper OR r.rolcreaterole OR r.rolbypassrls OR r.rolreplication,
       pg_has_role(r.oid, %(owner)s, 'MEMBER'),
       (SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relowner = r.oid AND n.nspname NOT LIKE 'pg\\_%%')
       + (SELECT count(*) FROM pg_proc AS p WHERE p.proowner = r.oid)
FROM pg_roles AS r WHERE r.rolname = current_user
"""

# tgtype: 8 is DELETE, 16 UPDATE, 32 TRUNCATE; tgenabled A fires whatever session_replication_role.
_LOG: Final = """
SELECT t.name,
       has_table_privilege(t.name, 'UPDATE') OR has_table_privilege(t.name, 'DELETE')
       OR has_table_privilege(t.name, 'TRUNCATE') OR has_table_privilege(t.name, 'TRIGGER'),
       coalesce((SELECT bit_or(g.tgtype) FROM pg_trigger AS g
                 WHERE g.tgrelid = t.name::regclass AND g.tgenabled = 'A'), 0) & 56 = 56
FROM unnest(%s::text[]) AS t (name)
"""


def log(conn: Connection) -> Iterator[Finding]:
    """Whether the tables of the log can only be added to, by rights and by triggers."""
    rows = conn.execute(_LOG, (list(INSERT_ONLY),)).fetchall()
    for name in (name for name, _, guarded in rows if not guarded):
        yield Finding(
            "log",
            "failed",
            f"{name} lacks the triggers that refuse changes",
            "somebody removed them: compare the log with an export before you restore them",
        )
    open_to_all = [name for name, changeable, _ in rows if changeable]
    one_role = settings.RUNTIME_ROLE == settings.OWNER_ROLE
    if open_to_all:
        yield Finding(
            "log",
            "warning" if one_role else "failed",
            f"the runtime role has the right to change {', '.join(open_to_all)}",
            "see roles" if one_role else "REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER on it",
        )
    if not open_to_all and all(guarded for *_, guarded in rows):
        yield Finding("log", "ok", "insert-only, by rights and by triggers")


def _anchors(conn: Connection) -> Iterator[Finding]:
    """What lies outside the database, what is missing there, and what speaks against a log."""
    none, well = [], True
    for slug, standing in every(conn):
        if not standing.targets:
            none.append(slug)
        for held in standing.held:
            detail = f"{slug} is held: an anchor of {held.size} events speaks against it"
            yield Finding("anchors", "failed", detail, rollback.TODO)
        for target in standing.targets:
            if target.level != "ok":
                since = f"{target.behind_since:%Y-%m-%d %H:%M} UTC"
                detail = f"{slug}: not anchored since {since} ({target.kind} {target.where})"
                todo = target.error or "see the worker"
                yield Finding("anchors", target.level, detail, todo)
        well = well and all(each.level == "ok" for each in standing.targets) and not standing.held
    if none:
        shown = ", ".join(none[:3]) + (", …" if len(none) > 3 else "")
        todo = "manage.py anchor_add" if files.folder() else "set ASSENTRY_ANCHOR_DIR"
        yield Finding(
            "anchors",
            "warning",
            f"no anchor at all: {shown}",
            f"{todo}: only one finds a log that was rewritten",
        )
    spoken = list(_against())
    yield from spoken
    if well and not none and not spoken:
        yield Finding("anchors", "ok", "every log is anchored outside the database")


def _against() -> Iterator[Finding]:
    try:
        found = rollback.look()
    except OSError as error:
        detail = f"{files.folder()} cannot be read: {error.strerror}"
        yield Finding("anchors", "failed", detail, "mend it: a log that went back is not noticed")
        return
    for each in found:
        yield Finding("anchors", "failed", each.sentence, rollback.TODO)


def _durability(conn: Connection) -> Iterator[Finding]:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [
        name
        for name in names
        if (row := conn.execute("SELECT current_setting(%s)", (name,)).fetchone())
        and row[0] in {"off", "local"}
    ]
    if off:
        yield Finding(
            "durability",
            "failed",
            f"{', '.join(off)} off: a decision that was confirmed may be lost",
            f"set {', '.join(f'{name} = on' for name in off)} in postgresql.conf",
        )
    else:
        yield Finding("durability", "ok", "what is confirmed is on disk")


DATABASE_CHECKS: Final[tuple[Callable[[Connection], Iterator[Finding]], ...]] = (
    _version,
    _migrations,
    roles,
    log,
    _anchors,
    _durability,
    overdue,
    channels,
    worker,
    watch,
    people_are_made,
)
