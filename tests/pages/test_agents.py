"""Agents and keys by plain forms: the list, registering, what an administrator does, and who sees it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from agents.authentication import KNOWN_SCOPES
from agents.models import Agent, Key
from agents.services import create_agent, create_key, create_tool_key
from core import ids
from pages.agents import FILTERS, KINDS, SCOPE_WORDS
from pages.views.agent import VIEWS
from people.models import Person
from people.permissions import grant_permission
from people.services import create_person, deactivate_person
from tests.events import events_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, bearer
from tests.pages.browser import Browser, Node, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import flash_of, is_sound, post, rows_of
from tests.together import together


@pytest.fixture
def office(office: Office) -> Office:
    """The usual office, with an administrator: Ned."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="administer"
    )
    return office


def agent_path(agent: Agent) -> str:
    return f"/agents/{ids.encode('agt', agent.id)}"


def key_path(key: Key) -> str:
    return f"/keys/{ids.encode('key', key.id)}"


def made(office: Office) -> Key:
    """The newest key."""
    return Key.objects.filter(workspace=office.workspace).latest("created_at")


def secret_of(page: Page) -> str:
    return page.tree.one("section", id="secret").one("dd", class_="copy").text


def opens(office: Office, token: str) -> int:
    answer = office.server.call("GET", "/me", headers=bearer(token))
    return answer.status_code


def fill(browser: Browser, form: Node, **typed: Any) -> Page:
    """Post a form with its hidden values and what was typed; lists are ticked boxes."""
    hidden = {
        one.attributes["name"]: one.attributes["value"] for one in form.all("input", type="hidden")
    }
    return browser.post(form.attributes["action"], hidden | typed)


def test_words_for_everything_that_can_be() -> None:
    assert set(SCOPE_WORDS) == set(KNOWN_SCOPES)
    assert set(KINDS) == set(Key.Kind.values)
    assert set(FILTERS) == {"", *Agent.State.values}


def test_an_agent_is_registered_gets_a_key_shown_once_and_submits_with_it(office: Office) -> None:
    browser = office.browser(office.ned)
    page = browser.get("/agents")
    nav = page.tree.one("nav", aria_label="Main")
    assert {one.attributes["aria-current"] for one in nav.all("a", href="/agents")} == {"page"}
    assert browser.get("/").tree.one("nav", aria_label="Main").all("a", href="/agents")
    page = fill(browser, page.form("/agents"), name="refund-bot", owner=office.rita.user.email)
    agent = Agent.objects.get(workspace=office.workspace, name="refund-bot")
    assert page.answer.url.partition("#")[0].endswith(agent_path(agent))
    assert "It needs a key" in flash_of(page)
    assert agent.owner_id == office.rita.id
    assert page.tree.one("details", id="make-key").attributes.get("open") is not None
    page = fill(
        browser,
        page.form(f"{agent_path(agent)}/keys"),
        scopes=["requests:submit", "requests:read"],
        lasts="30d",
        rate_limit="600",
    )
    key = made(office)
    assert page.answer.url.endswith(key_path(key))
    token = secret_of(page)
    assert opens(office, token) == 200
    assert (key.agent_id, key.rate_limit, sorted(key.scopes)) == (
        agent.id,
        600,
        ["requests:read", "requests:submit"],
    )
    assert key.expires_at is not None
    assert abs(key.expires_at - key.created_at - timedelta(days=30)) < timedelta(seconds=5)
    for path in (key_path(key), agent_path(agent), "/agents", key_path(key)):
        assert token not in browser.get(path).answer.text
    assert not any(token in str(one.get_decoded()) for one in Session.objects.all())
    by = {"type": "person", "id": ids.encode("per", office.ned.id), "via": "web"}
    for kind, subject in (("agent.created", agent.id), ("key.created", key.id)):
        event = events_of(office.workspace.id, kind)[-1]
        assert event["actor"] == by
        assert ids.decode(event["subject"].partition("_")[0], event["subject"]) == subject
        assert token not in str(event)


