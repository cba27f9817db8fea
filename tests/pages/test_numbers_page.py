"""The page of numbers: what the API says, as tables with bars, and as CSV; for nobody who may not see all."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest

from notifications import preferences
from notifications.preferences import Preferences
from pages import numbers
from people.models import Role
from people.permissions import Permission, grant_permission
from tests.api.tenant import Person
from tests.approvals.world import World
from tests.factories import ACTOR, PASSWORD
from tests.oversight.test_numbers import BERLIN, ROLES, RULES, fill, get
from tests.pages.browser import Browser, Node, Page
from tests.pages.test_request_page import no_inline
from tests.server import Live

QUERY = "from=2026-03-28&until=2026-03-31&timezone=Europe/Berlin"
HOSTILE = '=HYPERLINK("//x")<script>alert(1)</script>{{ 7|add:7 }}\u202e'


@pytest.fixture
def world() -> World:
    return World(ROLES, RULES, password=PASSWORD)


def browser(server: Live, world: World, name: str = "ana") -> Browser:
    one = Browser(server.url)
    one.sign_in(world.email(name), PASSWORD)
    return one


def viewer(server: Live, world: World, permission: Permission = "view") -> Browser:
    grant_permission(
        actor=ACTOR, workspace=world.workspace, person=world.people["ana"], permission=permission
    )
    return browser(server, world)


def folded(node: Node) -> str:
    return " ".join(node.text.split())


def table(page: Page, title: str) -> list[list[str]]:
    """The rows of a section's table as they are read."""
    rows = page.tree.one("section", aria_labelledby=title).one("table").one("tbody").all("tr")
    return [[folded(cell) for cell in row.all() if cell.tag in ("th", "td")] for row in rows]


def bars(page: Page, title: str) -> list[list[str]]:
    """The widths of each row's bars; empty where nothing is drawn."""
    rows = page.tree.one("section", aria_labelledby=title).one("table").one("tbody").all("tr")
    return [
        ["".join(r.attributes["width"] for r in svg.all("rect")[1:]) for svg in row.all("svg")]
        for row in rows
    ]


