"""What ``manage.py check --deploy --database default`` asks of the database: a log that is only added to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from config.doctor import Finding, log, roles
from core import db


@register(Tags.database, deploy=True)
def the_log_is_only_added_to(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Refuse a runtime role that owns tables, is close to a superuser, or may change the log.

    Looks only where a database is named, as Django's own checks of the database do.
    """
    if not databases:
        return []
    try:
        with db.connect(connect_timeout=3, application_name="assentry check") as conn:
            return [said for check in (roles, log) for said in map(_message, check(conn)) if said]
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        return [Error(f"The database is not reachable: {reason}", id="assentry.E001")]


def _message(finding: Finding) -> CheckMessage | None:
    match finding.level:
        case "ok":
            return None
        case "warning":
            return Warning(finding.detail, hint=finding.todo, id="assentry.W002")
        case "failed":
            return Error(finding.detail, hint=finding.todo, id="assentry.E002")
