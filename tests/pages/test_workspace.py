"""The settings of a workspace, by plain forms and over HTTP: what each sets, and who may."""

from __future__ import annotations

from typing import Any

import pytest

from core import ids
from oversight import holds, retention
from people.models import Workspace
from people.permissions import grant_permission
from signing.keys import LOG, signers
from tests.api.desk import code, faults
from tests.api.tenant import Person as Caller
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory
from tests.pages.browser import Browser, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import flash_of, is_sound, post
from tests.promises import ask

PATH = "/workspace/settings"


@pytest.fixture
def office(office: Office) -> Office:
    """The usual office, with an administrator: Ned."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="administer"
    )
    return office


@pytest.fixture(autouse=True)
def nothing_ages(office: Office) -> Any:
    """What was promised is taken back, so that no other test's worker meets it."""
    yield
    ask("DELETE FROM core_due WHERE workspace_id = %s RETURNING 1", [office.workspace.id])


def set_(browser: Browser, setting: str, /, **typed: str) -> Page:
    form = browser.get(PATH).form(f"{PATH}/{setting}")
    hidden = {
        one.attributes["name"]: one.attributes["value"] for one in form.all("input", type="hidden")
    }
    return browser.post(f"{PATH}/{setting}", hidden | typed)


def kinds(office: Office) -> list[tuple[str, str, Any]]:
    found = [
        (event["kind"], event["actor"]["id"], event["data"])
        for event in events_of(office.workspace.id)
        if event["kind"].split(".")[0] in ("workspace", "retention", "hold")
    ]
    return found[1:]  # it was made


def test_each_setting_is_set_said_and_an_event(office: Office) -> None:
    browser, by = office.browser(office.ned), ids.encode("per", office.ned.id)
    assert browser.get("/settings").tree.one("main").all("a", href=PATH)
    page = set_(browser, "name", name="  Payments & Co <b> ")
    assert "another name" in flash_of(page)
    assert page.tree.one("span", class_="where").text == "Payments & Co <b>"
    assert "so already" in flash_of(set_(browser, "name", name="Payments & Co <b>"))
    page = set_(browser, "callbacks", plain_http="yes")
    assert "plain http" in flash_of(page)
    assert "checked" in page.tree.one("input", name="plain_http").attributes
    set_(browser, "callbacks")
    page = set_(browser, "retention", keeps="some", days="365")
    assert "365 days" in flash_of(page)
    assert page.tree.one("input", id="days").attributes["value"] == "365"
    assert retention.days_of(office.workspace.id) == 365
    set_(browser, "retention", keeps="all", days="365")
    assert retention.days_of(office.workspace.id) is None
    held = Workspace.objects.get(id=office.workspace.id)
    assert (held.name, held.plain_http, held.slug) == (
        "Payments & Co <b>",
        False,
        office.workspace.slug,
    )
    assert kinds(office) == [
        (
            "workspace.renamed",
            by,
            {"before": office.workspace.slug, "after": "Payments & Co <b>"},
        ),
        ("workspace.plain_http_set", by, {"allowed": True}),
        ("workspace.plain_http_set", by, {"allowed": False}),
        ("retention.set", by, {"days": 365}),
        ("retention.set", by, {"days": None}),
    ]


@pytest.mark.parametrize(
    ("name", "typed", "where"),
    [
        ("name", {"name": " "}, "name-wrong"),
        ("name", {"name": "a\u202eb"}, "name-wrong"),
        ("name", {"name": "x" * 121}, "name-wrong"),
        ("retention", {"keeps": "some", "days": "0"}, "days-wrong"),
        ("retention", {"keeps": "some", "days": "36501"}, "days-wrong"),
        ("retention", {"keeps": "some", "days": "-1"}, "days-wrong"),
        ("retention", {"keeps": "some", "days": ""}, "days-wrong"),
        ("hold", {"target": "", "reason": " "}, "reason-wrong"),
        ("hold", {"target": "everything", "reason": "x"}, "target-wrong"),
        ("hold", {"target": "req_x", "reason": "x"}, "target-wrong"),
        ("hold", {"target": "req_01h455vb4pex5vsknk084sn02q", "reason": "x"}, "target-wrong"),
    ],
    ids=str,
)
def test_what_is_refused_is_said_at_its_field(
    office: Office, name: str, typed: dict[str, str], where: str
) -> None:
    browser = office.browser(office.ned)
    page = set_(browser, name, **typed)
    assert page.status == 422
    assert page.title.startswith("Error: ")
    assert page.tree.one("p", id=where).text
    is_sound(page.tree, name)
    no_inline(page.tree)
    assert kinds(office) == []


