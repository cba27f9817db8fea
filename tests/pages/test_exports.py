"""The page of exports: asked for by a form, watched, downloaded; by nobody else than who may audit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from audit.sequencer import sequence
from core import due, ids
from oversight.exports import keeping
from oversight.models import Export
from people.permissions import grant_permission
from tests.events import events_of
from tests.factories import ACTOR
from tests.oversight.exports.reader import read
from tests.pages.browser import Browser
from tests.pages.office import Office
from tests.promises import ask


@pytest.fixture
def auditor(office: Office) -> Browser:
    """Vera, who may read the log."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.vera, permission="audit"
    )
    return office.browser(office.vera)


@pytest.fixture(autouse=True)
def _nothing_stays_due() -> Iterator[None]:
    yield
    ask("DELETE FROM core_due WHERE kind = 'audit.export' RETURNING 1")


def loaded(browser: Browser, path: str, **headers: str) -> requests.Response:
    """What a link leads to, as it comes."""
    return browser.http.get(browser.url + path, headers=headers, timeout=30)


def agent(office: Office) -> str:
    return ids.encode("agt", office.agent.id)


def test_it_is_asked_for_watched_and_downloaded(office: Office, auditor: Browser) -> None:
    request = office.ask()
    sequence(office.workspace.id)
    page = auditor.get(auditor.get("/log").tree.one("a", href="/log/exports").attributes["href"])
    assert "Nothing was exported yet." in page.main
    done = auditor.submit(page.form("/log/exports"), kind="request.*", agent=agent(office))
    export = Export.objects.get(workspace_id=office.workspace.id)
    shown = ids.encode("exp", export.id)
    assert f"{shown} is being written." in done.main
    assert "Being written: 0 %, 0 events so far" in done.main
    assert "Vera V" in done.main
    assert f"agent {agent(office)}, kind request.*" in done.main
    assert done.tree.one("section", id="exports").attributes["data-hx-get"] == "/fragments/exports"
    assert done.tree.all("a", href=f"/log/exports/{shown}/file") == []
    due.run(keeping.EXPORT, keeping.keep)
    fragment = auditor.get("/fragments/exports")
    section = fragment.tree.one("section", id="exports")
    assert "data-hx-get" not in section.attributes  # it is ready: nobody asks any more
    assert "JSON Lines of 1 event" in " ".join(section.text.split())
    path = section.one("a", href=f"/log/exports/{shown}/file").attributes["href"]
    answer = loaded(auditor, path)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{shown}.jsonl"'
    assert answer.headers["Content-Type"] == "application/jsonl"
    assert answer.headers["Cache-Control"] == "no-store"
    file = read(answer.content, office.workspace.id)
    assert [event["subject"] for event in file.parsed()] == [request]
    assert hashlib.sha256(answer.content).hexdigest() in section.text
    part = loaded(auditor, path, Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, answer.content[10:20])
    manifest = loaded(auditor, f"/log/exports/{shown}/manifest")
    assert manifest.text.startswith("assentry export/1\n")
    downloads = events_of(office.workspace.id, "log.export_downloaded")
    assert [one["data"]["start"] for one in downloads] == [0, 10]
    assert downloads[0]["actor"]["id"] == ids.encode("per", office.vera.id)


def test_days_are_those_of_utc(office: Office, auditor: Browser) -> None:
    sequence(office.workspace.id)
    form = auditor.get("/log/exports").form("/log/exports")
    done = auditor.submit(form, since="2026-03-01", until="2026-04-01", format="csv")
    assert "from 2026-03-01T00:00:00.000000Z, until 2026-04-01T00:00:00.000000Z" in done.main
    assert Export.objects.get(workspace_id=office.workspace.id).format == "csv"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "yesterday"}, "An instant such as"),
        ({"subject": "<script>alert(1)</script>"}, "An id such as req_"),
        ({"outcome": "lost"}, "One of approved, rejected"),
        ({"since": "2026-04-01", "until": "2026-03-01"}, "A later instant than"),
        ({"target": "s3"}, "There is no store"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_said_and_kept(
    office: Office, auditor: Browser, fields: dict[str, str], said: str
) -> None:
    form = auditor.get("/log/exports").form("/log/exports")
    page = auditor.submit(form, follow=True, **fields)
    assert page.status == 422
    assert said in page.tree.one("p", id="wrong").text
    assert "<script>alert" not in page.answer.text
    for name, value in fields.items():
        if name in ("subject", "since", "until"):
            assert page.tree.one("input", id=name).attributes["value"] == value
    assert Export.objects.filter(workspace_id=office.workspace.id).count() == 0


def test_who_may_not_audit_gets_nowhere(office: Office, auditor: Browser, server: Any) -> None:
    sequence(office.workspace.id)
    auditor.submit(auditor.get("/log/exports").form("/log/exports"))
    due.run(keeping.EXPORT, keeping.keep)
    export = Export.objects.get(workspace_id=office.workspace.id)
    shown = ids.encode("exp", export.id)
    paths = [f"/log/exports/{shown}/file", f"/log/exports/{shown}/manifest"]
    rita = office.browser(office.rita)
    for path in ("/log/exports", "/fragments/exports", *paths):
        page = rita.get(path)
        assert page.status == 403
        assert "The log is for auditors and administrators." in page.main
    theirs = Office(server)
    grant_permission(
        actor=ACTOR, workspace=theirs.workspace, person=theirs.vera, permission="audit"
    )
    stranger = theirs.browser(theirs.vera)
    for path in paths:
        assert stranger.get(path).status == 404
    assert shown not in stranger.get("/log/exports").answer.text
    assert events_of(office.workspace.id, "log.export_downloaded") == []


def test_what_failed_says_why(office: Office, auditor: Browser) -> None:
    sequence(office.workspace.id)
    auditor.submit(auditor.get("/log/exports").form("/log/exports"))
    ask(
        "UPDATE oversight_export SET state = 'failed', finished_at = clock_timestamp(), error = %s"
        " WHERE workspace_id = %s RETURNING 1",
        "The log has no event at position 7. <b>",
        office.workspace.id,
    )
    page = auditor.get("/log/exports")
    assert "It failed" in page.main
    assert "The log has no event at position 7. <b>" in page.main
    assert not any("/file" in one.attributes["href"] for one in page.tree.all("a"))
