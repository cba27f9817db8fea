"""The words a request's life is told in, and the one table of moves that life may make."""

from __future__ import annotations

from django.db.models import TextChoices


class Status(TextChoices):
    """Where a request is.  Everything but ``pending`` is an outcome, and final."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    ANSWERED = "answered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class WaitingOn(TextChoices):
    """Whose turn it is while a request is pending."""

    PEOPLE = "people"
    AGENT = "agent"


class Basis(TextChoices):
    """Why a request ended as it did."""

    PEOPLE = "people"
    CONFIRM = "confirm"
    POLICY = "policy"
    CLOCK = "clock"
    AGENT = "agent"
    OWNER = "owner"
    BREAK_GLASS = "break_glass"
    KILL_SWITCH = "kill_switch"


class PermitState(TextChoices):
    """Where the permit of an approved action is; every state after ``issued`` is final.

    ``open``: the agent may ask for it.  ``issued``: it did, and the tool has not used it.
    """

    OPEN = "open"
    ISSUED = "issued"
    CONSUMED = "consumed"
    REVOKED = "revoked"
    LAPSED = "lapsed"


class Kind(TextChoices):
    """Whether an action waits for its decision, or people were asked something."""

    REQUEST = "request"
    QUESTION = "question"


class Verdict(TextChoices):
    """What one person said.

    ``edit`` changes the payload and approves the change; ``return`` gives the request back to the
    agent, with words, and is counted nowhere.
    """

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"
    ANSWER = "answer"
    RETURN = "return"


#: Every end a pending request may come to, and on which grounds.  There is no way out of an end.
#: The database holds the same table (migrations 0002, 0005 and 0008), so that no road around the code exists.
ENDS: dict[Status, frozenset[Basis]] = {
    Status.APPROVED: frozenset(
        {Basis.PEOPLE, Basis.CONFIRM, Basis.POLICY, Basis.CLOCK, Basis.BREAK_GLASS}
    ),
    Status.REJECTED: frozenset({Basis.PEOPLE, Basis.CONFIRM, Basis.POLICY}),
    Status.ANSWERED: frozenset({Basis.PEOPLE}),
    Status.EXPIRED: frozenset({Basis.CLOCK}),
    Status.CANCELLED: frozenset({Basis.AGENT, Basis.OWNER, Basis.KILL_SWITCH}),
}
