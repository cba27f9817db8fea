"""An office whose agent is called back: a receiver, what sends, and an administrator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from approvals import telling
from callbacks import endpoints
from callbacks.endpoints import Secret, Wanted
from callbacks.models import Attempt, Callback, Endpoint
from callbacks.sending import Deliverer
from callbacks.sql import DELIVER
from core import due, ids
from people.models import Person
from people.permissions import grant_permission
from tests.callbacks.receiver import Receiver, until
from tests.factories import ACTOR, PersonFactory
from tests.pages.browser import Browser, Node, Page
from tests.pages.office import Office


class Yard:
    """Olga owns the agent, Ada administers, everybody else manages nothing."""

    def __init__(self, office: Office, receiver: Receiver) -> None:
        self.office, self.receiver = office, receiver
        self.ada: Person = PersonFactory(workspace=office.workspace, name="Ada A")
        grant_permission(
            actor=ACTOR, workspace=office.workspace, person=self.ada, permission="administer"
        )

    def register(self, url: str = "", **wanted: Any) -> Secret:
        """An endpoint of the agent, at the receiver unless an address is given."""
        address = url or self.receiver.url
        return endpoints.create(
            actor=ACTOR, agent=self.office.agent, wanted=Wanted(url=address, **wanted)
        )

    def approve(self) -> str:
        """A request that Rita approves; its callbacks are in line then."""
        request_id = self.office.ask()
        rita = self.office.browser(self.office.rita)
        page = rita.get(f"/requests/{request_id}")
        rita.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
        return request_id

    def send(self, endpoint: Endpoint, attempts: int) -> None:
        """Send what is due, and wait until so many attempts stand in the database."""
        deliverer = Deliverer(telling.bodies)
        try:
            due.run(DELIVER, deliverer.take)
            tried = Attempt.objects.filter(callback__endpoint=endpoint)
            until(lambda: tried.count() >= attempts)
        finally:
            deliverer.close(5)

    def nothing_due(self) -> None:
        """Take what stands in line out of it, so that no other test meets it."""
        for endpoint in Endpoint.objects.filter(agent=self.office.agent).exclude(state="deleted"):
            endpoints.delete(actor=ACTOR, endpoint=endpoint)
        due.run(DELIVER, Deliverer(telling.bodies).take)


def path_of(endpoint: Endpoint) -> str:
    return f"/endpoints/{ids.encode('end', endpoint.id)}"


def delivery_of(callback: Callback) -> str:
    return f"/deliveries/{ids.encode('cbk', callback.id)}"


def line_up(made: Endpoint, state: str, attempts: int, count: int = 1, **ago: float) -> list[str]:
    """Callbacks as the sender leaves them, newest last."""
    found = []
    for _ in range(count):
        callback = Callback.objects.create(
            workspace_id=made.workspace_id,
            endpoint_id=made.id,
            type="endpoint.test",
            url=made.url,
            state=state,
            attempts=attempts,
            last="500" if attempts else "",
            created_at=datetime.now(UTC) - timedelta(**ago),
        )
        found.append(ids.encode("cbk", callback.id))
    return found


def flash_of(page: Page) -> str:
    return page.tree.one("div", class_="flash").text.strip()


def rows_of(page: Page) -> dict[str, str]:
    """The facts of a page, white space folded."""
    pairs = [pair for facts in page.tree.all("dl", class_="facts") for pair in facts.all("div")]
    return {pair.one("dt").text: " ".join(pair.one("dd").text.split()) for pair in pairs}


def post(browser: Browser, path: str, **typed: Any) -> Page:
    """Post to an address for which no form was offered."""
    token = browser.http.cookies["csrftoken"]
    return browser.post(path, {"csrfmiddlewaretoken": token} | typed, allow_redirects=False)


def is_sound(tree: Node, path: str) -> None:
    """What every page of ours keeps to: ids once, fields with names, references that lead somewhere."""
    ids_ = [node.attributes["id"] for node in tree.all() if "id" in node.attributes]
    assert len(ids_) == len(set(ids_)), path
    assert tree.one("main").attributes["id"] == "main"
    assert len(tree.all("h1")) == 1, path
    labelled = {label.attributes.get("for") for label in tree.all("label")}
    inside = [field for label in tree.all("label") for field in label.all("input")]
    for tag in ("input", "textarea", "select"):
        for field in tree.all(tag):
            if field.attributes.get("type") != "hidden":
                assert field.attributes.get("id") in labelled or field in inside, (path, field)
    for node in tree.all():
        for name in ("aria-labelledby", "aria-describedby", "form", "for"):
            if name in node.attributes:
                assert node.attributes[name] in ids_, (path, name, node.attributes[name])
    for form in tree.all("form", method="post"):
        assert form.all("input", name="csrfmiddlewaretoken"), path
    for button in tree.all("button"):
        assert button.text.strip()
