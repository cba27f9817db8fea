"""What people have: a slow network, little motion, no colours; and what agents send: very much."""

from __future__ import annotations

import time

from playwright.sync_api import expect

from tests.pages.chromium.windows import PHONE, Windows, slow
from tests.pages.office import Office, votes
from tests.promises import ask as query

MANY = 10_000
#: Copies of a pending request: as many rows as a week of nobody looking would leave.
_COPIES = """
WITH made AS (
    INSERT INTO approvals_request SELECT (jsonb_populate_record(r, jsonb_build_object(
               'id', gen_random_uuid(), 'created_at', r.created_at - n * interval '1 second'))).*
      FROM approvals_request r, generate_series(1, %(many)s) n WHERE r.id = %(id)s RETURNING id
), revised AS (
    INSERT INTO approvals_revision SELECT (jsonb_populate_record(v, jsonb_build_object('request_id', made.id))).*
      FROM approvals_revision v, made WHERE v.request_id = %(id)s
)
SELECT count(*) FROM made
"""


def test_a_slow_network_doubles_nothing(office: Office, windows: Windows) -> None:
    request_id = office.ask("money.pair")
    page = windows.open(office.rita, f"/requests/{request_id}", viewport=PHONE)
    expect(page.locator("#live")).to_have_text("Live")
    posted: list[str] = []
    page.on("request", lambda one: posted.append(one.url) if one.method == "POST" else None)
    slow(page, latency_ms=600)
    began = time.monotonic()
    page.evaluate(
        """() => { const button = document.querySelector("#approve");
                   for (let press = 0; press < 5; press++) button.click(); }"""
    )
    page.get_by_text("You approved.").wait_for()
    assert time.monotonic() - began > 0.5
    assert len(posted) == 1
    assert votes(request_id) == [("approve", "")]


def test_nothing_moves_for_who_wants_no_motion(office: Office, windows: Windows) -> None:
    page = windows.open(office.rita, "/", reduced_motion="reduce")
    expect(page.locator("#live")).to_have_text("Live")
    office.ask()
    expect(page.locator("[data-item]")).to_have_count(1)
    assert page.evaluate("document.getAnimations().length") == 0


def test_nothing_is_told_by_colour_alone(office: Office, windows: Windows) -> None:
    """Risk, what somebody said and how it ended stand in words, and marks differ in more than colour."""
    request_id = office.ask("money.pair")
    page = windows.open(office.rita, f"/requests/{request_id}", forced_colors="active")
    expect(page.locator("[data-item] .risk")).to_have_text("high risk")
    expect(page.locator("h1 .badge")).to_have_text("high risk")
    page.locator("#approve").click()
    expect(page.locator(".stage").first).to_contain_text("approved")
    for row in page.locator("#story li").all():
        assert len(row.inner_text().split()) >= 2
    marks = page.evaluate(
        """() => ["yes", "nay", "void", ""].map(kind => { const one = document.createElement("span");
             one.className = `dot ${kind}`; document.querySelector("main").append(one);
             const style = getComputedStyle(one); return style.borderRadius + style.borderStyle; })"""
    )
    yes, nay, void, _ = marks
    assert len({yes, nay, void}) == 3


def test_a_large_payload_opens_in_part_and_wholly_before_a_risky_yes(
    office: Office, windows: Windows
) -> None:
    payload = {f"line {number}": f"value {number} " + "x" * 40 for number in range(3_000)}
    request_id = office.ask("money.pay", payload)
    page = windows.open(office.rita, f"/requests/{request_id}")
    assert page.locator("dl.facts > div").count() < 200
    expect(page.locator("#whole")).to_have_text("Open all 3,000 values")
    assert page.get_by_role("button", name="Approve", exact=False).count() == 0
    expect(page.locator("#reject")).to_be_visible()  # a no needs nothing opened
    page.get_by_role("link", name="Open all 3,000 values, then approve").click()
    assert page.locator("section[aria-labelledby=run-title] dl.facts > div").count() == 3_000
    page.locator("#approve").click()
    expect(page.locator("#end-title")).to_have_text("Approved")
    assert votes(request_id) == [("approve", "")]


def test_ten_thousand_that_wait_are_a_page_like_any_other(office: Office, windows: Windows) -> None:
    request_id = office.ask()
    uuid = query("SELECT id FROM approvals_request WHERE workspace_id = %s", office.workspace.id)[
        0
    ][0]
    assert request_id
    made = query(_COPIES.replace("%(many)s", str(MANY)).replace("%(id)s", f"'{uuid}'"))
    assert made == [(MANY,)]
    query("ANALYZE approvals_request")
    page = windows.open(office.rita, viewport=PHONE)
    began = time.monotonic()
    page.goto("/?view=all")
    assert time.monotonic() - began < 10  # a page of 50, not of 10,000
    assert page.locator("[data-item]").count() == 50
    page.get_by_role("link", name="More requests").click()
    assert page.locator("[data-item]").count() == 50
    query(
        "DELETE FROM approvals_request WHERE workspace_id = %s AND id <> %s RETURNING 1",
        office.workspace.id,
        uuid,
    )
