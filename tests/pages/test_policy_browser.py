"""The editor of the policy in a real browser: the cursor goes to a finding, keys are completed, Tab lets go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policies.permissions import set_policy_permission
from tests.factories import ACTOR, PASSWORD
from tests.pages import chromium
from tests.pages.chromium import Tab
from tests.pages.office import Office

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium on this machine: nothing was opened in one"
)


@pytest.fixture
def tab() -> Iterator[Tab]:
    with chromium.opened() as tab:
        yield tab


def test_the_cursor_jumps_keys_are_completed_and_tab_lets_go(office: Office, tab: Tab) -> None:
    set_policy_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="edit", held=True
    )
    tab.size(1280, 900)
    tab.go(f"{office.server.url}/sign-in?next=/policy/edit")
    tab.run(f"document.querySelector('[name=email]').value = '{office.ned.user.email}'")
    tab.run(f"document.querySelector('[name=password]').value = '{PASSWORD}'")
    tab.run("document.querySelector('form').submit()")
    tab.until("document.querySelector('#text')")

    def write(text: str) -> None:
        tab.call("Input.insertText", text=text)

    box = "document.querySelector('#text')"
    offered = "[...document.querySelectorAll('#completions:not([hidden]) li')].map(li => li.firstChild.data)"
    tab.run(f"{box}.value = 'assentry: 1\\nrules:\\n  - name: x\\n    action: a.b'")
    tab.run(f"{box}.focus(), {box}.setSelectionRange(9999, 9999)")
    tab.press("Enter")
    write("e")
    tab.until(f"{offered}.length")
    assert tab.run(offered) == ["effect: "]
    tab.press("Tab")
    write("a")
    tab.until(f"{offered}.length")
    assert tab.run(offered) == ["allow", "ask"]
    tab.press("ArrowDown", "ArrowDown", "Enter", "Enter")
    write("ask:")
    tab.press("Enter")
    write("stages: [{an")
    tab.until(f"{offered}.length")
    tab.press("Tab")
    assert tab.run(f"{box}.value").splitlines()[3:] == [
        "    action: a.b",
        "    effect: ask",
        "    ask:",
        "      stages: [{any_of: ",
    ]
    write("[reviewers]}]")
    tab.press("Tab")
    assert tab.run("document.activeElement.id") == "text"
    tab.press("Escape", "Tab")
    assert tab.run("document.activeElement.id") == "help-search"
    assert tab.run("document.querySelector('.gutter').textContent.trim().split('\\n').length") == 7

    tab.run(f"{box}.value = {box}.value.replace('effect', 'efect')")
    tab.run("document.querySelector('[name=check]').click()")
    tab.until("document.querySelector('.findings a')")
    tab.run("document.querySelector('.findings li:last-child a').click()")
    line, column = (
        int(tab.run(f"document.querySelector('.findings li:last-child a').dataset.{name}"))
        for name in ("line", "column")
    )
    before = tab.run(f"{box}.value.slice(0, {box}.selectionStart)")
    assert tab.run("document.activeElement.id") == "text"
    assert (line, column) == (5, 5)
    assert (before.count("\n") + 1, len(before) - before.rfind("\n")) == (line, column)
