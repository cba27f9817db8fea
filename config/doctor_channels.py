"""Whether anybody can be told that a request waits, and what keeps a channel from telling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from approvals.words import plural
from config.findings import Connection, Finding
from notifications.slack.advice import todo
from notifications.slack.secrets import open_
from signing.sealing import CannotOpen

SLACK: Final = "slack.com"

_APPS: Final = """
SELECT w.slug, i.id, i.name, i.state, i.reason, i.app_token IS NULL, i.bot_token
  FROM notifications_slackinstallation i JOIN people_workspace w ON w.id = i.workspace_id
 WHERE i.state <> 'removed' ORDER BY w.slug, i.created_at
"""
_COUNTS: Final = """
SELECT (SELECT count(*) FROM notifications_pushsubscription),
       (SELECT count(*) FROM notifications_otherchannel),
       (SELECT count(*) FROM notifications_unreached WHERE over_at IS NULL)
"""


def channels(conn: Connection) -> Iterator[Finding]:
    """What is set up at all, and of it what does not tell."""
    apps = conn.execute(_APPS).fetchall()
    browsers, others, unreached = conn.execute(_COUNTS).fetchone() or (0, 0, 0)
    wrong = [*_slack(apps), *_silent(unreached)]
    yield from wrong
    counted = (
        ("mail", settings.SMTP is not None),
        (f"Slack ({plural(len(apps), 'app')})", apps),
        (f"browsers ({browsers})", browsers),
        (f"other services ({others})", others),
    )
    there = ", ".join(name for name, is_there in counted if is_there)
    if not there:
        none = "none is set up: whoever is asked notices it only in the inbox"
        yield Finding("channels", "ok", none)
    elif not wrong:
        yield Finding("channels", "ok", there)


def _slack(apps: list[tuple[object, ...]]) -> Iterator[Finding]:
    over_http = False
    for slug, installation, name, state, reason, is_http, token in apps:
        over_http = over_http or bool(is_http)
        if state == "broken":
            detail = f"{slug}: Slack refuses the app of {name}: {reason}"
            yield Finding("channels", "warning", detail, todo(str(reason)))
        if token is None:
            continue
        try:
            open_(installation, "bot_token", token)  # type: ignore[arg-type]  # a UUID and bytes
        except CannotOpen:
            detail = f"{slug}: the secrets of the app of {name} cannot be opened"
            again = "put the key that sealed them back into ASSENTRY_SEALING_KEY, last"
            yield Finding("channels", "failed", detail, again)
    if over_http and _is_slacks() and urlsplit(settings.BASE_URL).scheme != "https":
        yield Finding(
            "channels",
            "warning",
            f"Slack calls https addresses only, and this is {settings.BASE_URL}",
            "set ASSENTRY_BASE_URL to the https address, or give the app a token for Socket Mode",
        )


def _is_slacks() -> bool:
    """Whether it is Slack itself that is called, and not what plays it on a development server."""
    host = urlsplit(settings.SLACK_API_URL).hostname or ""
    return host == SLACK or host.endswith(f".{SLACK}")


def _silent(unreached: int) -> Iterator[Finding]:
    if unreached:
        wait = plural(unreached, "request waits", "requests wait")
        detail = f"{wait}, and nobody could be told of it"
        yield Finding("channels", "warning", detail, "see Channels, in the head of every page")
