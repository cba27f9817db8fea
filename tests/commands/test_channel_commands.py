"""Operators connect apps in Slack and services that only tell; no secret is ever an argument."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from core import due, ids
from demo.slack.double import Double
from notifications.models import Notification, OtherChannel, SlackInstallation
from notifications.others.sending import Others
from notifications.singly import Singly
from notifications.sql import OTHER
from people.models import Workspace
from tests.demo.slack.conftest import Clock
from tests.events import events_of
from tests.factories import RoleFactory, WorkspaceFactory
from tests.notifications.desk import SECRET, TEAM, TOKEN, double_with_team

Write = Callable[[str], None]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write to what the command reads."""

    def write(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))

    return write


@pytest.fixture
def double(settings: Settings) -> Iterator[Double]:
    with Double() as made:
        settings.SLACK_API_URL = made.api_url
        made.state.clock = Clock()
        double_with_team(made)
        yield made


@pytest.fixture
def workspace() -> Workspace:
    made: Workspace = WorkspaceFactory()
    return made


def run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def refuse(*arguments: str) -> tuple[dict[str, Any], int]:
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue().splitlines()[-1]), caught.value.returncode


@pytest.mark.parametrize(
    "given",
    [
        json.dumps({"bot_token": TOKEN, "signing_secret": SECRET}),
        f"bot_token={TOKEN}\n\nsigning_secret = {SECRET}\n",
    ],
)
def test_slack_connect_list_and_remove(
    workspace: Workspace, double: Double, stdin: Write, given: str
) -> None:
    stdin(given)
    made = run("slack_connect", workspace.slug, "--bot-token-stdin")
    assert (made["team"], made["state"]) == (TEAM, "active")
    assert TOKEN not in json.dumps(made)
    (listed,) = run("slack_list", workspace.slug)["apps"]
    assert (listed["id"], listed["bound"], listed["socket_mode"]) == (made["id"], 0, False)
    (event,) = events_of(workspace.id, "slack.installed")
    assert event["actor"]["type"] == "operator"
    assert run("slack_remove", workspace.slug, made["id"]) == {"id": made["id"]}
    assert SlackInstallation.objects.get(workspace=workspace).bot_token is None
    failed, code = refuse("slack_remove", workspace.slug, made["id"])
    assert (failed["argument"], code) == ("ID", 1)
    assert refuse("slack_remove", workspace.slug, "sla_nonsense")[0]["argument"] == "ID"


@pytest.mark.parametrize(
    ("given", "argument", "code"),
    [
        ("", None, 2),
        (TOKEN, None, 2),
        ("{", None, 2),
        ('{"token": "x"}', "token", 2),
        ('{"bot_token": 7}', None, 2),
        (f"bot_token={TOKEN}", "signing_secret", 1),
        (f"bot_token=xoxp-1\nsigning_secret={SECRET}", "bot_token", 1),
        (f"bot_token=xoxb-nobody-012345\nsigning_secret={SECRET}", "bot_token", 1),
        ("x" * 20_000, None, 2),
    ],
    ids=str,
)
def test_slack_connect_says_what_is_wrong_and_connects_nothing(
    workspace: Workspace,
    double: Double,
    stdin: Write,
    given: str,
    argument: str | None,
    code: int,
) -> None:
    stdin(given)
    failed, exited = refuse("slack_connect", workspace.slug, "--bot-token-stdin")
    assert (failed.get("argument"), exited) == (argument, code)
    assert SECRET not in json.dumps(failed)
    assert TOKEN not in json.dumps(failed)
    assert not SlackInstallation.objects.filter(workspace=workspace).exists()


def test_slack_connect_reads_nothing_from_its_arguments(workspace: Workspace) -> None:
    with pytest.raises(CommandError):
        call_command("slack_connect", workspace.slug)


