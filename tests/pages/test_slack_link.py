"""The one-time link from Slack: what it shows, that looking changes nothing, and who it is over for."""

from __future__ import annotations

from datetime import timedelta

import pytest
import requests

from core import ids
from core.clock import ClockTimestamp
from notifications.models import SlackBinding, SlackInstallation, SlackLink
from notifications.slack import binding
from tests.events import events_of, kinds_of
from tests.factories import PASSWORD, PersonFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.test_settings import HOSTILE, bind, installed, link_of, listed
from tests.pages.yard import flash_of, is_sound, post, rows_of


def bound(office: Office) -> list[tuple[str, str]]:
    """(person's name, Slack user) of every binding that counts."""
    found = SlackBinding.objects.filter(workspace=office.workspace, ended_at=None)
    return [(one.person.name, one.user_id) for one in found.select_related("person__user")]


def is_over(page: Page) -> None:
    assert page.status == 410
    assert page.title == "This link is over · Assentry"
    assert "Nothing was connected." in page.main
    assert not page.tree.one("main").all("form")


def secretive(answer: requests.Response) -> None:
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_it_shows_who_would_be_connected_and_the_press_connects(office: Office) -> None:
    made = installed(office)
    path = link_of(made)
    rita = office.browser(office.rita)
    page = rita.get(path)
    assert page.status == 200
    secretive(page.answer)
    is_sound(page.tree, path)
    no_inline(page.tree)
    assert rows_of(page) == {
        "Slack user": "@rita U0RITA",
        "in Slack": "Acme",
        "decides as": f"Rita R {office.rita.user.email}",
        "in workspace": office.workspace.name,
    }
    assert "Whoever holds this Slack user will decide as you." in page.main
    assert "Did you ask for this yourself in Slack just now?" in page.main
    assert "that ends" not in page.main
    [form] = page.tree.one("main").all("form")
    done = rita.post(
        path, {one.attributes["name"]: one.attributes["value"] for one in form.all("input")}
    )
    assert done.answer.history[0].status_code == 303
    secretive(done.answer.history[0])
    assert flash_of(done) == "@rita in Acme is connected, and decides as you."
    assert "@rita in Acme" in listed(done, "slack")[0]
    assert bound(office) == [("Rita R", "U0RITA")]
    [event] = events_of(office.workspace.id, "slack.bound")
    assert event["actor"] == {
        "type": "person",
        "id": ids.encode("per", office.rita.id),
        "via": "web",
    }


def test_looking_changes_nothing_however_often_and_whoever_looks(office: Office) -> None:
    path = link_of(installed(office))
    rita = office.browser(office.rita)
    before = kinds_of(office.workspace.id)
    scanner = Browser(office.server.url)
    for who in (rita, scanner):
        for _ in range(3):
            assert who.get(path).status == 200
            assert who.http.head(who.url + path, timeout=30).status_code in (200, 302)
        for method in ("PUT", "DELETE", "PATCH"):
            answer = who.http.request(method, who.url + path, timeout=30)
            assert answer.status_code in (403, 405)
    assert bound(office) == []
    assert kinds_of(office.workspace.id) == before
    assert post(rita, path).status == 303
    assert bound(office) == [("Rita R", "U0RITA")]


def test_who_is_not_signed_in_signs_in_and_comes_back(office: Office) -> None:
    path = link_of(installed(office))
    browser = Browser(office.server.url)
    first = browser.http.get(office.server.url + path, allow_redirects=False, timeout=30)
    assert first.status_code == 302
    secretive(first)
    page = browser.get(path)
    assert page.title == "Sign in · Assentry"
    back = browser.submit(page.form("/sign-in"), email=office.rita.user.email, password=PASSWORD)
    assert back.answer.url == office.server.url + path
    assert "Connect this Slack user?" in back.main
    assert bound(office) == []


def test_a_post_without_the_token_of_the_page_is_refused(office: Office) -> None:
    path = link_of(installed(office))
    rita = office.browser(office.rita)
    assert rita.post(path, {}).status == 403
    elsewhere = {"Origin": "https://evil.example"}
    token = {"csrfmiddlewaretoken": rita.http.cookies["csrftoken"]}
    assert rita.post(path, token, headers=elsewhere).status == 403
    stranger = Browser(office.server.url)
    stranger.get("/sign-in")
    assert post(stranger, path).status == 302
    assert bound(office) == []


@pytest.mark.parametrize("why", ["used", "late", "unknown", "removed", "foreign", "nonsense"])
def test_over_is_one_page_whatever_the_reason(office: Office, why: str) -> None:
    made = installed(office)
    path = link_of(made)
    rita = office.browser(office.rita)
    if why == "used":
        assert post(rita, path).status == 303
    if why == "late":
        SlackLink.objects.filter(installation=made).update(
            expires_at=ClockTimestamp() - timedelta(seconds=1)
        )
    if why == "unknown":
        path = path[:-1] + ("A" if path[-1] != "A" else "B")
    if why == "removed":
        SlackInstallation.objects.filter(id=made.id).update(
            state="removed", bot_token=None, signing_secret=None
        )
    if why == "foreign":
        path = link_of(installed(Office(office.server)))
    if why == "nonsense":
        path = binding.PATH + "%3Cscript%3E%00\u202e"
    unknown = rita.get(binding.PATH + "x" * 43)
    before = bound(office)
    for page in (rita.get(path), post(rita, path)):
        is_over(page)
        secretive(page.answer)
        assert page.main == unknown.main
        is_sound(page.tree, path)
        no_inline(page.tree)
    assert bound(office) == before


def test_a_foreign_link_is_not_used_up_by_a_stranger(office: Office) -> None:
    path = link_of(installed(office))
    stranger = Office(office.server)
    browser = stranger.browser(stranger.rita)
    is_over(browser.get(path))
    is_over(post(browser, path))
    assert bound(stranger) == bound(office) == []
    assert post(office.browser(office.rita), path).status == 303


def test_somebody_in_two_workspaces_is_bound_in_that_of_the_link(office: Office) -> None:
    other = PersonFactory(email=office.rita.user.email)
    rita = office.browser(office.rita)
    post(rita, "/workspace", workspace=other.workspace.slug)
    path = link_of(installed(office))
    page = rita.get(path)
    assert rows_of(page)["in workspace"] == office.workspace.name
    assert post(rita, path).status == 303
    assert bound(office) == [("Rita R", "U0RITA")]
    assert listed(rita.get("/settings"), "slack")


def test_what_ends_by_it_is_said_before(office: Office) -> None:
    made = installed(office)
    bind(office.rita, made, user="U0OLD", name="old-rita")
    bind(office.ron, made, user="U0RITA", name="rita")
    rita = office.browser(office.rita)
    path = link_of(made)
    page = rita.get(path)
    assert "You decide there as @old-rita now: that ends." in page.main
    assert "Ron" not in page.main  # whose Slack user it was is nobody's business
    assert post(rita, path).status == 303
    assert bound(office) == [("Rita R", "U0RITA")]
    assert kinds_of(office.workspace.id).count("slack.unbound") == 2


def test_what_slack_calls_them_is_shown_for_what_it_is(office: Office) -> None:
    path = link_of(installed(office, HOSTILE), user=HOSTILE[:20], name=HOSTILE)
    page = office.browser(office.rita).get(path)
    assert HOSTILE not in page.answer.text
    assert rows_of(page)["in Slack"] == "<b>evil</b>U+202E"
    is_sound(page.tree, path)
