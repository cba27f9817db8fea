"""The policy on pages: read, edited, tried and applied by plain forms, by whoever may and nobody else."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from pages.policy_editor import starter
from pages.policy_help import sections
from people.models import Person
from people.permissions import grant_permission
from policies.active import active_version
from policies.models import PolicyVersion
from policies.permissions import set_policy_permission
from policies.services import apply
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, PersonFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored
from tests.together import together

TEXT = """\
assentry: 1
fallback: reviewers
roles:
  reviewers: {{title: Reviewers, members: [{rita}, {ron}]}}
  leads: {{title: Team leads, members: [{lena}], schedule: desk}}
schedules:
  desk: {{timezone: Europe/Berlin, ical: "https://calendar.example.com/secret-4711.ics"}}
actions:
  mail.send: {{title: Send a mail, risk: medium}}
  note.say: {{title: Say why, risk: low}}
rules:
  - name: Short notes run
    action: note.say
    when: payload.n <= 5
    effect: allow
  - name: Mails are looked at
    action: mail.send
    effect: ask
    ask: {{stages: [{{any_of: [reviewers], approvals: 2}}, {{any_of: [leads]}}], expires_in: 2h}}
tests:
  - {{name: A short note, given: {{action: note.say, payload: {{n: 5}}}}, expect: {{effect: allow}}}}
"""


class Desk:
    """The office with a policy that people can read, and Ned, who may edit and apply it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.text = TEXT.format(
            rita=office.rita.user.email, ron=office.ron.user.email, lena=office.lena.user.email
        )
        self.base = self.apply(self.text)
        self.may(office.ned, "edit", "approve")

    def may(self, person: Person, *permissions: Any) -> None:
        for permission in permissions:
            set_policy_permission(
                actor=ACTOR, workspace=self.office.workspace, person=person, permission=permission, held=True
            )  # fmt: skip

    def apply(self, text: str, comment: str = "") -> int:
        found = apply(actor=ACTOR, workspace=self.office.workspace, text=text, comment=comment)
        return found.version.number

    @staticmethod
    def press(browser: Browser, page: Page, deed: str, **typed: str) -> Page:
        """A button of the editor, the form as it stands with what was typed."""
        form = page.tree.one("form", id="edit")
        areas = {each.attributes["name"]: written(each.text) for each in form.all("textarea")}
        pressed = [one for one in form.all("button") if one.attributes.get("name") == deed]
        assert pressed, f"no button says {deed}"
        return browser.submit(form, follow=False, **(areas | typed | {deed: ""}))

    @property
    def active(self) -> PolicyVersion:
        found = active_version(self.office.workspace.id)
        assert found is not None
        return found


def written(text: str) -> str:
    """What is in a text box: a browser leaves out the line break that follows its tag."""
    return text.removeprefix("\n")


def typed_in(page: Page) -> str:
    return written(page.tree.one("textarea", id="text").text)


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def test_a_newcomer_edits_is_told_the_line_mends_compares_tries_and_applies(desk: Desk) -> None:
    office, ned = desk.office, desk.office.browser(desk.office.ned)
    page = ned.get("/policy/edit")
    assert typed_in(page) == desk.text
    broken = desk.text.replace("effect: allow\n", "effect: alow\n").replace("n <= 5", "n <= 9")
    page = desk.press(ned, page, "check", text=broken.replace("\n", "\r\n"))
    assert (page.status, typed_in(page)) == (200, broken)
    [finding] = page.tree.all("a", data_column="13")
    assert (finding.attributes["data-line"], finding.attributes["href"]) == ("15", "#L15")
    assert "Write one of: allow, ask, deny." in page.main
    assert page.tree.one("tr", id="L15").text.split() == ["15", "effect:", "alow"]
    page = desk.press(ned, page, "apply", text=broken)
    assert (page.status, "Nothing was applied" in page.main) == (422, True)

    mended = broken.replace("alow", "allow").replace("approvals: 2", "approvals: 1")
    page = desk.press(ned, page, "check", text=mended)
    assert "This is a policy." in page.main
    page = desk.press(ned, page, "compare")
    [looser] = page.tree.all("div", class_="is-looser")
    assert (
        "Rule “Mails are looked at”: asks 2 of reviewers, then leads → reviewers, then leads."
        in looser.text
    )
    [depends] = page.tree.all("div", class_="is-depends")
    assert "Rule “Short notes run”: when payload.n <= 5 → payload.n <= 9." in depends.text
    assert not page.tree.all("div", class_="is-tighter")
    assert [row.text.split()[-1] for row in page.tree.all("tr", class_="in")][:1] == ["9"]

    page = desk.press(ned, page, "try", action="note.say", payload='{"n": 8}')
    assert "Passes. Rule “Short notes run” matched: payload.n <= 9." in page.main
    assert "allow by “Short notes run”" in page.main
    page = desk.press(ned, page, "try", action="note.say", payload="{n}")
    assert (page.status, typed_in(page)) == (422, mended)
    assert page.tree.one("input", id="action").attributes["value"] == "note.say"

    page = desk.press(ned, page, "apply")
    assert (page.status, "What loosens, or may" in page.main) == (200, True)
    assert PolicyVersion.objects.filter(workspace=office.workspace).count() == desk.base
    page = desk.press(ned, page, "confirm")
    assert (page.status, "Say why" in page.main, typed_in(page)) == (422, True, mended)
    done = desk.press(ned, page, "confirm", comment="Notes grew\r\nlonger.", text=mended.replace("\n", "\r\n"))  # fmt: skip
    assert (done.status, done.answer.headers["Location"]) == (303, "/policy")

    assert (desk.active.number, desk.active.text) == (desk.base + 1, mended)
    assert (desk.active.created_by_id, desk.active.comment) == (
        office.ned.id,
        "Notes grew\nlonger.",
    )
    assert desk.apply(mended) == desk.base + 1  # as a file: no other version
    event = events_of(office.workspace.id, "policy.applied")[-1]
    assert event["data"]["number"] == desk.base + 1
    assert event["actor"]["id"].startswith("per_")
    assert list(event["commitments"]) == ["comment"]
    page = ned.get("/policy")
    assert f"Version {desk.base + 1} is active" in page.main
    assert "Notes grew longer." in page.main
    assert stored(office.ask("note.say", {"n": 8})).status == "approved"


