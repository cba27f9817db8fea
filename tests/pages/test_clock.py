"""The clock on a request's page: what was done while nobody decided, what comes, and what one may do."""

from __future__ import annotations

import pytest

from approvals.sql import ESCALATE
from core import due, ids
from escalations.stepping import escalate_due
from tests.clock import travel
from tests.pages.browser import Page
from tests.pages.office import Office, stored
from tests.pages.test_teamwork import open_page, press

STEPS = [
    {"after": "1h", "remind": True},
    {"after": "2h", "widen": "role:leads"},
]


@pytest.fixture
def clocked(office: Office) -> str:
    """A request whose rule escalates, and gives two hours more."""
    rule = {
        "name": "Ask",
        "action": "mail.send",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["reviewers"]}], "escalation": "money", "extend": "2h"},
    }
    office.apply([rule], escalations={"money": STEPS})
    return office.ask()


def offers(page: Page, request_id: str, name: str) -> bool:
    return any(
        form.attributes.get("action", "").partition("?")[0] == f"/requests/{request_id}/{name}"
        for form in page.tree.all("form")
    )


def moments(page: Page) -> list[str]:
    return [" ".join(li.text.split()) for li in page.tree.one("ol", class_="times").all("li")]


def test_what_comes_stands_there_with_what_one_may_do(office: Office, clocked: str) -> None:
    browser, page = open_page(office, office.rita, clocked)
    said = " | ".join(moments(page))
    assert "reminds who has not decided" in said
    assert "lets Team leads decide as well" in said
    page = press(browser, page, clocked, "escalate")
    assert "The next step was taken now." in page.main
    # Nothing tells anybody here: that is said, and the next step keeps its time.
    assert any(
        "reminded who had not decided: could not be done, no channel is set up" in one
        for one in moments(page)
    )
    page = press(browser, page, clocked, "escalate")
    assert any(
        "let Team leads decide as well, because Rita R said so" in one for one in moments(page)
    )
    assert "Team leads" in page.tree.one("section", **{"aria-labelledby": "who-title"}).text
    assert not offers(page, clocked, "escalate")


def test_more_time_is_given_once_by_a_form(office: Office, clocked: str) -> None:
    browser, page = open_page(office, office.rita, clocked)
    before = stored(clocked).expires_at
    wrong = press(browser, page, clocked, "extend", by="soon", text="Later.")
    assert wrong.status == 422
    assert "Write a duration" in wrong.main
    more = press(browser, page, clocked, "extend", by="3h", text="Later.")
    assert more.status == 422
    assert "at most 2h more" in more.main
    assert stored(clocked).expires_at == before
    page = press(browser, page, clocked, "extend", by="2h", text="The customer answers today.")
    assert "Rita R gave it more time." in page.main
    assert (stored(clocked).expires_at - before).total_seconds() == 7200
    assert not offers(page, clocked, "extend")


def test_what_was_done_stays_when_it_is_over(office: Office, clocked: str) -> None:
    travel(ids.decode("req", clocked), minutes=61)
    escalate_due(due.take(ESCALATE, [ids.decode("req", clocked)]))
    _, page = open_page(office, office.rita, clocked)
    assert any("reminded who had not decided" in one for one in moments(page))
    browser, page = open_page(office, office.rita, clocked)
    form = page.form(f"/requests/{clocked}/decide", verdict="approve")
    page = browser.submit(form)
    _, page = open_page(office, office.rita, clocked)
    assert any("reminded who had not decided" in one for one in moments(page))
    assert not any("lets Team" in one for one in moments(page))


def test_who_only_looks_is_offered_nothing(office: Office, clocked: str) -> None:
    _, page = open_page(office, office.olga, clocked)
    assert not offers(page, clocked, "escalate")
    assert not offers(page, clocked, "extend")
