"""Which way each change leans, by table: from one small policy to another."""

from __future__ import annotations

import pytest

from policies.comparing import lines
from policies.differences import changes
from policies.document import parse
from tests.policies.documents import HEAD

RULES = """\
rules:
  - {name: R, action: pay.refund, effect: ask, ask: {stages: [{any_of: [lead], approvals: 2}], assurance: chat, extend: 1h, escalation: up}}
  - {name: S, action: web.get, effect: ask, ask: {stages: [{any_of: [shift]}], expires_in: 10m, on_expiry: allow}}
  - {name: E, action: web.get, effect: ask, ask: {stages: [{any_of: [shift]}], expires_in: 8h of business, on_expiry: 'ask:lead'}}
  - {name: A, action: pay.tip, when: payload.n < 5, effect: allow}
  - {name: D, action: pay.tip, when: payload.n > 50, effect: deny}
escalations:
  up: [{after: 1h, remind: true}, {after: 2h, widen: "role:money"}]
tools:
  crm: {labels: [data.pii]}
"""
HOURS = """\
  shift: {members: [ana@example.com], schedule: office}
schedules:
  office: {timezone: Europe/Berlin, shifts: [{who: [ana@example.com], hours: "Mo-Fr 08:00-18:00"}]}
  night: {timezone: UTC, ical: uploaded}
actions:
"""
WHOLE = HEAD.replace("actions:\n", HOURS) + RULES

CASES = [
    ("approvals: 2", "approvals: 1", "looser"),
    ("approvals: 2", "approvals: 2, rejections: 2", "looser"),
    ("approvals: 2}", "approvals: 2, distinct_from_earlier: true}", "tighter"),
    ("approvals: 2}", "approvals: 2}, {any_of: [money]}", "tighter"),
    ("any_of: [lead], approvals: 2", "any_of: [lead, money], approvals: 2", "looser"),
    ("any_of: [lead], approvals: 2", "any_of: [money], approvals: 2", "looser"),
    ("any_of: [lead], approvals: 2}", "any_of: [lead, money]}, {any_of: [lead]}", "looser"),
    ("{stages: [{any_of: [lead], approvals: 2}], assurance: chat, extend: 1h, escalation: up}", "{confirm: owner}", "depends"),
    ("assurance: chat", "assurance: session", "tighter"),
    ("assurance: chat", "assurance: link", "looser"),
    (", assurance: chat", "", "depends"),
    ("extend: 1h", "extend: 2h", "looser"),
    (", extend: 1h", "", "tighter"),
    ("extend: 1h", "extend: 1h, comment: always", "tighter"),
    ("extend: 1h", "extend: 1h, comment: never", "looser"),
    ("extend: 1h", "extend: 1h, expires_in: 9h", "depends"),
    ("expires_in: 10m", "expires_in: 1s", "looser"),
    ("expires_in: 10m", "expires_in: 1h", "tighter"),
    ("expires_in: 10m, ", "", "depends"),
    ("expires_in: 10m", "expires_in: 10m of business", "depends"),
    ("expires_in: 10m, on_expiry: allow", "expires_in: 10m", "tighter"),
    ("on_expiry: 'ask:lead'", "on_expiry: 'ask:money'", "depends"),
    ("8h of business", "8h", "depends"),
    ("8h of business", "9h of business", "depends"),
    ("Mo-Fr 08:00-18:00", "Mo-Su 08:00-18:00", "depends"),
    ("timezone: Europe/Berlin", "timezone: Europe/Paris", "depends"),
    ("Europe/Berlin, shifts", "Europe/Berlin, holidays: DE, shifts", "depends"),
    ("ical: uploaded", 'ical: "https://calendar.example.com/"', "depends"),
    ("  night: {timezone: UTC, ical: uploaded}\n", "", "neither"),
    ("schedule: office", "schedule: night", "depends"),
    ("[ana@example.com], schedule: office", "[ana@example.com], schedule: office, title: Turns", "neither"),
    ("extend: 1h, escalation: up}", "extend: 1h, escalation: up}, reason: Because", "neither"),
    ("extend: 1h", "extend: 1h, on_expiry: 'ask:money'", "looser"),
    ("extend: 1h", "extend: 1h, permit: {valid_for: 20m}", "looser"),
    ("extend: 1h", "extend: 1h, channels: [web]", "tighter"),
    ("extend: 1h", "extend: 1h, channels: [web], dwell: 5s", "tighter"),
    (", escalation: up", "", "depends"),
    ('widen: "role:money"', 'widen: "role:lead"', "looser"),
    (', {after: 2h, widen: "role:money"}', "", "tighter"),
    ("{after: 1h, remind: true}", '{after: 1h, notify: "role:money"}', "neither"),
    ('widen: "role:money"', "expire: true", "tighter"),
    ("when: payload.n < 5, effect: allow", "effect: allow", "looser"),
    ("when: payload.n < 5, effect: allow", "when: payload.n < 4, effect: allow", "depends"),
    ("when: payload.n < 5, effect: allow", "when: payload.n < 5, effect: deny", "tighter"),
    ("when: payload.n > 50, effect: deny", "effect: deny", "tighter"),
    ("when: payload.n > 50, effect: deny", "when: payload.n > 50, effect: allow", "looser"),
    ("  - {name: A, action: pay.tip, when: payload.n < 5, effect: allow}\n", "", "tighter"),
    ("  - {name: D, action: pay.tip, when: payload.n > 50, effect: deny}\n", "", "looser"),
    ("action: pay.tip, when: payload.n > 50", "action: pay.refund, when: payload.n > 50", "depends"),
    ("escalations:", "  - {name: N, action: web.get, effect: allow}\nescalations:", "looser"),
    ("escalations:", "  - {name: N, action: web.get, effect: deny}\nescalations:", "tighter"),
    ("pay.refund: {risk: medium}", "pay.refund: {risk: low}", "looser"),
    ("pay.refund: {risk: medium}", "pay.refund: {risk: medium, sensitive: [/a]}", "tighter"),
    ("pay.refund: {risk: medium}", "pay.refund: {risk: medium, editable: [/a]}", "looser"),
    ("pay.refund: {risk: medium}", "pay.refund: {risk: medium, schema: {type: object}}", "neither"),
    ("pay.refund: {risk: medium}", "pay.refund: {schema: {type: object, required: [n]}}", "depends"),
    ("  web.get: {risk: low}\n", "  web.get: {risk: low}\n  web.put: {}\n", "looser"),
    ("ben@example.com]}", "ben@example.com, eve@example.com]}", "looser"),
    ("caro@example.com, dan@example.com]}", "caro@example.com]}", "tighter"),
    ("caro@example.com, dan@example.com]}", "caro@example.com, eve@example.com]}", "looser"),
    ("{title: Finance, members: [caro@example.com, dan@example.com]}", "{title: Finance}", "depends"),
    ("labels: [data.pii]", "labels: [data.eu]", "looser"),
    ("tools:\n", "tools:\n  web: {labels: [net]}\n", "tighter"),
    ("fallback: lead", "fallback: money", "depends"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "leans"), CASES, ids=[f"{a} → {b}"[:70] for a, b, _ in CASES]
)
def test_a_change_leans(old: str, new: str, leans: str) -> None:
    assert WHOLE.count(old) == 1
    before, after = parse(WHOLE), parse(WHOLE.replace(old, new))
    found = [one.leans for one in changes(before, after)]
    assert found == ([leans] if new != "pay.refund: {risk: medium, schema: {type: object}}" else [])


