"""What people have: a slow network, little motion, no colours; and what agents send: very much."""

from __future__ import annotations

import time
from typing import Final

from django.db import connections
from playwright.sync_api import expect

from core import ids
from tests.pages.chromium.windows import PHONE, Windows, slow
from tests.pages.office import Office, votes

MANY: Final = 10_000
#: Copies of a pending request, as many as nobody looked at for a week.
_COPY: Final = """
INSERT INTO {table} SELECT (jsonb_populate_record(one, jsonb_build_object({changes}))).*
  FROM {table} one, generate_series(1, {many}) n WHERE one.{key} = %(id)s
"""
_NEW_ID: Final = "uuid_in(md5(n || %(id)s::text)::cstring)"


def copy(request_id: str) -> None:
    """Many more like it; `forget` takes them away again."""
    values = {"id": ids.decode("req", request_id)}
    with connections["owner"].cursor() as cursor:
        for table, key, changes in (
            ("approvals_request", "id", f"'id', {_NEW_ID}"),
            (
                "approvals_revision",
                "request_id",
                f"'id', gen_random_uuid(), 'request_id', {_NEW_ID}",
            ),
            ("approvals_stage", "request_id", f"'id', gen_random_uuid(), 'request_id', {_NEW_ID}"),
        ):
            cursor.execute(_COPY.format(table=table, key=key, changes=changes, many=MANY), values)
        cursor.execute("ANALYZE approvals_request, approvals_revision, approvals_stage")


def forget(office: Office, request_id: str) -> None:
    with connections["owner"].cursor() as cursor:
        for table, key in (
            ("approvals_stage", "request_id"),
            ("approvals_revision", "request_id"),
            ("approvals_request", "id"),
        ):
            cursor.execute(
                f"DELETE FROM {table} WHERE workspace_id = %s AND {key} <> %s",
                [office.workspace.id, ids.decode("req", request_id)],
            )


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
    request_id = office.ask("money.pair", payload)
    page = windows.open(office.rita, f"/requests/{request_id}")
    assert page.locator("dl.facts > div").count() < 200
    expect(page.locator("#whole")).to_have_text("Open all 3,000 values")
    assert page.get_by_role("button", name="Approve", exact=False).count() == 0
    expect(page.locator("#reject")).to_be_visible()  # a no needs nothing opened
    page.get_by_role("link", name="Open all 3,000 values, then approve").click()
    expect(page.locator("section[aria-labelledby=run-title] dl.facts > div")).to_have_count(3_000)
    page.locator("#approve").click()
    expect(page.get_by_text("You approved.")).to_be_visible()
    assert votes(request_id) == [("approve", "")]


def test_ten_thousand_that_wait_are_a_page_like_any_other(office: Office, windows: Windows) -> None:
    request_id = office.ask()
    copy(request_id)
    try:
        page = windows.open(office.rita, viewport=PHONE)
        began = time.monotonic()
        page.goto("/?view=all")
        assert time.monotonic() - began < 10  # a page of 50, not of 10,000
        assert page.locator("[data-item]").count() == 50
        assert "All 999+" in " ".join(page.locator("#queue-tabs").inner_text().split())
        page.get_by_role("link", name="More requests").click()
        page.get_by_role("link", name="Earlier in the list").wait_for()
        assert page.locator("[data-item]").count() == 50
    finally:
        forget(office, request_id)
