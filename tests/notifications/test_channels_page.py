"""The page of channels: set up step by step, tried, mended and taken out by plain forms."""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from approvals import cards
from core import due, ids
from demo.slack.double import Double
from notifications.mail.sending import Mail
from notifications.models import Notification, SlackInstallation
from notifications.singly import Singly
from notifications.slack.lanes import SlackSender
from notifications.sql import EMAIL
from people.permissions import grant_permission
from tests.approvals.world import TEST, World
from tests.factories import PASSWORD
from tests.notifications.desk import DESK, RULE, SECRET, TEAM, TOKEN, Desk
from tests.notifications.postbox import opened
from tests.notifications.test_channels_api import OTHER_SECRET
from tests.pages.browser import Browser, Page
from tests.pages.yard import flash_of, is_sound, post
from tests.server import Live

TYPED: dict[str, Any] = {"bot_token": TOKEN, "signing_secret": SECRET}


def browser_of(world: World, server: Live, name: str) -> Browser:
    browser = Browser(server.url)
    browser.sign_in(world.email(name), PASSWORD)
    return browser


def administer(world: World, name: str = "ana") -> None:
    grant_permission(
        actor=TEST, workspace=world.workspace, person=world.people[name], permission="administer"
    )


def text_of(page: Page, section: str) -> str:
    return " ".join(page.tree.one("section", id=section).text.split())


@pytest.fixture
def world() -> World:
    made = World({"lead": ["ana", "ben"]}, [RULE], password=PASSWORD)
    administer(made)
    return made


@pytest.fixture
def desk(double: Double) -> Desk:
    made = Desk(double, password=PASSWORD)
    administer(made.world)
    return made


def path_of(desk: Desk, act: str) -> str:
    return f"/channels/slack/{ids.encode('sla', desk.installation.id)}/{act}"


def test_an_administrator_connects_an_app_and_sends_a_test(
    world: World, double: Double, server: Live
) -> None:
    browser = browser_of(world, server, "ana")
    page = browser.get("/channels")
    assert "No channel is set up." in page.main
    is_sound(page.tree, "/channels")
    assert page.tree.all("style") == []
    page = browser.submit(page.form("/channels/slack"), **TYPED)
    assert flash_of(page).startswith("Slack knows the app")
    assert TOKEN not in page.answer.text
    assert SECRET not in page.answer.text
    (made,) = SlackInstallation.objects.filter(workspace=world.workspace)
    page = browser.submit(
        page.form(f"/channels/slack/{ids.encode('sla', made.id)}/test"), channel=DESK
    )
    assert "on its way" in flash_of(page)
    assert f"Slack: the test in {DESK} is on its way." in text_of(page, "tests")
    is_sound(page.tree, "/channels")
    Desk.post(_posting(double, world, made))
    assert f"Slack: the test in {DESK} arrived." in text_of(browser.get("/channels"), "tests")


def _posting(double: Double, world: World, made: SlackInstallation) -> Desk:
    """A desk around an app that was connected by the page."""
    desk = Desk.__new__(Desk)
    desk.double, desk.world, desk.installation = double, world, made
    desk.sender = SlackSender(cards.cards)
    return desk


def test_what_is_refused_is_marked_and_secrets_do_not_come_back(
    world: World, double: Double, server: Live
) -> None:
    browser = browser_of(world, server, "ana")
    form = browser.get("/channels").form("/channels/slack")
    wrong = "xoxb-nobody-0123456789"
    page = browser.submit(form, bot_token=wrong, signing_secret=SECRET)
    assert page.status == 422
    assert "Slack refuses it: invalid_auth" in page.main
    assert page.tree.one("input", id="bot-new").attributes["aria-invalid"] == "true"
    assert wrong not in page.answer.text
    assert SECRET not in page.answer.text
    is_sound(page.tree, "/channels")
    page = browser.submit(form, bot_token="xoxb", signing_secret="?")
    assert "A bot token begins with xoxb-." in page.main
    assert "A signing secret is 16 to 128 letters and digits." in page.main
    assert not SlackInstallation.objects.filter(workspace=world.workspace).exists()


def test_the_manifest_is_shown_and_chosen(world: World, server: Live, settings: Any) -> None:
    browser = browser_of(world, server, "ana")
    page = browser.get("/channels")
    assert "only Socket Mode works" in page.main
    assert _manifest(page)["settings"]["socket_mode_enabled"] is True
    written = _manifest(browser.get("/channels?manifest=http"))
    assert written["settings"]["socket_mode_enabled"] is False
    told = json.dumps(written)
    for path in ("interactions", "events", "commands"):
        assert f"{settings.BASE_URL}/slack/{path}" in told


def _manifest(page: Page) -> dict[str, Any]:
    """As the page shows it; the link must carry the same."""
    shown = json.loads(page.tree.one("pre", class_="copy").text)
    (link,) = [
        one.attributes["href"]
        for one in page.tree.all("a")
        if one.attributes.get("href", "").startswith("https://api.slack.com/")
    ]
    query = parse_qs(urlsplit(html.unescape(link)).query)
    assert query["new_app"] == ["1"]
    assert json.loads(query["manifest_json"][0]) == shown
    found: dict[str, Any] = shown
    return found


