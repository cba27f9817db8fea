"""What ``manage.py check`` asks: a log that is only added to (``--deploy --database default``), a free path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.urls import URLPattern, URLResolver, get_resolver

from config.doctor import log, roles
from config.findings import Finding
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


@register(Tags.urls)
def the_prefix_is_no_address_of_ours(
    app_configs: Sequence[AppConfig] | None, **_: Any
) -> list[CheckMessage]:
    """Refuse a path of the base address that an address of ours begins with: they could not be told apart."""
    first = (settings.FORCE_SCRIPT_NAME or "").strip("/").split("/")[0]
    if not first or first not in {"static", *_first_parts(get_resolver().url_patterns)}:
        return []
    return [
        Error(
            f"ASSENTRY_BASE_URL ends in a path, /{first}, that pages of the product begin with.",
            hint="Choose another path, such as /assentry.",
            id="assentry.E003",
        )
    ]


def _first_parts(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """What addresses begin with, up to the first slash."""
    for one in patterns:
        route = str(one.pattern)
        if isinstance(one, URLResolver) and not route:
            yield from _first_parts(one.url_patterns)
        else:
            yield route.split("/")[0]


def _message(finding: Finding) -> CheckMessage | None:
    match finding.level:
        case "ok":
            return None
        case "warning":
            return Warning(finding.detail, hint=finding.todo, id="assentry.W002")
        case "failed":
            return Error(finding.detail, hint=finding.todo, id="assentry.E002")
