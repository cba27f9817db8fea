"""Deciding by plain forms: counted once, on what was shown, or plainly not at all."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Decision, Look, Request
from audit.models import Event
from core import ids
from core.problems import Problem
from people.models import Person
from people.roles import reconcile_policy_roles
from tests.clock import looks_older, travel
from tests.factories import ACTOR
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored, votes


def open_page(office: Office, person: Person, request_id: str) -> tuple[Browser, Page]:
    browser = office.browser(person)
    page = browser.get(f"/requests/{request_id}")
    assert page.status == 200
    return browser, page


def approve(browser: Browser, page: Page, request_id: str, **typed: Any) -> Page:
    return browser.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"), **typed)


def reject(browser: Browser, page: Page, request_id: str, **typed: Any) -> Page:
    return browser.submit(page.form(f"/requests/{request_id}/decide", verdict="reject"), **typed)


def test_approve(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    shown = office.shown_to(office.rita, request_id)
    answer = browser.submit(
        page.form(f"/requests/{request_id}/decide", verdict="approve"), follow=False
    ).answer
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/requests/{request_id}"
    page = browser.get(f"/requests/{request_id}")
    assert page.tree.one("div", class_="flash").text.strip() == "You approved."
    assert "Approved by you" in page.main
    assert not page.tree.all("form", action=f"/requests/{request_id}/decide")
    request = stored(request_id)
    assert (request.status, request.basis) == ("approved", "people")
    vote = Decision.objects.get(request=request)
    assert (vote.person_id, vote.verdict, vote.channel, vote.assurance) == (
        office.rita.id,
        "approve",
        "web",
        "session",
    )
    assert bytes(vote.shown_digest or b"") == shown
    assert "You approved." not in browser.get(f"/requests/{request_id}").main


def test_reject_with_a_preset_and_own_words(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    page = reject(browser, page, request_id, preset="not_allowed", comment="Ask legal first.")
    assert "Rejected by you" in page.main
    assert votes(request_id) == [("reject", "Against our rules: Ask legal first.")]
    assert stored(request_id).status == "rejected"


@pytest.mark.parametrize("comment", ["", "   ", "\n\n"])
def test_reject_without_a_reason_says_so_and_changes_nothing(office: Office, comment: str) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    page = reject(browser, page, request_id, comment=comment)
    assert page.status == 422
    assert "Say why you reject" in page.tree.one("p", id="wrong").text
    assert "open" in page.tree.one("details", id="reject").attributes
    assert votes(request_id) == []
    assert stored(request_id).status == "pending"
    page = reject(browser, page, request_id, comment="Now with one.")
    assert votes(request_id) == [("reject", "Now with one.")]


def test_an_approval_needs_a_reason_where_policy_always_wants_one(office: Office) -> None:
    request_id = office.ask("note.say")
    browser, page = open_page(office, office.rita, request_id)
    assert "required" in page.tree.one("textarea", id="approve-comment").attributes
    page = approve(browser, page, request_id)
    assert page.status == 422
    assert "Say why you approve" in page.main
    assert votes(request_id) == []
    approve(browser, page, request_id, comment="Checked by phone.")
    assert votes(request_id) == [("approve", "Checked by phone.")]


def test_what_was_typed_survives_a_fault(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    long = "<b>long</b> " * 400
    page = reject(browser, page, request_id, preset="unclear", comment=long)
    assert page.status == 422
    assert page.tree.one("textarea", id="reject-comment").text.strip() == long.strip()
    chosen = [n for n in page.tree.all("input", type="radio") if "checked" in n.attributes]
    assert [node.attributes["value"] for node in chosen] == ["unclear"]
    assert votes(request_id) == []


def test_a_stale_tab_gets_the_present_view_and_no_vote(office: Office) -> None:
    request_id = office.ask("money.pair")
    browser, old = open_page(office, office.rita, request_id)
    other, page = open_page(office, office.ron, request_id)
    approve(other, page, request_id)
    page = approve(browser, old, request_id)
    assert page.status == 409
    assert page.title.startswith("Nothing decided: ")
    said = page.tree.one("div", id="problem").text
    assert "Nothing was decided." in said
    assert said.count("othing was decided") == 1
    assert votes(request_id) == [("approve", "")]
    form = page.form(f"/requests/{request_id}/decide", verdict="approve")
    assert form.one("input", name="stage").attributes["value"] == "1"
    page = approve(browser, page, request_id)
    assert "Approved by Ron R, you" in page.main


def test_another_payload_than_the_one_shown_is_never_approved(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    digest = "sha256:" + "0" * 64
    page = approve(browser, page, request_id, payload_digest=digest)
    assert page.status == 409
    assert "The payload is not the one you looked at." in page.main
    assert votes(request_id) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stage", "x"),
        ("stage", "-1"),
        ("payload_digest", "nonsense"),
        ("payload_digest", ""),
        ("verdict", "edit"),
        ("preset", "x"),
    ],
)
def test_a_form_somebody_bent_decides_nothing(office: Office, name: str, value: str) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    page = reject(browser, page, request_id, **{"comment": "Because.", name: value})
    assert page.status == 422
    assert "othing was decided" in page.main
    assert votes(request_id) == []


def test_after_the_end_a_vote_says_how_it_ended(office: Office) -> None:
    request_id = office.ask()
    browser, old = open_page(office, office.rita, request_id)
    other, page = open_page(office, office.ron, request_id)
    reject(other, page, request_id, comment="No.")
    page = approve(browser, old, request_id)
    assert page.status == 409
    assert "This request has ended: rejected." in page.main
    assert "Rejected by Ron R" in page.main
    assert votes(request_id) == [("reject", "No.")]


def test_after_the_deadline_nothing_is_decided(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    travel(request_id, hours=9)
    page = approve(browser, page, request_id)
    assert page.status == 409
    assert "The deadline has passed." in page.main
    assert votes(request_id) == []


def test_the_second_vote_of_one_person_is_refused(office: Office) -> None:
    request_id = office.ask("money.pair")
    browser, old = open_page(office, office.rita, request_id)
    page = approve(browser, old, request_id)
    assert "You approved. It still waits for others." in page.main
    assert "this one needs somebody else's approval" in page.main
    forms = page.tree.all("button", id="approve")
    assert forms == []
    page = reject(browser, page, request_id, comment="Changed my mind.")
    assert stored(request_id).status == "rejected"


def test_the_owner_sees_their_agents_request_and_cannot_decide_it(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.olga, request_id)
    assert "You own this agent, and nobody decides on their own agent's request." in page.main
    assert page.tree.all("form", action=f"/requests/{request_id}/decide") == []
    token = browser.http.cookies["csrftoken"]
    digest = f"sha256:{stored(request_id).revisions.get().digest.hex()}"
    bent = {
        "csrfmiddlewaretoken": token,
        "verdict": "approve",
        "stage": "0",
        "payload_digest": digest,
    }
    page = browser.post(f"/requests/{request_id}/decide", bent)
    assert page.status == 403
    assert "Nobody decides on their own agent's request." in page.main
    assert votes(request_id) == []


def test_the_owner_withdraws(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.olga, request_id)
    page = browser.submit(page.form(f"/requests/{request_id}/cancel"), reason="A mistake.")
    assert "Withdrawn by the agent's owner" in page.main
    assert stored(request_id).basis == "owner"
    _, page = open_page(office, office.rita, request_id)
    assert page.tree.all("form", action=f"/requests/{request_id}/cancel") == []


def test_confirm_is_called_what_it_is(office: Office) -> None:
    request_id = office.ask("table.drop")
    browser, page = open_page(office, office.olga, request_id)
    assert "You would confirm your own agent's request." in page.main
    assert "Confirm and approve" in page.tree.one("button", id="approve").text
    page = approve(browser, page, request_id)
    assert "Confirmed by the owner" in page.main
    assert "nobody independent decided" in page.main
    assert stored(request_id).basis == "confirm"


def test_who_may_look_but_is_not_asked_is_told_so(office: Office) -> None:
    request_id = office.ask()
    _, page = open_page(office, office.vera, request_id)
    assert "This step asks a role that you do not hold." in page.main
    assert page.tree.all("button", id="approve") == []


def test_a_yes_that_comes_too_soon_counts_nothing_and_keeps_what_was_typed(office: Office) -> None:
    rule = {
        "name": "Read it",
        "action": "mail.send",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["reviewers"]}], "dwell": "20s"},
    }
    office.apply([rule])
    request_id = office.ask()
    browser = office.browser(office.rita)
    assert not Look.objects.filter(request_id=ids.decode("req", request_id)).exists(), "no list is"
    page = browser.get(f"/requests/{request_id}")
    assert "Read it for 20 s before you approve." in page.main
    form = page.form(f"/requests/{request_id}/decide", verdict="approve")
    page = browser.submit(form, comment="At once")
    assert page.status == 409
    alert = page.tree.one("div", role="alert").text
    assert "Policy asks to read it for 20 s before a yes: say it again in" in alert
    assert alert.count("Nothing was decided") == 1
    assert "At once" in page.main
    assert votes(request_id) == []
    looks_older(ids.decode("req", request_id), seconds=20)
    form = page.form(f"/requests/{request_id}/decide", verdict="approve")
    assert "Approved by you" in browser.submit(form, comment="At last").main
    [vote] = Decision.objects.filter(request_id=ids.decode("req", request_id))
    assert vote.dwell_ms is not None
    assert vote.dwell_ms >= 20_000


def test_losing_the_role_counts_at_the_press(office: Office) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)
    reconcile_policy_roles(actor=ACTOR, workspace=office.workspace, roles={})
    assert approve(browser, page, request_id).status == 404
    assert votes(request_id) == []


def test_looking_changes_nothing(office: Office) -> None:
    request_id = office.ask("mail.send", {"to": "x", "secret": "s"})
    browser = office.browser(office.rita)
    before = (
        Request.objects.values().get(id=ids.decode("req", request_id)),
        Event.objects.filter(workspace_id=office.workspace.id).count(),
    )
    base = f"/requests/{request_id}"
    for path in ("/", base, f"/fragments{base}", "/fragments/queue", "/sign-out", "/workspace"):
        browser.get(path)
    for path in (f"{base}/decide?verdict=approve&stage=0", f"{base}/reveal", f"{base}/cancel"):
        answer = browser.http.get(office.server.url + path, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (303, base)
        assert browser.http.head(office.server.url + path).status_code == 303
    after = (
        Request.objects.values().get(id=ids.decode("req", request_id)),
        Event.objects.filter(workspace_id=office.workspace.id).count(),
    )
    assert after == before
    assert votes(request_id) == []


def test_when_the_database_is_away_the_page_says_that_nothing_was_decided(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = office.ask()
    browser, page = open_page(office, office.rita, request_id)

    def away(**_: object) -> bytes:
        raise Problem(
            503, "database_unavailable", "Unavailable", "Not now.", headers={"Retry-After": "1"}
        )

    monkeypatch.setattr("pages.views.requests.decide", away)
    page = approve(browser, page, request_id)
    assert page.status == 503
    assert page.answer.headers["Retry-After"] == "1"
    assert "Nothing was decided. Not now." in page.main
