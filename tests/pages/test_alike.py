"""Deciding several requests on one page: each with a vote of its own, on exactly what stood there."""

from __future__ import annotations

from typing import Any

from approvals.models import Decision
from people.models import Person
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored, votes


def together(office: Office, person: Person, request_id: str) -> tuple[Browser, Page]:
    browser = office.browser(person)
    page = browser.get(f"/requests/{request_id}")
    [link] = page.tree.all("a", href=f"/alike/{request_id}")
    alike = browser.get(f"/alike/{request_id}")
    others = len(alike.tree.all("input", name="chosen")) - 1
    assert link.text.startswith(f"{others} more like this wait"), link.text
    return browser, alike


def press(browser: Browser, page: Page, verdict: str, *chosen: str, **typed: Any) -> Page:
    form = page.tree.one("form", id="together")
    data: Any = [
        (field.attributes["name"], field.attributes.get("value", ""))
        for field in form.all("input", type="hidden")
    ]
    data += [("chosen", one) for one in chosen] + [("verdict", verdict), *typed.items()]
    path = page.answer.url.removeprefix(browser.url)
    return browser.post(path, data)


def test_the_chosen_ones_are_decided_each_by_itself(office: Office) -> None:
    ids = [office.ask(payload={"to": f"{n}@example.com"}) for n in range(3)]
    other = office.ask("table.drop")
    browser, page = together(office, office.rita, ids[0])
    assert "0@example.com" in page.main
    assert other not in page.answer.text
    page = press(browser, page, "approve", ids[0], ids[2], comment="As agreed.")
    assert page.tree.one("div", class_="flash").text.strip() == "You approved 2 of 2."
    assert [stored(one).status for one in ids] == ["approved", "pending", "approved"]
    assert votes(ids[0]) == [("approve", "As agreed.")]
    assert [box.attributes["value"] for box in page.tree.all("input", name="chosen")] == [ids[1]]
    page = press(browser, page, "reject", ids[1])
    assert "You rejected 0 of 1." in page.main
    assert "Say why" in page.main
    page = press(browser, page, "reject", ids[1], comment="No.")
    assert "Nothing like it waits for you any more." in page.main


def test_what_changed_meanwhile_is_not_decided(office: Office) -> None:
    ids = [office.ask() for _ in range(3)]
    browser, page = together(office, office.rita, ids[0])
    headers = {"Authorization": f"Bearer {office.key.token}"}
    body = {"payload": {"to": "mallory@example.com"}}
    office.server.call("POST", f"/requests/{ids[1]}/revise", json=body, headers=headers)
    refused = press(browser, page, "edit", *ids[:2])
    boxes = refused.tree.all("input", name="chosen", checked="")
    still = [box.attributes["value"] for box in boxes]
    assert (refused.status, still) == (422, [ids[0]])  # what the next press decides was looked at
    page = press(browser, page, "approve", *ids[:2])
    assert "You approved 1 of 2." in page.main
    assert "The payload is not the one you looked at" in page.main
    assert [stored(one).status for one in ids] == ["approved", "pending", "pending"]


def test_wrong_use_decides_nothing(office: Office) -> None:
    ids = [office.ask() for _ in range(2)]
    risky = office.ask("money.pair")
    browser, page = together(office, office.rita, ids[0])
    for verdict, chosen, status, said in (
        ("approve", [], 422, "Choose what you decide on."),
        ("edit", ids, 422, "Approve or reject them."),
        ("approve", [*ids, risky], 422, "Nothing was decided."),
        ("approve", [*ids, "nonsense"], 404, "Nothing was decided."),
    ):
        answer = press(browser, page, verdict, *chosen)
        assert (answer.status, said in answer.main) == (status, True), (verdict, answer.main)
    assert not Decision.objects.filter(workspace=office.workspace).exists()


def test_it_is_offered_only_where_it_can_be(office: Office) -> None:
    alone, risky = office.ask("table.drop"), [office.ask("money.pair") for _ in range(2)]
    mine = [office.ask() for _ in range(2)]
    for person, request_id in (
        (office.rita, risky[0]),
        (office.olga, alone),
        (office.vera, mine[0]),
    ):
        page = office.browser(person).get(f"/requests/{request_id}")
        assert not [
            link for link in page.tree.all("a") if "/alike/" in link.attributes.get("href", "")
        ]
    assert office.browser(office.ned).get(f"/alike/{mine[0]}").status == 404


def test_what_is_decided_elsewhere_is_not_offered(office: Office) -> None:
    terms = {"stages": [{"any_of": ["reviewers"]}], "channels": ["slack"]}
    office.apply([{"name": "Slack", "action": "mail.send", "effect": "ask", "ask": terms}])
    request_id, _ = office.ask(), office.ask()
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{request_id}")
    assert page.tree.all("a", href=f"/alike/{request_id}") == []
    assert "Nothing like it waits for you any more." in browser.get(f"/alike/{request_id}").main
