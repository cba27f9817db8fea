"""What the environment says about this instance: where its data lies, which databases and secrets it has.

Everything Assentry reads from outside is read here or in `core.durations` and `core.failpoints`.
An explicit variable wins; otherwise the running embedded instance's own files in ``ASSENTRY_DATA``
answer, so that ``manage.py`` commands work beside ``./up`` without any setting.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from core.devmode import dev_value
from notifications.mail.server import (
    BadSender,
    BadServer,
    Sender,
    Server,
    default_sender,
    parse_sender,
    parse_server,
)
from people.sso.settings import DEFAULT_GROUPS_CLAIM, DEFAULT_SCOPES, BadProvider, Provider
from signing.sealing_keys import BadSealingKey, parse_keys

ROOT = Path(__file__).resolve().parent.parent

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8750
#: Hosts on which plain http and development switches are acceptable.
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: What guards the numbers of all workspaces is at least so long.
SHORTEST_TOKEN = 20
#: What says something of a provider, and so nothing without one.
_OIDC = (
    "ASSENTRY_OIDC_CLIENT_ID",
    "ASSENTRY_OIDC_CLIENT_SECRET",
    "ASSENTRY_OIDC_CLIENT_SECRET_FILE",
    "ASSENTRY_OIDC_SCOPES",
    "ASSENTRY_OIDC_NAME",
    "ASSENTRY_OIDC_GROUPS_CLAIM",
    "ASSENTRY_OIDC_WORKSPACE",
    "ASSENTRY_OIDC_ONLY",
)
#: A path below which the product may stand: nothing that is written in more than one way.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]+)*")


def data_folder() -> Path:
    """The instance's folder: ``ASSENTRY_DATA``, by default ``.data`` in the checkout."""
    return Path(os.environ.get("ASSENTRY_DATA") or ROOT / ".data").expanduser().absolute()


def instance() -> dict[str, str]:
    """What the embedded launcher wrote about itself (``database_url``, ``owner_url``), or nothing."""
    try:
        found: dict[str, str] = json.loads((data_folder() / "instance.json").read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{data_folder() / 'instance.json'} cannot be read ({error}); start ./up again"
        ) from error
    return found


def secret_key() -> str:
    """``ASSENTRY_SECRET_KEY``, else the file ``ASSENTRY_SECRET_KEY_FILE``, else the instance's own.

    Raises:
        ImproperlyConfigured: there is none, or it is too short to be a secret.
    """
    key = os.environ.get("ASSENTRY_SECRET_KEY", "")
    named = os.environ.get("ASSENTRY_SECRET_KEY_FILE")
    path = Path(named) if named else data_folder() / "secret_key"
    if not key:
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise ImproperlyConfigured(
                "no secret key: set ASSENTRY_SECRET_KEY or ASSENTRY_SECRET_KEY_FILE, or run ./up once"
            ) from error
    if len(key) < 50 or len(set(key)) < 5:
        raise ImproperlyConfigured(
            "the secret key is too weak: 50 or more random characters are needed"
        )
    return key


def sealing_keys() -> list[bytes]:
    """``ASSENTRY_SEALING_KEY``, else the file ``ASSENTRY_SEALING_KEY_FILE``, else the instance's own.

    Several keys stand there with blanks or commas between them; the first one seals.

    Raises:
        ImproperlyConfigured: there is none, or one is no 32 random bytes in base64.
    """
    written = os.environ.get("ASSENTRY_SEALING_KEY", "")
    named = os.environ.get("ASSENTRY_SEALING_KEY_FILE")
    path = Path(named) if named else data_folder() / "sealing_key"
    if not written:
        try:
            written = path.read_text()
        except OSError as error:
            raise ImproperlyConfigured(
                "no sealing key: set ASSENTRY_SEALING_KEY or ASSENTRY_SEALING_KEY_FILE, or run ./up once"
            ) from error
    try:
        return parse_keys(written)
    except BadSealingKey as error:
        raise ImproperlyConfigured(f"ASSENTRY_SEALING_KEY: {error}") from error


def anchor_folder() -> Path | None:
    """``ASSENTRY_ANCHOR_DIR``, where checkpoints are laid down; else the embedded instance's ``anchors``."""
    named = os.environ.get("ASSENTRY_ANCHOR_DIR")
    if named:
        return Path(named).expanduser().absolute()
    return data_folder() / "anchors" if (data_folder() / "instance.json").exists() else None


