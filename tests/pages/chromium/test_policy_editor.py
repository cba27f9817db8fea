"""The editor of the policy in a real browser: the cursor goes to a finding, keys are completed, Tab lets go."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from policies.permissions import set_policy_permission
from tests.factories import ACTOR
from tests.pages.chromium.windows import Windows
from tests.pages.office import Office


def offered(page: Page, *wanted: str) -> None:
    """These completions are offered at the cursor, and no other."""
    keys = "[...document.querySelectorAll('#completions:not([hidden]) li')].map(li => li.firstChild.data)"
    page.locator("#completions:not([hidden]) li").first.wait_for()
    assert page.evaluate(keys) == list(wanted)


def test_the_cursor_jumps_keys_are_completed_and_tab_lets_go(
    office: Office, windows: Windows
) -> None:
    set_policy_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="edit", held=True
    )
    page = windows.open(office.ned, "/policy/edit")
    box, keys = page.locator("#text"), page.keyboard
    box.fill("assentry: 1\nrules:\n  - name: x\n    action: a.b")
    box.evaluate("box => box.setSelectionRange(9999, 9999)")
    box.focus()
    keys.press("Enter")
    keys.insert_text("e")
    offered(page, "effect: ")
    keys.press("Tab")
    keys.insert_text("a")
    offered(page, "allow", "ask")
    for key in ("ArrowDown", "ArrowDown", "Enter", "Enter"):
        keys.press(key)
    keys.insert_text("ask:")
    keys.press("Enter")
    keys.insert_text("stages: [{an")
    page.locator("#completions:not([hidden]) li").first.wait_for()
    keys.press("Tab")
    assert box.input_value().splitlines()[3:] == [
        "    action: a.b",
        "    effect: ask",
        "    ask:",
        "      stages: [{any_of: ",
    ]
    keys.insert_text("[reviewers]}]")
    keys.press("Tab")
    expect(box).to_be_focused()
    keys.press("Escape")
    keys.press("Tab")
    expect(page.locator("#help-search")).to_be_focused()
    assert len(page.locator(".gutter").inner_text().strip().split("\n")) == 7

    box.fill(box.input_value().replace("effect", "efect"))
    page.locator("[name=check]").click()
    finding = page.locator(".findings li:last-child a")
    finding.click()
    expect(box).to_be_focused()
    assert (finding.get_attribute("data-line"), finding.get_attribute("data-column")) == ("5", "5")
    before = box.evaluate("box => box.value.slice(0, box.selectionStart)")
    assert (before.count("\n") + 1, len(before) - before.rfind("\n")) == (5, 5)
