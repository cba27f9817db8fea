"""What others wrote does not run, wherever it stands, and nothing is loaded from anywhere else."""

from __future__ import annotations

import pytest

from people.models import User
from tests.pages.chromium.windows import Windows
from tests.pages.office import Office

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>"
BREAKS = f"'\"></textarea></title></style>{SCRIPT}"


@pytest.fixture
def hostile(office: Office) -> Office:
    """Names of people, policy, rule, role and action that are markup."""
    for person in (office.ron, office.olga, office.rita):
        User.objects.filter(id=person.user_id).update(name=f"{person.name} {SCRIPT}"[:100])
    office.actions["mail.send"] |= {
        "title": f"Send {SCRIPT}",
        "editable": ["/to"],
    }
    rule = {"name": f"Rule {SCRIPT}", "action": "mail.send", "effect": "ask"}
    office.apply([{**rule, "ask": {"stages": [{"any_of": ["reviewers"]}]}}])
    return office


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_markup_is_text_on_every_page_that_shows_it(
    hostile: Office, windows: Windows, scripts: bool
) -> None:
    text = {
        "to": BREAKS,
        BREAKS: BREAKS,
        "file": {"name": f"{SCRIPT}.pdf", "uri": "javascript:alert(4)"},
    }
    request_id = hostile.ask(
        payload=text, summary=BREAKS, context={"page": BREAKS}, evidence=[{"title": BREAKS}]
    )
    asked: list[str] = []
    page = windows.open(hostile.rita, java_script_enabled=scripts)
    page.on("request", lambda one: asked.append(one.url))
    for path in (
        "/",
        f"/requests/{request_id}",
        f"/requests/{request_id}/rehearsal",
        f"/alike/{request_id}",
    ):
        page.goto(path)
        assert SCRIPT in " ".join(page.locator("body").inner_text().split()), path
        assert page.locator("main img, main svg[onload], main script").count() == 0
    page.goto(f"/requests/{request_id}")
    if scripts:
        page.keyboard.press("e")
        page.locator("[name='edit:/to']").fill(SCRIPT)
        assert page.locator("[data-changing] img").count() == 0
        page.wait_for_timeout(200)
    assert all(url.startswith((windows.url, "data:")) for url in asked), asked


def test_the_policy_of_the_page_would_forbid_what_slipped_through(
    office: Office, windows: Windows
) -> None:
    """The watch that every test here keeps would see it: the guard of the guards."""
    page = windows.open(office.rita, "/")
    page.evaluate(
        """() => { const made = document.createElement("script"); made.textContent = "window.ran = 1";
                   document.body.append(made);
                   const image = document.createElement("img"); image.src = "https://example.com/x.png";
                   document.body.append(image); }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    kinds = {one.split()[2] for one in windows.wrong if one.startswith("console: FORBIDDEN")}
    assert kinds == {"script-src-elem", "img-src"}
    windows.wrong.clear()
