"""The kill switch by plain forms: looked at first, then pressed or rehearsed, and undone."""

from __future__ import annotations

from typing import Any

import pytest

from agents.models import Agent
from agents.services import create_tool_key, set_state
from core import ids
from oversight.models import Kill
from people.models import Person
from people.permissions import grant_permission
from people.services import create_person
from tests.events import events_of, side_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, bearer
from tests.pages.browser import Browser, Page
from tests.pages.office import Office, stored


@pytest.fixture
def office(office: Office) -> Office:
    """The usual office, with an administrator."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="administer"
    )
    return office


def what(office: Office, scope: str = "agent") -> str:
    if scope == "workspace":
        return ids.encode("wsp", office.workspace.id)
    if scope == "owner":
        return ids.encode("per", office.olga.id)
    return ids.encode("agt", office.agent.id)


def look(office: Office, person: Person, scope: str = "agent") -> tuple[Browser, Page]:
    browser = office.browser(person)
    page = browser.get(f"/stop?what={what(office, scope)}")
    assert page.status == 200, page.main
    return browser, page


def press(browser: Browser, page: Page, **typed: Any) -> Page:
    form = page.tree.one("form", id="stop-form")
    return browser.submit(form, **{"reason": "It runs wild.", **typed})


def said(page: Page) -> str:
    return page.tree.one("div", class_="flash").text.strip()


def choices(page: Page) -> list[str]:
    options = page.tree.one("select", id="what").all("option")
    return [option.attributes["value"] for option in options][1:]


def state(agent: Agent) -> str:
    return Agent.objects.get(id=agent.id).state


def untouched(office: Office, request_id: str) -> bool:
    return (
        state(office.agent) == "active"
        and stored(request_id).status == "pending"
        and not Kill.objects.filter(workspace=office.workspace).exists()
    )


def approved(office: Office) -> str:
    """A request that Rita approved."""
    request_id = office.ask()
    browser = office.browser(office.rita)
    page = browser.get(f"/requests/{request_id}")
    browser.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    return request_id


def ran(office: Office) -> str:
    """A request whose permit a tool has used."""
    request_id = approved(office)
    tool = create_tool_key(actor=ACTOR, workspace=office.workspace, name="till")
    path, headers = f"/requests/{request_id}", bearer(office.key.token)
    asked = office.server.call("GET", path, headers=headers).json()
    issued = office.server.call("POST", f"{path}/permit", headers=headers).json()
    used = office.server.call(
        "POST",
        f"/permits/{issued['id']}/consume",
        headers=bearer(tool.token),
        json={"payload_digest": asked["payload_digest"]},
    )
    assert used.status_code == 200, used.text
    return request_id


def test_looked_at_then_stopped_and_the_result_says_all(office: Office) -> None:
    waits, unused, begun = office.ask(), approved(office), ran(office)
    browser, page = look(office, office.ned)
    assert "Stop mail-bot?" in page.main
    for line in (
        "1 agent would be stopped.",
        "1 pending request would be cancelled.",
        "1 unused permit would be taken back.",
        "1 action had begun within the last 24 hours: stopping does not undo it.",
        "no result told",
    ):
        assert line in page.main
    assert untouched(office, waits)
    answer = browser.submit(
        page.form("/stop", how="stop"), follow=False, reason="It <b>runs</b> wild."
    ).answer
    [kill] = Kill.objects.filter(workspace=office.workspace)
    kill_id = ids.encode("kil", kill.id)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/stop/{kill_id}")
    page = browser.get(f"/stop/{kill_id}")
    assert said(page).startswith("Stopped in ")
    assert said(page).endswith(" ms.")
    for line in (
        "by Ned N",
        "It <b>runs</b> wild.",
        "1 agent was stopped.",
        "1 pending request was cancelled.",
        "1 unused permit was taken back.",
        "1 action had begun",
        begun,
    ):
        assert line in page.main
    assert not browser.get(f"/stop/{kill_id}").tree.all("div", class_="flash")
    assert (kill.scope, kill.target_id, kill.person_id, kill.cancelled, kill.revoked) == (
        "agent",
        office.agent.id,
        office.ned.id,
        1,
        1,
    )
    assert state(office.agent) == "suspended"
    assert (stored(waits).status, stored(waits).basis) == ("cancelled", "kill_switch")
    assert stored(unused).permit_state == "revoked"
    assert stored(begun).permit_state == "consumed"
    [event] = events_of(office.workspace.id, "kill_switch.pressed")
    assert event["actor"]["id"] == ids.encode("per", office.ned.id)
    assert event["actor"]["via"] == "web"
    assert side_of(event, "reason") == b"It <b>runs</b> wild."


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"reason": "  "}, "Say why: it stands in the log."),
        ({"reason": "x" * 1_001}, "At most 1000 characters."),
        ({"reason": "a\0b"}, "Null characters are not allowed."),
        ({"seen": ""}, "Look first at what it comes to."),
        ({"seen": "1.1.1"}, "Look first at what it comes to."),
        ({"seen": "1.1.x.1"}, "Look first at what it comes to."),
        ({"how": "else"}, "Look first at what it comes to."),
    ],
)
def test_without_a_reason_or_a_look_nothing_stops(
    office: Office, typed: dict[str, str], wrong: str
) -> None:
    request_id = office.ask()
    browser, page = look(office, office.ned)
    page = press(browser, page, **typed)
    assert page.status == 422
    assert page.tree.one("p", id="wrong").text == f"{wrong} Nothing was stopped."
    assert "open" in page.tree.one("details", id="stop").attributes
    assert untouched(office, request_id)
    page = press(browser, page)
    assert "1 pending request was cancelled." in page.main


def test_numbers_that_changed_meanwhile_stop_all_the_same_and_are_said(office: Office) -> None:
    office.ask()
    browser, page = look(office, office.ned)
    late = office.ask()
    page = press(browser, page)
    assert said(page).endswith(
        "The numbers had changed since you looked: you saw 1 agent, 1 request, 0 permits, 0 actions "
        "begun before; it came to 1 agent, 2 requests, 0 permits, 0 actions begun before."
    )
    assert "2 pending requests were cancelled." in page.main
    assert stored(late).status == "cancelled"


def test_a_rehearsal_leaves_an_event_and_stops_nothing(office: Office) -> None:
    request_id = office.ask()
    browser, page = look(office, office.ned, "workspace")
    form = page.form("/stop", how="rehearse")
    answer = browser.submit(form, follow=False).answer
    assert answer.status_code == 303
    page = browser.get(answer.headers["Location"])
    assert "1 agent, 1 request, 0 permits, 0 actions begun before." in said(page)
    assert "Nothing was stopped" in said(page)
    assert untouched(office, request_id)
    [event] = events_of(office.workspace.id, "kill_switch.drilled")
    assert event["actor"]["id"] == ids.encode("per", office.ned.id)
    assert (event["data"]["agents"], event["data"]["cancelled"]) == (1, 1)
    assert events_of(office.workspace.id, "kill_switch.pressed") == []
    assert "It was not used" in browser.get("/stop").main


def test_the_newest_uses_are_listed_and_undone(office: Office) -> None:
    request_id = office.ask()
    browser, page = look(office, office.ned)
    press(browser, page, reason="First.")
    page = browser.get(f"/stop?what={what(office, 'workspace')}")
    assert "1 agent would be stopped (it is stopped already)." in page.main
    press(browser, page, reason="Second.")
    second, first = Kill.objects.filter(workspace=office.workspace).order_by("-id")
    page = browser.get("/stop")
    listed = page.tree.one("ol", class_="uses").all("li")
    assert ["Second." in listed[0].text, "First." in listed[1].text] == [True, True]
    paths = [f"/stop/{ids.encode('kil', kill.id)}" for kill in (first, second)]
    page = browser.submit(page.form(f"{paths[0]}/undo"))
    assert said(page) == (
        "Still stopped, by another use or by hand: mail-bot. What was ended stays ended."
    )
    assert "Still stopped, by another use or by hand: mail-bot." in page.main
    assert state(office.agent) == "suspended"
    page = browser.get("/stop")
    assert "undone" in page.tree.one("li", id=ids.encode("kil", first.id)).text
    again = page.form(f"{paths[1]}/undo")
    page = browser.submit(again)
    assert said(page) == "mail-bot may act again. What was ended stays ended."
    assert state(office.agent) == "active"
    assert stored(request_id).status == "cancelled"
    assert said(browser.submit(again)) == "It was undone before."
    undone = events_of(office.workspace.id, "kill_switch.undone")
    assert [event["data"]["kill"] for event in undone] == [
        ids.encode("kil", first.id),
        ids.encode("kil", second.id),
    ]
    second.refresh_from_db()
    assert second.undone_by_id == office.ned.id
    assert not [
        form
        for form in browser.get("/stop").tree.all("form")
        if form.attributes.get("action", "").endswith("/undo")
    ]


def test_owners_stop_their_own_and_nobody_elses(office: Office) -> None:
    other = AgentFactory(workspace=office.workspace, owner=office.ron, name="pay-bot")
    retired = AgentFactory(workspace=office.workspace, owner=office.olga, name="old-bot")
    set_state(actor=ACTOR, agent=retired, state=Agent.State.RETIRED)
    olga, ned = office.browser(office.olga), office.browser(office.ned)
    theirs = ids.encode("agt", other.id)
    assert choices(olga.get("/stop")) == [what(office), what(office, "owner")]
    assert choices(ned.get("/stop")) == [
        what(office),
        theirs,
        what(office, "owner"),
        ids.encode("per", office.ron.id),
        what(office, "workspace"),
    ]
    page = olga.get(f"/stop?what={what(office, 'owner')}")
    assert "Stop the one agent of Olga O?" in page.main
    form = page.form("/stop", how="stop")
    for refused in (theirs, ids.encode("per", office.ron.id), what(office, "workspace")):
        assert olga.get(f"/stop?what={refused}").status == 404
        assert olga.submit(form, what=refused, reason="Mine?").status == 404
    assert not Kill.objects.filter(workspace=office.workspace).exists()
    page = olga.submit(form, reason="Mine.")
    assert "Administrators let the agents act again." in page.main
    assert (state(office.agent), state(other)) == ("suspended", "active")
    [kill] = Kill.objects.filter(workspace=office.workspace)
    path = f"/stop/{ids.encode('kil', kill.id)}"
    token = olga.http.cookies["csrftoken"]
    assert olga.post(f"{path}/undo", {"csrfmiddlewaretoken": token}).status == 403
    kill.refresh_from_db()
    assert kill.undone_at is None
    assert "Mine." in olga.get("/stop").main
    ron = office.browser(office.ron)
    assert ron.get(path).status == 404
    assert "Mine." not in ron.get("/stop").main


def test_who_may_stop_nothing_is_offered_nothing(office: Office) -> None:
    request_id = office.ask()
    browser = office.browser(office.rita)
    page = browser.get("/")
    assert "/stop" not in [a.attributes.get("href") for a in page.tree.all("a")]
    page = browser.get("/stop")
    assert "There is nothing that you may stop" in page.main
    token = browser.http.cookies["csrftoken"]
    for one in (what(office), what(office, "workspace"), "nonsense", "agt_nonsense", "req_0"):
        data = {"csrfmiddlewaretoken": token, "what": one, "how": "stop", "seen": "1.1.0.0"}
        page = browser.post("/stop", data | {"reason": "No."})
        assert page.status == 404
        assert browser.get(f"/stop?what={one}").main == page.main
    assert untouched(office, request_id)


def test_nothing_without_the_form_s_token_or_signed_out(office: Office) -> None:
    request_id = office.ask()
    browser, _ = look(office, office.ned)
    data = {"what": what(office), "how": "stop", "seen": "1.1.0.0", "reason": "Forged."}
    assert browser.post("/stop", data).status == 403
    stranger = Browser(office.server.url)
    assert stranger.get("/stop").answer.url.endswith("/sign-in?next=%2Fstop")
    assert untouched(office, request_id)


def test_another_workspace_in_view_does_not_turn_it_elsewhere(office: Office) -> None:
    """A tab of one workspace stops that one, whatever another tab looks at meanwhile."""
    other = Office(office.server)
    email = office.ned.user.email
    there = create_person(actor=ACTOR, workspace=other.workspace, email=email)
    grant_permission(actor=ACTOR, workspace=other.workspace, person=there, permission="administer")
    browser = office.browser(office.ned)
    browser.submit(browser.get("/").form("/workspace"), workspace=office.workspace.slug)
    page = browser.get(f"/stop?what={what(office, 'workspace')}")
    browser.submit(browser.get("/").form("/workspace"), workspace=other.workspace.slug)
    page = press(browser, page)
    assert "1 agent was stopped." in page.main
    assert (state(office.agent), state(other.agent)) == ("suspended", "active")
    assert not Kill.objects.filter(workspace=other.workspace).exists()
    [kill] = Kill.objects.filter(workspace=office.workspace)
    stranger = other.browser(other.vera)
    assert stranger.get(f"/stop/{ids.encode('kil', kill.id)}").status == 404


def test_the_inbox_and_the_request_say_that_an_agent_is_stopped(office: Office) -> None:
    second = AgentFactory(workspace=office.workspace, owner=office.ron, name="pay-bot")
    request_id = office.ask()
    ned, page = look(office, office.ned)
    assert not ned.get("/").tree.all("p", id="stopped")
    assert "Agent stopped." not in ned.get("/fragments/queue").answer.text
    press(ned, page)
    olga, rita = office.browser(office.olga), office.browser(office.rita)
    for browser in (ned, olga):
        for path in ("/", "/fragments/queue"):
            banner = browser.get(path).tree.one("p", id="stopped").text
            assert "Agent mail-bot is stopped since" in banner
    assert not rita.get("/").tree.all("p", id="stopped")
    page = rita.get(f"/requests/{request_id}")
    assert "Agent stopped." in page.tree.one("div", id="agent-stopped").text
    assert "Stopped by the kill switch" in page.main
    page = ned.get(f"/stop?what={ids.encode('agt', second.id)}")
    press(ned, page)
    assert "2 agents are stopped since" in ned.get("/").tree.one("p", id="stopped").text
    assert "Agent mail-bot" in olga.get("/").tree.one("p", id="stopped").text
    for kill in Kill.objects.filter(workspace=office.workspace):
        path = f"/stop/{ids.encode('kil', kill.id)}"
        ned.submit(ned.get(path).form(f"{path}/undo"))
    assert not ned.get("/").tree.all("p", id="stopped")
    assert not rita.get(f"/requests/{request_id}").tree.all("div", id="agent-stopped")


def test_a_retired_agent_is_not_called_stopped(office: Office) -> None:
    request_id = office.ask()
    set_state(actor=ACTOR, agent=office.agent, state=Agent.State.RETIRED)
    page = office.browser(office.rita).get(f"/requests/{request_id}")
    assert "Agent retired." in page.tree.one("div", id="agent-stopped").text


def test_many_agents_are_counted_and_the_first_named(office: Office) -> None:
    for number in range(13):
        agent = AgentFactory(
            workspace=office.workspace, owner=office.olga, name=f"<i>bot</i>-{number:02}"
        )
        KeyFactory(agent=agent)
    browser, page = look(office, office.ned, "owner")
    assert "Stop all 14 agents of Olga O?" in page.main
    assert "and 2 more" in page.tree.one("div", id="would").text
    page = press(browser, page)
    assert "14 agents were stopped." in page.main
    assert "<i>bot</i>-" in page.main
    [kill] = Kill.objects.filter(workspace=office.workspace)
    assert len(kill.suspended) == 14
