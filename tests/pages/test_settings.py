"""What people set for themselves, by plain forms: how they are told, their Slack users, their browsers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from core import ids
from notifications import preferences
from notifications.models import PushSubscription, SlackBinding, SlackInstallation
from notifications.preferences import Preferences
from notifications.push import subscriptions
from notifications.slack import binding
from pages.settings import ORDERS, words
from people.models import Person
from policies.services import apply
from tests.api.test_own import browser as subscription
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, PersonFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import flash_of, is_sound, post

HOSTILE = "<b>evil</b>\u202e"


def installed(office: Office, name: str = "Acme") -> SlackInstallation:
    return SlackInstallation.objects.create(
        workspace=office.workspace, app_id="A1", team_id="T1", name=name, bot_user_id="UB"
    )


def link_of(made: SlackInstallation, user: str = "U0RITA", name: str = "rita") -> str:
    """A one-time link as Slack users are shown it; its path."""
    link = binding.link_for(
        workspace=made.workspace_id, installation=made.id, team="T1", user=user, user_name=name
    )
    return binding.PATH + link.rpartition("/")[2]


def bind(person: Person, made: SlackInstallation, **more: str) -> SlackBinding:
    token = link_of(made, **more).rpartition("/")[2]
    return binding.bind(actor=ACTOR, person=person, token=token)


def subscribe(person: Person, number: int = 1, name: str = "Firefox on Linux") -> PushSubscription:
    raw = subscription(number)
    return subscriptions.subscribe(
        actor=ACTOR,
        person=person,
        endpoint=raw["endpoint"],
        key=raw["keys"]["p256dh"],
        secret=raw["keys"]["auth"],
        browser=name,
    )


def fill(browser: Browser, page: Page, **typed: Any) -> Page:
    """The form of wishes as it stands, with what was typed; None takes a field out."""
    form = page.form("/settings")
    data = {
        one.attributes["name"]: one.attributes.get("value", "")
        for one in form.all("input")
        if one.attributes.get("type") not in ("radio", "checkbox") or "checked" in one.attributes
    }
    chosen = [one for one in form.all("option") if "selected" in one.attributes]
    data["timezone"] = chosen[0].text if chosen else ""
    data |= {name: value for name, value in typed.items() if value is not None}
    for name in typed:
        if typed[name] is None:
            data.pop(name, None)
    return browser.post("/settings", data)


def listed(page: Page, name: str) -> list[str]:
    found = page.tree.all("ol", id=name)
    return [" ".join(row.text.split()) for row in found[0].all("li")] if found else []


class TestPreferences:
    def test_a_form_left_as_it_stands_sets_nothing(self, office: Office) -> None:
        rita = office.browser(office.rita)
        page = rita.get("/settings")
        assert page.title == "Settings · Assentry"
        is_sound(page.tree, "/settings")
        no_inline(page.tree)
        done = fill(rita, page)
        assert done.answer.url.endswith("/settings")
        assert done.answer.history[0].status_code == 303
        assert preferences.read(person=office.rita) == Preferences()
        assert "preference.set" not in kinds_of(office.workspace.id)

    def test_everything_is_set_shown_and_taken_back(self, office: Office) -> None:
        rita = office.browser(office.rita)
        done = fill(
            rita,
            rita.get("/settings"),
            which="email",
            push="yes",
            quiet_from="22:00",
            quiet_until="06:30",
            timezone="Europe/Berlin",
            digest="daily",
            outcomes=None,
        )
        assert flash_of(done) == "From now on you are told so."
        assert preferences.read(person=office.rita) == Preferences(
            channels=["email", "slack", "push"],
            quiet_from="22:00",
            quiet_until="06:30",
            timezone="Europe/Berlin",
            digest="daily",
            outcomes=False,
        )
        [event] = events_of(office.workspace.id, "preference.set")
        assert event["actor"]["id"] == ids.encode("per", office.rita.id)
        again = fill(rita, done)  # what is shown is what is set
        assert len(events_of(office.workspace.id, "preference.set")) == 1
        fill(
            rita,
            again,
            which="roles",
            push=None,
            quiet_from="",
            quiet_until="",
            timezone="UTC",
            digest="none",
            outcomes="yes",
        )
        assert preferences.read(person=office.rita) == Preferences()

    @pytest.mark.parametrize(
        ("stored", "which", "push"),
        [
            (["email"], "email", False),
            (["push"], "slack", True),
            (["push", "email"], "email", True),
            (["slack", "push"], "slack", True),
        ],
    )
    def test_a_list_of_the_api_is_shown_and_stays_as_it_is(
        self, office: Office, stored: list[str], which: str, push: bool
    ) -> None:
        wanted = Preferences(channels=stored)
        preferences.set_(actor=ACTOR, person=office.rita, wanted=wanted)
        rita = office.browser(office.rita)
        page = rita.get("/settings")
        checked = {
            one.attributes["value"]
            for one in page.tree.all("input", name="which")
            if "checked" in one.attributes
        }
        assert checked == {which}
        assert ("checked" in page.tree.one("input", name="push").attributes) is push
        fill(rita, page, digest="hourly")
        found = preferences.read(person=office.rita)
        assert (found.channels, found.digest) == (stored, "hourly")
        fill(rita, page, which="email" if which == "slack" else "slack")
        other = "email" if which == "slack" else "slack"
        channels = preferences.read(person=office.rita).channels
        assert channels == [*ORDERS[other], *(["push"] if push else [])]

    @pytest.mark.parametrize(
        ("typed", "field", "said"),
        [
            ({"quiet_from": "22:00"}, "quiet_until", "set both, or neither"),
            ({"quiet_until": "22:00"}, "quiet_from", "set both, or neither"),
            ({"quiet_from": "9", "quiet_until": "10:00"}, "quiet_from", "Write the time of day"),
            ({"quiet_from": "09:00", "quiet_until": "09:00"}, "quiet_until", "another time"),
            ({"timezone": "<i>Mars</i>"}, "timezone", "“<i>Mars</i>” is no time zone"),
            ({"digest": "weekly"}, "digest", "is not among none, hourly, daily"),
        ],
    )
    def test_what_is_refused_stands_beside_its_field_and_is_kept(
        self, office: Office, typed: dict[str, str], field: str, said: str
    ) -> None:
        rita = office.browser(office.rita)
        page = fill(rita, rita.get("/settings"), which="email", **typed)
        assert page.status == 422
        assert page.title.startswith("Error: ")
        assert "Nothing was changed." in page.main
        assert said in page.tree.one("p", id=f"{field}-wrong").text
        assert page.tree.all(aria_describedby=f"{field}-wrong")
        for name in ("quiet_from", "quiet_until"):
            shown = page.tree.one("input", id=name).attributes["value"]
            assert shown == typed.get(name, "")
        kept = page.tree.one("input", name="which", value="email")
        assert "checked" in kept.attributes
        is_sound(page.tree, "/settings")
        no_inline(page.tree)
        assert preferences.read(person=office.rita) == Preferences()

    def test_it_says_when_quiet_hours_do_not_hold(self, office: Office) -> None:
        page = office.browser(office.rita).get("/settings")
        assert "Critical requests ignore them" in page.main
        assert "whose deadline falls into them" in page.main

    def test_a_tab_of_another_workspace_sets_nothing_here(self, office: Office) -> None:
        elsewhere = PersonFactory(email=office.rita.user.email)
        rita = office.browser(office.rita)
        choice = {"workspace": office.workspace.slug}
        post(rita, "/workspace", **choice)
        tab = rita.get("/settings")
        post(rita, "/workspace", workspace=elsewhere.workspace.slug)
        fill(rita, tab, digest="daily")
        assert preferences.read(person=office.rita).digest == "daily"
        assert preferences.read(person=elsewhere) == Preferences()
        strange = Office(office.server).workspace.slug
        assert fill(rita, tab, workspace=strange, digest="hourly").status == 404
        assert preferences.read(person=office.rita).digest == "daily"

    def test_without_a_session_it_is_the_sign_in(self, office: Office) -> None:
        page = Browser(office.server.url).get("/settings")
        assert page.title == "Sign in · Assentry"


class TestWays:
    def test_what_each_channel_means_now(self, office: Office, settings: Settings) -> None:
        rita = office.browser(office.rita)
        email = office.rita.user.email
        assert listed(rita.get("/settings"), "ways") == [
            "Slack: not connectedfirstNo Slack app is connected to this workspace.",
            f"Mail: {email}thenThis server sends no mail.",
            "Browsers: none notifies youbesidesSwitch it on below, in the browser itself.",
        ]
        settings.SMTP = object()
        made = installed(office)
        assert "Slack: not connectedfirstIn Slack, type /assentry connect." in listed(
            rita.get("/settings"), "ways"
        )
        bind(office.rita, made)
        subscribe(office.rita)
        wanted = Preferences(channels=["email"])
        preferences.set_(actor=ACTOR, person=office.rita, wanted=wanted)
        assert listed(rita.get("/settings"), "ways") == [
            f"Mail: {email}first",
            "Slack: connected as @rita in Acmethen",
            "Browsers: one notifies youif nothing else works",
        ]
        SlackInstallation.objects.update(state="broken")
        subscribe(office.rita, 2)
        shown = listed(rita.get("/settings"), "ways")
        assert shown[1:] == [
            "Slack: connected as @rita in Acme, where the app does not work nowthen",
            "Browsers: 2 notify youif nothing else works",
        ]

    def test_what_the_roles_say(self, office: Office) -> None:
        rita = office.browser(office.rita)
        assert "Your roles say nothing, which means: Slack, then mail, and browsers" in (
            rita.get("/settings").main
        )
        document = {
            "assentry": 1,
            "fallback": "reviewers",
            "roles": {
                "reviewers": {
                    "title": "Reviewers",
                    "members": [office.rita.user.email],
                    "channels": ["email", "push"],
                },
                "leads": {"title": "Leads", "members": [office.lena.user.email]},
            },
            "actions": office.actions,
            "rules": [],
        }
        apply(actor=ACTOR, workspace=office.workspace, text=json.dumps(document))
        main = rita.get("/settings").main
        assert "Reviewers says: mail, and browsers besides." in main
        assert "Leads says" not in main

    @pytest.mark.parametrize(
        ("channels", "said"),
        [
            (["slack", "email", "push"], "Slack, then mail, and browsers besides"),
            (["push", "email"], "mail, and browsers besides"),
            (["email", "slack"], "mail, then Slack"),
            (["push"], "browsers"),
        ],
    )
    def test_words(self, channels: list[str], said: str) -> None:
        assert words(channels) == said


class TestSlackUsers:
    def test_one_is_shown_and_disconnected(self, office: Office) -> None:
        made = bind(office.rita, installed(office, HOSTILE), name=HOSTILE)
        rita = office.browser(office.rita)
        page = rita.get("/settings")
        is_sound(page.tree, "/settings")
        [row] = listed(page, "slack")
        assert "@<b>evil</b>U+202E in <b>evil</b>U+202E" in row
        assert HOSTILE not in page.answer.text
        path = f"/settings/slack/{ids.encode('slu', made.id)}"
        done = rita.submit(page.form(path))
        assert flash_of(done).startswith("The Slack user is disconnected")
        assert listed(done, "slack") == []
        assert kinds_of(office.workspace.id).count("slack.unbound") == 1
        assert rita.submit(page.form(path)).status == 404

    def test_nobody_disconnects_another(self, office: Office) -> None:
        made = bind(office.rita, installed(office))
        path = f"/settings/slack/{ids.encode('slu', made.id)}"
        stranger = Office(office.server)
        for person, where in ((office.ron, office), (stranger.rita, stranger)):
            browser = where.browser(person)
            for slug in (where.workspace.slug, office.workspace.slug, ""):
                assert post(browser, path, workspace=slug).status == 404
        assert office.browser(office.rita).get(path).status == 405
        made.refresh_from_db()
        assert made.ended_at is None


class TestBrowsers:
    def test_one_is_shown_and_removed(self, office: Office) -> None:
        made = subscribe(office.rita, name=HOSTILE)
        rita = office.browser(office.rita)
        page = rita.get("/settings")
        is_sound(page.tree, "/settings")
        assert "<b>evil</b>U+202E" in listed(page, "browsers")[0]
        row = page.tree.one("li", id=ids.encode("psh", made.id))
        assert row.attributes["data-endpoint"] == bytes(made.endpoint_hash).hex()
        assert made.endpoint not in page.answer.text
        box = page.tree.one(id="this-browser")
        assert box.attributes["data-key"] == subscriptions.public_key()
        assert "hidden" in box.one("button").attributes
        path = f"/settings/browsers/{ids.encode('psh', made.id)}"
        done = rita.submit(page.form(path))
        assert listed(done, "browsers") == []
        assert not PushSubscription.objects.filter(id=made.id).exists()
        assert rita.submit(page.form(path)).status == 404

    def test_nobody_removes_anothers(self, office: Office) -> None:
        made = subscribe(office.rita)
        path = f"/settings/browsers/{ids.encode('psh', made.id)}"
        ron = office.browser(office.ron)
        assert post(ron, path, workspace=office.workspace.slug).status == 404
        assert listed(ron.get("/settings"), "browsers") == []
        assert PushSubscription.objects.filter(id=made.id).exists()


class TestServiceWorker:
    def test_it_is_served_for_the_whole_site_and_never_stale(self, office: Office) -> None:
        answer = Browser(office.server.url).get("/sw.js").answer
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert answer.headers["Service-Worker-Allowed"] == "/"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "caches" not in answer.text  # no page is ever kept
        assert '"fetch"' not in answer.text

    def test_the_app_is_installable(self, office: Office) -> None:
        browser = Browser(office.server.url)
        page = browser.get("/sign-in")
        [link] = page.tree.all("link", rel="manifest")
        answer = browser.get(link.attributes["href"]).answer
        assert answer.headers["Content-Type"] == "application/manifest+json"
        told = answer.json()
        assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
        sizes = set()
        for icon in told["icons"]:
            found = browser.get(icon["src"]).answer
            assert found.status_code == 200
            assert found.headers["Content-Type"] == icon["type"]
            if icon["type"] == "image/png":
                width = int.from_bytes(found.content[16:20], "big")
                assert icon["sizes"] == f"{width}x{width}"
                sizes.add((width, icon["purpose"]))
        assert {(192, "any"), (512, "any"), (512, "maskable")} <= sizes

    def test_the_policy_of_pages_allows_both_from_here_only(self, office: Office) -> None:
        policy = Browser(office.server.url).get("/sign-in").answer.headers
        rules = policy["Content-Security-Policy"].split("; ")
        assert "worker-src 'self'" in rules
        assert "manifest-src 'self'" in rules
