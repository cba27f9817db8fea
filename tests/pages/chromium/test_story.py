"""The whole story in a real browser: it arrives, is opened and decided, and the page says what came of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from agents.services import create_tool_key
from people.services import create_person, deactivate_person
from tests.factories import ACTOR, PASSWORD, bearer
from tests.pages.chromium.windows import DESK, PHONE, Windows, path_of, too_wide
from tests.pages.office import Office, stored, votes

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])


class Agent:
    """The agent's program: it asks, waits and is told, in a thread of its own."""

    def __init__(self, office: Office, **body: Any) -> None:
        self.office, self.body = (
            office,
            {"action": "mail.send", "payload": {"to": "ana@example.com"}, **body},
        )
        self.answer: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        headers = {**bearer(self.office.key.token), "Prefer": "wait=50"}
        answer = self.office.server.call("POST", "/requests", json=self.body, headers=headers)
        self.answer = answer.json()

    def told(self) -> dict[str, Any]:
        """What it was answered, once it was."""
        self._thread.join(60)
        assert "id" in self.answer, self.answer or "the agent still waits"
        return self.answer


def sign_in(page: Page, email: str) -> None:
    """As people do: two fields and Enter."""
    page.goto("/sign-in")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")


def is_live(page: Page) -> None:
    """The page hears of what happens from here on."""
    expect(page.locator("#live")).to_have_text("Live")


@SIZES
def test_it_arrives_by_itself_and_is_approved_by_keyboard_alone(
    office: Office, windows: Windows, size: ViewportSize
) -> None:
    page = windows.open(viewport=size)
    sign_in(page, office.rita.user.email)
    expect(page.get_by_role("heading", name="Nothing waits")).to_be_visible()
    is_live(page)
    agent = Agent(office, summary="She asked for it.")
    expect(page.locator("[data-item]")).to_have_count(1)
    expect(page.locator("#announce")).to_have_text("New request: Send a mail")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/req_*")
    is_live(page)
    assert page.evaluate("document.activeElement.id") != "approve"
    assert too_wide(page) == []
    request_id = path_of(page).rpartition("/")[2]
    page.keyboard.press("Enter")  # with nothing chosen it decides nothing
    assert votes(request_id) == []
    page.keyboard.press("a")
    expect(page.locator("#approve")).to_be_focused()
    assert votes(request_id) == []
    page.keyboard.press("Enter")
    expect(page.get_by_text("You approved.")).to_be_visible()
    told = agent.told()
    assert (told["id"], told["status"], votes(request_id)) == (
        request_id,
        "approved",
        [("approve", "")],
    )
    ran(office, told)
    expect(page.locator("#end-title")).to_have_text("Approved")
    expect(page.locator("#request")).to_contain_text("succeeded, says the agent or its tool mailer")
    expect(page.locator("#story")).to_contain_text("mailer used the permit")
    expect(page.locator("#undo")).to_have_count(0)


def ran(office: Office, told: dict[str, Any]) -> None:
    """The agent picks the permit up, its tool uses it, and tells what came of it."""
    call = office.server.call
    permit = call("POST", f"/requests/{told['id']}/permit", headers=bearer(office.key.token)).json()
    tool = bearer(create_tool_key(actor=ACTOR, workspace=office.workspace, name="mailer").token)
    body = {"payload_digest": told["payload_digest"]}
    used = call("POST", f"/permits/{permit['id']}/consume", json=body, headers=tool)
    assert used.status_code == 200, used.text
    done = {"status": "succeeded", "detail": "Sent."}
    call("POST", f"/permits/{permit['id']}/result", json=done, headers=tool).raise_for_status()


@SIZES
def test_it_is_rejected_with_a_reason(office: Office, windows: Windows, size: ViewportSize) -> None:
    agent = Agent(office)
    page = windows.open(office.rita, "/", viewport=size)
    is_live(page)
    page.locator("[data-item] a").click()
    page.wait_for_url("**/requests/req_*")
    is_live(page)
    page.keyboard.press("r")
    page.get_by_label("The details are wrong").check()
    page.get_by_label("In your own words").fill("Not this address.")
    page.get_by_role("button", name="Reject this request").click()
    expect(page.get_by_text("You rejected.")).to_be_visible()
    assert agent.told()["status"] == "rejected"
    assert votes(agent.told()["id"]) == [("reject", "The details are wrong: Not this address.")]


@SIZES
def test_an_edit_says_what_it_changes_before_it_is_sent(
    office: Office, windows: Windows, size: ViewportSize
) -> None:
    office.actions["mail.send"] |= {"editable": ["/to", "/secret"]}
    office.apply()
    request_id = office.ask(payload={"to": "ana@example.com", "secret": "s3cret"})
    page = windows.open(office.rita, f"/requests/{request_id}", viewport=size)
    is_live(page)
    page.keyboard.press("e")
    changing = page.locator("[data-changing]")
    expect(changing).to_be_hidden()
    page.locator("[name='edit:/to']").fill("ben@example.com")
    expect(changing.locator("dd")).to_have_text("ana@example.com became ben@example.com")
    page.locator("[name='edit:/secret']").fill("new")
    expect(changing.locator("dd").nth(1)).to_have_text("covered became new")
    page.locator("[name='edit:/secret']").fill("")
    page.get_by_role("button", name="Change it and approve").click()
    expect(page.get_by_role("heading", name="What Rita R changed in revision 2")).to_be_visible()
    changed = page.locator("dl.changes").first
    expect(changed).to_contain_text('"ana@example.com" became "ben@example.com"')
    assert stored(request_id).revision == 2
    assert "s3cret" not in page.content()