def test_reading_says_in_words_what_holds_and_keeps_what_the_words_leave_out(desk: Desk) -> None:
    vera = desk.office.browser(desk.office.vera)  # may view everything, and edit nothing
    page = vera.get("/policy")
    assert "1. Short notes runnote.say When payload.n <= 5: it runs on its own." in page.main
    assert "It always asks 2 of Reviewers, then Team leads. 2h to decide" in page.main
    assert "Where no rule matchesIt asks Reviewers." in page.main
    assert "Reviewers reviewersfilled by the document Rita R, Ron R" in page.main
    assert "Say why note.saylow risk Owned by Reviewers · rule 1" in page.main
    assert "a calendar at https://calendar.example.com:443 in Europe/Berlin" in page.main
    nav = page.tree.one("nav", aria_label="Main").text
    assert "Policy" in nav
    desk.apply(desk.text.replace("2h", "3h").replace("secret-4711", "secret-4711-b"))
    for path in ("/policy", "/policy/versions", f"/policy/versions/{desk.base + 1}"):
        page = vera.get(path)
        assert (page.status, "secret-4711" in page.answer.text) == (200, False)
    assert "Rule “Mails are looked at”: time 2h → 3h." in page.main
    assert "another calendar at the same place" in page.main
    assert vera.get("/policy/edit").status == 403
    assert "secret-4711" in desk.office.browser(desk.office.ned).get(f"/policy/versions/{desk.base}").answer.text  # fmt: skip


@pytest.mark.parametrize("held", ["view", "approve"])
def test_no_link_leads_to_what_may_not_be_seen(desk: Desk, held: Any) -> None:
    office = desk.office
    desk.apply(desk.text + "# more\n", "More.")
    if held == "view":
        grant_permission(actor=ACTOR, workspace=office.workspace, person=office.lena, permission=held)  # fmt: skip
    else:
        desk.may(office.lena, held)
    lena = office.browser(office.lena)
    ways = {"/policy", "/policy/versions", f"/policy/versions/{desk.base}", f"/policy/versions/{desk.base + 1}"}  # fmt: skip
    for path in sorted(ways):
        ways |= {one.attributes["href"] for one in lena.get(path).tree.one("main").all("a")}
    ways = {path for path in ways if path.startswith("/")}
    assert {path: status for path in ways if (status := lena.get(path).status) != 200} == {}
    opens = {path for path in ways if path.startswith("/policy/edit")}
    assert (opens != set()) == (held == "approve")


def test_who_may_not_finds_nothing_and_changes_nothing(desk: Desk) -> None:
    office = desk.office
    before = desk.active.number
    rita = office.browser(office.rita)
    for path in (
        "/policy",
        "/policy/edit",
        "/policy/versions",
        "/policy/versions?cursor=none",
        "/policy/versions/1",
    ):
        assert rita.get(path).status == 404
    assert "Policy" not in rita.get("/").tree.one("nav", aria_label="Main").text
    desk.may(office.lena, "edit")
    lena = office.browser(office.lena)
    page = lena.get("/policy/edit")
    assert not [one for one in page.tree.all("button") if one.attributes.get("name") == "apply"]
    token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    sent = {"csrfmiddlewaretoken": token, "workspace": office.workspace.slug, "base": str(before),
            "text": desk.text + "# more\n", "comment": "Because."}  # fmt: skip
    for deed in ("apply", "confirm"):
        assert lena.post("/policy/edit", sent | {deed: ""}).status == 403
    assert lena.post("/policy/edit", sent | {"workspace": "other", "check": ""}).status == 404
    assert lena.post("/policy/edit", sent | {"check": ""}).status == 200
    token = rita.get("/").tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    for deed in ("check", "confirm"):
        assert (
            rita.post("/policy/edit", sent | {"csrfmiddlewaretoken": token, deed: ""}).status == 404
        )
    assert desk.active.number == before
    assert kinds_of(office.workspace.id).count("policy.applied") == before


