"""People together, by plain forms: words, who looks into it, following, past the plan; and the run's page."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import BreakGlass, Message, Request
from core import ids
from people.models import Person
from people.permissions import grant_permission
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.pages.browser import Browser, Page
from tests.pages.doorstep import (
    at_second_step,
    code_form,
    passkey_form,
    use,
    with_app,
    with_key,
)
from tests.pages.office import Office, stored

AT = "2026-05-04T09:30:00Z"


def open_page(office: Office, person: Person, request_id: str) -> tuple[Browser, Page]:
    browser = office.browser(person)
    return browser, browser.get(f"/requests/{request_id}")


def press(browser: Browser, page: Page, request_id: str, name: str, **typed: Any) -> Page:
    return browser.submit(page.form(f"/requests/{request_id}/{name}"), **typed)


def agent(office: Office, path: str, **body: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {office.key.token}"}
    answer = office.server.call("POST", path, json=body, headers=headers)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_comments_are_seen_by_people(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    page = press(browser, page, request_id, "comment", text="Ask <i>legal</i>?")
    assert page.tree.one("div", class_="flash").text.strip() == "You wrote to the others."
    assert "Ask <i>legal</i>?" in page.main
    _, page = open_page(office, office.ron, request_id)
    assert "Rita R to the others" in page.main
    page = browser.get(f"/requests/{request_id}")
    empty = press(browser, page, request_id, "comment", text="  ")
    assert (empty.status, Message.objects.filter(request=stored(request_id)).count()) == (422, 1)


def undo_offered(page: Page, request_id: str) -> bool:
    forms = [form.attributes.get("action", "") for form in page.tree.all("form")]
    return f"/requests/{request_id}/undo" in [action.split("?")[0] for action in forms]


def test_undo(office: Office) -> None:
    request_id = office.ask()
    rita, page = open_page(office, office.rita, request_id)
    assert not undo_offered(page, request_id)
    rita.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    page = rita.get(f"/requests/{request_id}")
    assert "The agent may run exactly this, once." in page.main
    assert undo_offered(page, request_id)
    assert not undo_offered(open_page(office, office.ron, request_id)[1], request_id)
    page = press(rita, page, request_id, "undo", reason="The wrong order.")
    assert page.tree.one("div", class_="flash").text.strip().startswith("You took it back")
    assert "taken back" in page.main
    assert "may run exactly this" not in page.main
    assert stored(request_id).permit_state == "revoked"
    assert not undo_offered(page, request_id)


def test_claim_release_and_reassign(office: Office) -> None:
    request_id = office.ask()
    rita, page = open_page(office, office.rita, request_id)
    page = press(rita, page, request_id, "claim")
    assert "You look into it." in page.main
    ron, page = open_page(office, office.ron, request_id)
    assert "Rita R looks into it; others may decide all the same." in page.main
    assert "Rita R looks into it" in ron.get("/").tree.one("li", id=f"item-{request_id}").text
    assert not [
        f for f in page.tree.all("form") if f.attributes.get("action", "").endswith("/claim")
    ]
    page = press(ron, page, request_id, "reassign", to=ids.encode("per", office.ron.id))
    assert "You look into it." in page.main
    page = press(ron, page, request_id, "release")
    assert "Nobody has said that they look into it." in page.main
    assert stored(request_id).claimed_by_id is None


def test_who_is_not_asked_is_offered_nothing(office: Office) -> None:
    request_id = office.ask()
    for person in (office.olga, office.vera):
        browser, page = open_page(office, person, request_id)
        offered = {
            form.attributes.get("action", "").rsplit("/", 1)[-1] for form in page.tree.all("form")
        }
        assert not offered & {"claim", "reassign", "release", "break-glass", "review"}
        token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
        refused = browser.post(f"/requests/{request_id}/claim", {"csrfmiddlewaretoken": token})
        assert refused.status == 403
    assert stored(request_id).claimed_by_id is None


def test_watching_has_its_tab_while_something_is_watched(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.vera, request_id)
    assert "Watching" not in [a.text.split()[0] for a in tabs(page)]
    page = press(browser, page, request_id, "watch")
    assert "You follow it." in page.main
    page = browser.get("/?view=watching")
    assert "Send a mail" in page.tree.one("li", id=f"item-{request_id}").text
    page = press(browser, browser.get(f"/requests/{request_id}"), request_id, "unwatch")
    assert "You follow it." not in page.main


def tabs(page: Page) -> list[Any]:
    return page.tree.one("nav", class_="tabs").all("a")


@pytest.fixture
def emergency(office: Office) -> tuple[Office, Person, Person]:
    """The office with two administrators whom no plan asks."""
    people = [PersonFactory(workspace=office.workspace, name=name) for name in ("Ada A", "Abe A")]
    for person in people:
        for permission in ("administer", "view"):
            grant_permission(
                actor=ACTOR,
                workspace=office.workspace,
                person=person,
                permission=permission,
            )
    return office, people[0], people[1]


def test_past_the_plan_and_its_review(emergency: tuple[Office, Person, Person]) -> None:
    office, ada, abe = emergency
    request_id = office.ask("money.pair")
    browser, page = open_page(office, ada, request_id)
    empty = press(browser, page, request_id, "break-glass", text=" ")
    assert (empty.status, BreakGlass.objects.filter(workspace=office.workspace).count()) == (422, 0)
    assert empty.tree.one("div", role="alert").text.startswith("Say why, in at most 3,900")
    page = press(browser, page, request_id, "break-glass", text="The shop is down.")
    assert "It takes one more administrator." in page.main
    assert not page.tree.all("details", id="glass"), "one yes each"
    browser, page = open_page(office, abe, request_id)
    assert "The shop is down." in page.main
    page = press(browser, page, request_id, "break-glass", text="It is.")
    assert "Approved past the plan" in page.main
    assert stored(request_id).basis == "break_glass"
    assert not page.tree.all("details", id="review")
    browser, page = open_page(office, office.vera, request_id)
    inbox = browser.get("/")
    assert "1 approved past the plan, and not reviewed yet" in inbox.main
    listed = browser.get("/break-glass")
    assert "By Ada A and Abe A; not reviewed yet" in listed.main
    page = press(browser, page, request_id, "review", text="It was.")
    assert "Vera V reviewed it" in page.main
    assert "not reviewed yet" not in browser.get("/").main
    assert "reviewed by Vera V" in browser.get("/break-glass").main


def test_a_yes_past_the_plan_takes_the_factor_that_a_decision_takes(
    emergency: tuple[Office, Person, Person],
) -> None:
    office, ada, abe = emergency
    request_id = office.ask("money.pay")
    app, key = with_app(ada), with_key(abe)
    there = f"/requests/{request_id}/break-glass"
    browser, page = at_second_step(office, ada)
    browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    page = browser.get(f"/requests/{request_id}")
    assert "You will be asked for a second factor." in page.tree.one("details", id="glass").text
    page = press(browser, page, request_id, "break-glass", text="The shop <b>is</b> down.")
    assert "Nothing is decided yet. You chose approve past the plan for Pay money" in page.main
    page = browser.submit(code_form(page, there), code="000000")
    assert (page.status, "Nothing was decided." in page.main) == (422, True)
    page = browser.submit(code_form(page, there), code=app.fresh())
    assert "It takes one more administrator." in page.main
    browser = Browser(office.server.url)
    use(browser, passkey_form(browser.get("/sign-in"), "/sign-in/passkey"), key)
    page = browser.get(f"/requests/{request_id}")
    assert "The shop <b>is</b> down." in page.main
    page = press(browser, page, request_id, "break-glass", text="It is.")
    form = passkey_form(page, there)
    # Signed for a decision on the very same: it is no yes past the plan.
    data = {one.attributes["name"]: one.attributes.get("value", "") for one in form.all("input")}
    asked = browser.http.post(f"{browser.url}/requests/{request_id}/prove", data, timeout=10).json()
    page = browser.submit(form, challenge=asked["id"], credential=key.sign(asked["options"]))
    assert (page.status, stored(request_id).status) == (422, "pending")
    page = use(browser, passkey_form(page, there), key)
    assert "Approved past the plan" in page.main
    assert stored(request_id).basis == "break_glass"
    confirmed = events_of(office.workspace.id, "break_glass.confirmed")
    assert [event["data"]["assurance"] for event in confirmed] == ["mfa", "mfa"]


def test_a_yes_past_the_plan_is_to_what_was_shown(emergency: tuple[Office, Person, Person]) -> None:
    office, ada, _ = emergency
    request_id = office.ask()
    browser, page = open_page(office, ada, request_id)
    agent(office, f"/requests/{request_id}/revise", payload={"to": "mallory@example.com"})
    answer = press(browser, page, request_id, "break-glass", text="The shop is down.")
    assert answer.status == 409
    forged = press(browser, answer, request_id, "break-glass", text="Now.", payload_digest="x")
    assert (forged.status, "load the page again" in forged.main) == (422, True)
    assert not BreakGlass.objects.filter(workspace=office.workspace).exists()


def test_the_run_stands_beside_the_request(office: Office) -> None:
    run = agent(office, "/runs", external_id="ticket <7>", agent_version="2.1")
    steps: list[dict[str, Any]] = [
        {"tool": f"crm.read_{n}", "started_at": AT, "status": "succeeded", "labels": ["data.pii"]}
        for n in range(10)
    ]
    steps.append(
        {
            "model": "m-1",
            "started_at": AT,
            "ended_at": "2026-05-04T09:30:02Z",
            "status": "failed",
            "error": "<b>timeout</b>",
            "cost": 0.5,
            "input_tokens": 7,
        }
    )
    agent(office, f"/runs/{run['id']}/steps", steps=steps)
    request_id = office.ask(run=run["id"])
    browser, page = open_page(office, office.rita, request_id)
    assert "ticket <7>" in page.main
    assert "3 earlier steps." in page.main
    assert "<b>timeout</b>" in page.main
    assert "crm.read_2" not in page.main
    whole = browser.get(f"/runs/{run['id']}")
    assert whole.status == 200
    assert "crm.read_0" in whole.main
    assert "11 steps · cost 0.50 · 7 tokens" in whole.main
    assert whole.tree.one("a", href=f"/requests/{request_id}").text.strip() == "Send a mail"
    stranger = office.browser(office.ned)
    assert stranger.get(f"/runs/{run['id']}").status == 404
    assert stranger.get("/runs/nonsense").status == 404


def test_what_came_of_it(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    page = browser.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    assert "Nobody has told what came of it." in page.main
    agent(
        office,
        f"/requests/{request_id}/result",
        status="failed",
        detail="550 <no> mailbox",
        cost=0.5,
    )
    page = browser.get(f"/requests/{request_id}")
    assert "failed, says the agent; cost 0.5" in page.main
    assert "550 <no> mailbox" in page.main
    assert Request.objects.get(id=ids.decode("req", request_id)).status == "approved"
