"""What was delivered and what was not: the list with its filters, each try, and sending again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callbacks.models import Attempt, Callback, Endpoint
from core import ids
from pages.views import deliveries, endpoint
from tests.events import events_of, kinds_of
from tests.pages.browser import Browser, Page
from tests.pages.test_request_page import no_inline
from tests.pages.yard import (
    Yard,
    delivery_of,
    flash_of,
    is_sound,
    line_up,
    path_of,
    post,
    rows_of,
)


def listed(page: Page) -> list[str]:
    section = page.tree.one("section", id="deliveries")
    return [node.attributes["id"] for node in section.all("li") if "id" in node.attributes]


def one(made: Endpoint) -> Callback:
    return Callback.objects.get(endpoint=made)


def open_page(yard: Yard, path: str) -> tuple[Browser, Page]:
    browser = yard.office.browser(yard.office.olga)
    return browser, browser.get(path)


def test_a_delivery_with_its_bytes_and_its_try(yard: Yard) -> None:
    made = yard.register().endpoint
    request_id = yard.approve()
    browser, page = open_page(yard, path_of(made))
    assert rows_of(page)["Waiting"] == "1"
    yard.send(made, 1)
    page = browser.get(path_of(made))
    assert rows_of(page)["Waiting"] == "0"
    assert rows_of(page)["Last delivered"] != "never"
    assert "Healthy" in page.main
    assert "Delivered · 1 try, the last: 204" in page.main
    assert page.tree.all("a", href=f"/requests/{request_id}")
    page = browser.get(delivery_of(one(made)))
    (arrived,) = yard.receiver.until(1)
    assert page.tree.one("pre").text == arrived.body.decode()
    assert "1. answered 204" in page.main
    assert rows_of(page)["Request"] == request_id
    ada = yard.office.browser(yard.ada)
    there = ada.get(delivery_of(one(made)))
    assert rows_of(there)["Request"] == request_id
    assert not there.tree.all("a", href=f"/requests/{request_id}"), "she may not see the request"
    assert not ada.get(path_of(made)).tree.all("a", href=f"/requests/{request_id}")


def test_an_answer_is_inert_masked_and_beside_its_try(yard: Yard) -> None:
    made = yard.register(headers={"X-Token": "open-sesame"}).endpoint
    said = "<script>alert(1)</script>\u202eopen-sesame\nAuthorization: Bearer hush\x07"
    yard.receiver.answer(500, said.encode())
    browser, page = open_page(yard, path_of(made))
    browser.submit(page.form(path_of(made) + "/test"))
    yard.send(made, 1)
    page = browser.get(delivery_of(one(made)))
    answer = page.tree.one("pre", aria_label="Answer to try 1").text
    assert answer == "<script>alert(1)</script>U+202E•••\nAuthorization: •••"
    assert {one.text for one in page.tree.all("script")} == {""}
    no_inline(page.tree)
    is_sound(page.tree, delivery_of(one(made)))
    assert "Waiting, tried before · next try at" in page.main
    assert "1. answered 500" in page.main
    assert not page.tree.all("form", action=delivery_of(one(made)) + "/replay")
    listing = browser.get(path_of(made))
    assert "1 failure in a row" in listing.main
    assert "Waiting, tried before · 1 try, the last: 500 · next" in listing.main


def test_why_there_was_no_answer(yard: Yard) -> None:
    made = yard.register("http://127.0.0.1:9/hook").endpoint
    browser, page = open_page(yard, path_of(made))
    page = browser.submit(page.form(path_of(made) + "/test"))
    assert "It was not tried yet." in page.main
    yard.send(made, 1)
    page = browser.get(delivery_of(one(made)))
    assert "1. no connection" in page.main
    assert "No connection could be made." in page.main


def test_sending_one_again(yard: Yard) -> None:
    made = yard.register().endpoint
    yard.receiver.answer(500, webhook_delivery="abort-message")
    browser, page = open_page(yard, path_of(made))
    pending = browser.submit(page.form(path_of(made) + "/test"))
    there = delivery_of(one(made))
    assert pending.answer.url.endswith(there)
    early = post(browser, there + "/replay")
    assert early.status == 409
    assert "It is on its way: it stands in line. Nothing was sent." in early.main
    yard.send(made, 1)
    page = browser.get(there)
    assert "Failed: the receiver wants no more tries" in page.main
    yard.receiver.answer(204)
    page = browser.submit(page.form(there + "/replay"))
    assert flash_of(page).startswith("It is on its way, under the same id.")
    (event,) = events_of(made.workspace_id, "callbacks.replayed")
    assert (event["subject"], event["data"]) == (
        there.rpartition("/")[2],
        {"which": "one", "count": 1},
    )
    yard.send(made, 2)
    first, second = yard.receiver.until(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    page = browser.get(there)
    assert "Delivered" in page.main
    assert [li.one("b").text for li in page.tree.one("ol", id="tries").all("li")] == ["2.", "1."]


def test_a_disabled_endpoint_sends_nothing_again(yard: Yard) -> None:
    made = yard.register().endpoint
    (callback,) = line_up(made, "held", 0)
    browser, page = open_page(yard, path_of(made))
    browser.submit(page.form(path_of(made) + "/disable"))
    before = kinds_of(made.workspace_id)
    page = browser.get(f"/deliveries/{callback}")
    assert "Not attempted: its endpoint was disabled" in page.main
    assert not page.tree.all("form", action=f"/deliveries/{callback}/replay")
    stale = post(browser, f"/deliveries/{callback}/replay")
    assert stale.status == 409
    assert "enable it first. Nothing was sent." in stale.main
    assert kinds_of(made.workspace_id) == before
    assert one(made).state == "held"


def test_each_filter_shows_its_own(yard: Yard) -> None:
    made = yard.register().endpoint
    delivered = line_up(made, "delivered", 1)
    failed = [*line_up(made, "exhausted", 10), *line_up(made, "stopped", 1)]
    failed += line_up(made, "held", 3)
    untried = line_up(made, "held", 0)
    browser, page = open_page(yard, path_of(made))
    waiting = [browser.submit(page.form(path_of(made) + "/test")).answer.url.rpartition("/")[2]]
    everything = [*delivered, *failed, *untried, *waiting]
    shown = {"": everything, "waiting": waiting, "delivered": delivered}
    shown |= {"failed": failed, "untried": untried, "<nonsense>": everything}
    for name, expected in shown.items():
        page = browser.get(f"{path_of(made)}?show={name}")
        assert page.status == 200
        assert listed(page) == expected[::-1], name
        is_sound(page.tree, name)
    current = browser.get(f"{path_of(made)}?show=failed").tree.one("nav", class_="filters")
    assert [a.text for a in current.all("a", aria_current="true")] == ["Failed"]


def test_pages_turn_both_ways_and_a_foreign_cursor_begins_anew(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "PAGE", 3)
    made = yard.register().endpoint
    everything = line_up(made, "exhausted", 10, count=7)[::-1]
    browser, page = open_page(yard, path_of(made) + "?show=failed")
    seen = [listed(page)]
    while links := [a for a in page.tree.all("a") if a.text == "Earlier ones"]:
        page = browser.get(links[0].attributes["href"])
        seen.append(listed(page))
    assert seen == [everything[:3], everything[3:6], everything[6:]]
    (back,) = [a for a in page.tree.all("a") if a.text == "Later ones"]
    assert listed(browser.get(back.attributes["href"])) == everything[3:6]
    for cursor in ("%00", "nonsense", "W10"):
        assert listed(browser.get(f"{path_of(made)}?cursor={cursor}")) == everything[:3]


def test_sending_many_again(yard: Yard) -> None:
    made = yard.register().endpoint
    old = line_up(made, "exhausted", 10, hours=30)
    new = line_up(made, "held", 2)
    missing = line_up(made, "held", 0, count=2)
    browser, page = open_page(yard, path_of(made))
    there = path_of(made) + "/replay"
    since = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    assert page.form(there).one("input", id="since").attributes["value"] == ""
    page = browser.submit(page.form(there), which="failed", since=since)
    assert flash_of(page) == "1 delivery is on its way."
    assert waiting(made) == new
    page = browser.submit(page.form(there), which="missing", since="")
    assert flash_of(page) == "2 deliveries are on their way."
    assert waiting(made) == [*new, *missing]
    page = browser.submit(page.form(there), which="missing", since="")
    assert flash_of(page) == "There is nothing like that: nothing was sent."
    page = browser.submit(page.form(there), which="failed", since="")
    assert waiting(made) == [*old, *new, *missing]
    replayed = [event["data"] for event in events_of(made.workspace_id, "callbacks.replayed")]
    assert replayed == [
        {"which": "failed", "count": 1},
        {"which": "missing", "count": 2},
        {"which": "failed", "count": 1},
    ]


def waiting(made: Endpoint) -> list[str]:
    found = Callback.objects.filter(endpoint=made, state="pending").order_by("id")
    return [ids.encode("cbk", callback.id) for callback in found]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"which": "failed", "since": "yesterday<b>"}, "since"),
        ({"which": "failed", "since": "2026-13-01T00:00"}, "since"),
        ({"which": "everything", "since": ""}, "which"),
        ({}, "which"),
    ],
)
def test_what_cannot_be_read_sends_nothing(yard: Yard, typed: dict[str, Any], field: str) -> None:
    made = yard.register().endpoint
    line_up(made, "exhausted", 10)
    browser, _ = open_page(yard, "/")
    page = post(browser, path_of(made) + "/replay", **typed)
    assert page.status == 422
    assert "Nothing was sent." in page.main
    assert page.tree.one("p", id=f"{field}-wrong").text
    assert page.tree.one("input", id="since").attributes["value"] == typed.get("since", "")
    is_sound(page.tree, field)
    no_inline(page.tree)
    assert waiting(made) == []
    assert "callbacks.replayed" not in kinds_of(made.workspace_id)


def test_of_very_many_tries_the_latest_are_shown(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_TRIES", 2)
    made = yard.register().endpoint
    (callback,) = line_up(made, "delivered", 4)
    for number in range(1, 5):
        Attempt.objects.create(
            workspace_id=made.workspace_id,
            callback_id=ids.decode("cbk", callback),
            number=number,
            at=datetime.now(UTC),
            milliseconds=number * 700,
            status=200,
        )
    page = open_page(yard, f"/deliveries/{callback}")[1]
    tries = page.tree.one("ol", id="tries").all("li")
    assert [" ".join(li.text.split()).split(" ")[0] for li in tries] == ["4.", "3."]
    assert "took 2.8 s" in page.main
    assert "2 earlier tries are not shown." in page.main
