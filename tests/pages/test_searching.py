"""The inbox narrowed: the address is the view, and nobody finds what they may not see."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models import Request
from core import ids, paging
from people.models import Membership
from tests.factories import AgentFactory, KeyFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored


def listed(page: Page) -> list[str]:
    return [node.attributes["data-item"] for node in page.tree.all("li", class_="item")]


def found(browser: Browser, **said: Any) -> list[str]:
    page = browser.get("/", params=said)
    assert page.status == 200, page.main
    return listed(page)


def decide(browser: Browser, request_id: str, verdict: str, comment: str = "") -> None:
    page = browser.get(f"/requests/{request_id}")
    form = page.form(f"/requests/{request_id}/decide", verdict=verdict)
    assert browser.submit(form, comment=comment).status == 200


@pytest.fixture
def named(office: Office) -> Office:
    """Titles say whom a mail goes to; what is sensitive stands in one, covered."""
    office.actions["mail.send"]["show"] = "Mail to {payload.to}, code {payload.secret}"
    office.apply()
    return office


def test_each_filter_leaves_what_it_says(named: Office) -> None:
    office = named
    mail = office.ask(payload={"to": "Ana Ruiz", "secret": "swordfish"}, expires_in="10m")
    pay, say = office.ask("money.pay", {"amount": 7}), office.ask("note.say", {"text": "x"})
    other = AgentFactory(workspace=office.workspace, owner=office.olga, name="ledger-bot")
    office.key = KeyFactory(agent=other)
    booked = office.ask("note.say", {"text": "y"})
    rita = office.browser(office.rita)
    page = rita.get(f"/requests/{say}")
    rita.submit(page.form(f"/requests/{say}/claim"))
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"risk": "critical"}, {pay}),
        ({"risk": ["critical", "medium"]}, {pay, mail}),
        ({"risk": "critical,medium"}, {pay, mail}),
        ({"agent": "ledger-bot"}, {booked}),
        ({"agent": ids.encode("agt", other.id)}, {booked}),
        ({"agent": "nobody"}, set()),
        ({"action": "note.say"}, {say, booked}),
        ({"action": "note.*"}, {say, booked}),
        ({"action": "note"}, set()),
        ({"action": "note.say,money.*"}, {say, booked, pay}),
        ({"role": "reviewers"}, {mail, pay, say, booked}),
        ({"role": "leads"}, set()),
        ({"due": "15m"}, {mail}),
        ({"claimed": "me"}, {say}),
        ({"claimed": "nobody"}, {mail, pay, booked}),
        ({"claimed": "others"}, set()),
        ({"q": "ruiz"}, {mail}),
        ({"q": "RUI ana mail"}, {mail}),
        ({"q": "uiz"}, set()),
        ({"q": "mail-bot say"}, {say}),
        ({"q": "ledger"}, {booked}),
        ({"q": "note.say"}, {say, booked}),
        ({"q": "ana' | pay"}, set()),
        ({"q": f"look at {office.server.url}/requests/{pay} please"}, {pay}),
        ({"q": pay}, {pay}),
        ({"q": f"{pay} " + "word " * 20}, {pay}),
        ({"q": "say", "agent": "ledger-bot", "risk": "low"}, {booked}),
    ]
    for said, wanted in cases:
        assert set(found(rita, view="all", **said)) == wanted, said


def test_an_agent_whose_name_has_commas_is_found_by_it(office: Office) -> None:
    asked = {}
    for name in ("Ledger , Sons, Ltd.", "Sons", "Ltd.,"):
        agent = AgentFactory(workspace=office.workspace, owner=office.olga, name=name)
        office.key = KeyFactory(agent=agent)
        asked[name] = office.ask()
    rita = office.browser(office.rita)
    for said in ("Ledger , Sons, Ltd.", "Ledger,Sons,Ltd."):
        assert set(found(rita, view="all", agent=said)) == set(asked.values()), said
    assert found(rita, view="all", agent="Ledger") == []
    assert found(rita, view="all", agent="Ledger,Sons") == [asked["Sons"]]
    form = rita.get("/", params={"view": "all", "agent": "Ltd.,"}).tree.one("form", id="find")
    typed = form.one("input", name="agent").attributes["value"]
    assert found(rita, view="all", agent=typed) == [asked["Ltd.,"]]


def test_nothing_sensitive_and_nothing_of_a_payload_is_found(named: Office) -> None:
    request_id = named.ask(payload={"to": "Ana", "secret": "swordfish", "body": "marzipan"})
    rita = named.browser(named.rita)
    assert found(rita, q="ana") == [request_id]
    shown, hidden = ("ana", "•••"), ("swordfish", "sword", "marzipan")
    wanted = {word: [request_id] for word in shown} | {word: [] for word in hidden}
    assert {word: found(rita, q=word) for word in wanted} == wanted
    decide(rita, request_id, "approve")
    assert {word: found(rita, state="past", q=word) for word in wanted} == wanted


def test_nobody_finds_what_they_may_not_see(named: Office) -> None:
    office = named
    waits, ended = office.ask(payload={"to": "Ana"}), office.ask(payload={"to": "Ana"})
    decide(office.browser(office.rita), ended, "approve")
    elsewhere = Office(office.server)
    strangers = [office.browser(office.ned), office.browser(office.lena)]
    strangers.append(elsewhere.browser(elsewhere.vera))
    for browser in strangers:
        for said in ({"q": "mail"}, {"q": waits}, {"q": ended}, {"q": "ana", "state": "past"}):
            for view in ("all", "mine", "roles", "watching"):
                assert found(browser, view=view, **said) == [], (said, view)
        assert found(browser, view="all", agent="mail-bot", state="past") == []
    for person in (office.rita, office.olga, office.vera):
        browser = office.browser(person)
        assert found(browser, view="all", q="ana", state="past") == [ended], person.name
        assert found(browser, view="all", q=ended) == [ended]
        assert set(found(browser, view="all", q="ana")) == {waits}
    # Who was told while nobody decided, or administers where it was approved past its plan, as well.
    Request.objects.filter(id=ids.decode("req", ended)).update(told=[office.ned.id])
    assert found(office.browser(office.ned), view="all", q="ana", state="past") == [ended]


def test_past_requests_say_how_they_ended_and_are_found_by_it(office: Office) -> None:
    said = {name: office.ask() for name in ("yes", "no", "left")}
    rita, ron = office.browser(office.rita), office.browser(office.ron)
    decide(rita, said["yes"], "approve")
    decide(ron, said["no"], "reject", comment="Not this one.")
    office.server.call(
        "POST",
        f"/requests/{said['left']}/cancel",
        json={},
        headers={"Authorization": f"Bearer {office.key.token}"},
    )
    waits = office.ask()
    page = rita.get("/?view=all&state=past")
    assert listed(page) == [said["left"], said["no"], said["yes"]]
    outcomes = [" ".join(row.one("b").text.split()) for row in page.tree.all("li", class_="item")]
    assert [one.split()[0].strip(",") for one in outcomes] == ["Withdrawn", "Rejected", "Approved"]
    assert not page.tree.all("input", name="chosen")
    assert [tab.text.strip() for tab in page.tree.all("a", aria_current="true")] == ["Past"]
    for query, wanted in (
        ("state=rejected", ["no"]),
        ("state=rejected&state=approved", ["no", "yes"]),
        ("state=past&state=approved", ["yes"]),
        ("state=answered", []),
        ("state=past&ended=1h", ["left", "no", "yes"]),
        ("state=past&risk=low", []),
    ):
        assert listed(rita.get(f"/?view=all&{query}")) == [said[one] for one in wanted], query
    assert listed(rita.get("/?view=mine&state=past")) == [said["yes"]]
    assert listed(rita.get("/?view=roles&state=past")) == [said["left"], said["no"], said["yes"]]
    assert listed(rita.get("/?view=all")) == [waits]
    Membership.objects.filter(person=office.rita).delete()
    assert listed(rita.get("/?view=all&state=past")) == []


def test_pages_of_a_filtered_list_lead_on_and_back(office: Office, monkeypatch: Any) -> None:
    monkeypatch.setattr("pages.queue.PAGE", 2)
    asked = [office.ask(payload={"to": str(n)}) for n in range(5)]
    rita = office.browser(office.rita)
    for state, expected in (("", [*asked]), ("past", [*reversed(asked)])):
        if state:
            for one in asked:
                decide(rita, one, "approve")
        page = rita.get("/", params={"view": "all", "q": "send", "state": state or "waiting"})
        seen = [listed(page)]
        while page.tree.all("a", rel="next"):
            page = rita.get(page.tree.one("a", rel="next").attributes["href"])
            seen.append(listed(page))
        assert [one for few in seen for one in few] == expected
        assert [len(few) for few in seen] == [2, 2, 1]
        page = rita.get(page.tree.one("a", rel="prev").attributes["href"])
        assert listed(page) == seen[1]
        item = page.tree.all("li", class_="item")[0].all("a")[0].attributes["href"]
        assert "q=send" in item
        assert "cursor=" in item


def test_a_forged_cursor_begins_anew(office: Office) -> None:
    asked, place = office.ask(), ["99999999999", "2026-01-01T00:00:00+00:00", str(ids.uuid7())]
    cursor = paging.encode(paging.Cursor("urgency", False, place))
    assert found(office.browser(office.rita), view="all", cursor=cursor) == [asked]


def test_the_form_is_the_address_and_each_filter_can_be_taken_away(office: Office) -> None:
    office.ask()
    pay = office.ask("money.pay", {"amount": 7})
    rita = office.browser(office.rita)
    form = rita.get("/?view=all").tree.one("form", id="find")
    assert form.attributes["method"] == "get"
    sent = {"view": "all", "q": " Pay ", "due": "", "claimed": "", "agent": "", "action": ""}
    page = rita.get("/", params={**sent, "role": "reviewers", "risk": ["critical", "high"]})
    assert page.answer.url == (
        f"{office.server.url}/?view=all&risk=critical&risk=high&role=reviewers&q=Pay"
    )
    assert listed(page) == [pay]
    chips = page.tree.one("ul", class_="chips").all("a")
    assert [" ".join(chip.text.split()) for chip in chips] == [
        "Take away: Risk: critical ×",
        "Take away: Risk: high ×",
        "Take away: Role: reviewers ×",
        "Take away: Search: Pay ×",
        "Clear all",
    ]
    assert chips[0].attributes["href"] == "/?view=all&risk=high&role=reviewers&q=Pay"
    assert chips[-1].attributes["href"] == "/?view=all"
    empty = rita.get("/?view=all&q=nowhere")
    assert "Nothing is like that" in empty.main
    assert "/?view=all&state=past&q=nowhere" in [a.attributes["href"] for a in empty.tree.all("a")]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=%21%21", "Search “!!” was left out. Give a letter or a digit to look for."),
        ("q=" + "+".join("abcdefghijklm"), "At most 12 words."),
        ("q=req_7zzzzzzzzzzzzzzzzzzzzzzzzzz", ""),
        ("risk=huge", "Risk “huge” was left out. One of low, medium, high, critical."),
        ("due=soon", "Time left “soon” was left out. Write a duration"),
        ("ended=7d", "Ended “7d” was left out. Only of past requests"),
        ("state=past&claimed=me", "Looked into “me” was left out. Only of requests that wait."),
        ("state=waiting&state=past", ""),
        ("action=Up.case", "Action “Up.case” was left out."),
        ("q=%00", ""),
    ],
)
def test_what_does_not_fit_is_left_out_and_said(office: Office, query: str, said: str) -> None:
    page = office.browser(office.rita).get(f"/?view=all&{query}")
    assert page.status == 200
    assert said in page.main


def test_hostile_words_stay_words(named: Office) -> None:
    mean = "<b>x</b> ' \\ : & | ! * ( ) \u202e %% $1 {to}"
    request_id = named.ask(payload={"to": mean + "needle"})
    rita = named.browser(named.rita)
    for text in ("needle", mean, "b x"):
        assert found(rita, view="all", q=text) == [request_id], text
    page = rita.get("/", params={"view": "all", "q": "<i>\u202e"})
    assert not page.tree.all("i")


def test_a_count_says_when_it_stopped_counting(office: Office, monkeypatch: Any) -> None:
    monkeypatch.setattr("approvals.inbox.MOST_COUNTED", 2)
    for _ in range(3):
        office.ask()
    page = office.browser(office.rita).get("/")
    assert page.title == "(2+) Inbox · Assentry"
    assert stored(listed(page)[0]).status == "pending"
