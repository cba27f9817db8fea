"""A workspace whose people are told by mail: the world, a postbox, and what the workers would do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, connections
from pytest_django import Settings

from approvals import cards
from approvals.announcing import tell_due
from core import due
from core.due import Claimed
from notifications.mail import client
from notifications.mail.sending import Gathering, Mail
from notifications.models import Notification, Preference
from notifications.singly import Singly
from notifications.sql import DIGEST, EMAIL, TELL
from tests.approvals.world import World, uuid_of
from tests.factories import PASSWORD
from tests.notifications import postbox
from tests.notifications.postbox import Postbox

LINK_RULE: dict[str, Any] = {
    "name": "A press on a link will do",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}], "assurance": "link"},
}
RULE: dict[str, Any] = {
    **LINK_RULE,
    "name": "Ask the leads",
    "ask": {"stages": [{"any_of": ["lead"]}]},
}


class MailDesk:
    """The turns of the workers that send mail, taken one by one, by a clock that is moved."""

    def __init__(self, box: Postbox, world: World) -> None:
        self.box = box
        self.world = world
        self.singly = Singly(cards.cards, Mail())
        self.gathering = Gathering(cards.cards)

    def prefer(self, name: str, **more: Any) -> None:
        """How somebody wants to be told."""
        person = self.world.people[name]
        Preference.objects.update_or_create(
            person=person, defaults={"workspace": self.world.workspace, **more}
        )

    def tell(self) -> None:
        """What a worker does with the promises to tell whose time has come."""
        claimed = self.claim(TELL)
        if claimed:
            tell_due(claimed)

    def post(self) -> None:
        """Send every mail whose time has come."""
        singly = self.claim(EMAIL)
        if singly:
            self.singly.take(singly)
        gathered = self.claim(DIGEST)
        if gathered:
            self.gathering.take(gathered)

    def claim(self, kind: str) -> list[Claimed]:
        """The promises of this workspace alone that are due, as `core.due.claim` takes them."""
        values: list[Any] = [due.LEASE, self.world.workspace.id, kind]
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE core_due SET fence = fence + 1, ready_at = clock_timestamp() + %s "
                "WHERE workspace_id = %s AND kind = %s AND ready_at <= clock_timestamp() "
                "RETURNING id, kind, workspace_id, subject, due_at, fence",
                values,
            )
            return [Claimed(*row) for row in cursor.fetchall()]

    def work(self) -> None:
        """Tell and send."""
        self.tell()
        self.post()

    def later(self, **by: float) -> None:
        """Let time pass for everything that is still to be told: ``later(hours=2)``."""
        values: dict[str, Any] = {"by": timedelta(**by), "workspace": self.world.workspace.id}
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE notifications_notification SET due_at = due_at - %(by)s, "
                "held_until = held_until - %(by)s, failing_since = failing_since - %(by)s "
                "WHERE workspace_id = %(workspace)s AND state = 'pending'",
                values,
            )
            cursor.execute(
                "UPDATE core_due SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s "
                "WHERE workspace_id = %(workspace)s AND kind IN ('request.tell', 'message.email', "
                "'message.digest', 'slack.lane')",
                values,
            )

    def mails(self, name: str) -> list[postbox.Mail]:
        """What somebody was sent, oldest first."""
        return [mail for mail in self.box.mails if mail.to == [self.world.email(name)]]

    def link(self, name: str) -> str:
        """The path of the link in their newest mail."""
        found = re.search(r"https?://[^/\s]+(/[^\s]*?m/[\w-]{43})", text_of(self.mails(name)[-1]))
        assert found is not None
        return found[1]

    def sent(self, request: dict[str, Any]) -> list[Notification]:
        """What was told of a request, oldest first."""
        return list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id"))

    def asked(self, **body: Any) -> dict[str, Any]:
        """A request of which everybody who is asked has a mail."""
        request = self.world.submit(**body)
        self.work()
        return request


def text_of(mail: postbox.Mail) -> str:
    """The text of a mail."""
    body = mail.message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def whole(mail: postbox.Mail) -> str:
    """Everything of a mail that anybody can read: its headers, its text and its HTML."""
    html = mail.message.get_body(("html",))
    assert html is not None
    head = "\n".join(f"{name}: {value}" for name, value in mail.message.items())
    return f"{head}\n{text_of(mail)}\n{html.get_content()}"


@contextmanager
def posting(settings: Settings) -> Iterator[Postbox]:
    """A postbox that the product's mails go to."""
    with postbox.opened() as box:
        settings.SMTP = box.server()
        yield box
        client.close()


def desk_of(box: Postbox, *rules: dict[str, Any], **action: Any) -> MailDesk:
    """Ana and Ben lead; whoever signs in has the factories' password."""
    world = World(
        {"lead": ["ana", "ben"], "none": ["eve"]}, rules or (RULE,), password=PASSWORD, **action
    )
    return MailDesk(box, world)