def test_a_channel_that_only_tells(workspace: Workspace, stdin: Write) -> None:
    url = "json://127.0.0.1:9/open-sesame"
    stdin(url + "\n")
    made = run("channel_add", workspace.slug, "ops", "--role", "lead")
    assert (made["role"], made["role_exists"]) == ("lead", False)
    RoleFactory(workspace=workspace, name="desk")
    stdin(url)
    assert run("channel_add", workspace.slug, "desk", "--role", "desk")["role_exists"] is True
    (desk, ops) = run("channel_list", workspace.slug)["channels"]
    assert (ops["name"], ops["service"], desk["role"]) == ("ops", "JSON", "desk")
    said = json.dumps([made, desk, ops, events_of(workspace.id)])
    assert "open-sesame" not in said
    kept = OtherChannel.objects.get(workspace=workspace, name="ops")
    assert b"open-sesame" not in bytes(kept.url)
    assert kept.id == ids.decode("oth", made["id"])
    stdin(url)
    failed, _ = refuse("channel_add", workspace.slug, "ops", "--role", "lead")
    assert failed["code"] == "channel_exists"
    assert run("channel_remove", workspace.slug, "ops") == {"name": "ops"}
    failed, code = refuse("channel_remove", workspace.slug, "ops")
    assert (failed["argument"], code) == ("NAME", 1)
    assert [one["kind"] for one in events_of(workspace.id)][-1] == "other_channel.removed"


@pytest.mark.parametrize(
    ("name", "role", "given", "argument"),
    [
        ("", "lead", "json://127.0.0.1/", "NAME"),
        ("n" * 61, "lead", "json://127.0.0.1/", "NAME"),
        ("ops", "", "json://127.0.0.1/", "--role"),
        ("ops", "lead", "nonsense://x", "standard input"),
        ("ops", "lead", "", None),
        ("ops", "lead", "json://127.0.0.1/\njson://127.0.0.1/", None),
    ],
)
def test_channel_add_names_what_is_wrong(
    workspace: Workspace, stdin: Write, name: str, role: str, given: str, argument: str | None
) -> None:
    stdin(given)
    failed, _ = refuse("channel_add", workspace.slug, name, "--role", role)
    assert failed.get("argument") == argument
    assert not OtherChannel.objects.filter(workspace=workspace).exists()


def test_channel_test_says_what_came_of_it(
    workspace: Workspace, stdin: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin("json://127.0.0.1:9/")
    run("channel_add", workspace.slug, "ops", "--role", "lead")
    said = run("channel_test", workspace.slug, "ops", "--no-wait")
    assert (said["state"], said["reason"]) == ("pending", "")
    (test,) = Notification.objects.filter(workspace=workspace, kind="test")
    Singly(lambda _conn, _requests: {}, Others()).take(due.take(OTHER, [test.id]))
    test.refresh_from_db()
    assert (test.state, test.reason) == ("pending", "the service did not take it")
    failed, code = refuse("channel_test", workspace.slug, "nothing")
    assert (failed["argument"], code) == ("NAME", 1)


PAGERDUTY_KEY = "0123456789abcdefABCDEF0123456789"


def test_pager_add_list_and_remove(workspace: Workspace, stdin: Write) -> None:
    hook = run("pager_add", workspace.slug, "hook", "--url", "https://pager.example.com/a")
    assert (hook["name"], hook["kind"]) == ("hook", "webhook")
    assert hook["secret"].startswith("whsec_")
    stdin(f"{PAGERDUTY_KEY}\n")
    desk = run("pager_add", workspace.slug, "night-desk", "--pagerduty")
    assert (desk["kind"], "secret" in desk) == ("pagerduty", False)
    listed = run("pager_list", workspace.slug)["pagers"]
    assert [(one["name"], one["url"]) for one in listed] == [
        ("hook", "https://pager.example.com/a"),
        ("night-desk", "https://events.pagerduty.com/v2/enqueue"),
    ]
    assert hook["secret"] not in str(listed)
    assert run("pager_remove", workspace.slug, "hook") == {"name": "hook"}
    failed, _ = refuse("pager_remove", workspace.slug, "hook")
    assert failed["argument"] == "NAME"
    kinds = [event["kind"] for event in events_of(workspace.id)]
    assert [kind for kind in kinds if kind.startswith("pager.")] == [
        "pager.added",
        "pager.added",
        "pager.removed",
    ]


@pytest.mark.parametrize(
    ("options", "given", "argument"),
    [
        (["desk"], "", "--url"),
        (["Desk", "--url", "https://pager.example.com"], "", "NAME"),
        (["desk", "--url", "http://pager.example.com"], "", "--url"),
        (["desk", "--pagerduty"], "short", "standard input"),
    ],
)
def test_pager_add_names_what_is_wrong(
    workspace: Workspace, stdin: Write, options: list[str], given: str, argument: str
) -> None:
    stdin(given)
    failed, _ = refuse("pager_add", workspace.slug, *options)
    assert failed["argument"] == argument
    assert run("pager_list", workspace.slug)["pagers"] == []
