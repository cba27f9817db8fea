"""Several chosen in the list: decided where that is allowed, looked into, followed."""

from __future__ import annotations

from typing import Any

from approvals.models import Request, Watch
from core import ids
from people.services import create_person
from tests.factories import ACTOR
from tests.pages.browser import Browser, Node, Page
from tests.pages.office import Office, stored, votes


def choose(browser: Browser, do: str, *chosen: str, back: str = "/?view=all") -> Page:
    form = browser.get(back).tree.one("form", id="chosen")
    return send(browser, form, [*(("chosen", one) for one in chosen), ("do", do)])


def send(browser: Browser, form: Node, typed: list[tuple[str, str]]) -> Page:
    data: Any = [
        (field.attributes["name"], field.attributes.get("value", ""))
        for field in form.all("input", type="hidden")
    ]
    return browser.post(form.attributes["action"], data + typed)


def hidden(form: Node) -> dict[str, str]:
    """What a form sends of itself; one of each name."""
    fields = form.all("input", type="hidden")
    return {one.attributes["name"]: one.attributes.get("value", "") for one in fields}


def ticked(page: Page) -> dict[str, bool]:
    """Which of those that may be decided together are chosen already."""
    boxes = page.tree.all("input", name="chosen")
    return {box.attributes["value"]: "checked" in box.attributes for box in boxes}


def reasons(page: Page) -> dict[str, str]:
    """Why each of the others is not there, by its address."""
    return {
        one.one("a").attributes["href"]: one.one("span", class_="under").text
        for one in page.tree.one("ul", class_="rows").all("li")
    }


def test_the_list_offers_each_that_waits(office: Office) -> None:
    asked = office.ask()
    page = office.browser(office.rita).get("/")
    [box] = page.tree.all("input", name="chosen")
    assert (box.attributes["value"], box.attributes["form"]) == (asked, "chosen")
    assert " ".join(page.tree.one("label", class_="pick").text.split()) == "Choose Send a mail"


def test_those_that_are_alike_are_decided_each_on_what_stood_there(office: Office) -> None:
    mails = [office.ask(payload={"to": f"{n}@example.com"}) for n in range(3)]
    notes = [office.ask("note.say", {"text": str(n)}) for n in range(2)]
    pay, own, over = office.ask("money.pay", {"n": 1}), office.ask("table.drop"), office.ask()
    office.server.call(
        "POST",
        f"/requests/{over}/cancel",
        json={},
        headers={"Authorization": f"Bearer {office.key.token}"},
    )
    unseen = Office(office.server).ask()
    rita = office.browser(office.rita)
    page = choose(rita, "together", *mails, *notes, pay, over, own, unseen)
    assert page.answer.url.startswith(f"{office.server.url}/together?chosen={mails[0]}&chosen=")
    assert [form.attributes["id"] for form in page.tree.all("form", action="/together")] == [
        "together-1",
        "together-2",
    ]
    assert reasons(page) == {
        f"/requests/{pay}": "It carries critical risk: look at it by itself.",
        f"/requests/{over}": "It has ended: cancelled.",
    }
    assert "2 more are not there for you." in page.main
    assert ticked(page) == dict.fromkeys((*mails, *notes), True)
    form = page.tree.one("form", id="together-1")
    digests = [code.text for code in form.all("code")]
    assert len(digests) == len(mails)
    assert all(one.startswith("sha256:") for one in digests)
    page = send(rita, form, [("chosen", mails[0]), ("chosen", mails[2]), ("verdict", "approve")])
    assert "You approved 2 of 2." in page.main
    assert [stored(one).status for one in mails] == ["approved", "pending", "approved"]
    assert ticked(page) == dict.fromkeys((mails[1], *notes), False)
    form = page.tree.one("form", id="together-2")
    page = send(rita, form, [*(("chosen", one) for one in notes), ("verdict", "approve")])
    assert "You approved 0 of 2." in page.main
    assert True not in ticked(page).values()
    form = page.tree.one("form", id="together-2")
    typed = [*(("chosen", one) for one in notes), ("verdict", "approve"), ("comment", "Read both.")]
    assert "You approved 2 of 2." in send(rita, form, typed).main
    assert [votes(one) for one in notes] == [[("approve", "Read both.")]] * 2


def test_of_each_that_is_not_there_it_says_why(office: Office) -> None:
    asks: dict[str, dict[str, Any]] = {
        "mail.send": {"stages": [{"any_of": ["reviewers"], "approvals": 2}]},
        "note.say": {"stages": [{"any_of": ["reviewers"]}], "channels": ["slack"]},
        "table.drop": {"stages": [{"any_of": ["reviewers"]}], "assurance": "mfa"},
    }
    office.apply(
        [
            {"name": action, "action": action, "effect": "ask", "ask": ask}
            for action, ask in asks.items()
        ]
    )
    voted, waits = office.ask(), office.ask()
    slack, proven = office.ask("note.say", {"text": "x"}), office.ask("table.drop")
    rita = office.browser(office.rita)
    page = choose(rita, "together", voted, waits, slack, proven)
    form = page.tree.one("form", id="together-1")
    page = send(rita, form, [("chosen", voted), ("verdict", "approve")])
    assert "You approved 1 of 1." in page.main
    assert list(ticked(page)) == [waits]
    assert reasons(page) == {
        f"/requests/{voted}": "You have decided at this step; it waits for others.",
        f"/requests/{slack}": "It is decided in Slack, not here.",
        f"/requests/{proven}": "It wants a second factor, which is given for one request: look at it by itself.",
    }
    page = choose(office.browser(office.vera), "together", waits, proven)
    unheld = "This step asks a role that you do not hold."
    assert reasons(page) == dict.fromkeys((f"/requests/{one}" for one in (waits, proven)), unheld)


