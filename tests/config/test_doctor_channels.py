"""What the doctor says of channels: whether there is any, and what does not tell."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings as configured
from pytest_django import Settings

from config.doctor_channels import channels
from core import db, ids
from demo.slack.double import Double
from notifications.mail.server import Server
from notifications.models import (
    OtherChannel,
    PushSubscription,
    SlackInstallation,
    Unreached,
)
from notifications.others import channels as others
from notifications.slack import installs
from notifications.slack.installs import Wanted
from tests.approvals.world import TEST, World
from tests.demo.slack.conftest import Clock
from tests.notifications.desk import SECRET, TOKEN, double_with_team

SLACKS = "https://slack.com/api/"


@pytest.fixture
def conn() -> Iterator[psycopg.Connection]:
    with db.connect() as made:
        yield made


@pytest.fixture(autouse=True)
def nothing() -> None:
    """Nothing of other tests: they share the database of this process."""
    SlackInstallation.objects.update(
        state="removed",
        bot_token=None,
        signing_secret=None,
        app_token=None,
        earlier_secret=None,
        earlier_until=None,
        reason="",
    )
    OtherChannel.objects.all().delete()
    PushSubscription.objects.all().delete()
    Unreached.objects.all().delete()


@pytest.fixture
def app(settings: Settings) -> SlackInstallation:
    made = World({"lead": ["ana"]})
    with Double() as double:
        settings.SLACK_API_URL = double.api_url
        double.state.clock = Clock()
        double_with_team(double)
        wanted = Wanted(TOKEN, SECRET)
        return installs.connect(actor=TEST, workspace=made.workspace, wanted=wanted)


def said(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return [(one.level, one.detail) for one in channels(conn)]


def test_none_at_all_is_said_and_is_no_fault(conn: psycopg.Connection) -> None:
    ((level, detail),) = said(conn)
    assert level == "ok"
    assert detail.startswith("none is set up")


def test_what_there_is_is_counted(
    conn: psycopg.Connection, app: SlackInstallation, settings: Settings
) -> None:
    settings.SMTP = Server("127.0.0.1", 25, "none")
    others.add(
        actor=TEST, workspace=app.workspace, name="ops", role="lead", url="json://127.0.0.1/"
    )
    assert said(conn) == [("ok", "mail, Slack (1 app), other services (1)")]


def test_an_app_that_slack_refuses(conn: psycopg.Connection, app: SlackInstallation) -> None:
    SlackInstallation.objects.filter(id=app.id).update(state="broken", reason="token_revoked")
    (finding,) = channels(conn)
    assert finding.level == "warning"
    assert f"{app.workspace.slug}: Slack refuses the app of" in finding.detail
    assert "replace the bot token" in finding.todo


@pytest.mark.parametrize(
    ("base", "api", "socket", "warned"),
    [
        ("http://127.0.0.1:8750", SLACKS, False, True),
        ("http://127.0.0.1:8750", SLACKS, True, False),
        ("https://assentry.example", SLACKS, False, False),
        ("http://127.0.0.1:8750", "http://127.0.0.1:9/api/", False, False),
    ],
)
def test_slack_over_http_needs_an_https_address(
    conn: psycopg.Connection,
    app: SlackInstallation,
    settings: Settings,
    base: str,
    api: str,
    socket: bool,
    warned: bool,
) -> None:
    settings.BASE_URL, settings.SLACK_API_URL = base, api
    if socket:
        SlackInstallation.objects.filter(id=app.id).update(app_token=b"sealed")
    (level, detail) = said(conn)[0]
    assert (level == "warning") == warned
    assert ("Slack calls https addresses only" in detail) == warned


def test_secrets_whose_key_is_gone(
    conn: psycopg.Connection, app: SlackInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "SEALING_KEYS", [secrets.token_bytes(32)])
    (finding,) = channels(conn)
    assert finding.level == "failed"
    assert "cannot be opened" in finding.detail
    assert TOKEN not in finding.detail


def test_requests_that_told_nobody(conn: psycopg.Connection, app: SlackInstallation) -> None:
    Unreached.objects.create(request_id=ids.uuid7(), workspace=app.workspace, at=app.created_at)
    assert said(conn) == [("warning", "1 request waits, and nobody could be told of it")]