def test_what_stands_in_the_list_and_on_the_page(office: Office) -> None:
    request_id = office.ask()
    headers = bearer(office.key.token)
    body = {"external_id": "run-7", "agent_version": "2.1"}
    assert office.server.call("POST", "/runs", json=body, headers=headers).status_code == 201
    Key.objects.filter(id=office.key.key.id).update(last_used_at=datetime.now(UTC))
    other = AgentFactory(workspace=office.workspace, owner=office.rita, name="zebra")
    deactivate_person(actor=ACTOR, person=office.rita)
    browser = office.browser(office.ned)
    page = browser.get("/agents")
    assert "mail-bot 2.11 waiting" in page.main
    assert "Active · of Olga O · last seen" in page.main
    assert "In 30 days: 1 request" in page.main
    assert "of Rita R, who left: it needs another owner · never seen · no key" in page.main
    narrowed = browser.get("/agents?search=ZEB").main
    assert "zebra" in narrowed
    assert "mail-bot" not in narrowed
    assert "There is none like that." in browser.get("/agents?state=retired").main
    assert "Nobody answers for it." in browser.get(agent_path(other)).main
    page = browser.get(agent_path(office.agent))
    facts = rows_of(page)
    assert (facts["Owner"], facts["Waiting"], facts["In 30 days"]) == ("Olga O", "1", "1 request")
    assert "2.1" in page.tree.one("ol", id="versions").text
    assert page.tree.all("a", href=f"/stop?what={ids.encode('agt', office.agent.id)}")
    assert not page.tree.all("a", href=f"/requests/{request_id}"), "an administrator sees none"
    seen = office.browser(office.olga).get(agent_path(office.agent))
    assert seen.tree.all("a", href=f"/requests/{request_id}")
    assert "run-7" in seen.main
    stopping = browser.get(f"/stop?what={ids.encode('agt', office.agent.id)}")
    assert stopping.status == 200
    assert "mail-bot" in stopping.main


def test_suspending_resuming_handing_over_and_retiring(office: Office) -> None:
    browser = office.browser(office.ned)
    path = agent_path(office.agent)
    page = browser.submit(browser.get(path).form(f"{path}/suspend"))
    assert "suspended" in flash_of(page)
    body = {"action": "mail.send", "payload": {"to": "ana@example.com"}}
    answer = office.server.call("POST", "/requests", json=body, headers=bearer(office.key.token))
    assert answer.status_code == 403
    page = browser.submit(page.form(f"{path}/resume"))
    assert "may act again" in flash_of(page)
    request_id = office.ask()
    assert post(browser, f"{path}/owner", owner="a\0@example.com").status == 422
    page = fill(browser, page.form(f"{path}/owner"), owner="nobody@example.com")
    assert page.status == 422
    assert page.title.startswith("Error: ")
    assert page.tree.one("input", id="owner").attributes["value"] == "nobody@example.com"
    assert "must be an active person" in page.tree.one("p", id="owner-wrong").text
    page = fill(browser, page.form(f"{path}/owner"), owner=office.rita.user.email)
    assert "Rita R answers for it" in flash_of(page)
    rita = office.browser(office.rita).get(f"/requests/{request_id}")
    assert not rita.tree.all("form", action=f"/requests/{request_id}/decide")
    page = browser.get(f"{path}/retire")
    assert "1 request that waits" in page.main
    assert Agent.objects.get(id=office.agent.id).state == "active", "looking changes nothing"
    page = browser.submit(page.form(f"{path}/retire"))
    assert "retired" in flash_of(page)
    assert not page.tree.all("form", action=f"{path}/keys")
    assert not page.tree.all("form", action=f"{path}/owner")
    refused = post(browser, f"{path}/keys", scopes="requests:read", lasts="")
    assert refused.status == 422
    assert Key.objects.filter(workspace=office.workspace).count() == 1
    assert post(browser, f"{path}/resume").status == 422
    changes = [
        (event["kind"], event["actor"]["via"])
        for event in events_of(office.workspace.id)
        if event["kind"] in ("agent.state_changed", "agent.owner_changed")
    ]
    assert changes == [
        ("agent.state_changed", "web"),
        ("agent.state_changed", "web"),
        ("agent.owner_changed", "web"),
        ("agent.state_changed", "web"),
    ]


def test_what_the_kill_switch_stopped_is_undone_where_it_was_pressed(office: Office) -> None:
    browser = office.browser(office.ned)
    path = agent_path(office.agent)
    form = browser.get(f"/stop?what={ids.encode('agt', office.agent.id)}").tree.one(
        "form", id="stop-form"
    )
    browser.submit(form, reason="It runs wild.")
    page = browser.get(path)
    assert "Stopped by the kill switch since" in page.main
    assert not page.tree.all("form", action=f"{path}/resume")
    refused = post(browser, f"{path}/resume")
    assert refused.status == 409
    assert "undo that use" in refused.main
    assert Agent.objects.get(id=office.agent.id).state == "suspended"


