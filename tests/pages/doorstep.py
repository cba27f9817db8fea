"""Signing in and proving on pages, with an app or a passkey."""

from __future__ import annotations

import json
from typing import Any

from people import factors, passkeys
from people.models import Person
from tests.authenticator import SoftKey
from tests.factories import PASSWORD, user_of
from tests.pages.browser import Browser, Node, Page
from tests.pages.office import Office
from tests.people.steps import App


def with_app(person: Person) -> App:
    """Somebody who has an authenticator app."""
    return App(user_of(person)).set_up()


def with_key(person: Person) -> SoftKey:
    """Somebody who has a passkey."""
    key, user = SoftKey(passkeys.home().origin), user_of(person)
    asked = passkeys.ask_new(user)
    answer = json.loads(key.make(asked.options))
    factors.add_passkey(user=user, name="Blue key", challenge=asked.id, answer=answer)
    return key


def passkey_form(page: Page, path: str) -> Node:
    """The form that a script posts with a passkey's answer."""
    forms = [
        form
        for form in page.tree.all("form", method="post")
        if "data-passkey" in form.attributes and form.attributes["action"].split("?")[0] == path
    ]
    assert len(forms) == 1, f"{len(forms)} passkey forms post to {path}"
    for name in forms[0].attributes.get("data-takes", "").split():
        forms[0].children.append(page.tree.all("input", name=name)[0])
    return forms[0]


def code_form(page: Page, path: str) -> Node:
    """The form that takes a code."""
    forms = [
        form
        for form in page.tree.all("form", method="post")
        if form.all("input", name="code") and form.attributes["action"].split("?")[0] == path
    ]
    assert len(forms) == 1, f"{len(forms)} forms take a code for {path}"
    return forms[0]


def ask(browser: Browser, form: Node) -> dict[str, Any]:
    """What the script of a passkey's form gets to know before it asks the device."""
    data = {one.attributes["name"]: one.attributes.get("value", "") for one in form.all("input")}
    answer = browser.http.post(browser.url + form.attributes["data-passkey"], data, timeout=10)
    found: dict[str, Any] = answer.json()
    return found | {"status": answer.status_code}


def use(browser: Browser, form: Node, key: SoftKey, *, make: bool = False, **wrong: Any) -> Page:
    """What the script does with a passkey's form."""
    follow = wrong.pop("follow", True)
    typed = wrong.pop("typed", {})
    asked = ask(browser, form)
    assert asked["status"] == 200, asked
    answer = (key.make if make else key.sign)(asked["options"], **wrong)
    return browser.submit(form, follow=follow, challenge=asked["id"], credential=answer, **typed)


def at_second_step(office: Office, person: Person, path: str = "/sign-in") -> tuple[Browser, Page]:
    """A browser whose password was right, and which is asked for more."""
    browser = Browser(office.server.url)
    page = browser.sign_in(person.user.email, PASSWORD, path)
    assert page.answer.url == f"{office.server.url}/sign-in/second", page.main
    return browser, page


def signed_in(browser: Browser) -> bool:
    """Whether the browser's session is somebody's."""
    return browser.get("/").title.endswith("Inbox · Assentry")