def test_a_rule_that_moves_depends_on_what_is_submitted() -> None:
    rows = WHOLE.splitlines(keepends=True)
    at = next(number for number, row in enumerate(rows) if "name: D" in row)
    rows[at - 1], rows[at] = rows[at], rows[at - 1]
    [one] = changes(parse(WHOLE), parse("".join(rows)))
    assert (one.change, one.leans) == ("moved", "depends")


def test_lines_tell_what_differs_with_three_around_and_count_the_rest() -> None:
    old = "\n".join(f"line {number}" for number in range(1, 41))
    new = old.replace("line 20\n", "twenty\nand more\n")
    assert lines(old, old) == lines("", "") == []
    found = [(one.mark, one.before, one.after, one.text) for one in lines(old, new)]
    assert found == [
        ("gap", None, None, "16"),
        *(("same", number, number, f"line {number}") for number in (17, 18, 19)),
        ("out", 20, None, "line 20"),
        ("in", None, 20, "twenty"),
        ("in", None, 21, "and more"),
        *(("same", number, number + 1, f"line {number}") for number in (21, 22, 23)),
        ("gap", None, None, "17"),
    ]
    assert [one.mark for one in lines("", "a\nb")] == ["out", "in", "in"]


def test_lines_of_large_texts_are_compared_up_to_a_bound_and_told_as_replaced_beyond() -> None:
    # Lines that repeat in turns are what costs most to compare.
    old, new = ["a", "b", "a", "c"] * 125, ["c", "b"] * 250
    at, beyond = (
        [one.mark for one in lines("\n".join(old), "\n".join(rows))] for rows in (new, ["d", *new])
    )
    assert at.count("same") > 0
    assert at.count("out") == at.count("in")
    assert sum(mark in ("same", "out") for mark in at) == 500
    assert beyond == ["out"] * 500 + ["in"] * 501


def test_lines_of_texts_that_share_nothing_are_all_told() -> None:
    old = "\n".join(f"# {number % 101}" for number in range(60_000))
    new = "\n".join(f"# {number % 103}" for number in range(60_000, 0, -1))
    found = [one.mark for one in lines(old, new)]
    assert (found.count("out"), found.count("in")) == (60_000, 60_000)
