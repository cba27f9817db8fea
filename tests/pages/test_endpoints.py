"""Where agents are called back, by plain forms: the list, registering, and what an owner does with one."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from agents.models import Agent
from callbacks.models import Callback, Endpoint, EndpointKey
from callbacks.types import TYPES
from core import ids
from pages.endpoints import FAILURES, FILTERS, MEANINGS, REASONS
from pages.views.endpoint import VIEWS
from people.services import create_person
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, AgentFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import Yard, flash_of, is_sound, line_up, path_of, post, rows_of

GOOD = "https://192.0.0.9/hooks"


def stored(office: Office) -> list[Endpoint]:
    return list(Endpoint.objects.filter(workspace=office.workspace).order_by("id"))


def fill(browser: Browser, page: Page, **typed: Any) -> Page:
    """Submit the form for another endpoint with what was typed; lists are ticked boxes."""
    form = page.form("/endpoints")
    chosen = form.one("select").all("option")[0].attributes["value"]
    token = form.one("input", name="csrfmiddlewaretoken").attributes["value"]
    data: dict[str, Any] = {"csrfmiddlewaretoken": token, "agent": chosen, "which": "all"}
    return browser.post("/endpoints", data | typed)


def test_words_for_everything_that_can_be() -> None:
    assert set(MEANINGS) == set(TYPES)
    assert set(REASONS) == set(Endpoint.Reason.values)
    assert set(FAILURES) == {"blocked", "connect", "tls", "timeout", "protocol"}
    assert set(FILTERS) == {"", "waiting", "delivered", "failed", "untried"}


def test_an_owner_registers_one_and_sees_its_secret_once(yard: Yard) -> None:
    office = yard.office
    browser = office.browser(office.olga)
    empty = browser.get("/endpoints")
    assert "There is none yet." in empty.main
    page = fill(
        browser,
        empty,
        url=yard.receiver.url,
        which="some",
        events=["request.approved", "request.expired"],
        headers="X-Team: payments\n\nAuthorization: Bearer abc: def\n",
    )
    (made,) = stored(office)
    assert page.answer.url.endswith(path_of(made))
    assert page.answer.history[0].status_code == 303
    assert flash_of(page) == "The endpoint is registered."
    assert made.events == ["request.approved", "request.expired"]
    (event,) = events_of(office.workspace.id, "endpoint.created")
    assert event["actor"] == {
        "type": "person",
        "id": ids.encode("per", office.olga.id),
        "via": "web",
    }
    shown = rows_of(page)
    assert shown["Secret"].startswith("whsec_")
    assert shown["Public key"].startswith("whpk_")
    assert shown["Sends as well"] == "headers of your own"
    assert "abc: def" not in page.answer.text
    again = browser.get(path_of(made))
    assert "whsec_" not in again.answer.text
    assert rows_of(again)["Public key"] == shown["Public key"]

    # What is shown is what signs, and the example checks it.
    pressed = browser.submit(again.form(path_of(made) + "/test"))
    assert flash_of(pressed).startswith("A test is on its way.")
    yard.send(made, 1)
    (arrived,) = yard.receiver.until(1)
    assert arrived.headers["x-team"] == "payments"
    assert arrived.headers["authorization"] == "Bearer abc: def"
    example = page.tree.one("pre", class_="copy").text
    assert len(example.splitlines()) == 5
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102  # our own page's example
    os.environ["ASSENTRY_SECRET"] = shown["Secret"]
    assert names["receive"](arrived.headers, arrived.body)[0] == "endpoint.test"


def test_the_secret_lies_sealed_between_two_pages(yard: Yard) -> None:
    office = yard.office
    browser = office.browser(office.olga)
    form = browser.get("/endpoints").form("/endpoints")
    agent = form.one("option").attributes["value"]
    refused = browser.submit(form, follow=False, agent=agent, url=yard.receiver.url, which="all")
    assert refused.status == 303
    kept = Session.objects.get(session_key=browser.http.cookies["sessionid"]).get_decoded()
    assert "whsec_" not in str(kept)
    (made,) = stored(office)
    other = browser.get("/endpoints")  # another page in between takes nothing away
    assert other.status == 200
    assert rows_of(browser.get(path_of(made)))["Secret"].startswith("whsec_")
    kept = Session.objects.get(session_key=browser.http.cookies["sessionid"]).get_decoded()
    assert "shown_once" not in kept


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"url": "ftp://x.example"}, "url", "must begin with https://"),
        ({"url": ""}, "url", "must begin with https://"),
        ({"url": "https://10.0.0.7/hook"}, "url", "may not be called"),
        ({"url": "https://a.example/\x00"}, "url", "character that no address may contain"),
        ({"url": "https://a.example/" + "x" * 2_000}, "url", "at most 2000 characters"),
        ({"which": "some"}, "events", "Choose at least one, or every type."),
        ({"which": "some", "events": ["request.<b>"]}, "events", "The types are request.approved"),
        ({"headers": "no colon"}, "headers", "Line 1 has no colon"),
        ({"headers": "A: 1\nA: 2"}, "headers", "Line 2: a header is written once."),
        ({"headers": "A: 1\na: 2"}, "headers", "A header is written once."),
        ({"headers": "Host: x"}, "headers", "“Host”: This header is set by the server."),
        ({"headers": "X: caf\u00e9"}, "headers", "visible ASCII characters"),
        ({"headers": "<i>\u202e: 1"}, "headers", "“<i>U+202E”: This is no name of a header."),
        ({"headers": "X: " + "v" * 25_000}, "headers", "At most 25,000 characters"),
        ({"agent": "agt_nonsense"}, "agent", "Choose the agent that is called back."),
        (
            {"agent": "agt_00000000000000000000000000"},
            "agent",
            "You manage no agent of this id here.",
        ),
    ],
)
def test_what_is_refused_stands_beside_its_field_and_is_kept(
    yard: Yard, typed: dict[str, Any], field: str, said: str
) -> None:
    office = yard.office
    browser = office.browser(office.olga)
    data = {"url": yard.receiver.url, "headers": "X-Kept: yes"} | typed
    page = fill(browser, browser.get("/endpoints"), **data)
    assert page.status == 422
    assert page.title.startswith("Error: ")
    assert "Nothing was registered." in page.main
    assert said in page.tree.one("p", id=f"{field}-wrong").text
    assert len(page.tree.all("p", class_="wrong")) == 2
    if field in ("url", "headers", "agent"):
        assert page.tree.one(id=field).attributes["aria-describedby"] == f"{field}-wrong"
    assert page.tree.one("textarea", id="headers").text.strip() == data["headers"].strip()
    if "\x00" not in data["url"]:
        assert page.tree.one("input", id="url").attributes["value"] == data["url"]
    is_sound(page.tree, "/endpoints")
    no_inline(page.tree)
    assert stored(office) == []
    assert "endpoint.created" not in kinds_of(office.workspace.id)


def test_the_same_address_twice_and_the_eleventh_are_refused(yard: Yard) -> None:
    office = yard.office
    yard.register()
    browser = office.browser(office.olga)
    page = fill(browser, browser.get("/endpoints"), url=yard.receiver.url)
    assert page.status == 409
    assert "This agent has an endpoint" in page.tree.one("p", id="url-wrong").text
    for number in range(9):
        yard.register(f"{yard.receiver.url}/{number}")
    page = fill(browser, page, url=yard.receiver.url + "/more")
    assert page.status == 409
    assert "at most 10 endpoints" in page.tree.one("p", id="agent-wrong").text
    assert len(stored(office)) == 10


def test_who_manages_which(yard: Yard) -> None:
    office, own = yard.office, yard.register().endpoint
    other = AgentFactory(workspace=office.workspace, owner=office.ron, name="other-bot")
    listed = {
        office.olga: ({"127.0.0.1"}, ["mail-bot"]),
        office.ron: (set(), ["other-bot"]),
        yard.ada: ({"127.0.0.1"}, ["mail-bot", "other-bot"]),
        office.rita: (set(), []),
        office.vera: (set(), []),
    }
    for person, (hosts, agents) in listed.items():
        browser = office.browser(person)
        page = browser.get("/endpoints")
        assert page.status == 200
        is_sound(page.tree, "/endpoints")
        found = page.tree.all("ol", id="endpoints")
        shown = {
            a.text.split(":")[0] for a in (found[0].all("b") if found else []) if ":" in a.text
        }
        assert shown == hosts, person.name
        offered = [option.text for option in page.tree.all("option")]
        assert offered == agents, person.name
        assert ("You own no agent here" in page.main) is (not agents)
        assert browser.get(path_of(own)).status == (200 if hosts else 404), person.name
    page = office.browser(yard.ada).get(f"/endpoints?agent={ids.encode('agt', other.id)}")
    assert "Those of one agent." in page.main
    assert not page.tree.all("ol", id="endpoints")


def test_for_everybody_else_it_is_not_there_and_nothing_changes(yard: Yard) -> None:
    office, own = yard.office, yard.register().endpoint
    (callback,) = line_up(own, "exhausted", 10)
    callback_path = f"/deliveries/{callback}"
    stranger = Yard(Office(office.server), yard.receiver)
    paths = [path_of(own) + "/" + name.removeprefix("endpoint_") for name in (*VIEWS, "delete")]
    paths.append(callback_path + "/replay")
    before = _state(own)
    for person in (office.rita, office.vera, stranger.ada, stranger.office.olga):
        where = office if person.workspace_id == office.workspace.id else stranger.office
        browser = where.browser(person)
        absent = browser.get("/endpoints/end_00000000000000000000000000")
        assert absent.status == 404
        for path in (path_of(own), path_of(own) + "/delete", callback_path):
            assert (browser.get(path).status, browser.get(path).main) == (404, absent.main), path
        for path in paths:
            done = post(browser, path, sure="yes", which="failed")
            assert done.status == 404, path
        agent = ids.encode("agt", office.agent.id)
        token = browser.http.cookies["csrftoken"]
        data = {"csrfmiddlewaretoken": token, "agent": agent, "url": yard.receiver.url + "/x"}
        assert browser.post("/endpoints", data).status == 422
    assert _state(own) == before
    for nonsense in (
        "/endpoints/x",
        "/endpoints/req_1/rotate",
        "/deliveries/%00",
        "/endpoints?agent=x",
    ):
        assert office.browser(office.olga).get(nonsense).status == 404, nonsense


def _state(endpoint: Endpoint) -> tuple[Any, ...]:
    keys = EndpointKey.objects.filter(endpoint=endpoint).values_list("id", "until")
    callbacks = Callback.objects.filter(endpoint=endpoint).values_list("id", "state", "next_at")
    row = Endpoint.objects.filter(workspace=endpoint.workspace_id).values_list()
    kinds = [kind for kind in kinds_of(endpoint.workspace_id) if not kind.startswith("sign_in")]
    return list(row), list(keys), list(callbacks), kinds


def test_without_a_token_or_a_session_nothing_happens(yard: Yard) -> None:
    own = yard.register().endpoint
    browser = yard.office.browser(yard.office.olga)
    before = _state(own)
    for name in VIEWS:
        path = f"{path_of(own)}/{name.removeprefix('endpoint_')}"
        assert browser.post(path, {"which": "failed"}).status == 403
        assert browser.get(path).answer.url.endswith(path_of(own)), "looking leads back"
    assert browser.post(path_of(own) + "/delete", {"sure": "yes"}).status == 403
    browser.http.cookies.clear()
    page = browser.get(path_of(own))
    assert "/sign-in?next=" in page.answer.url
    assert _state(own) == before


def test_a_new_secret_and_the_old_one_signs_for_a_day(yard: Yard) -> None:
    first = yard.register()
    browser = yard.office.browser(yard.office.olga)
    there = path_of(first.endpoint)
    page = browser.submit(browser.get(there).form(there + "/rotate"))
    shown = rows_of(page)
    assert shown["Secret"].startswith("whsec_")
    assert shown["Secret"] != first.secret
    assert "The one before it signs as well until" in page.main
    assert shown["Old secret"].startswith("signs as well until")
    assert "whsec_" not in browser.get(there).answer.text
    assert EndpointKey.objects.filter(endpoint=first.endpoint).count() == 2
    assert kinds_of(yard.office.workspace.id)[-1] == "endpoint.key_rotated"
    browser.submit(page.form(there + "/test"))
    yard.send(first.endpoint, 1)
    (arrived,) = yard.receiver.until(1)
    assert len(arrived.headers["webhook-signature"].split()) == 4


def test_disable_and_enable_say_what_they_do_also_twice(yard: Yard) -> None:
    own = yard.register().endpoint
    browser = yard.office.browser(yard.office.olga)
    there = path_of(own)
    fresh = browser.get(there)
    disable = fresh.form(there + "/disable")
    page = browser.submit(disable)
    assert flash_of(page) == "The endpoint is called no more. What would be sent is held meanwhile."
    assert "Disabled: somebody switched it off" in page.main
    assert not page.tree.all("form", action=there + "/test")
    assert flash_of(browser.submit(disable)) == "It was disabled already."
    stale = browser.submit(fresh.form(there + "/test"))
    assert stale.status == 409
    assert "This endpoint is disabled: enable it first. Nothing was changed." in stale.main
    stale = post(browser, there + "/replay", which="failed")
    assert stale.status == 409
    enable = page.form(there + "/enable")
    assert flash_of(browser.submit(enable)).startswith("The endpoint is called again.")
    assert flash_of(browser.submit(enable)) == "It was enabled already."
    told = [kind for kind in kinds_of(own.workspace_id) if kind.startswith("endpoint.")]
    assert told == ["endpoint.created", "endpoint.disabled", "endpoint.enabled"]
    assert not Callback.objects.filter(endpoint=own).exists()


def test_what_it_is_told_is_changed(yard: Yard) -> None:
    own = yard.register(events=["request.approved"]).endpoint
    browser = yard.office.browser(yard.office.olga)
    there = path_of(own)
    page = browser.get(there)
    ticked = [box.attributes["value"] for box in page.tree.all("input", name="events", checked="")]
    assert ticked == ["request.approved"]
    same = post(browser, there + "/events", which="some", events=["request.approved"])
    assert same.status == 303
    assert "nothing was changed" in flash_of(browser.get(there))
    wrong = post(browser, there + "/events", which="some")
    assert wrong.status == 422
    assert "Choose at least one, or every type." in wrong.tree.one("p", id="events-wrong").text
    assert "The choice of events was not changed." in wrong.main
    is_sound(wrong.tree, there)
    unknown = post(browser, there + "/events", which="some", events=["x\u202e"])
    assert unknown.status == 422
    assert "endpoint.changed" not in kinds_of(own.workspace_id)
    post(browser, there + "/events", which="some", events=["request.expired", "request.approved"])
    own.refresh_from_db()
    assert own.events == ["request.approved", "request.expired"]
    assert kinds_of(own.workspace_id)[-1] == "endpoint.changed"
    post(browser, there + "/events", which="all", events=["request.expired"])
    own.refresh_from_db()
    assert own.events == []


def test_deleting_asks_once_more(yard: Yard) -> None:
    own = yard.register().endpoint
    browser = yard.office.browser(yard.office.olga)
    there = path_of(own)
    browser.submit(browser.get(there).form(there + "/test"))
    asked = browser.get(browser.get(there).tree.one("a", class_="no").attributes["href"])
    assert "Delete this endpoint?" in asked.main
    assert "1 delivery that waits will not be sent." in asked.main
    is_sound(asked.tree, there)
    unsure = post(browser, there + "/delete")
    assert (unsure.status, "Delete this endpoint?" in unsure.main) == (200, True)
    assert "endpoint.deleted" not in kinds_of(own.workspace_id)
    page = browser.submit(asked.form(there + "/delete"))
    assert page.answer.url.endswith("/endpoints")
    assert flash_of(page).startswith("The endpoint is deleted.")
    own.refresh_from_db()
    assert (own.state, Callback.objects.get(endpoint=own).state) == ("deleted", "held")
    assert kinds_of(own.workspace_id)[-1] == "endpoint.deleted"
    assert browser.get(there).status == 404
    assert browser.submit(asked.form(there + "/delete")).status == 404


def test_hostile_text_is_inert_and_visible(yard: Yard) -> None:
    office = yard.office
    name = "<script>bot</script>\u202e"
    Agent.objects.filter(id=office.agent.id).update(name=name)
    url = yard.receiver.url + "/<script>alert(1)</script>?q=\"onload='x'{{7|add:7}}"
    browser = office.browser(office.olga)
    page = fill(browser, browser.get("/endpoints"), url=url, headers="X-A: <img src=x>")
    (own,) = stored(office)
    pages = [page] + [
        browser.get(path)
        for path in ("/endpoints", path_of(own), path_of(own) + "/delete", "/attention")
    ]
    for each in pages:
        assert each.status == 200
        no_inline(each.tree)
        is_sound(each.tree, each.answer.url)
        assert each.tree.all("img") == []
        assert {one.text for one in each.tree.all("script")} == {""}
        assert "\u202e" not in each.answer.text
        assert each.answer.headers["Cache-Control"] == "no-store"
    assert "<script>bot</script>U+202E" in pages[1].main
    assert rows_of(pages[2])["Address"] == own.url


def test_somebody_of_two_workspaces_is_led_to_the_right_one(yard: Yard) -> None:
    own, other = yard.register().endpoint, Office(yard.office.server)
    create_person(actor=ACTOR, workspace=other.workspace, email=yard.office.olga.user.email)
    browser = yard.office.browser(yard.office.olga)
    browser.submit(browser.get("/").form("/workspace"), workspace=other.workspace.slug)
    page = browser.get(path_of(own))
    assert page.status == 200
    chosen = page.tree.one("button", aria_current="true").attributes["value"]
    assert chosen == yard.office.workspace.slug