def test_a_key_is_replaced_with_overlap_and_revoked_for_good(office: Office) -> None:
    browser = office.browser(office.ned)
    old = office.key.key
    page = browser.get(key_path(old))
    page = fill(browser, page.form(f"{key_path(old)}/rotate"), overlap="1h", lasts="90d")
    new = made(office)
    token = secret_of(page)
    assert page.answer.url.endswith(key_path(new))
    assert opens(office, token) == opens(office, office.key.token) == 200
    before = browser.get(key_path(old))
    assert "Replaced, and still valid until" in before.main
    assert before.tree.all("a", href=key_path(new))
    assert not before.tree.all("form", action=f"{key_path(old)}/rotate")
    again = post(browser, f"{key_path(old)}/rotate", overlap="1h", lasts="same")
    assert again.status == 409
    assert "was replaced before" in again.main
    page = browser.submit(browser.get(f"{key_path(new)}/revoke").form(f"{key_path(new)}/revoke"))
    assert "revoked" in flash_of(page)
    assert opens(office, token) == 401
    assert opens(office, office.key.token) == 200
    gone = post(browser, f"{key_path(new)}/rotate", overlap="1h", lasts="same")
    assert gone.status == 409
    for overlap in ("", "31d", "soon"):
        wrong = post(browser, f"{key_path(old)}/rotate", overlap=overlap, lasts="same")
        assert wrong.status == 422
    assert Key.objects.filter(workspace=office.workspace).count() == 2


def test_a_key_that_works_while_it_is_revoked_answers_and_then_nothing(office: Office) -> None:
    browser = office.browser(office.ned)
    path = f"{key_path(office.key.key)}/revoke"
    form = browser.get(path).form(path)
    answers = together(
        [lambda: browser.submit(form).status, *([lambda: opens(office, office.key.token)] * 6)]
    )
    assert set(answers) <= {200, 401}
    assert opens(office, office.key.token) == 401
    assert len(events_of(office.workspace.id, "key.revoked")) == 1


def test_keys_of_tools_and_auditors(office: Office) -> None:
    browser = office.browser(office.ned)
    page = browser.get("/keys")
    assert "There is none yet." in page.main
    form = page.form("/keys")
    page = fill(
        browser, form, kind="tool", name="Gateway", actions="money.pay\n\nmail.send", lasts=""
    )
    tool = made(office)
    assert secret_of(page).startswith("assentry_tool_")
    assert (tool.kind, tool.actions, tool.expires_at) == ("tool", ["mail.send", "money.pay"], None)
    assert "use permits of mail.send, money.pay" in page.main
    page = fill(browser, form, kind="aud", name="Yearly", actions="", lasts="30d")
    answer = office.server.call("GET", "/audit/events", headers=bearer(secret_of(page)))
    assert answer.status_code == 200
    listed = browser.get("/keys").main
    assert listed.index("Yearly") < listed.index("Gateway")
    for typed, where in (
        ({"kind": "agt", "name": "x", "lasts": ""}, "kind-wrong"),
        ({"kind": "tool", "name": "", "lasts": ""}, "name-wrong"),
        ({"kind": "tool", "name": "x\u202ey", "lasts": ""}, "name-wrong"),
        ({"kind": "aud", "name": "x", "actions": "a", "lasts": ""}, "actions-wrong"),
        ({"kind": "tool", "name": "x\0", "lasts": ""}, "name-wrong"),
        ({"kind": "tool", "name": "x", "lasts": "soon"}, "lasts-wrong"),
        ({"kind": "tool", "name": "x", "actions": "a\n" * 101, "lasts": ""}, "actions-wrong"),
    ):
        page = fill(browser, form, **typed)
        assert page.status == 422, typed
        assert page.title.startswith("Error: ")
        assert page.tree.one("p", id=where).text, typed
    assert Key.objects.filter(workspace=office.workspace).count() == 3


def test_who_sees_and_who_changes(office: Office) -> None:
    other = AgentFactory(workspace=office.workspace, owner=office.rita, name="zebra")
    tool = create_tool_key(actor=ACTOR, workspace=office.workspace, name="Gateway").key
    own, foreign = agent_path(office.agent), agent_path(other)
    key = key_path(office.key.key)
    keys = {name: Key.objects.filter(workspace=office.workspace).count() for name in ("before",)}
    # Who: the pages that they see, and the status of what they try to change.
    table: list[tuple[Person, dict[str, int]]] = [
        (office.vera, {own: 200, foreign: 200, key: 200, key_path(tool): 200, "/keys": 200}),
        (office.olga, {own: 200, foreign: 404, key: 200, key_path(tool): 404, "/keys": 404}),
        (office.lena, {own: 404, foreign: 404, key: 404, key_path(tool): 404, "/keys": 404}),
    ]
    for person, expected in table:
        browser = office.browser(person)
        for path, status in expected.items():
            page = browser.get(path)
            assert page.status == status, (person.name, path)
            if status == 200:
                posts = page.tree.one("main").all("form", method="post")
                assert posts == [], (person.name, path)
        sees = any(status == 200 for status in expected.values())
        nav = browser.get("/").tree.one("nav", aria_label="Main")
        assert bool(nav.all("a", href="/agents")) == sees, person.name
        refused = 403 if sees else 404
        for name in VIEWS:
            path = f"{own}/{name.removeprefix('agent_')}"
            assert post(browser, path, scopes="requests:read").status == refused, path
        assert post(browser, f"{own}/retire", sure="yes").status == refused
        assert post(browser, f"{key}/rotate", overlap="1h").status == refused
        slug = office.workspace.slug
        for path in ("/agents", "/keys"):
            typed = {"workspace": slug, "name": "x", "owner": person.user.email, "kind": "tool"}
            assert post(browser, path, **typed).status in (403, 404)
    assert Agent.objects.filter(workspace=office.workspace).count() == 2
    assert Key.objects.filter(workspace=office.workspace).count() == keys["before"]
    olga = office.browser(office.olga)
    page = olga.submit(olga.get(f"{key}/revoke").form(f"{key}/revoke"))
    assert "revoked" in flash_of(page), "an owner ends what may have leaked"


