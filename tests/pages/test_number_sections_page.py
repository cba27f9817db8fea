"""The pages of the sections: charts and tables that say what the API says, and CSV that says the same."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from oversight.numbers.agents import VersionNumbers
from oversight.numbers.measures import interval
from oversight.numbers.sections import SECTIONS, TABLES
from pages import charts, number_charts
from pages.number_tables import said
from people.permissions import Permission, grant_permission
from tests.api.tenant import Person
from tests.approvals.world import World
from tests.factories import ACTOR, PASSWORD
from tests.oversight import history
from tests.oversight.history import BERLIN, QUERY, SUNDAY
from tests.pages.browser import Browser, Node, Page
from tests.pages.test_numbers_page import folded
from tests.pages.test_request_page import no_inline
from tests.server import Live

HOSTILE = '=HYPERLINK("//x")<script>alert(1)</script>\u202e'
#: What the page leaves to the CSV.
_LEFT = {"endpoint", "person"}


@pytest.fixture
def world() -> World:
    return history.world(editable=["/amount"])


def browser(
    server: Live, world: World, permission: Permission | None = "audit", name: str = "ana"
) -> Browser:
    if permission is not None:
        grant_permission(
            actor=ACTOR, workspace=world.workspace, person=world.people[name], permission=permission
        )
    one = Browser(server.url)
    one.sign_in(world.email(name), PASSWORD)
    return one


def figures(page: Page) -> dict[str, Node]:
    """The charts by their titles."""
    return {figure.one("h3").text: figure for figure in page.tree.all("figure")}


def lines(figure: Node) -> list[str]:
    """The rows of a chart of bars as they are read."""
    return [folded(item) for item in figure.one("ol").all("li")]


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the API as columns."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= {f"{name}_{part}": each for part, each in value.items()}
        elif isinstance(value, list):
            found |= {f"{name}_{hour:02}": each for hour, each in enumerate(value)}
        else:
            found[name] = value
    return found


def fill(world: World) -> None:
    history.fill(world)
    history.calls(world)
    history.runs(world)
    history.versions(world)


def test_tables_and_csv_say_what_the_api_says(server: Live, world: World) -> None:
    fill(world)
    one = browser(server, world)
    who = Person(server, world.people["ana"])
    for section in SECTIONS.values():
        found = who.call("GET", f"/numbers/{section.name}", params=BERLIN).json()
        page = one.get(f"/numbers/{section.name}?{QUERY}")
        title = page.tree.one("head").one("title").text
        assert (page.status, title) == (200, f"{section.title} · Numbers · Assentry")
        no_inline(page.tree)
        assert "style=" not in page.answer.text
        for table in section.tables:
            rows = [flat(row) for row in found[table.member]]
            assert rows, table.name
            part = page.tree.one("section", aria_labelledby=f"{table.name}-title")
            names = [
                name
                for name, _ in table.columns()
                if name not in _LEFT and not name.startswith("hours_")
            ]
            shown = part.one("table")
            assert [cell.text for cell in shown.one("thead").all("th")] == [
                title for name, title in table.columns() if name in names
            ]
            cells = [
                [folded(cell) for cell in row.all() if cell.tag in ("th", "td")]
                for row in shown.one("tbody").all("tr")
            ]
            assert cells == [
                [
                    said(name, row[name], "Europe/Berlin")
                    or ("none" if not place else "–nothing to say")
                    for place, name in enumerate(names)
                ]
                for row in rows
            ]
            link = part.one("p", class_="take").one("a").attributes["href"]
            answer = one.get(link).answer
            assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
            told = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
            spread = {name: found[name] for name in ("from", "until", "timezone")}
            assert told == [
                {
                    name: "" if value is None else str(value)
                    for name, value in (spread | row).items()
                }
                for row in rows
            ]


def test_charts_have_titles_and_sentences_and_say_their_values(server: Live, world: World) -> None:
    history.fill(world)
    one = browser(server, world)
    latency = figures(one.get(f"/numbers/latency?{QUERY}"))
    by_role = latency["Until people had decided, by role"]
    assert folded(by_role.one("figcaption").one("p")) == (
        "Slowest is Finance: half within 10 min, 95 of 100 within 10 min."
    )
    assert lines(by_role) == [
        "Finance half within 10 min, 95 of 100 within 10 min once",
        "Lead half within 1 min, 95 of 100 within 10 min 4 times",
    ]
    assert [
        [rect.attributes["width"] for rect in item.all("rect")[1:]] for item in by_role.all("li")
    ] == [["100.00%", "100.00%"], ["100.00%", "10.00%"]]

    outcomes = figures(one.get(f"/numbers/outcomes?{QUERY}"))
    by_day = outcomes["What became of requests, by the day they came"]
    assert folded(by_day.one("figcaption").one("p")) == (
        "Of 10 requests policy allowed 10% alone, people rejected 1, and 1 ran out of time."
    )
    assert [folded(item) for item in by_day.one("ul", class_="legend").all("li")] == [
        "Approved or answered by people 3",
        "Allowed by policy 1",
        "Rejected by people 1",
        "Denied by policy 1",
        "Ran out of time 1",
        "Cancelled 1",
        "Pending 2",
    ]
    drawing = by_day.one("svg", class_="column-chart")
    assert drawing.attributes["role"] == "img"
    named = drawing.attributes["aria-labelledby"].split()
    assert by_day.one(id=named[0]).text == by_day.one("h3").text
    assert by_day.one("desc", id=named[1]).text.startswith("Of 10 requests")
    assert [title.text for title in drawing.all("title")] == [
        "28 Mar: 2 approved or answered by people, 1 rejected by people",
        "29 Mar: 1 allowed by policy, 1 denied by policy, 1 ran out of time, 1 cancelled, 2 pending",
        "30 Mar: 1 approved or answered by people",
    ]
    # Each kind has a pattern of its own, so that no colour is needed to tell them apart.
    patterns = {pattern.attributes["id"] for pattern in drawing.all("pattern")}
    for part in drawing.all("rect", class_="part"):
        assert part.attributes["fill"].removeprefix("url(#").removesuffix(")") in patterns
    assert len(patterns) == len(number_charts.OUTCOMES)
    assert lines(outcomes["How often time runs out, by action"]) == [
        "payments.refund 12% 1 of 8 ended; 1 expired"
    ]


def test_a_newer_version_that_is_surely_rejected_more_is_said(server: Live, world: World) -> None:
    history.versions(world)
    figure = figures(browser(server, world).get(f"/numbers/versions?{QUERY}"))[
        "How much is rejected, by version"
    ]
    assert folded(figure.one("figcaption").one("p")) == "bot 2 is rejected more often than 1."
    assert lines(figure)[0] == ("bot 2 100% rejected 6 of 6, surely 61% to 100%; 0 edited")


def test_few_decisions_make_no_version_worse() -> None:
    def version(name: str, rejected: int, decided: int) -> Any:
        low, high = interval(rejected, decided)
        return VersionNumbers(
            agent="bot",
            version=name,
            first_at="",
            first_run_at=None,
            submitted=decided,
            decided=decided,
            rejected=rejected,
            reject_rate=rejected / decided,
            reject_low=low,
            reject_high=high,
            edited=0,
            edit_rate=0,
        )

    alike = number_charts.compared([version("2", 2, 2), version("1", 1, 10)])
    assert alike.startswith("No agent's newest version is surely rejected more")
    fewer = number_charts.compared([version("2", 1, 100), version("1", 50, 100)])
    assert fewer == "bot 2 is rejected less often than 1."


def test_an_auditor_sees_everybodys_work_and_others_their_own(server: Live, world: World) -> None:
    history.fill(world)
    page = browser(server, world).get(f"/numbers/reviewers?{QUERY}")
    assert "you see it because you audit or administer" in page.main
    assert [line.split()[0] for line in lines(figures(page)["How much people decide"])] == [
        "Ana",
        "Ben",
        "Fay",
    ]
    assert lines(figures(page)["When people decide"])[0].startswith(
        "Ana most from 00:00 to 01:00: 2"
    )
    ben = browser(server, world, None, "ben")
    for path in ("/numbers", "/numbers/tools", "/numbers.csv", "/numbers.csv?table=tools"):
        assert ben.get(path).status == 403
    own = ben.get(f"/numbers/reviewers?{QUERY}")
    assert "You see your own numbers." in own.main
    assert "Ana" not in own.tree.one("section", aria_labelledby="reviewers-title").text
    assert [line.split()[0] for line in lines(figures(own)["How much people decide"])] == ["Ben"]
    told = ben.get(f"/numbers.csv?{QUERY}&table=reviewers").answer.content.decode()
    assert [row["name"] for row in csv.DictReader(io.StringIO(told))] == ["Ben"]
    link = ben.get("/settings").tree.one("a", href="/numbers/reviewers")
    assert link.text == "What you decided"


def test_what_agents_call_their_tools_is_text(server: Live, world: World) -> None:
    of = history.run(world, "r", "1", SUNDAY)
    history.step(of, HOSTILE, 1, status="failed")
    one = browser(server, world)
    page = one.get(f"/numbers/tools?{QUERY}")
    no_inline(page.tree)
    assert "\u202e" not in page.main
    assert '=HYPERLINK("//x")<script>alert(1)</script>' in page.main
    told = one.get(f"/numbers.csv?{QUERY}&table=tools").answer.content.decode()
    [row] = csv.DictReader(io.StringIO(told, newline=""))
    assert row["name"] == f"'{HOSTILE}"


def test_another_workspace_has_its_own(server: Live, world: World) -> None:
    fill(world)
    one = browser(server, history.world())
    for section in SECTIONS:
        page = one.get(f"/numbers/{section}?{QUERY}")
        empty = section != "outcomes"
        assert (page.tree.all("figure") == []) is empty
        for table in SECTIONS[section].tables:
            told = one.get(f"/numbers.csv?{QUERY}&table={table.name}").answer.content.decode()
            rows = list(csv.DictReader(io.StringIO(told, newline="")))
            assert sum(int(row["submitted"]) for row in rows if table.name == "outcomes") == 0
            assert rows == [] or table.name == "outcomes"


def test_a_section_keeps_its_range_and_says_what_does_not_fit(server: Live, world: World) -> None:
    one = browser(server, world)
    page = one.get(f"/numbers/latency?{QUERY}")
    tabs = page.tree.one("nav", aria_label="Sections of the numbers").all("a")
    assert [tab.text for tab in tabs] == [
        "Answers",
        *(section.title for section in SECTIONS.values()),
    ]
    assert [tab.text for tab in tabs if "aria-current" in tab.attributes] == ["Latency"]
    for tab in tabs:
        there = one.get(tab.attributes["href"])
        assert there.status == 200
        assert there.tree.one("input", name="from").attributes["value"] == BERLIN["from"]
    faulty = one.get("/numbers/latency?from=2026-03-29&until=2026-03-28")
    assert (faulty.status, faulty.title) == (422, "Error: Latency · Numbers · Assentry")
    assert "Nothing was counted." in faulty.main
    assert one.get("/numbers/people").status == 404


def test_gaps_ahead_are_said_beside_the_numbers(server: Live, world: World) -> None:
    one = browser(server, world)
    covered = one.get("/numbers")
    assert "In the next days somebody can decide at any time" in covered.main
    world.away("fay")
    gap = one.get("/numbers")
    assert "Nobody could decide at times in the next days for Finance." in gap.main
    assert gap.tree.one("p", class_="gaps").one("a").attributes["href"] == "/coverage"


def test_long_times_are_drawn_by_the_week() -> None:
    rows = [(f"2026-01-{day:02}", dict.fromkeys(number_charts.OUTCOMES, 1)) for day in range(1, 11)]
    weeks = number_charts.by_week(rows)
    assert [(label, counts["late"]) for label, counts in weeks] == [("1 Jan", 7), ("8 Jan", 3)]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (3, 4), (9, 10), (10, 10), (11, 20), (101, 200), (999, 1000)]
)
def test_an_axis_ends_at_an_even_number_above_the_highest(most: int, top: int) -> None:
    drawn = charts.columns("x", "X", "", {"a": "A"}, [("1 Jan", {"a": most})])
    assert drawn.grid[0].said == f"{top:,}"
    for column in drawn.columns:
        for part in column.parts:
            assert float(part.y) >= 0
            assert float(part.y) + float(part.height) == pytest.approx(charts.HEIGHT, abs=0.02)


def test_every_table_has_a_name_of_its_own() -> None:
    assert len(TABLES) == sum(len(section.tables) for section in SECTIONS.values())
    assert not {"roles", "hours"} & set(TABLES)