def test_who_may_only_apply_takes_a_version_up_and_applies_it_and_tries_nothing(desk: Desk) -> None:
    office = desk.office
    desk.may(office.lena, "approve")
    lena = office.browser(office.lena)
    page = lena.get("/policy/edit")
    names = {one.attributes.get("name") for one in page.tree.one("form", id="edit").all("button")}
    assert names == {"apply"}
    token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    sent = {"csrfmiddlewaretoken": token, "workspace": office.workspace.slug,
            "base": str(desk.base), "text": desk.text}  # fmt: skip
    for deed in ("check", "compare", "try"):
        assert lena.post("/policy/edit", sent | {deed: ""}).status == 403
    older = f"/policy/edit?from={desk.base}"
    desk.apply(desk.text + "# more\n")
    for path in ("/policy/versions", f"/policy/versions/{desk.base}"):
        assert [one.text for one in lena.get(path).tree.all("a", href=older)] != []
    page = desk.press(lena, lena.get(older), "apply")
    assert desk.press(lena, page, "confirm", comment="As it was.").status == 303
    assert (desk.active.number, desk.active.text) == (desk.base + 2, desk.text)
    assert desk.active.created_by_id == office.lena.id


def test_what_somebody_else_applied_meanwhile_is_shown_and_nothing_is_lost(desk: Desk) -> None:
    office, ned = desk.office, desk.office.browser(desk.office.ned)
    mine = desk.text.replace("n <= 5", "n <= 4").replace("n: 5", "n: 4")
    page = desk.press(ned, ned.get("/policy/edit"), "apply", text=mine)
    theirs = desk.text.replace("expires_in: 2h", "expires_in: 6h")
    grant_permission(actor=ACTOR, workspace=office.workspace, person=office.olga, permission="administer")  # fmt: skip
    olga = office.browser(office.olga)
    other = desk.press(olga, olga.get("/policy/edit"), "apply", text=theirs)
    assert desk.press(olga, other, "confirm", comment="More time.").status == 303

    late = desk.press(ned, page, "confirm", text=mine, comment="Shorter notes.")
    assert (late.status, typed_in(late)) == (409, mine)
    assert written(late.tree.one("textarea", id="comment").text) == "Shorter notes."
    assert f"Olga O applied version {desk.base + 1} meanwhile" in late.main
    assert "Rule “Mails are looked at”: time 2h → 6h." in late.main
    assert "Rule “Mails are looked at”: time 6h → 2h." in late.main
    assert "Rule “Short notes run”: when payload.n <= 5 → payload.n <= 4." in late.main
    assert desk.active.text == theirs
    assert desk.press(ned, late, "confirm").status == 303
    assert (desk.active.number, desk.active.text) == (desk.base + 2, mine)


def test_of_two_who_apply_at_once_one_is_told(desk: Desk) -> None:
    office = desk.office
    desk.may(office.ron, "edit", "approve")
    ready = []
    for person, change in ((office.ned, "n <= 3"), (office.ron, "n <= 2")):
        browser = office.browser(person)
        text = desk.text.replace("n <= 5", change).replace("{n: 5}", "{n: 2}")
        ready.append((browser, desk.press(browser, browser.get("/policy/edit"), "apply", text=text), text))  # fmt: skip
    came = together(
        [
            partial(desk.press, browser, page, "confirm", text=text, comment="Mine.")
            for browser, page, text in ready
        ]
    )
    assert sorted(page.status for page in came) == [303, 409]
    assert desk.active.number == desk.base + 1
    assert desk.active.text == next(text for page, (*_, text) in zip(came, ready, strict=True) if page.status == 303)  # fmt: skip