def test_a_broken_app_is_told_of_everywhere_and_mended(desk: Desk, server: Live) -> None:
    there = desk.double.team(TEAM)
    there.refusal = "token_revoked"
    desk.bind("ben", "U0BEN")
    request = desk.world.submit()
    desk.work(request)
    desk.tell(request)
    browser = browser_of(desk.world, server, "ana")
    inbox = browser.get("/")
    notices = " ".join(inbox.tree.one("div", id="notices").text.split())
    assert "Slack refuses the app of" in notices
    assert "1 request that waits told nobody" in notices
    assert "token_revoked" in text_of(browser.get("/attention"), "channels")
    page = browser.get("/channels")
    is_sound(page.tree, "/channels")
    slack = text_of(page, "slack")
    assert "Slack says token_revoked." in slack
    assert "Install the app in Slack again" in slack
    assert "1 person connected" in slack
    assert page.tree.one("section", id="silent").one("a").attributes["href"] == (
        f"/requests/{request['id']}"
    )
    assert "Slack: token_revoked" in text_of(page, "failed")
    again = page.form(path_of(desk, "try"))
    refused = browser.submit(again)
    assert "Slack refuses it: token_revoked" in refused.main
    there.refusal = None
    page = browser.submit(again)
    assert "Slack takes the app." in flash_of(page)
    desk.post()
    assert len(desk.in_channel()) == 1
    desk.tell(request)
    assert browser.get("/").tree.all("div", id="notices") == []


def test_a_role_channel_that_takes_nothing_is_named(desk: Desk, server: Live) -> None:
    desk.double.archive_channel(TEAM, DESK)
    desk.bind("ben", "U0BEN")
    desk.work(desk.world.submit())
    browser = browser_of(desk.world, server, "ana")
    notices = " ".join(browser.get("/").tree.one("div", id="notices").text.split())
    assert notices == "The Slack channel of Lead takes no posts: is_archived"
    slack = text_of(browser.get("/channels"), "slack")
    assert "takes no posts since" in slack
    assert "Restore the channel in Slack" in slack


def test_secrets_are_replaced_and_empty_fields_stay(desk: Desk, server: Live) -> None:
    browser = browser_of(desk.world, server, "ana")
    before = bytes(desk.installation.bot_token or b"")
    form = browser.get("/channels").form(path_of(desk, "secrets"))
    page = browser.submit(form, signing_secret=OTHER_SECRET)
    assert "What you typed replaces" in flash_of(page)
    assert "the signing secret before counts until" in page.main
    desk.installation.refresh_from_db()
    assert bytes(desk.installation.bot_token or b"") == before
    assert desk.installation.earlier_secret is not None
    wrong = browser.submit(form, app_token="nonsense")
    assert (wrong.status, "An app-level token begins with xapp-." in wrong.main) == (422, True)
    is_sound(wrong.tree, "/channels")


def test_it_asks_before_an_app_is_taken_out(desk: Desk, server: Live) -> None:
    browser = browser_of(desk.world, server, "ana")
    sure = browser.get(path_of(desk, "remove"))
    desk.installation.refresh_from_db()
    assert desk.installation.state == "active"
    page = browser.submit(sure.form(path_of(desk, "remove")))
    assert "taken out" in flash_of(page)
    desk.installation.refresh_from_db()
    assert (desk.installation.state, desk.installation.bot_token) == ("removed", None)
    assert "taken out" in text_of(page, "slack")
    assert browser.get(path_of(desk, "remove")).status == 404


def test_a_test_mail_goes_to_whoever_asks(world: World, server: Live, settings: Any) -> None:
    browser = browser_of(world, server, "ana")
    assert "This server sends no mail." in text_of(browser.get("/channels"), "mail")
    refused = post(browser, "/channels/mail/test")
    assert (refused.status, "set ASSENTRY_SMTP_URL" in refused.main) == (409, True)
    with opened() as box:
        settings.SMTP = box.server(user="postmaster", password="open-sesame")
        page = browser.get("/channels")
        assert f"smtp://127.0.0.1:{box.port}" in text_of(page, "mail")
        assert "open-sesame" not in page.answer.text
        assert "postmaster" not in page.answer.text
        settings.SMTP = box.server()
        page = browser.submit(page.form("/channels/mail/test"))
        assert world.email("ana") in flash_of(page)
        (test,) = Notification.objects.filter(workspace=world.workspace)
        Singly(cards.cards, Mail()).take(due.take(EMAIL, [test.id]))
        (mail,) = box.mails
        assert mail.to == [world.email("ana")]
        assert "This is a test of Assentry." in mail.raw.decode()
    assert "Mail: the test arrived." in text_of(browser.get("/channels"), "tests")


@pytest.mark.parametrize(
    "path",
    ["/channels", "/channels/slack", "/channels/mail/test", "remove", "secrets", "try", "test"],
)
def test_only_administrators(desk: Desk, server: Live, path: str) -> None:
    there = path if path.startswith("/") else path_of(desk, path)
    ben = browser_of(desk.world, server, "ben")
    assert ben.get(there).status == 403
    assert '"/channels"' not in ben.get("/").answer.text
    if path != "/channels":
        assert post(ben, there, **TYPED, sure="yes", channel=DESK).status == 403
    other = World({"lead": ["ana"]}, [RULE], password=PASSWORD)
    administer(other)
    if not path.startswith("/"):
        outside = browser_of(other, server, "ana")
        assert outside.get(there).status == 404
        assert post(outside, there, sure="yes", channel=DESK).status == 404
    desk.installation.refresh_from_db()
    assert (desk.installation.state, desk.installation.earlier_secret) == ("active", None)
    assert not Notification.objects.filter(workspace=desk.world.workspace).exists()