def test_a_form_never_decides_what_is_not_alike_or_has_changed(office: Office) -> None:
    mail, note = office.ask(), office.ask("note.say", {"text": "x"})
    rita = office.browser(office.rita)
    page = choose(rita, "together", mail, note)
    first, second = (page.tree.one("form", id=f"together-{n}") for n in (1, 2))
    mixed = [
        (i.attributes["name"], i.attributes["value"]) for i in second.all("input", type="hidden")
    ]
    both = [("chosen", mail), ("chosen", note), ("verdict", "approve"), ("comment", "x")]
    answer = send(rita, first, [*mixed, *both])
    assert answer.status == 422
    assert "another rule asked for it. Nothing was decided." in answer.main
    office.server.call(
        "POST",
        f"/requests/{mail}/revise",
        json={"payload": {"to": "mallory@example.com"}},
        headers={"Authorization": f"Bearer {office.key.token}"},
    )
    answer = send(rita, second, [*both[:2], ("verdict", "edit")])
    assert (answer.status, ticked(answer)) == (422, {mail: False, note: True})
    page = send(rita, first, [("chosen", mail), ("verdict", "approve")])
    assert "You approved 0 of 1. The payload is not the one you looked at" in page.main
    assert [stored(one).status for one in (mail, note)] == ["pending", "pending"]


def test_several_are_looked_into_and_followed(office: Office) -> None:
    asked = [office.ask(), office.ask()]
    own = office.ask("table.drop")
    rita, olga = office.browser(office.rita), office.browser(office.olga)
    page = choose(rita, "claim", *asked, back="/?view=all&q=mail")
    assert page.answer.url == f"{office.server.url}/?view=all&q=mail"
    assert "You look into 2 of 2." in page.main
    assert {stored(one).claimed_by_id for one in asked} == {office.rita.id}
    page = choose(olga, "claim", asked[0], own)
    assert "You look into 0 of 2. Somebody else looks into it" in page.main
    page = choose(olga, "watch", asked[0], own)
    assert "You follow 2 of 2." in page.main
    watched = Watch.objects.filter(person_id=office.olga.id).values_list("request_id", flat=True)
    assert set(watched) == {ids.decode("req", one) for one in (asked[0], own)}
    assert Request.objects.filter(status="pending").count() >= len(asked)


def test_nothing_chosen_too_many_and_a_way_out_of_here(office: Office) -> None:
    asked = office.ask()
    rita = office.browser(office.rita)
    assert "Choose requests in the list first." in choose(rita, "watch").main
    many = [ids.encode("req", ids.uuid7()) for _ in range(51)]
    assert "Choose at most 50 at once. Nothing was done." in choose(rita, "watch", *many).main
    form = rita.get("/?view=all").tree.one("form", id="chosen")
    here = hidden(form)
    for place in ("https://evil.example/", "//evil.example", "javascript:alert(1)", ""):
        sent = here | {"back": place, "chosen": asked, "do": "watch"}
        answer = rita.post("/chosen", sent, allow_redirects=False)
        assert (answer.status, answer.answer.headers["Location"]) == (303, "/")
    assert rita.post("/chosen", here | {"chosen": "req_nonsense", "do": "claim"}).status == 404


def test_a_form_counts_in_the_workspace_that_it_was_shown_for(office: Office) -> None:
    other = Office(office.server)
    create_person(actor=ACTOR, workspace=other.workspace, email=office.rita.user.email)
    asked = office.ask()
    rita = office.browser(office.rita)

    def look_at(one: Office) -> None:
        form = rita.get("/").form("/workspace")
        assert rita.submit(form, workspace=one.workspace.slug).status == 200

    look_at(office)
    chosen = rita.get("/?view=all").tree.one("form", id="chosen")
    page = send(rita, chosen, [("chosen", asked), ("do", "together")])
    decide = page.tree.one("form", id="together-1")
    look_at(other)
    page = send(rita, chosen, [("chosen", asked), ("do", "claim")])
    assert "You look into 1 of 1." in page.main
    for place, form, typed in (
        ("/chosen", chosen, {"do": "watch"}),
        ("/together", decide, {"verdict": "approve"}),
    ):
        for slug in ("", Office(office.server).workspace.slug, "no-such"):
            sent = hidden(form) | {"chosen": asked, "workspace": slug} | typed
            assert rita.post(place, sent).status == 404, (place, slug)
    assert (stored(asked).status, votes(asked)) == ("pending", [])
    assert not Watch.objects.filter(person_id=office.rita.id).exists()
    look_at(other)
    page = send(rita, decide, [("chosen", asked), ("verdict", "approve")])
    assert "You approved 1 of 1." in page.main
    assert votes(asked) == [("approve", "")]
