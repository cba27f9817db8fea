"""A workspace whose requests escalate: Ana and Ben lead, Mia manages, Olivia owns the agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connections

from approvals.announcing import tell_due
from approvals.sql import ESCALATE
from config.due import HANDLERS
from core.db import pool
from core.due import INSERT_DUE, Promise, due_rows
from escalations.models import Step
from escalations.stepping import escalate_due
from notifications.sql import PAGE, TELL
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.factories import PASSWORD
from tests.notifications.mail_desk import MailDesk
from tests.notifications.postbox import Postbox


class EscalationDesk(MailDesk):
    """The turns of the workers, the clock's among them, taken one by one."""

    def __init__(self, box: Postbox, steps: list[dict[str, Any]] | None = None, **ask: Any) -> None:
        world = World(
            {"lead": ["ana", "ben"], "manager": ["mia"]},
            [
                {
                    "name": "Ask the leads",
                    "action": "payments.refund",
                    "effect": "ask",
                    "ask": {"stages": [{"any_of": ["lead"]}], "expires_in": "8h"} | ask,
                }
            ],
            password=PASSWORD,
            owner="manager",
        )
        if steps:
            world.policy["rules"][0]["ask"]["escalation"] = "money"
            world.apply(escalations={"money": steps})
        super().__init__(box, world)

    def escalate(self) -> None:
        """What a worker does with the clocks whose time has come, and with what follows from it."""
        claimed = self.claim(ESCALATE)
        if claimed:
            escalate_due(claimed)
        told = self.claim(TELL)
        if told:
            tell_due(told)
        self.post()
        paged = self.claim(PAGE)
        if paged:
            HANDLERS[PAGE](paged)

    def tell_again(self, request: dict[str, Any]) -> None:
        """As after any change of it: what was told is compared with it once more."""
        with pool().connection() as conn:
            clock = conn.execute("SELECT clock_timestamp()").fetchone()
            assert clock is not None
            promise = Promise(TELL, self.world.workspace.id, uuid_of(request), clock[0])
            conn.execute(f"WITH {INSERT_DUE} SELECT 1", due_rows([promise]))
        self.tell()

    def after(self, request: dict[str, Any], **by: float) -> None:
        """So much later, everything that fell due by then is done."""
        travel(uuid_of(request), **by)
        self.escalate()

    def after_without_sending(self, request: dict[str, Any], **by: float) -> None:
        """So much later, the clock is looked at, and what it wrote is not sent yet."""
        travel(uuid_of(request), **by)
        escalate_due(self.claim(ESCALATE))

    def page_later(self, **by: float) -> None:
        """Let time pass for pagers that are to be called again."""
        values: dict[str, Any] = {"by": timedelta(**by), "workspace": self.world.workspace.id}
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "UPDATE notifications_notification SET due_at = due_at - %(by)s "
                "WHERE workspace_id = %(workspace)s AND channel = 'pager' AND state = 'pending'",
                values,
            )
            cursor.execute(
                "UPDATE core_due SET due_at = due_at - %(by)s, ready_at = ready_at - %(by)s "
                "WHERE workspace_id = %(workspace)s AND kind = 'message.page'",
                values,
            )
        HANDLERS[PAGE](self.claim(PAGE))

    def steps(self, request: dict[str, Any]) -> list[tuple[int, str, str]]:
        """The steps that were taken: number, what it does, how it went."""
        found = Step.objects.filter(request_id=uuid_of(request)).order_by("stage", "number")
        return [(one.number, one.kind, one.state) for one in found]

    def step(self, request: dict[str, Any], number: int = 0) -> Step:
        """One step that was taken."""
        return Step.objects.get(request_id=uuid_of(request), number=number)

    def subjects(self, name: str) -> list[str]:
        """The subjects of what somebody was sent."""
        return [str(mail.message["Subject"]) for mail in self.mails(name)]