def export_store() -> dict[str, str] | None:
    """The S3-compatible store that exports may be sent to (``ASSENTRY_S3_ENDPOINT``); None where there is none.

    Raises:
        ImproperlyConfigured: the endpoint is set without a bucket or its keys, or a file cannot be read.
    """
    endpoint = os.environ.get("ASSENTRY_S3_ENDPOINT", "").strip()
    if not endpoint:
        return None
    found = {
        "endpoint": endpoint,
        "bucket": os.environ.get("ASSENTRY_S3_BUCKET", "").strip(),
        "access_key": _secret("ASSENTRY_S3_ACCESS_KEY", "ASSENTRY_S3_ACCESS_KEY_FILE"),
        "secret_key": _secret("ASSENTRY_S3_SECRET_KEY", "ASSENTRY_S3_SECRET_KEY_FILE"),
        "region": os.environ.get("ASSENTRY_S3_REGION", "").strip() or "us-east-1",
    }
    needed = {
        "bucket": "ASSENTRY_S3_BUCKET",
        "access_key": "ASSENTRY_S3_ACCESS_KEY",
        "secret_key": "ASSENTRY_S3_SECRET_KEY",
    }
    for name, variable in needed.items():
        if not found[name]:
            raise ImproperlyConfigured(f"ASSENTRY_S3_ENDPOINT is set: set {variable}")
    if urlsplit(endpoint).scheme not in {"http", "https"} or not urlsplit(endpoint).hostname:
        raise ImproperlyConfigured("ASSENTRY_S3_ENDPOINT must be an http or https address")
    return {**found, "prefix": os.environ.get("ASSENTRY_S3_PREFIX", "").strip()}


def smtp() -> Server | None:
    """The server mails go through (``ASSENTRY_SMTP_URL``), else the mailbox of ``./up``; None: no mail.

    The mailbox's own file answers only for a base URL on loopback, as the mailbox itself does.

    Raises:
        ImproperlyConfigured: the address is none, its login is half, or it would send a password in the clear.
    """
    url = os.environ.get("ASSENTRY_SMTP_URL", "").strip() or _mailbox()
    if not url:
        return None
    try:
        return parse_server(url, password=_secret("", "ASSENTRY_SMTP_PASSWORD_FILE"))
    except BadServer as error:
        raise ImproperlyConfigured(f"ASSENTRY_SMTP_URL {error}") from error


def _mailbox() -> str:
    parts = urlsplit(base_url())
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return ""
    try:
        found: dict[str, str] = json.loads((data_folder() / "mailbox.json").read_text())
    except (OSError, ValueError):
        return ""
    return found["smtp_url"]


def mail_from() -> Sender:
    """Whom mails come from: ``ASSENTRY_MAIL_FROM``, by default ``Assentry <assentry@HOST>`` of the base URL.

    Raises:
        ImproperlyConfigured: it is not one address.
    """
    written = os.environ.get("ASSENTRY_MAIL_FROM", "").strip()
    try:
        return parse_sender(written or default_sender(urlsplit(base_url()).hostname or ""))
    except BadSender as error:
        raise ImproperlyConfigured(f"ASSENTRY_MAIL_FROM {error}") from error


def identity_provider() -> Provider | None:
    """The OpenID provider people sign in at (``ASSENTRY_OIDC_ISSUER``); None where there is none.

    Raises:
        ImproperlyConfigured: a variable cannot be used, is missing, or says something of no provider.
    """
    issuer = os.environ.get("ASSENTRY_OIDC_ISSUER", "").strip()
    if not issuer:
        lonely = next((name for name in _OIDC if os.environ.get(name, "").strip()), None)
        if lonely is not None:
            raise ImproperlyConfigured(f"{lonely} is set: set ASSENTRY_OIDC_ISSUER, or unset it")
        return None
    only = os.environ.get("ASSENTRY_OIDC_ONLY", "").strip()
    if only not in {"", "0", "1"}:
        raise ImproperlyConfigured("ASSENTRY_OIDC_ONLY must be 1, or unset")
    named = os.environ.get("ASSENTRY_OIDC_NAME", "").strip()
    scopes = os.environ.get("ASSENTRY_OIDC_SCOPES", "").strip() or DEFAULT_SCOPES
    try:
        return Provider(
            issuer=issuer,
            client_id=os.environ.get("ASSENTRY_OIDC_CLIENT_ID", "").strip(),
            client_secret=_secret(
                "ASSENTRY_OIDC_CLIENT_SECRET", "ASSENTRY_OIDC_CLIENT_SECRET_FILE"
            ),
            scopes=tuple(scopes.split()),
            name=named or "single sign-on",
            groups_claim=os.environ.get("ASSENTRY_OIDC_GROUPS_CLAIM", "").strip()
            or DEFAULT_GROUPS_CLAIM,
            workspace=os.environ.get("ASSENTRY_OIDC_WORKSPACE", "").strip() or None,
            only=only == "1",
        )
    except BadProvider as error:
        raise ImproperlyConfigured(str(error)) from error