def test_a_stale_tab_gets_the_new_view_and_never_a_wrong_vote(
    office: Office, windows: Windows
) -> None:
    request_id = office.ask()
    # Without scripts it hears of nothing: what was posted is what stood there.
    page = windows.open(office.rita, f"/requests/{request_id}", java_script_enabled=False)
    shown = stored(request_id)
    body = {"payload": {"to": "mallory@example.com"}}
    revised = office.server.call(
        "POST", f"/requests/{request_id}/revise", json=body, headers=bearer(office.key.token)
    )
    assert revised.status_code == 200, revised.text
    with page.expect_response("**/decide") as posted:
        page.locator("#approve").click()
    assert posted.value.status == 409
    expect(page.get_by_role("alert")).to_contain_text("Nothing was decided.")
    expect(page.locator("#request")).to_contain_text("mallory@example.com")
    assert (votes(request_id), stored(request_id).status, shown.status) == (
        [],
        "pending",
        "pending",
    )


def test_two_reviewers_at_once_see_each_other(office: Office, windows: Windows) -> None:
    request_id = office.ask("money.pair")
    rita = windows.open(office.rita, f"/requests/{request_id}")
    ron = windows.open(office.ron, f"/requests/{request_id}")
    is_live(ron)
    rita.locator("#approve").click()
    expect(rita.get_by_text("You approved.")).to_be_visible()
    expect(ron.locator("#request")).to_contain_text("Rita R")
    expect(ron.locator("#announce")).to_contain_text("This request changed just now")
    ron.wait_for_timeout(1_000)  # what appeared under the finger is not pressed by accident
    ron.locator("#approve").click()
    expect(ron.locator("#end-title")).to_have_text("Approved")
    expect(rita.locator("#end-title")).to_have_text("Approved")
    assert len(votes(request_id)) == 2


def test_a_press_on_what_changed_under_the_finger_decides_nothing(
    office: Office, windows: Windows
) -> None:
    request_id = office.ask("money.pair")
    ron = windows.open(office.ron, f"/requests/{request_id}")
    is_live(ron)
    rita = office.browser(office.rita)
    page = rita.get(f"/requests/{request_id}")
    ron.evaluate(
        """() => document.addEventListener("htmx:after:swap", (e) => {
             if (e.target.id === "request") document.querySelector("#approve")?.click(); })"""
    )
    rita.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    expect(ron.locator("#announce")).to_contain_text("This request changed just now")
    ron.wait_for_timeout(300)
    assert [verdict for verdict, _ in votes(request_id)] == ["approve"]


def test_a_session_that_ended_says_so_and_decides_nothing(office: Office, windows: Windows) -> None:
    request_id = office.ask()
    page = windows.open(office.rita, f"/requests/{request_id}")
    is_live(page)
    page.context.clear_cookies()
    office.ask()  # something happens, so the page looks again
    expect(page.locator("#live")).to_have_text("Signed out")
    expect(page.locator("#toast")).to_contain_text("You are signed out.")
    page.locator("#approve").click()
    page.wait_for_load_state()
    assert votes(request_id) == []
    assert path_of(page) in ("/sign-in", f"/requests/{request_id}/decide")


def test_what_is_no_more_ones_own_to_see_vanishes_and_is_not_decided(
    office: Office, windows: Windows
) -> None:
    """As after a change of roles, or of a workspace that somebody left in another tab."""
    request_id = office.ask()
    page = windows.open(office.rita, f"/requests/{request_id}")
    is_live(page)
    office.apply(
        [], roles={"reviewers": {"title": "Reviewers", "members": [office.ron.user.email]}}
    )
    with page.expect_response("**/decide") as posted:
        page.locator("#approve").click()
    assert posted.value.status == 404
    assert votes(request_id) == []
    assert "ana@example.com" not in page.content()


def test_a_tab_stays_in_its_workspace_until_one_is_nobody_there(
    office: Office, windows: Windows
) -> None:
    other = Office(office.server)
    create_person(actor=ACTOR, workspace=other.workspace, email=office.rita.user.email)
    first, second = office.ask(), office.ask(payload={"to": "ben@example.com"})
    tab = office.browser(office.rita)
    page = windows.open(tab, f"/requests/{first}")
    tab.submit(tab.get("/").form("/workspace"), workspace=other.workspace.slug)
    page.locator("#approve").click()
    expect(page.locator("#end-title")).to_have_text("Approved")
    assert votes(first) == [("approve", "")]
    stale = tab.get(f"/requests/{second}").form(f"/requests/{second}/decide", verdict="approve")
    deactivate_person(actor=ACTOR, person=office.rita)
    refused = tab.submit(stale)
    assert (refused.status, votes(second)) == (404, [])
    assert "ben@example.com" not in refused.answer.text
    inbox = tab.get("/")
    assert (inbox.status, inbox.title) == (200, "Inbox · Assentry")
    assert first not in inbox.answer.text
