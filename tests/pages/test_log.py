"""The pages of the log: who may look, what they say, and that looking is on record."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from agents.services import create_auditor_key
from audit.kinds import KINDS
from audit.models import Event
from audit.sequencer import sequence
from core import ids
from oversight.anchors import targets
from oversight.anchors.now import anchor_now
from oversight.models import AnchorTarget
from pages import log_words
from people.permissions import grant_permission
from tests.factories import ACTOR
from tests.pages.browser import Browser, Page
from tests.pages.office import Office


@pytest.fixture
def auditor(office: Office) -> Browser:
    """Vera, who sees every request, and now the log."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.vera, permission="audit"
    )
    return office.browser(office.vera)


def link(page: Page, text: str) -> str:
    """Where the link of this text leads."""
    [found] = [one for one in page.tree.all("a") if one.text == text]
    return found.attributes["href"]


def refused(page: Page, status: int) -> Page:
    assert page.status == status
    return page


def logged(office: Office, kind: str) -> list[dict[str, Any]]:
    """The events of one kind, as they stand in the log."""
    found = Event.objects.filter(workspace_id=office.workspace.id, kind=kind).order_by("at")
    return [json.loads(bytes(one.body)) for one in found]


def test_every_kind_has_words_and_every_noun_is_one() -> None:
    assert set(log_words.SENTENCES) == set(KINDS)
    nouns = {f"{kind.partition('.')[0]}.*" for kind in KINDS}
    assert set(log_words.NOUNS) <= nouns


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 events"), (1, "1 event"), (12431, "12,431 events")]
)
def test_numbers_of_events(number: int, said: str) -> None:
    assert log_words.count(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a minute ago"),
        (59, "less than a minute ago"),
        (60, "1 minute ago"),
        (3_599, "59 minutes ago"),
        (3_600, "1 hour ago"),
        (86_400, "1 day ago"),
        (259_200, "3 days ago"),
    ],
)
def test_how_long_ago(seconds: int, said: str) -> None:
    assert log_words.ago(timedelta(seconds=seconds)) == said


def test_where_its_checkpoints_lie_outside(
    office: Office, auditor: Browser, tmp_path: Path, settings
) -> None:
    office.ask()
    size = sequence(office.workspace.id)
    assert "Nowhere. Whoever owns the database" in auditor.get("/log").main
    settings.ANCHOR_DIR = tmp_path
    targets.add(actor=ACTOR, workspace=office.workspace, kind=AnchorTarget.Kind.FILE)
    anchor_now(office.workspace.id)
    page = auditor.get("/log")
    assert "A file on the server" in page.main
    assert f"{size + 2} events, anchored" in page.main


def test_the_log_says_what_happened_and_how_long_it_is(office: Office, auditor: Browser) -> None:
    request = office.ask()
    page = auditor.get("/log")
    assert "Nothing has its place yet" in page.main
    assert "An agent asked" in page.main
    assert "mail-bot" in page.main
    size = sequence(office.workspace.id)
    page = auditor.get("/log")
    assert f"{size} events" in page.main
    assert page.tree.one("a", href=f"/requests/{request}/log").text == request
    assert {one.text for one in page.tree.all("a", href="/log", **{"aria-current": "page"})} == {
        "Log"
    }
    looked = logged(office, "log.read")
    assert [event["data"] for event in looked] == [{"wanted": []}] * 2
    assert {event["actor"]["id"] for event in looked} == {ids.encode("per", office.vera.id)}


