"""The editor of the policy in a real browser: the cursor goes to a finding, keys are completed, Tab lets go, and
what was typed outlives a sign-in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.conf import settings
from playwright.sync_api import Cookie, Page, expect

from policies.active import active_version
from policies.permissions import set_policy_permission
from policies.services import apply
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


def wear(page: Page, cookies: Sequence[Cookie]) -> None:
    """Let a window have these cookies, too."""
    page.context.add_cookies(
        [{"name": one["name"], "value": one["value"], "domain": one["domain"], "path": "/"} for one in cookies]
    )  # fmt: skip


def test_what_was_typed_is_kept_for_who_typed_it_until_it_is_applied(
    office: Office, windows: Windows
) -> None:
    for person in (office.ned, office.olga):
        for permission in ("edit", "approve"):
            set_policy_permission(
                actor=ACTOR, workspace=office.workspace, person=person, permission=permission, held=True
            )  # fmt: skip
    page = windows.open(office.ned, "/policy/edit")
    box, back = page.locator("#text"), page.get_by_role("button", name="Bring back what you typed")
    begun, base = box.input_value(), page.locator("[name=base]").input_value()
    mine = begun + "# mine\n"
    ours = page.context.cookies()
    box.fill(mine)
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.locator("[name=check]").click()
    page.wait_for_url(re.compile("/sign-in"))

    others = windows.open(office.olga).context.cookies()
    wear(page, others)
    page.goto("/policy/edit")
    expect(page.locator(".gutter")).to_be_visible()
    assert box.input_value() == begun
    expect(back).to_have_count(0)

    # Meanwhile another version is applied: what was typed is bound to the one it was edited from.
    apply(actor=ACTOR, workspace=office.workspace, text=begun + "# theirs\n")
    page.context.clear_cookies()
    wear(page, ours)
    page.goto("/policy/edit")
    back.click()
    assert (box.input_value(), page.locator("[name=base]").input_value()) == (mine, base)
    expect(back).to_have_count(0)
    page.locator("[name=apply]").click()
    expect(page.locator("#outcome [role=alert]")).to_contain_text("meanwhile")
    page.locator("#comment").fill("Mine.")
    assert page.evaluate("Object.keys(sessionStorage).length") == 1
    page.locator("[name=confirm]").click()
    page.wait_for_url(re.compile("/policy(#.*)?$"))
    page.wait_for_function("sessionStorage.length === 0")
    active = active_version(office.workspace.id)
    assert active is not None
    assert active.text == mine
    page.goto("/policy/edit")
    expect(page.locator(".gutter")).to_be_visible()
    expect(back).to_have_count(0)
