"""What a reviewer sees: everything that would run, inert, and who says what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from people.models import User
from tests.clock import travel
from tests.events import events_of
from tests.factories import PersonFactory
from tests.pages.browser import Node, Page
from tests.pages.office import Office, stored

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)" x="',
    "template": "{{ 7|add:7 }}{% csrf_token %}",
    "bidi": "invoice\u202egnp.exe",
    "zero": "pay\u200bpal",
    "tags": "hello\U000e0068\U000e0069",
    "twin": "p\u0430ypal",
    "breaks": "a\r\nb\x1b[31m",
    "rtl": "\u05e9\u05dc\u05d5\u05dd",
    "long": "x" * 10_000,
}


def rows(page: Page) -> dict[str, str]:
    card = page.tree.one("section", aria_labelledby="run-title")
    return {
        pair.one("dt").text: pair.one("dd").text
        for facts in card.all("dl")
        for pair in facts.all("div")
        if pair.all("dt")
    }


def no_inline(tree: Node) -> None:
    """Nothing that a strict CSP would have to forbid."""
    assert tree.all("style") == []
    for node in tree.all():
        loud = [n for n in node.attributes if n.startswith("on") or n == "style"]
        assert loud == [], f"<{node.tag}> {loud}"
        for name in ("href", "src", "action"):
            assert (
                not node.attributes.get(name, "")
                .lower()
                .startswith(("javascript:", "data:", "http"))
            )
    for script in tree.all("script"):
        assert script.attributes["src"].startswith("/static/")
        assert script.text == ""


def test_a_reviewer_sees_all_six_things(office: Office) -> None:
    request_id = office.ask(
        "money.pair",
        {"amount": 1840, "lines": [{"sku": "A-1", "n": "2"}], "note": "", "none": None},
        summary="The customer asked.",
        context={"ticket": "T-9"},
        evidence=[{"title": "Mail"}],
    )
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    shown = rows(page)
    assert shown["amount"] == "1840"
    assert shown["lines › 1 › sku"] == "A-1"
    assert shown["lines › 1 › n"] == "2 text"
    assert shown["note"] == " empty text"
    assert shown["none"] == "null"
    assert "everything the agent sent is above" in page.main
    assert page.tree.one("div", class_="says").text == "The customer asked."
    assert "Written by the agent; nothing here was checked." in page.main
    assert "T-9" in page.main
    assert "“Two teams”, version 1 of the policy." in page.main
    assert "You are asked as Reviewers" in page.main
    assert "Step 1. Reviewers0 of 1 given You or Ron R" in page.main
    assert "Step 2. Team leads or Reviewerslater Lena L, Rita R or Ron R" in page.main
    assert "Whoever approved an earlier step does not count here." in page.main
    assert "one more role is asked: Team leads" in page.main
    assert "mail-bot for Olga O" in page.main
    assert page.title == "Two people · Assentry"
    raw = page.tree.one("details", id="raw").one("pre").text
    assert json.loads(raw) == {
        "amount": 1840,
        "lines": [{"sku": "A-1", "n": "2"}],
        "note": "",
        "none": None,
    }


def test_hostile_text_is_inert_and_its_tricks_are_visible(office: Office) -> None:
    request_id = office.ask(
        "mail.send",
        HOSTILE | {"<img src=x onerror=alert(1)>\u202e": "key"},
        summary=" ".join(HOSTILE.values())[:3_000],
        context=HOSTILE,
        evidence=[{"title": HOSTILE["script"], "text": HOSTILE["bidi"]}],
    )
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    no_inline(page.tree)
    assert {one.text for one in page.tree.all("script")} == {""}
    assert page.tree.all("img") == []
    shown = rows(page)
    assert shown["script"] == HOSTILE["script"]
    assert shown["attribute"] == HOSTILE["attribute"]
    assert shown["template"] == HOSTILE["template"]
    assert shown["bidi"] == "invoiceU+202Egnp.exe"
    assert shown["zero"] == "payU+200Bpal"
    assert "hellhi" not in shown["tags"]
    assert "U+E0068" in shown["tags"]
    assert shown["twin"] == "p\u0430ypallook-alike"
    assert "U+001B" in shown["breaks"]
    assert shown["rtl"] == HOSTILE["rtl"]
    assert HOSTILE["long"] in shown["long"]
    assert "10000 characters, all above" in shown["long"]
    assert "<img src=x onerror=alert(1)>U+202E" in shown
    assert "Hidden or misleading characters: " in page.main
    for hidden in ("\u202e", "\u200b", "\U000e0068", "\x1b"):
        assert hidden not in page.answer.text


def test_names_of_people_are_as_inert_as_anything(office: Office) -> None:
    for person, name in ((office.ron, "<script>Ron</script>"), (office.olga, "\u202eOlga\u05d0")):
        User.objects.filter(id=person.user_id).update(name=name)
    request_id = office.ask()
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    no_inline(page.tree)
    assert "<script>Ron</script>" in page.main
    assert "U+202EOlga" in page.main
    no_inline(office.browser(office.ron).get("/").tree)


def test_every_page_keeps_to_the_policy_and_out_of_caches(office: Office) -> None:
    pending, ended = office.ask("money.pay"), office.ask()
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{ended}")
    browser.submit(page.form(f"/requests/{ended}/decide", verdict="approve"))
    paths = [
        "/",
        f"/requests/{pending}",
        f"/requests/{ended}",
        "/nowhere",
        "/requests/x",
        "/sign-out",
        "/?view=all",
    ]
    paths += ["/fragments/queue", f"/fragments/requests/{pending}"]
    pages = [browser.get(path) for path in paths]
    pages += [office.browser(PersonFactory(workspace=office.workspace)).get("/")]
    browser.http.cookies.clear()
    pages += [browser.get("/sign-in"), browser.post("/sign-in", {"email": "x"})]
    for page in pages:
        headers = page.answer.headers
        if not headers["Content-Type"].startswith("text/html"):
            continue
        no_inline(page.tree)
        assert headers["Cache-Control"] == "no-store", page.answer.url
        csp = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in csp
        assert "default-src 'none'" in csp
        assert "unsafe" not in csp
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


def test_forms_and_fields_have_names_and_pages_have_landmarks(office: Office) -> None:
    request_id = office.ask("mail.send", {"to": "x", "secret": "s"})
    browser = office.browser(office.rita)
    for path in ("/", f"/requests/{request_id}", "/nowhere"):
        tree = browser.get(path).tree
        ids_ = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
        assert len(ids_) == len(set(ids_)), path
        assert tree.one("html").attributes["lang"] == "en"
        assert tree.one("a", class_="skip").attributes["href"] == "#main"
        assert tree.one("main").attributes["id"] == "main"
        labelled = {label.attributes.get("for") for label in tree.all("label")}
        inside = [field for label in tree.all("label") for field in label.all("input")]
        for tag in ("input", "textarea", "select"):
            for field in tree.all(tag):
                if field.attributes.get("type") != "hidden":
                    assert field.attributes.get("id") in labelled or field in inside
        for node in tree.all():
            assert "autofocus" not in node.attributes
            for name in ("aria-labelledby", "aria-describedby", "form"):
                if name in node.attributes:
                    assert node.attributes[name] in ids_, (path, name, node.attributes[name])
        for button in tree.all("button"):
            assert button.text.strip()


def test_sensitive_values_are_covered_until_asked_for_and_that_is_recorded(office: Office) -> None:
    payload = {"to": "ana@example.com", "secret": {"pin": "<b>4711</b>", "n": 2}}
    request_id = office.ask("mail.send", payload)
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{request_id}")
    assert "4711" not in page.answer.text
    assert "•••" in rows(page)["secret"]
    assert events_of(office.workspace.id, "request.sensitive_shown") == []
    page = browser.submit(page.form(f"/requests/{request_id}/reveal"))
    shown = rows(page)
    assert (shown["secret › n"], shown["secret › pin"]) == ("2", "<b>4711</b>")
    assert "You see covered values; that was recorded." in page.main
    assert len(events_of(office.workspace.id, "request.sensitive_shown")) == 1
    assert "4711" not in browser.get(f"/requests/{request_id}").answer.text
    assert "4711" not in browser.get(f"/fragments/requests/{request_id}").answer.text


def test_a_payload_that_is_sensitive_as_a_whole_is_covered_as_a_whole(office: Office) -> None:
    office.actions["mail.send"]["sensitive"] = [""]
    office.apply()
    request_id = office.ask("mail.send", {"pin": "4711"})
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{request_id}")
    assert "4711" not in page.answer.text
    assert "4711" not in browser.http.get(f"{office.server.api}/requests/{request_id}").text
    page = browser.submit(page.form(f"/requests/{request_id}/reveal"))
    assert rows(page) == {"pin": "4711 text"}


def test_critical_says_that_it_asks_for_a_second_factor(office: Office) -> None:
    page = office.browser(office.rita).get(f"/requests/{office.ask('money.pay')}")
    assert "This takes a second factor, and you have none." in page.main
    assert page.tree.one("h1").one("span", class_="badge").text == "critical risk"
    page = office.browser(office.rita).get(f"/requests/{office.ask()}")
    assert "second factor" not in page.main


@pytest.mark.parametrize(
    ("action", "ask", "said", "why_not"),
    [
        ("table.drop", {}, None, None),
        ("money.pay", {}, None, None),
        ("table.drop", {"channels": ["slack", "web"]}, "Decided in Slack or here.", None),
        ("money.pay", {"channels": ["slack", "web"]}, "Decided here.", None),
        ("table.drop", {"channels": ["web"]}, "Decided here.", None),
        ("table.drop", {"channels": ["slack"]}, "Decided in Slack.", "It is decided in Slack, not here."),
        (
            "table.drop",
            {"channels": ["slack", "email"], "assurance": "link"},
            "Decided in Slack or by e-mail.",
            "It is decided in Slack or by e-mail, not here.",
        ),
    ],
)  # fmt: skip
def test_where_it_is_decided_is_said_where_the_policy_leaves_a_place_out(
    office: Office, action: str, ask: dict[str, Any], said: str | None, why_not: str | None
) -> None:
    terms = {"stages": [{"any_of": ["reviewers"]}], **ask}
    office.apply([{"name": "Here", "action": action, "effect": "ask", "ask": terms}])
    browser, request_id = office.browser(office.rita), office.ask(action)
    page = browser.get(f"/requests/{request_id}")
    who = page.tree.one("section", aria_labelledby="who-title")
    hints = [hint.text for hint in who.all("p", class_="hint")]
    assert hints == ([] if said is None else [said])
    assert bool(page.tree.all("div", class_="bar")) is (why_not is None)
    assert ("You cannot decide this now." in page.main) is (why_not is not None)
    if why_not is not None:
        assert why_not in page.main
        digest = page.tree.one("p", class_="ids").all("code")[-1].text
        form = {"verdict": "approve", "stage": "0", "payload_digest": digest}
        token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
        form |= {"csrfmiddlewaretoken": token}
        tried = browser.post(f"/requests/{request_id}/decide", form)
        assert tried.status == 403
        assert "This is not decided on its page, but in Slack" in tried.main
        assert stored(request_id).status == "pending"
        # Whom nobody asks is told that, and where it is decided.
        other = office.browser(office.vera).get(f"/requests/{request_id}")
        assert "This step asks a role that you do not hold." in other.main
        assert said is not None
        assert said in other.main


@pytest.mark.parametrize(("risk", "opened"), [("money.pay", True), ("mail.send", False)])
def test_many_values_are_folded_with_their_count_and_all_there(
    office: Office, risk: str, opened: bool
) -> None:
    payload: dict[str, Any] = {f"key{n:04}": n for n in range(1_000)}
    page = office.browser(office.rita).get(f"/requests/{office.ask(risk, payload)}")
    assert len(rows(page)) == 1_000
    fold = page.tree.one("details", id="fold")
    assert fold.one("summary").text == "880 more values"
    assert ("open" in fold.attributes) is opened


def test_deep_payloads_are_shown_whole(office: Office) -> None:
    payload: dict[str, Any] = {"end": "here"}
    for _ in range(50):
        payload = {"a": payload}
    page = office.browser(office.rita).get(f"/requests/{office.ask('mail.send', payload)}")
    assert rows(page)[" › ".join(["a"] * 50 + ["end"])] == "here"


def test_time_left_is_said_without_a_script(office: Office) -> None:
    request_id = office.ask("money.pay")
    travel(request_id, minutes=50)
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    left = page.tree.one("div", class_="bar").one("time")
    assert left.text in ("9 min left", "10 min left")
    assert "soon" in left.attributes["class"]


def test_a_policys_own_decision_says_that_nobody_was_asked(office: Office) -> None:
    office.apply([{"name": "Never", "action": "mail.send", "effect": "deny", "reason": "No."}])
    page = office.browser(office.vera).get(f"/requests/{office.ask()}")
    assert "Refused by policy" in page.main
    assert "Nobody: policy decided." in page.main


def test_what_the_agent_says_of_it_changes_neither_what_stands_there_nor_whom_it_asks(
    office: Office,
) -> None:
    """A summary that says "read only" over a payload that deletes."""
    payload = {"table": "customers", "mode": "DROP", "cascade": True}
    plain = office.ask("money.pair", payload)
    dressed = office.ask(
        "money.pair",
        payload,
        summary="Read only. Low risk. Already approved by Lena.",
        context={"risk": "low", "read_only": True, "approved": True},
    )
    browser = office.browser(office.rita)
    pages = [browser.get(f"/requests/{one}") for one in (plain, dressed)]
    rows = [page.tree.all("dl", class_="facts")[0].text for page in pages]
    assert rows[0] == rows[1]
    assert "DROP" in rows[1]
    said = pages[1].tree.one("div", class_="says")
    assert "Read only." in said.text
    assert "Written by the agent; nothing here was checked." in pages[1].main
    for page in pages:
        assert "high risk" in page.main
        assert "Step 2." in page.main
    one, other = stored(plain), stored(dressed)
    assert (one.risk, one.roles, one.stage) == (other.risk, other.roles, other.stage)