def test_it_is_narrowed_and_turned(office: Office, auditor: Browser) -> None:
    for number in range(60):
        create_auditor_key(actor=ACTOR, workspace=office.workspace, name=f"Auditor {number}")
    office.ask()
    page = auditor.get("/log?kind=key.*")
    assert page.main.count("A key was made") == 50
    assert "An agent asked" not in page.main
    rest = auditor.get(link(page, "Older"))
    assert rest.main.count("A key was made") == 11
    assert auditor.get(link(rest, "Newer")).main.count("A key was made") == 50
    assert [event["data"] for event in logged(office, "log.read")] == [{"wanted": ["kind=key.*"]}]
    assert auditor.get("/log?since=2099-01-01").main.count("Nothing fits.") == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=request.dreamt", "There is no kind of event of that name."),
        ("subject=req_nonsense", "“About” is an id"),
        ("subject=%3Cscript%3E", "“About” is an id"),
        ("since=yesterday", "A date such as 2026-03-29."),
        ("cursor=nonsense", "Take the cursor from"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said_and_kept(auditor: Browser, query: str, said: str) -> None:
    page = refused(auditor.get(f"/log?{query}"), 422)
    assert said in page.tree.one("p", id="wrong").text
    assert "<script>" not in page.answer.text


def test_a_request_has_its_own_log_from_its_beginning(office: Office, auditor: Browser) -> None:
    request = office.ask()
    browser = office.browser(office.rita)
    form = browser.get(f"/requests/{request}").tree.one("form", id="approve-form")
    browser.submit(form)
    page = auditor.get(f"/requests/{request}/log")
    said = [page.main.index(words) for words in ("An agent asked", "Somebody decided", "Approved")]
    assert said == sorted(said)
    assert "Rita R" in page.main
    assert auditor.get(f"/requests/{request}").tree.all("a", href=f"/requests/{request}/log")
    assert [event["data"] for event in logged(office, "log.read")] == [
        {"wanted": [f"subject={request}"]}
    ]


def test_an_event_shows_its_bytes_its_place_and_its_proof(office: Office, auditor: Browser) -> None:
    request = office.ask()
    [event] = Event.objects.filter(subject=ids.decode("req", request))
    path = f"/log/{ids.encode('evt', event.id)}"
    assert "It has none yet" in auditor.get(path).main
    sequence(office.workspace.id)
    page = auditor.get(path)
    assert "in the signed checkpoint of" in page.main
    assert f"assentry/{ids.encode('wsp', office.workspace.id)}" in page.main
    assert '"kind": "request.submitted"' in page.main
    refused(auditor.get("/log/evt_00000000000000000000000000"), 404)
    refused(auditor.get("/log/nonsense"), 404)


def test_who_may_not_look_sees_no_way_there(office: Office) -> None:
    request = office.ask()
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{request}")
    assert page.tree.all("a", href="/log") == []
    assert page.tree.all("a", href=f"/requests/{request}/log") == []
    for path in ("/log", f"/requests/{request}/log"):
        assert "The log is for auditors and administrators." in refused(browser.get(path), 403).main
    assert logged(office, "log.read") == []


def test_the_log_of_another_workspace_is_not_to_be_had(
    office: Office, auditor: Browser, server
) -> None:
    theirs = Office(server)
    request = theirs.ask()
    [event] = Event.objects.filter(subject=ids.decode("req", request))
    refused(auditor.get(f"/requests/{request}/log"), 404)
    refused(auditor.get(f"/log/{ids.encode('evt', event.id)}"), 404)
    assert "Nothing fits." in auditor.get(f"/log?subject={request}").main


def test_it_is_checked_and_the_page_says_what_came_of_it(office: Office, auditor: Browser) -> None:
    request = office.ask()
    size = sequence(office.workspace.id)
    page = auditor.submit(auditor.get("/log").form("/log/verify"))
    said = page.tree.one("div", class_="flash")
    assert "is-ok" in said.attributes["class"]
    assert f"{size} events, unbroken; 1 request is as the log tells" in said.text
    assert [event["data"] for event in logged(office, "log.read")][1] == {"wanted": ["verify"]}
    # Somebody changes what came of a request, and leaves the log alone.
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE approvals_request SET title = 'Harmless', risk = 'low', action = 'note.say'"
            " WHERE id = %s",
            [ids.decode("req", request)],
        )
    said = auditor.submit(auditor.get("/log").form("/log/verify")).tree.one("div", class_="flash")
    assert "is-no" in said.attributes["class"]
    assert "The log is wrong at" in said.text


def test_who_may_not_read_the_log_checks_nothing(office: Office) -> None:
    browser = office.browser(office.rita)
    token = browser.get("/").form("/sign-out").one("input", name="csrfmiddlewaretoken")
    data = {"csrfmiddlewaretoken": token.attributes["value"]}
    page = browser.post("/log/verify", data)
    assert page.status == 403
    assert logged(office, "log.read") == []
