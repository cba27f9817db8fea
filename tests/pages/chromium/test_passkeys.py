"""A passkey's whole life in a real browser with a device of its own: set up, sign in, decide."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from approvals.models import Decision
from people import factors
from tests.factories import PASSWORD, user_of
from tests.pages.chromium.windows import Windows, path_of
from tests.pages.office import Office, stored

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def beside_a_device(windows: Windows) -> Page:
    """A window beside which lies a device that knows its owner."""
    page = windows.open()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return page


def test_a_passkey_is_set_up_signs_in_alone_and_decides(office: Office, windows: Windows) -> None:
    page = beside_a_device(windows)
    press = page.locator("form[data-passkey] button")
    numeric, named = office.server.url, office.server.url.replace("127.0.0.1", "localhost")
    page.goto(f"{numeric}/sign-in")
    expect(page.locator("form[data-passkey] [role=status]")).to_have_text(
        f"Passkeys of this server work at {named}: open the page there."
    )
    expect(press).to_be_hidden()
    page.goto(f"{named}/sign-in?next=/settings/security")
    page.locator("[name=email]").fill(office.rita.user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("#sessions").wait_for()
    page.locator("form[data-passkey] [name=name]").fill("Laptop")
    press.click()
    page.locator("#codes").wait_for()
    assert [one.name for one in factors.held(user_of(office.rita)).passkeys] == ["Laptop"]
    page.locator(".you > summary").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in?out")
    press.click()
    page.wait_for_url(f"{named}/")
    request_id = office.ask("money.pay")
    page.goto(f"{named}/requests/{request_id}")
    page.locator("#approve").click()
    expect(page.locator("main h1")).to_have_text("One more thing: is it you?")
    assert stored(request_id).status == "pending"
    press.click()
    expect(page.get_by_text("Approved by you").first).to_be_visible()
    assert path_of(page) == f"/requests/{request_id}"
    assert Decision.objects.get(request=stored(request_id)).assurance == "mfa"
