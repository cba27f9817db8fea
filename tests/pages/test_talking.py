"""Giving back, editing and answering by plain forms, and how the page tells of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.models import Decision, Message, Revision
from people.models import Person
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored, votes


def open_page(office: Office, person: Person, request_id: str) -> tuple[Browser, Page]:
    browser = office.browser(person)
    return browser, browser.get(f"/requests/{request_id}")


def send(browser: Browser, page: Page, request_id: str, verdict: str, **typed: Any) -> Page:
    form = page.form(f"/requests/{request_id}/decide", verdict=verdict)
    return browser.submit(form, **typed)


def agent(office: Office, method: str, path: str, body: Any) -> dict[str, Any]:
    """The agent calls."""
    headers = {"Authorization": f"Bearer {office.key.token}"}
    answer = office.server.call(method, path, json=body, headers=headers)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def question(office: Office, **body: Any) -> str:
    asked = {"to": "reviewers", "prompt": "Which one?", **body}
    return str(agent(office, "POST", "/questions", asked)["id"])


@pytest.fixture
def paying(office: Office) -> Office:
    """The office, with an action whose amount people may change."""
    office.actions["money.refund"] = {
        "title": "Refund",
        "risk": "medium",
        "editable": ["/amount", "/fast"],
        "show": "Refund {payload.amount} to {payload.to}",
        "sensitive": ["/iban"],
        "schema": {"type": "object", "properties": {"amount": {"type": "number", "maximum": 500}}},
    }
    office.apply()
    return office


REFUND = {"amount": 80, "to": "ana", "fast": False, "iban": "DE89"}


class TestGivingBack:
    def test_the_agent_is_asked_and_its_answer_brings_it_back(self, office: Office) -> None:
        request_id = office.ask()
        browser, page = open_page(office, office.rita, request_id)
        page = send(browser, page, request_id, "return", comment="Which <b>order</b>?")
        assert page.tree.one("div", class_="flash").text.strip().startswith("You gave it back")
        assert "Which <b>order</b>?" in page.main
        assert stored(request_id).waiting_on == "agent"
        assert "It was given back to the agent" in page.main
        assert not page.tree.all("button", id="approve")
        agent(office, "POST", f"/requests/{request_id}/messages", {"text": "Order A-7."})
        page = browser.get(f"/requests/{request_id}")
        assert "Order A-7." in page.main
        assert "the agent, in its own words" in page.main
        send(browser, page, request_id, "approve")
        assert stored(request_id).status == "approved"
        assert [said.kind for said in Message.objects.filter(request=stored(request_id))] == [
            "return",
            "message",
        ]

    def test_without_words_nothing_is_given_back(self, office: Office) -> None:
        request_id = office.ask()
        browser, page = open_page(office, office.rita, request_id)
        page = send(browser, page, request_id, "return", comment="  ")
        assert page.status == 422
        assert "Say what the agent shall answer" in page.tree.one("p", id="wrong").text
        assert "open" in page.tree.one("details", id="return").attributes
        assert (stored(request_id).waiting_on, votes(request_id)) == ("people", [])

    def test_an_approval_that_crosses_a_return_decides_nothing(self, office: Office) -> None:
        request_id = office.ask()
        browser, page = open_page(office, office.rita, request_id)
        other, seen = open_page(office, office.ron, request_id)
        send(other, seen, request_id, "return", comment="Why?")
        page = send(browser, page, request_id, "approve")
        assert page.status == 409
        assert stored(request_id).status == "pending"


class TestEditing:
    def test_the_change_is_shown_and_the_editor_has_voted_for_it(self, paying: Office) -> None:
        request_id = paying.ask("money.refund", REFUND)
        browser, page = open_page(paying, paying.rita, request_id)
        fields = {field.attributes["name"] for field in page.tree.all("input", autocomplete="off")}
        assert "edit:/amount" in fields
        page = send(
            browser, page, request_id, "edit", **{"edit:/amount": "40", "edit:/fast": "false"}
        )
        request = stored(request_id)
        assert (request.status, request.revision) == ("approved", 2)
        revision = Revision.objects.get(request=request, number=2)
        assert json.loads(bytes(revision.payload)) == REFUND | {"amount": 40}
        assert revision.author_id == paying.rita.id
        assert page.tree.one("del").text.strip() == "80"
        assert page.tree.one("ins").text.strip() == "40"
        vote = Decision.objects.get(request=request)
        assert (vote.verdict, vote.revision, vote.person_id) == ("edit", 2, paying.rita.id)

    @pytest.mark.parametrize(
        ("typed", "wrong"),
        [
            ({"edit:/amount": "a lot"}, "type a number"),
            ({"edit:/amount": "NaN"}, "type a number"),
            ({"edit:/amount": "80"}, "You changed nothing"),
            ({"edit:/amount": "501"}, "“amount”: the value is greater than the maximum of 500."),
            ({"edit:/to": "mallory"}, "You changed nothing"),
            ({"edit:/fast": "maybe"}, "type true or false"),
        ],
    )
    def test_what_cannot_be_is_said_and_changes_nothing(
        self, paying: Office, typed: dict[str, str], wrong: str
    ) -> None:
        request_id = paying.ask("money.refund", REFUND)
        browser, page = open_page(paying, paying.rita, request_id)
        page = send(browser, page, request_id, "edit", **{"edit:/fast": "false"} | typed)
        assert page.status == 422
        assert wrong in page.tree.one("p", id="wrong").text
        assert "Nothing was decided." in page.tree.one("p", id="wrong").text
        assert (stored(request_id).revision, votes(request_id)) == (1, [])

    def test_covered_values_stay_covered_in_form_and_difference(self, paying: Office) -> None:
        paying.actions["money.refund"]["editable"] = ["/iban"]
        paying.apply()
        request_id = paying.ask("money.refund", REFUND)
        browser, page = open_page(paying, paying.rita, request_id)
        assert "DE89" not in page.answer.text
        page = send(browser, page, request_id, "edit", **{"edit:/iban": "DE00"})
        assert stored(request_id).revision == 2
        assert "DE89" not in page.answer.text
        assert "DE00" not in page.answer.text

    def test_nothing_editable_offers_no_form(self, office: Office) -> None:
        request_id = office.ask()
        _, page = open_page(office, office.rita, request_id)
        assert not page.tree.all("details", id="edit")


class TestAnswering:
    def test_a_choice(self, office: Office) -> None:
        request_id = question(office, options=["Main Street 1", "Mill Lane 2"])
        browser, page = open_page(office, office.rita, request_id)
        assert "Which one?" in page.main
        page = send(browser, page, request_id, "answer", answer="Mill Lane 2")
        assert stored(request_id).status == "answered"
        assert "Mill Lane 2" in page.main
        assert agent(office, "GET", f"/requests/{request_id}", None)["answer"] == "Mill Lane 2"

    def test_a_form_from_a_schema(self, office: Office) -> None:
        schema = {
            "type": "object",
            "required": ["street", "number"],
            "properties": {
                "street": {"type": "string", "title": "Street", "description": "As on the door"},
                "number": {"type": "integer"},
                "floor": {"enum": [1, 2, None]},
                "bell": {"type": "boolean"},
            },
        }
        request_id = question(office, answer_schema=schema)
        browser, page = open_page(office, office.rita, request_id)
        assert "As on the door" in page.main
        typed = {"answer.street": "Mill Lane", "answer.number": "2", "answer.floor": "2"}
        page = send(browser, page, request_id, "answer", **typed)
        answer = agent(office, "GET", f"/requests/{request_id}", None)["answer"]
        assert answer == {"street": "Mill Lane", "number": 2, "floor": None}

    @pytest.mark.parametrize("typed", [{}, {"answer": ""}, {"answer": "Elsewhere"}])
    def test_no_choice_is_no_answer(self, office: Office, typed: dict[str, str]) -> None:
        request_id = question(office, options=["Here", "There"])
        browser, page = open_page(office, office.rita, request_id)
        page = send(browser, page, request_id, "answer", **typed)
        assert page.status == 422
        assert "choose one" in page.tree.one("p", id="wrong").text
        assert (stored(request_id).status, votes(request_id)) == ("pending", [])

    def test_declining(self, office: Office) -> None:
        request_id = question(office)
        browser, page = open_page(office, office.rita, request_id)
        send(browser, page, request_id, "reject", comment="Ask your owner.")
        assert stored(request_id).status == "rejected"
        assert votes(request_id) == [("reject", "Ask your owner.")]

    def test_the_queue_marks_questions_and_what_is_with_the_agent(self, office: Office) -> None:
        asked = question(office)
        given = office.ask()
        browser, page = open_page(office, office.rita, given)
        send(browser, page, given, "return", comment="Why?")
        page = browser.get("/?view=all")
        assert "waits for the agent’s answer" in page.tree.one("li", id=f"item-{given}").text
        assert "question" in page.tree.one("li", id=f"item-{asked}").text
