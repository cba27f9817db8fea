"""What the page of a request tells beside the request: what was decided before, and what happened to it."""

from __future__ import annotations

from typing import Any

from audit.kinds import KINDS
from pages.story import DID
from tests.factories import AgentFactory, KeyFactory, bearer
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored, votes
from tests.pages.yard import post


def asks_pay(office: Office) -> None:
    """Pay asks reviewers, and says whom and for which order."""
    office.actions["money.pay"] = {
        "title": "Pay money",
        "risk": "medium",
        "show": "Pay {payload.amount} to {payload.to} for {payload.order}",
        "sensitive": ["/card"],
    }
    office.apply()


def decided(office: Office, browser: Browser, verdict: str, **payload: Any) -> str:
    request_id = office.ask("money.pay", payload)
    page = browser.get(f"/requests/{request_id}")
    form = page.form(f"/requests/{request_id}/decide", verdict=verdict)
    browser.submit(form, comment="Looked at it.")
    return request_id


def listed(page: Page) -> list[str]:
    """The lines of what was decided before; none where the section is not there."""
    return [
        " ".join(line.text.split())
        for found in page.tree.all("ol", id="similar")
        for line in found.all("li")
    ]


def test_what_was_decided_before_stands_beside_it_the_nearest_first(office: Office) -> None:
    asks_pay(office)
    rita = office.browser(office.rita)
    near = decided(office, rita, "reject", to="Ana", amount=5, order="A-1")
    for number in range(4):
        decided(office, rita, "approve", to="Ben", amount=number, order=f"B-{number}")
    decided(office, rita, "approve", to="Ben", amount=9, order="B-9", card="4242")
    office.ask("mail.send")  # of another action
    page = rita.get(
        f"/requests/{office.ask('money.pay', {'to': 'Ana', 'amount': 7, 'order': 'A-1', 'card': '4242'})}"
    )
    card = " ".join(page.tree.one("section", aria_labelledby="similar-title").text.split())
    assert "5 approved1 rejectedof the last 6" in card
    lines = listed(page)
    assert len(lines) == 6
    assert lines[0].startswith("Pay 5 to Ana for A-1")
    assert "rejected by Rita R" in lines[0]
    assert page.tree.one("ol", id="similar").all("a")[0].attributes["href"] == f"/requests/{near}"


def test_nobody_learns_of_what_they_may_not_see(office: Office) -> None:
    asks_pay(office)
    rita = office.browser(office.rita)
    mine = decided(office, rita, "approve", to="Ana", amount=5, order="A-1")
    office.apply(
        [
            {
                "name": "Leads",
                "action": "money.pay",
                "effect": "ask",
                "ask": {"stages": [{"any_of": ["leads"]}]},
            }
        ]
    )
    asked = office.ask("money.pay", {"to": "Ana", "amount": 6, "order": "A-1"})
    lena = office.browser(office.lena)
    page = lena.get(f"/requests/{asked}")
    assert (listed(page), "Decided before" in page.main) == ([], False)
    assert mine not in page.answer.text
    answer = lena.http.get(
        f"{office.server.api}/requests/{asked}/similar",
        headers={"Assentry-Workspace": office.workspace.slug},
    )
    assert answer.json() == {"counts": {}, "nearest": []}
    vera = office.browser(office.vera).get(f"/requests/{asked}")
    assert len(listed(vera)) == 1
    other = AgentFactory(workspace=office.workspace, owner=office.olga, name="other")
    key = KeyFactory(agent=other)
    body = {"action": "money.pay", "payload": {"to": "Ana", "amount": 6, "order": "A-1"}}
    made = office.server.call("POST", "/requests", json=body, headers=bearer(key.token)).json()
    assert listed(office.browser(office.vera).get(f"/requests/{made['id']}")) == []


def test_what_happened_stands_in_words_with_who_did_it(office: Office) -> None:
    request_id = office.ask("money.pair")
    for person in (office.rita, office.ron):
        browser = office.browser(person)
        page = browser.get(f"/requests/{request_id}")
        browser.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    lines = page.tree.one("details", id="story").all("li")
    story = [" ".join(line.all("span")[1].text.split()) for line in lines]
    assert story[:2] == ["mail-bot asked", "Rita R approved, at step 1"]
    assert "web · " in lines[1].text
    assert any("opened step 2" in line for line in story)
    assert any("Ron R approved, at step 2" in line for line in story)
    assert any("closed it: approved" in line for line in story)


def test_every_kind_that_is_about_a_request_has_its_words() -> None:
    assert set(DID) <= set(KINDS)
    about = {
        kind for kind in KINDS if kind.startswith(("request.", "decision.", "permit.", "result."))
    }
    assert about - set(DID) == {"decision.refused", "permit.refused"}  # for auditors


def test_a_risky_yes_to_what_was_not_opened_wholly_is_refused(office: Office) -> None:
    large = {f"line {number}": "x" * 60 for number in range(500)}
    request_id = office.ask("money.pair", large)
    rita, path = office.browser(office.rita), f"/requests/{request_id}"
    page = rita.get(path)
    assert "Open all 500 values, then approve" in page.main
    assert "line 400" not in page.answer.text
    digest = page.tree.one("p", class_="ids").all("code")[-1].text
    typed = {"verdict": "approve", "stage": "0", "payload_digest": digest}
    assert post(rita, f"{path}/decide", **typed).status == 422
    assert (votes(request_id), stored(request_id).status) == ([], "pending")
    whole = rita.get(f"{path}?whole=1")
    assert "line 499" in whole.answer.text
    assert "everything the agent sent is above" in whole.main
    [form] = [
        form
        for form in whole.tree.all("form")
        if form.attributes.get("action") == f"{path}/decide?whole=1"
        and form.all("button", id="approve")
    ]
    rita.submit(form)
    assert votes(request_id) == [("approve", "")]


def test_what_is_risky_and_opened_wholly_may_be_edited(office: Office) -> None:
    office.actions["money.pair"]["editable"] = ["/line 499"]
    office.apply()
    large = {f"line {number}": "x" * 60 for number in range(500)}
    request_id = office.ask("money.pair", large)
    rita, path = office.browser(office.rita), f"/requests/{request_id}"
    form = rita.get(f"{path}?whole=1").form(f"{path}/decide", verdict="edit")
    typed: Any = {"edit:/line 499": "y"}
    page = rita.submit(form, **typed)
    assert (page.status, stored(request_id).revision) == (200, 2), page.main
    assert votes(request_id) == [("edit", "")]


def test_what_is_large_and_of_little_risk_may_be_approved_as_it_stands(office: Office) -> None:
    request_id = office.ask(payload={f"line {number}": "x" * 60 for number in range(500)})
    rita, path = office.browser(office.rita), f"/requests/{request_id}"
    rita.submit(rita.get(path).form(f"{path}/decide", verdict="approve"))
    assert stored(request_id).status == "approved"
