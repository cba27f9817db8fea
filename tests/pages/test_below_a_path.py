"""The product below a path of its host, whether or not the proxy in front takes the path off."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from api.front import below
from config import environment
from config.checks import the_prefix_is_no_address_of_ours
from people.services import create_person
from tests.approvals.world import World
from tests.factories import ACTOR, PASSWORD
from tests.pages.browser import Browser, parse
from tests.people.oidc_provider import CLIENT, SECRET, providing
from tests.processes import Web

PREFIX = "/assentry"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A web process of its own, told that it stands below a path."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    base = f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
    one = Web(tmp_path_factory.mktemp("web"), listener, ASSENTRY_BASE_URL=base)
    yield one
    one.kill()
    listener.close()


@pytest.fixture(scope="module")
def world() -> World:
    return World({"lead": ["ana"]}, password=PASSWORD)


@pytest.mark.parametrize("kept", [PREFIX, ""], ids=["the proxy keeps it", "the proxy takes it off"])
def test_agents_and_people_work_below_a_path(web: Web, world: World, kept: str) -> None:
    agent = requests.Session()
    agent.headers["Authorization"] = f"Bearer {world.key.token}"
    body = {"action": "payments.refund", "payload": {"amount": 20}}
    asked = agent.post(f"{web.url}{kept}/api/v1/requests", json=body, timeout=30)
    assert asked.status_code == 201, asked.text
    made = asked.json()
    own = f"{web.url}{PREFIX}/api/v1/requests/{made['id']}"
    assert asked.headers["Location"] == made["links"]["self"] == own
    assert agent.get(f"{web.url}{kept}/api/v1/requests/{made['id']}", timeout=30).json() == made
    more = agent.post(f"{web.url}{kept}/api/v1/requests", json=body, timeout=30)
    assert more.status_code == 201
    listed = agent.get(f"{web.url}{kept}/api/v1/requests?limit=1", timeout=30).json()
    assert listed["next"].startswith(f"{web.url}{PREFIX}/api/v1/requests?"), listed["next"]
    assert requests.get(f"{web.url}{kept}/healthz", timeout=30).status_code == 200
    nothing = requests.get(f"{web.url}{kept}/api/v1/nothing", timeout=30)
    assert nothing.headers["Content-Type"] == "application/problem+json"

    person = Browser(web.url)
    page = person.get(f"{kept}/requests/{made['id']}")
    where = f"{PREFIX}/sign-in?next=%2Fassentry%2Frequests%2F{made['id']}"
    assert page.answer.history[0].headers["Location"] == where
    if not kept:  # what a proxy that takes it off would ask for
        page = person.get(f"/sign-in?next=%2Fassentry%2Frequests%2F{made['id']}")
    form = page.form(f"{PREFIX}/sign-in")
    landed = person.submit(form, email=world.email("ana"), password=PASSWORD)
    assert landed.answer.url == f"{web.url}{PREFIX}/requests/{made['id']}"
    shown = person.get(f"{kept}/requests/{made['id']}")
    assert shown.status == 200
    for found in addresses(shown.answer.text):
        assert found.startswith((f"{PREFIX}/", "#")), found
        if found.startswith(f"{PREFIX}/static/"):
            assert person.get(kept + found.removeprefix(PREFIX)).status == 200, found
    events = shown.tree.one("body").attributes["data-events"].removeprefix(PREFIX)
    with person.http.get(f"{web.url}{kept}{events}", stream=True, timeout=30) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
    decided = person.submit(shown.form(f"{PREFIX}/requests/{made['id']}/decide", verdict="approve"))
    assert (decided.status, world.seen("ana", made)["status"]) == (200, "approved")


def addresses(html: str) -> list[str]:
    """Every address that a page leads to, loads or posts to."""
    names = ("href", "src", "action", "data-events")
    return [
        one.attributes[name]
        for one in parse(html).all()
        for name in names
        if name in one.attributes
    ]


def test_an_installed_app_and_its_worker_stay_below_the_path(web: Web) -> None:
    told = requests.get(f"{web.url}{PREFIX}/manifest.webmanifest", timeout=30).json()
    assert {told[name] for name in ("id", "scope", "start_url")} == {f"{PREFIX}/"}
    for icon in told["icons"]:
        assert requests.get(web.url + icon["src"], timeout=30).status_code == 200
    worker = requests.get(f"{web.url}{PREFIX}/sw.js", timeout=30)
    assert worker.headers["Service-Worker-Allowed"] == f"{PREFIX}/"


def test_a_page_that_is_not_there_leads_back_below_the_path(web: Web) -> None:
    page = Browser(web.url).get(f"{PREFIX}/nothing")
    assert page.status == 404
    assert {one.attributes["href"] for one in page.tree.all("a")} == {"#main", f"{PREFIX}/"}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("/assentry/log", "/log"),
        ("/assentry", "/"),
        ("/assentry/", "/"),
        ("/assentry/assentry/log", "/assentry/log"),
        ("/log", "/log"),
        ("/assentrylog", "/assentrylog"),
        ("/assentry%2Flog", "/assentry%2Flog"),
        ("/%61ssentry/log", "/%61ssentry/log"),
        ("/assentry/requests/a%2Fb", "/requests/a%2Fb"),
    ],
)
def test_the_path_is_taken_off_once(raw: str, expected: str) -> None:
    decoded = {"/assentry%2Flog": "/assentry/log", "/%61ssentry/log": "/assentry/log"}
    scope = {"path": decoded.get(raw, raw.replace("%2F", "/")), "raw_path": raw.encode()}
    found = below(scope, PREFIX)
    assert found["raw_path"] == expected.encode()
    assert below(scope, "") is scope


@pytest.mark.parametrize(
    "path", ["/api", "/requests/x", "/m", "/log", "/static", "/healthz", "/.well-known"]
)
def test_a_path_that_pages_begin_with_is_refused(settings: Settings, path: str) -> None:
    settings.FORCE_SCRIPT_NAME = path
    (error,) = the_prefix_is_no_address_of_ours(None)
    assert error.id == "assentry.E003"


@pytest.mark.parametrize("path", [None, "/assentry", "/tools/log"])
def test_another_one_is_not(settings: Settings, path: str | None) -> None:
    settings.FORCE_SCRIPT_NAME = path
    assert the_prefix_is_no_address_of_ours(None) == []


@pytest.mark.parametrize("path", ["/a b", "/a%20b", "/../x", "/a//b", "/ä", "?x=1", "#x", "/a?b"])
def test_an_address_with_a_path_that_can_be_written_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("ASSENTRY_BASE_URL", f"https://x.example{path}")
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_BASE_URL must be scheme"):
        environment.base_url()


def test_the_path_stands_in_the_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSENTRY_BASE_URL", f"https://x.example{PREFIX}/")
    assert environment.base_url() == f"https://x.example{PREFIX}"


def test_the_provider_leads_back_below_the_path(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    somebody = create_person(
        actor=ACTOR, workspace=world.workspace, email=f"ada@{world.slug}.example"
    )
    with providing(monkeypatch) as oidc:
        oidc.person = {"sub": "1", "email": somebody.user.email, "email_verified": True}
        set_so = {
            "ASSENTRY_BASE_URL": f"{url}{PREFIX}",
            "ASSENTRY_OIDC_ISSUER": oidc.url,
            "ASSENTRY_OIDC_CLIENT_ID": CLIENT,
            "ASSENTRY_OIDC_CLIENT_SECRET": SECRET,
        }
        one = Web(tmp_path / "web", listener, **set_so)
        try:
            person = Browser(one.url)
            page = person.get(f"{PREFIX}/sign-in?next={PREFIX}/settings")
            [way] = page.tree.all("a", class_="button")
            assert way.text == "Sign in with single sign-on"
            landed = person.get(way.attributes["href"])
            assert landed.answer.url == f"{url}{PREFIX}/settings"
        finally:
            one.kill()
            listener.close()
