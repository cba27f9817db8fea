"""A passkey's whole life in a real browser with a device of its own: set up, sign in, decide."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from approvals.models import Decision
from people import factors
from tests.factories import PASSWORD, user_of
from tests.pages import chromium
from tests.pages.chromium import Tab
from tests.pages.office import Office, stored

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="no Chromium on this machine: nothing was opened in one"
)
PRESS = "document.querySelector('form[data-passkey] button').click()"


@pytest.fixture
def tab() -> Iterator[Tab]:
    """A browser beside which lies a device that knows its owner."""
    with chromium.opened() as tab:
        tab.call("WebAuthn.enable")
        tab.call(
            "WebAuthn.addVirtualAuthenticator",
            options={
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            },
        )
        yield tab


def fill(tab: Tab, **typed: str) -> None:
    for name, text in typed.items():
        tab.run(f"document.querySelector('input[name={name}]:not([type=hidden])').value = {text!r}")


def test_a_passkey_is_set_up_signs_in_alone_and_decides(office: Office, tab: Tab) -> None:
    numeric, named = office.server.url, office.server.url.replace("127.0.0.1", "localhost")
    tab.go(f"{numeric}/sign-in")
    assert tab.run("document.querySelector('form[data-passkey] button').hidden")
    said = tab.run("document.querySelector('form[data-passkey] [role=status]').textContent")
    assert said == f"Passkeys of this server work at {named}: open the page there."
    tab.go(f"{named}/sign-in?next=/settings/security")
    fill(tab, email=office.rita.user.email, password=PASSWORD)
    tab.run("document.querySelector('button.ok').click()")
    tab.until("document.querySelector('#sessions')")
    fill(tab, name="Laptop")
    tab.run(PRESS)
    tab.until("document.querySelector('#codes')")
    assert [one.name for one in factors.held(user_of(office.rita)).passkeys] == ["Laptop"]
    tab.run("document.querySelector('form[action=\"/sign-out\"] button').click()")
    tab.until("location.search === '?out'")
    tab.run(PRESS)
    tab.until("location.pathname === '/' && document.title.endsWith('Inbox · Assentry')")
    request_id = office.ask("money.pay")
    tab.go(f"{named}/requests/{request_id}")
    tab.run("document.querySelector('#approve').click()")
    tab.until("document.title.startsWith('Second factor')")
    assert stored(request_id).status == "pending"
    tab.run(PRESS)
    tab.until("document.body.textContent.includes('Approved by you')")
    assert Decision.objects.get(request=stored(request_id)).assurance == "mfa"