def test_the_page_of_another_workspace_is_found_where_one_is_in_both(office: Office) -> None:
    elsewhere = AgentFactory(name="other-bot")
    hidden = KeyFactory(agent=elsewhere)
    browser = office.browser(office.ned)
    assert browser.get(agent_path(elsewhere)).status == 404
    assert browser.get(key_path(hidden.key)).status == 404
    assert post(browser, f"{key_path(hidden.key)}/revoke", sure="yes").status == 404
    assert post(browser, f"{key_path(hidden.key)}/rotate", overlap="1h").status == 404
    assert "other-bot" not in browser.get("/agents?search=other").tree.one("main").text
    assert opens(office, hidden.token) == 200
    workspace = elsewhere.workspace
    there = create_person(
        actor=ACTOR, workspace=workspace, email=office.ned.user.email, administrator=True
    )
    assert there.user_id == office.ned.user_id
    page = browser.get(agent_path(elsewhere))
    assert page.status == 200
    # A form of the first workspace makes nothing in the second, which is looked at now.
    form = {"workspace": office.workspace.slug, "name": "mine", "owner": office.olga.user.email}
    assert post(browser, "/agents", **form).status == 303
    assert Agent.objects.get(name="mine", owner=office.olga).workspace_id == office.workspace.id
    form["workspace"] = "nowhere"
    assert post(browser, "/agents", **form).status == 404


#: Markup, a way out of an attribute, a template's own signs, and a Cyrillic letter.
HOSTILE = "\"><img src=x onerror=alert(1)><script>x</script>{{ 7|add:7 }}' onclick='x pаy"


def test_a_hostile_name_stays_text(office: Office) -> None:
    browser = office.browser(office.ned)
    agent = create_agent(actor=ACTOR, workspace=office.workspace, name=HOSTILE, owner=office.olga)
    key = create_key(actor=ACTOR, agent=agent).key
    tool = create_tool_key(
        actor=ACTOR, workspace=office.workspace, name=HOSTILE, actions=["<img src=x>"]
    ).key
    for path in (
        f"/agents?search={HOSTILE}",
        agent_path(agent),
        f"{agent_path(agent)}/retire",
        key_path(key),
        f"{key_path(key)}/revoke",
        "/keys",
        key_path(tool),
    ):
        page = browser.get(path)
        assert (page.status, "onerror=alert(1)" in page.main) == (200, True), path
        no_inline(page.tree)
        assert not page.tree.one("main").all("script"), path
        assert not page.tree.all("img"), path


def test_every_page_is_sound(office: Office) -> None:
    office.ask()
    PersonFactory(workspace=office.workspace, name="<b>Zed</b>")
    browser = office.browser(office.ned)
    tool = create_tool_key(actor=ACTOR, workspace=office.workspace, name="Gateway").key
    refused = [
        fill(browser, browser.get("/agents").form("/agents"), name="", owner="x@example.com"),
        fill(
            browser,
            browser.get(agent_path(office.agent)).form(f"{agent_path(office.agent)}/keys"),
            lasts="soon",
            rate_limit="many",
        ),
        fill(browser, browser.get("/keys").form("/keys"), kind="x", name=""),
    ]
    assert [page.status for page in refused] == [422, 422, 422]
    pages = [browser.get(path) for path in (
        "/agents", "/keys", agent_path(office.agent), f"{agent_path(office.agent)}/retire",
        key_path(tool), key_path(office.key.key), f"{key_path(tool)}/revoke",
    )]  # fmt: skip
    for page in (*refused, *pages):
        is_sound(page.tree, page.answer.url)
        no_inline(page.tree)