def _secret(variable: str, file: str) -> str:
    """The value of a variable, else what the named file holds; empty where neither is set."""
    written, named = os.environ.get(variable, ""), os.environ.get(file)
    if written or not named:
        return written.strip()
    try:
        return Path(named).read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{file} cannot be read: {error.strerror}") from error


def base_url() -> str:
    """The address people and agents reach this server at, without a trailing slash."""
    host = os.environ.get("ASSENTRY_HOST") or DEFAULT_HOST
    port = os.environ.get("ASSENTRY_PORT") or str(DEFAULT_PORT)
    shown = f"[{host}]" if ":" in host else host
    url = (os.environ.get("ASSENTRY_BASE_URL") or f"http://{shown}:{port}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ImproperlyConfigured(
            f"ASSENTRY_BASE_URL must be an http or https address, not {url!r}"
        )
    if _PREFIX.fullmatch(parts.path) is None or parts.query or parts.fragment or parts.username:
        raise ImproperlyConfigured(
            f"ASSENTRY_BASE_URL must be scheme, host and, if need be, a path of letters, digits, - and _, "
            f"such as https://example.org/assentry, not {url!r}"
        )
    if (
        parts.scheme == "http"
        and parts.hostname not in LOOPBACK
        and os.environ.get("ASSENTRY_ALLOW_PLAIN_HTTP") != "1"
    ):
        raise ImproperlyConfigured(
            f"{url} is not https: session cookies would travel in the clear. Put TLS in front and set "
            "ASSENTRY_BASE_URL to the https address, or set ASSENTRY_ALLOW_PLAIN_HTTP=1 to accept it"
        )
    return url


def slack_api_url() -> str:
    """Where Slack's Web API is: Slack's own, or on a development server ``ASSENTRY_SLACK_API_URL``."""
    return dev_value("ASSENTRY_SLACK_API_URL") or "https://slack.com/api/"


def heartbeat_url() -> str | None:
    """``ASSENTRY_HEARTBEAT_URL``, which is called while all is well; None where none is set.

    Raises:
        ImproperlyConfigured: it is no http or https address.
    """
    url = os.environ.get("ASSENTRY_HEARTBEAT_URL", "").strip()
    if url and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
        raise ImproperlyConfigured("ASSENTRY_HEARTBEAT_URL must be an http or https address")
    return url or None


def metrics_token() -> str | None:
    """``ASSENTRY_METRICS_TOKEN``, else its file: what Prometheus must send to read ``/metrics``; None: nobody may.

    Raises:
        ImproperlyConfigured: it is too short to be a secret.
    """
    token = _secret("ASSENTRY_METRICS_TOKEN", "ASSENTRY_METRICS_TOKEN_FILE")
    if token and len(token) < SHORTEST_TOKEN:
        raise ImproperlyConfigured(
            f"ASSENTRY_METRICS_TOKEN is too short: {SHORTEST_TOKEN} random characters are needed"
        )
    return token or None


def trusted_proxies() -> str:
    """Whose ``X-Forwarded-For`` and ``-Proto`` are believed: addresses and networks, by comma; none."""
    return os.environ.get("ASSENTRY_TRUSTED_PROXIES", "").strip()


def database(url: str, **options: Any) -> dict[str, Any]:
    """One entry of Django's ``DATABASES`` from a PostgreSQL URL."""
    entry: dict[str, Any] = environ.Env.db_url_config(url)
    entry.pop("ENGINE", None)
    host = entry.pop("OPTIONS", {}) or {}
    if "host" in host:  # a unix socket, written as ?host=/folder
        entry["HOST"] = host.pop("host")
    return {"ENGINE": "django.db.backends.postgresql", **entry, "OPTIONS": {**host, **options}}


def database_urls() -> tuple[str, str]:
    """The runtime role's and the owner role's database URL; the same one where only one is set.

    Raises:
        ImproperlyConfigured: neither ``DATABASE_URL`` nor an embedded instance is there.
    """
    runtime = os.environ.get("DATABASE_URL")
    if runtime:
        return runtime, os.environ.get("ASSENTRY_OWNER_URL") or runtime
    found = instance()
    if found:
        return found["database_url"], found["owner_url"]
    raise ImproperlyConfigured(
        "no database: set DATABASE_URL to a PostgreSQL 15 or newer, or start the embedded one with ./up"
    )
