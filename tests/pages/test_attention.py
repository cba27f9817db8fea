"""What owners and administrators must notice: on the inbox in short, and on a page of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from agents.services import create_tool_key
from approvals import unsettled
from approvals.access import Reader
from approvals.consuming import RESULT
from approvals.models import Request
from approvals.sql import LAPSE
from callbacks.models import Endpoint
from callbacks.sql import DELIVER
from core import due, ids
from escalations.permits import lapse_due, result_due
from oversight import attention
from people.permissions import grant_permission
from tests.clock import travel
from tests.factories import ACTOR, AgentFactory, bearer
from tests.oversight.watching.watched import forget, make_well, watch
from tests.oversight.watching.watched import later as watched_later
from tests.pages.browser import Page
from tests.pages.office import Office, stored
from tests.pages.yard import Yard, is_sound, path_of
from tests.promises import promise


def notices(page: Page) -> list[str]:
    found = page.tree.all("div", id="notices")
    return [" ".join(li.text.split()) for li in found[0].all("li")] if found else []


def section(page: Page, name: str) -> str:
    return " ".join(page.tree.one("section", id=name).text.split())


def lapse(yard: Yard) -> str:
    request_id = yard.approve()
    travel(request_id, hours=25)
    due.run(LAPSE, lapse_due)
    return request_id


def pick_up(yard: Yard, request_id: str) -> str:
    headers = bearer(yard.office.key.token)
    answer = yard.office.server.call("POST", f"/requests/{request_id}/permit", headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def use(yard: Yard, request_id: str) -> None:
    """A tool uses the permit, and nobody tells what came of it in time."""
    permit = pick_up(yard, request_id)
    made = create_tool_key(actor=ACTOR, workspace=yard.office.workspace, name="till")
    digest = f"sha256:{bytes(stored(request_id).revisions.get().digest).hex()}"
    answer = yard.office.server.call(
        "POST",
        f"/permits/{permit}/consume",
        headers=bearer(made.token),
        json={"payload_digest": digest},
    )
    assert answer.status_code == 200, answer.text
    travel(request_id, hours=2)
    due.run(RESULT, result_due)


def later(yard: Yard, **by: float) -> None:
    """Let time pass for what is to be noticed in this workspace."""
    values: dict[str, Any] = {"gap": timedelta(**by), "workspace": yard.office.workspace.id}
    with connections["owner"].cursor() as cursor:
        for statement in MOVES:
            cursor.execute(statement, values)


MOVES = (
    """UPDATE approvals_request SET unsettled_at = unsettled_at - %(gap)s
        WHERE workspace_id = %(workspace)s""",
    """UPDATE callbacks_endpoint SET changed_at = changed_at - %(gap)s
        WHERE workspace_id = %(workspace)s""",
)


def test_an_approval_that_lapsed(yard: Yard) -> None:
    office = yard.office
    olga = office.browser(office.olga)
    assert notices(olga.get("/")) == []
    never = lapse(yard)
    assert notices(olga.get("/")) == ["1 approval lapsed: nobody used it in time"]
    taken = yard.approve()
    pick_up(yard, taken)
    travel(taken, hours=25)
    due.run(LAPSE, lapse_due)
    page = olga.get("/")
    assert notices(page) == ["2 approvals lapsed: nobody used them in time"]
    there = page.tree.one("div", id="notices").one("a").attributes["href"]
    assert there == "/attention#lapsed"
    looked = olga.get(there)
    is_sound(looked.tree, there)
    rows = looked.tree.one("section", id="lapsed").all("li")
    assert [row.one("a").attributes["href"] for row in rows] == [
        f"/requests/{taken}",
        f"/requests/{never}",
    ]
    assert "The agent picked it up, and no tool used it in time." in rows[0].text
    assert "The agent did not pick it up in time." in rows[1].text
    assert "None was." in section(looked, "untold")
    assert notices(olga.get(f"/requests/{never}")) == notices(page)
    later(yard, days=7)
    assert notices(olga.get("/")) == []
    assert "None did." in section(olga.get("/attention"), "lapsed")


def test_a_result_that_is_told_after_all_settles_it(yard: Yard) -> None:
    office = yard.office
    request_id = yard.approve()
    use(yard, request_id)
    olga = office.browser(office.olga)
    assert notices(olga.get("/")) == ["1 permit was used without a result"]
    looked = olga.get("/attention#untold")
    assert "nobody told in time how it ended" in section(looked, "untold")
    assert looked.tree.all("a", href=f"/requests/{request_id}")
    headers = bearer(office.key.token)
    told = office.server.call(
        "POST", f"/requests/{request_id}/result", headers=headers, json={"status": "succeeded"}
    )
    assert told.status_code == 200
    assert notices(olga.get("/")) == []
    assert Request.objects.get(id=ids.decode("req", request_id)).unsettled_at is None


def test_endpoints_that_disabled_themselves_are_named(yard: Yard) -> None:
    office = yard.office
    yard.receiver.answer(410)
    olga = office.browser(office.olga)
    made: list[Endpoint] = []
    for number in range(4):
        one = yard.register(f"{yard.receiver.url}/{number}").endpoint
        made.append(one)
        form = olga.get(path_of(one)).form(path_of(one) + "/test")
        olga.submit(form)
        yard.send(one, 1)
        one.refresh_from_db()
        assert (one.state, one.reason) == ("disabled", "gone"), number
    page = olga.get("/")
    host = yard.receiver.url.split("/")[2]
    named = f"Endpoint {host} of mail-bot was disabled: its receiver answered 410 Gone"
    assert notices(page) == [named, named, "2 more endpoints were disabled"]
    first = page.tree.one("div", id="notices").all("a")[0].attributes["href"]
    assert first == path_of(made[3])
    looked = section(olga.get("/attention"), "disabled")
    assert looked.count(host) == 4
    assert "held." in looked
    olga.submit(olga.get(path_of(made[3])).form(path_of(made[3]) + "/enable"))
    by_hand = yard.register(yard.receiver.url + "/by-hand").endpoint
    olga.submit(olga.get(path_of(by_hand)).form(path_of(by_hand) + "/disable"))
    assert notices(olga.get("/"))[-1] == "1 more endpoint was disabled"
    later(yard, days=7)
    assert notices(olga.get("/")) == []
    assert "None was." in section(olga.get("/attention"), "disabled")
    assert Endpoint.objects.get(id=made[0].id).state == "disabled"


def test_who_is_told(yard: Yard) -> None:
    office = yard.office
    request_id = lapse(yard)
    yard.receiver.answer(410)
    made = yard.register().endpoint
    olga = office.browser(office.olga)
    olga.submit(olga.get(path_of(made)).form(path_of(made) + "/test"))
    yard.send(made, 1)
    stranger = Yard(Office(office.server), yard.receiver)
    AgentFactory(workspace=office.workspace, owner=office.ron, name="ron-bot")
    lapsed, disabled = "1 approval lapsed", "Endpoint 127.0.0.1"
    expected = {
        office.olga: [disabled, lapsed],
        # Administering shows no requests; `view` does.
        yard.ada: [disabled],
        office.vera: [],
        office.rita: [],
        office.ron: [],
        stranger.ada: [],
        stranger.office.olga: [],
    }
    for person, wanted in expected.items():
        where = office if person.workspace_id == office.workspace.id else stranger.office
        browser = where.browser(person)
        found = notices(browser.get("/"))
        assert [one[: len(said)] for one, said in zip(found, wanted, strict=True)] == wanted
        page = browser.get("/attention")
        assert page.status == 200
        assert bool(page.tree.all("a", href=f"/requests/{request_id}")) is (lapsed in wanted)
        assert bool(page.tree.all("a", href=path_of(made))) is (disabled in wanted)
    grant_permission(actor=ACTOR, workspace=office.workspace, person=yard.ada, permission="view")
    found = notices(office.browser(yard.ada).get("/"))
    assert [one.split(":")[0] for one in found][-1] == lapsed


def test_administrators_hear_that_the_server_is_behind_and_nobody_else_does(yard: Yard) -> None:
    office = yard.office
    ada, rita = office.browser(yard.ada), office.browser(office.rita)
    behind, alone = attention.BEHIND, attention.NOBODY_WATCHES
    make_well()
    try:
        assert notices(ada.get("/")) == []
        promise(DELIVER, -90)
        watch()
        assert notices(ada.get("/")) == [behind]
        assert behind in section(ada.get("/attention"), "clock")
        assert notices(rita.get("/")) == []
        assert rita.get("/attention").tree.all("section", id="clock") == []
        make_well()
        watch()
        assert notices(ada.get("/")) == []
        watched_later(minutes=3)
        assert notices(ada.get("/")) == [alone]
        assert alone in section(ada.get("/attention"), "clock")
    finally:
        forget()


def test_one_agents_flood_hides_nothing_of_another(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = yard.office
    only = lapse(yard)
    flooding = AgentFactory(workspace=office.workspace, owner=office.olga, name="flood-bot")
    with connections["owner"].cursor() as cursor:
        cursor.execute(FLOOD, {"agent": flooding.id, "like": ids.decode("req", only)})
    monkeypatch.setattr(unsettled, "MOST_LISTED", 30)
    olga = office.browser(office.olga)
    assert notices(olga.get("/")) == ["More than 99 approvals lapsed: nobody used them in time"]
    links = olga.get("/attention").tree.one("section", id="lapsed").all("a")
    assert len(links) == 21
    assert f"/requests/{only}" in [a.attributes["href"] for a in links]
    reader = Reader(office.workspace.id, office.olga.id, office.olga.user_id, "Olga")
    assert unsettled.count(reader=reader) == (100, 0)


#: A thousand requests like one, of another agent, that lapsed a little later.
FLOOD = """
INSERT INTO approvals_request (
    id, workspace_id, agent_id, kind, key_id, action, risk, title, status, basis, revision, roles,
    stated, sequence, created_at, expires_at, ended_at, permit_state, use_by, result_missing, unsettled_at)
SELECT core_uuid7(), workspace_id, %(agent)s, kind, key_id, action, risk, title, status, basis,
       revision, roles, stated, sequence, created_at, expires_at, ended_at, permit_state, use_by,
       result_missing, unsettled_at + interval '1 minute'
  FROM approvals_request, generate_series(1, 1000)
 WHERE id = %(like)s
"""