def test_versions_are_listed_read_compared_and_taken_up_again(desk: Desk) -> None:
    ned = desk.office.browser(desk.office.ned)
    second = desk.apply(desk.text.replace("n <= 5", "n <= 6"), "Six.")
    third = desk.apply(desk.text.replace("n <= 5", "n <= 7"), "Seven.")
    page = ned.get("/policy/versions")
    assert page.main.index(f"Version {third}") < page.main.index(f"Version {second}")
    assert "A command on the machine" in page.main
    assert "Six." in page.main
    page = ned.get(f"/policy/versions/{third}?against={desk.base}")
    assert "when payload.n <= 5 → payload.n <= 7" in page.main
    elsewhere = PersonFactory()
    apply(actor=ACTOR, workspace=elsewhere.workspace, text=starter(elsewhere.user.email))
    page = ned.get(f"/policy/versions/{third}")
    offered = [int(one.attributes["value"]) for one in page.tree.one("select", id="against").all("option")]  # fmt: skip
    assert offered == list(range(second, 0, -1))
    assert "when payload.n <= 6 → payload.n <= 7" in page.main
    again = ned.get(f"/policy/edit?from={desk.base}")
    assert typed_in(again) == desk.text
    page = desk.press(ned, again, "apply")
    assert desk.press(ned, page, "confirm", comment="Five was right.").status == 303
    assert (desk.active.number, desk.active.text) == (third + 1, desk.text)
    for path in ("/policy/versions/999", "/policy/versions/1?against=x", "/policy/edit?from=999"):
        assert ned.get(path).status == 404


def test_a_document_that_means_harm_is_shown_as_text(desk: Desk) -> None:
    ned = desk.office.browser(desk.office.ned)
    evil = "</textarea><script>alert(1)</script>\u202e"
    hostile = "\n" + desk.text.replace("Short notes run", f"'{evil}'").replace("low}", f"low, owner: '{evil}'}}")  # fmt: skip
    page = ned.get("/policy/edit")
    for deed in ("check", "compare", "try", "apply"):
        page = desk.press(ned, ned.get("/policy/edit"), deed, text=hostile)
        assert typed_in(page) == hostile  # the line break at its head too
        assert "<script>alert" not in page.answer.text
    assert "U+202E (changes text direction" in page.main
    sound = desk.text.replace("Short notes run", f"'{evil}'")
    page = desk.press(ned, ned.get("/policy/edit"), "apply", text=sound)
    assert desk.press(ned, page, "confirm", comment=evil).status == 303
    for path in (
        "/policy",
        "/policy/versions",
        f"/policy/versions/{desk.base + 1}",
        "/policy/edit",
    ):
        page = ned.get(path)
        assert (page.status, "<script>alert" in page.answer.text) == (200, False)
        # Only the box itself holds it as it is.
        assert page.answer.text.count("\u202e") == path.endswith("edit")
    for nul in ("comment", "text"):
        page = desk.press(ned, ned.get("/policy/edit"), "apply", text=desk.text)
        page = desk.press(
            ned, page, "confirm", **({"comment": "Why."} | {nul: f"{desk.text[:9]}\0"})
        )
        assert page.status == 422


def test_the_largest_document_goes_through_and_a_larger_one_is_told_and_kept(desk: Desk) -> None:
    ned = desk.office.browser(desk.office.ned)
    whole = desk.text + "#\n" * ((256 * 1024 - len(desk.text.encode())) // 2)
    page = ned.get("/policy/edit")
    form = page.tree.one("form", id="edit")
    fields = {each.attributes["name"]: (None, each.attributes.get("value", "")) for each in form.all("input") if "name" in each.attributes}  # fmt: skip
    assert form.attributes["enctype"] == "multipart/form-data"
    for text, said in (
        (whole, "This is a policy."),
        (whole + "#\n#\n", "A policy has at most 256 KiB."),
    ):
        sent = fields | {"text": (None, text.replace("\n", "\r\n")), "check": (None, "")}
        answer = ned.http.post(f"{ned.url}/policy/edit", files=sent, timeout=30)
        assert answer.status_code == 200
        assert said in answer.text
        assert text.rstrip()[-100:] in answer.text


def test_a_workspace_without_a_policy_begins_with_one_that_works(office: Office) -> None:
    boss = PersonFactory()
    grant_permission(actor=ACTOR, workspace=boss.workspace, person=boss, permission="administer")
    browser = office.browser(boss)
    assert "There is no policy." in browser.get("/policy").main
    page = browser.get("/policy/edit")
    page = Desk.press(browser, page, "apply")
    assert (page.status, "Make version 1 active" in page.main) == (200, True)
    assert Desk.press(browser, page, "confirm", comment="The first.").status == 303
    found = active_version(boss.workspace_id)
    assert found is not None
    assert (found.number, boss.user.email in found.text) == (1, True)


def test_the_help_tells_every_key_of_the_schema(desk: Desk) -> None:
    page = desk.office.browser(desk.office.ned).get("/policy/edit")
    told = {code.text for code in page.tree.one("aside").all("code")}
    schema = desk.office.server.call("GET", "/policy.schema.json").json()
    keys = set(schema["properties"]).union(*(one["properties"] for one in schema["$defs"].values()))
    assert keys - told == set()
    # Each is explained, in words of the schema.
    assert [key.name for section in sections() for key in section.keys if not key.says] == []