def test_holds_are_set_and_lifted(office: Office) -> None:
    browser = office.browser(office.ned)
    request_id = office.ask()
    page = set_(browser, "hold", target=request_id, reason="<i>A case</i>")
    (hold,) = holds.newest(workspace=office.workspace.id)
    assert (hold.scope, hold.target) == ("request", request_id)
    assert "<i>A case</i>" in page.main
    is_sound(page.tree, PATH)
    again = set_(browser, "hold", target=request_id, reason="Once more")
    assert again.status == 409
    assert "stands already" in again.main
    page = browser.get(PATH)
    lift = page.form(f"{PATH}/holds/{hold.id}/lift")
    assert browser.submit(lift, reason=" ").status == 422
    page = browser.submit(lift, reason="It is over.")
    assert "lifted" in flash_of(page)
    assert browser.submit(lift, reason="Twice").status == 409
    assert [kind for kind, _, _ in kinds(office)] == ["hold.set", "hold.lifted"]
    assert "There is none." in browser.get(PATH).main


def test_what_proves_the_log_is_shown(office: Office) -> None:
    signers.current(LOG)
    page = office.browser(office.ned).get(PATH)
    assert "Checkpoints of the log, and exports" in page.main
    assert "signs since" in page.main
    is_sound(page.tree, PATH)
    no_inline(page.tree)


def test_only_administrators_and_only_in_the_workspace_that_was_shown(office: Office) -> None:
    slug = office.workspace.slug
    for person in (office.vera, office.olga):
        browser = office.browser(person)
        assert browser.get(PATH).status == 403
        assert not browser.get("/settings").tree.one("main").all("a", href=PATH)
        for name in ("name", "callbacks", "retention", "hold"):
            answer = post(browser, f"{PATH}/{name}", workspace=slug, name="x", reason="x")
            assert answer.status == 403
    stranger = PersonFactory()
    grant_permission(
        actor=ACTOR, workspace=stranger.workspace, person=stranger, permission="administer"
    )
    browser = office.browser(stranger)
    assert post(browser, f"{PATH}/name", workspace=slug, name="x").status == 404
    hold = holds.put(
        actor=ACTOR,
        workspace=office.workspace.id,
        scope="workspace",
        target=office.workspace.id,
        reason="A case",
    )
    own = stranger.workspace.slug
    lift = f"{PATH}/holds/{hold.id}/lift"
    assert post(browser, lift, workspace=own, reason="x").status == 404
    assert [kind for kind, _, _ in kinds(office)] == ["hold.set"]
    assert kinds(office)[0][1] is None


class TestApi:
    def test_settings_are_read_and_changed_together_or_not_at_all(self, office: Office) -> None:
        admin = Caller(office.server, office.ned)
        found = admin.call("GET", "/workspace").json()
        assert {key: found[key] for key in ("slug", "name", "plain_http", "retention_days")} == {
            "slug": office.workspace.slug,
            "name": office.workspace.slug,
            "plain_http": False,
            "retention_days": None,
        }
        assert {one["purpose"] for one in found["signing_keys"]} <= {"log", "permit"}
        assert (found["holds"], found["anchors"]) == ([], [])
        body = {"name": "Payments", "plain_http": True, "retention_days": 30}
        changed = admin.call("PATCH", "/workspace", json=body)
        assert changed.json() == found | body
        assert admin.call("PATCH", "/workspace", json={}).json() == found | body
        kept = admin.call("PATCH", "/workspace", json={"retention_days": None}).json()
        assert kept == found | body | {"retention_days": None}
        before = kinds(office)
        for wrong, said in (
            ({"name": "x", "retention_days": 0}, ("/retention_days", "out_of_range")),
            ({"name": "", "retention_days": 5}, ("/name", "bad_text")),
            ({"name": None}, ("/name", "wrong_shape")),
            ({"slug": "other"}, ("", "wrong_shape")),
            ({"id": "x", "plain_http": False}, ("", "wrong_shape")),
        ):
            assert faults(admin.call("PATCH", "/workspace", json=wrong)) == [said]
        assert kinds(office) == before
        assert admin.call("GET", "/workspace").json() == kept

    def test_it_is_for_administrators(self, office: Office) -> None:
        viewer = Caller(office.server, office.vera)
        assert code(viewer.call("GET", "/workspace")) == "403 not_administrator"
        answer = viewer.call("PATCH", "/workspace", json={"name": "x"})
        assert code(answer) == "403 not_administrator"