def read(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = browser.get(path).answer
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="numbers-')
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


def flat(of: dict[str, Any]) -> dict[str, str]:
    """The members of an API's answer as the columns of the CSV."""
    found: dict[str, Any] = {}
    for name, value in of.items():
        if isinstance(value, dict):
            found |= {f"{name}_{key}": part for key, part in value.items()}
        else:
            found[name] = value
    return {name: "" if value is None else str(value) for name, value in found.items()}


def test_it_says_what_was_worked_out_by_hand(server: Live, world: World) -> None:
    other = World(ROLES, RULES)
    for one in (world, other):
        fill(one)
    page = viewer(server, world).get(f"/numbers?{QUERY}")
    assert (page.status, page.title) == (200, "Numbers · Assentry")
    assert (
        "5 requests from Sat 28 Mar 2026, 00:00 until Tue 31 Mar 2026, 00:00 (Europe/Berlin). "
        "1 of them asked nobody: policy decided alone."
    ) in page.main
    assert table(page, "asked-title") == [
        ["Everybody", "4 3 ended", "75% 3 of 4", "33% 1 of 3 ended"],
        ["Finance", "2 1 ended", "50% 1 of 2", "100% 1 of 1 ended"],
        ["Lead", "4 3 ended", "50% 2 of 4", "33% 1 of 3 ended"],
    ]
    assert bars(page, "asked-title") == [
        ["100.00%", "75.00%", "33.33%"],
        ["50.00%", "50.00%", "100.00%"],
        ["100.00%", "50.00%", "33.33%"],
    ]
    nothing = "–nothing to say"
    answered = ["30 s 2 times", "1 min 30 s", "2 min 3 times", "5 min"]
    assert table(page, "fast-title") == [
        ["Everybody", *answered],
        ["Finance", *[nothing] * 4],
        ["Lead", *answered],
    ]
    drawn = ["33.33%", "100.00%", "40.00%", "100.00%"]
    assert bars(page, "fast-title") == [drawn, [], drawn]


def test_a_week_reads_hour_by_hour_as_the_api_has_it(server: Live, world: World) -> None:
    fill(world)
    page = viewer(server, world).get(f"/numbers?{QUERY}")
    load = get(Person(server, world.people["ana"]), **BERLIN)["load"]
    for name in ("submitted", "decided"):
        rows = table(page, f"{name}-title")
        assert [row[0] for row in rows] == [f"{hour:02}" for hour in range(24)]
        turned = [[int(row[1 + day]) for row in rows] for day in range(7)]
        assert turned == load[name]
    heat = page.tree.one("section", aria_labelledby="submitted-title")
    assert folded(heat.one("p")) == "Most on Monday, 10:00–11:00: 2."
    assert heat.one("td", class_="h5").text == "2"
    assert {cell.text for cell in heat.all("td", class_="h3")} == {"1"}
    decided = page.tree.one("section", aria_labelledby="decided-title")
    assert folded(decided.one("p")) == (
        "Most on Monday, 10:00–11:00, and in 2 more hours: 1 in each."
    )


def test_the_csv_says_the_same(server: Live, world: World) -> None:
    fill(world)
    one = viewer(server, world)
    said = get(Person(server, world.people["ana"]), **BERLIN)
    spread = {name: said[name] for name in ("from", "until", "timezone")}
    page = one.get(f"/numbers?{QUERY}")
    by_role, by_hour = (
        link.attributes["href"] for link in page.tree.one("p", class_="take").all("a")
    )
    everybody = {"role": "", "title": ""}
    expected = [everybody | said["total"]]
    expected += [{"role": each.pop("name")} | each for each in said["roles"]]
    assert read(one, by_role) == [flat(spread | each) for each in expected]
    hours = read(one, by_hour)
    assert len(hours) == 7 * 24
    assert hours[34] == spread | {
        "weekday": "Tuesday",
        "hour": "10",
        "submitted": "0",
        "decided": "0",
    }
    for name in ("submitted", "decided"):
        counts = [int(row[name]) for row in hours]
        assert [counts[day * 24 : day * 24 + 24] for day in range(7)] == said["load"][name]


def test_a_hostile_title_is_text_on_the_page_and_in_the_csv(server: Live, world: World) -> None:
    fill(world)
    Role.objects.filter(workspace=world.workspace, name="lead").update(title=HOSTILE)
    one = viewer(server, world)
    page = one.get(f"/numbers?{QUERY}")
    no_inline(page.tree)
    assert "style=" not in page.answer.text
    assert "unsafe" not in page.answer.headers["Content-Security-Policy"]
    shown = table(page, "asked-title")[2][0]
    assert shown.startswith('=HYPERLINK("//x")<script>alert(1)</script>{{ 7|add:7 }}')
    assert "\u202e" not in shown
    rows = read(one, f"/numbers.csv?{QUERY}")
    assert rows[2]["title"] == f"'{HOSTILE}"


@pytest.mark.parametrize("permission", ["view", "audit", "administer"])
def test_who_may_see_them_is_led_there(server: Live, world: World, permission: Permission) -> None:
    one = viewer(server, world, permission)
    assert one.get("/").tree.one("nav", aria_label="Main").all("a", href="/numbers")
    page = one.get("/numbers")
    assert page.status == 200
    assert {here.text for here in page.tree.all("a", aria_current="page")} == {"Numbers"}


@pytest.mark.parametrize("path", ["/numbers", "/numbers.csv"])
def test_nobody_else_sees_them(server: Live, world: World, path: str) -> None:
    fill(world)
    ben = browser(server, world, "ben")
    grant_permission(
        actor=ACTOR,
        workspace=world.workspace,
        person=world.people["ben"],
        permission="decide_fallback",
    )
    assert ben.get("/").tree.all("a", href="/numbers") == []
    refused = ben.get(f"{path}?{QUERY}")
    assert refused.status == 403
    assert "The numbers are for who may see all, audit or administer." in refused.main
    assert "5 requests" not in refused.answer.text
    strange = Browser(server.url).get(path).answer
    assert strange.url.endswith(f"/sign-in?next=%2F{path[1:]}")


def test_another_workspace_has_its_own(server: Live, world: World) -> None:
    fill(world)
    one = viewer(server, World(ROLES, RULES, password=PASSWORD))
    page = one.get(f"/numbers?{QUERY}")
    assert "No request came in this time." in page.main
    assert page.tree.all("table") == []
    [everybody] = read(one, f"/numbers.csv?{QUERY}")
    assert (everybody["asked"], everybody["expired_share"]) == ("0", "")


def test_without_a_range_it_is_of_thirty_days_on_ones_own_clocks(
    server: Live, world: World
) -> None:
    zone = "Pacific/Kiritimati"
    preferences.set_(actor=ACTOR, person=world.people["ana"], wanted=Preferences(timezone=zone))
    world.submit()
    one = viewer(server, world)
    page = one.get("/numbers")
    assert "1 request from" in page.main
    assert f"00:00 ({zone})." in page.main
    form = page.tree.one("form", action="/numbers")
    begin, end = (
        date.fromisoformat(form.one("input", name=name).attributes["value"])
        for name in ("from", "until")
    )
    assert end - begin == timedelta(days=30)
    assert [o.text for o in form.all("option") if "selected" in o.attributes] == [zone]
    links = form.one("nav").all("a")
    assert [(a.text, "aria-current" in a.attributes) for a in links] == [
        ("Last 7 days", False),
        ("Last 30 days", True),
        ("Last 90 days", False),
    ]
    for link, days in zip(links, (7, 30, 90), strict=True):
        there = one.get(link.attributes["href"])
        assert "1 request from" in there.main
        first, last = (
            date.fromisoformat(there.tree.one("input", name=name).attributes["value"])
            for name in ("from", "until")
        )
        assert (last, last - first) == (end, timedelta(days=days))


def test_where_policy_decided_all_alone_nobody_was_asked(server: Live, world: World) -> None:
    world.submit(payload={"amount": 1})
    page = viewer(server, world).get("/numbers")
    assert "Nobody was asked in this time." in page.main
    assert page.tree.all("table", class_="measures") == []
    assert len(page.tree.all("table", class_="heat")) == 2


@pytest.mark.parametrize("path", ["/numbers", "/numbers.csv"])
@pytest.mark.parametrize(
    ("query", "name", "said"),
    [
        ("from=yesterday", "from", "“From”: A day such as 2026-03-29"),
        ("until=2026-02-30", "until", "“Before”: A day such as 2026-03-29"),
        ("from=2026-03-29&until=2026-03-28", "from", "“From”: It must be earlier than “Before”."),
        (
            "from=2025-03-01&until=2026-03-30",
            "from",
            "“From”: At most 366 days may lie between it and “Before”.",
        ),
        ("timezone=Mars/Olympus", "timezone", "“Time zone”: “Mars/Olympus” is no time zone"),
    ],
)
def test_a_range_that_is_none_is_said_at_its_field(
    server: Live, world: World, path: str, query: str, name: str, said: str
) -> None:
    page = viewer(server, world).get(f"{path}?{query}")
    assert (page.status, page.title) == (422, "Error: Numbers · Assentry")
    assert f"Nothing was counted. {said}" in page.main
    [marked] = page.tree.all(aria_invalid="true")
    assert (marked.attributes["name"], marked.attributes["aria-describedby"]) == (name, "problem")
    for one in page.tree.one("nav", aria_label="Ranges").all("a"):
        assert "Mars" not in one.attributes["href"]


def test_what_was_typed_stays_and_is_text(server: Live, world: World) -> None:
    one = viewer(server, world)
    page = one.get('/numbers?from="><script>alert(1)</script>&timezone=<b>x</b>')
    no_inline(page.tree)
    field = page.tree.one("input", name="from")
    assert field.attributes["value"] == '"><script>alert(1)</script>'
    assert field.attributes["type"] == "text"
    assert page.tree.one("select", id="timezone").all("option")[-1].text == "<b>x</b>"
    instant = one.get("/numbers?from=2026-03-29T01:59:59Z&until=2026-03-30&timezone=UTC")
    assert "from Sun 29 Mar 2026, 01:59 until Mon 30 Mar 2026, 00:00 (UTC)" in instant.main
    assert instant.tree.one("input", name="from").attributes["type"] == "text"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.004, "1 s"),
        (59, "59 s"),
        (59.2, "1 min"),
        (90, "1 min 30 s"),
        (3599.5, "1 h"),
        (3660.1, "1 h 2 min"),
        (83_400, "23 h 10 min"),
        (86_399, "1 d"),
        (90_001, "1 d 2 h"),
    ],
)
def test_a_time_is_never_said_shorter_than_it_was(seconds: float, said: str) -> None:
    assert numbers.span(seconds) == said


def test_a_share_is_none_or_all_only_where_it_is() -> None:
    said = [numbers.percent(share) for share in (0, 0.004, 0.3333, 0.996, 1)]
    assert said == ["0%", "0.4%", "33%", "99.6%", "100%"]


def test_a_table_that_is_none_is_said(server: Live, world: World) -> None:
    page = viewer(server, world).get(f"/numbers.csv?{QUERY}&table=people")
    assert page.status == 422
    assert "“table”: Choose one of `roles`, `hours`, `latency`," in page.main
