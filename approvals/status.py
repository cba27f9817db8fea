"""The words a request's life is told in, and the one table of moves that life may make."""

from __future__ import annotations

from django.db.models import TextChoices


class Status(TextChoices):
    """Where a request is.  Everything but ``pending`` is an outcome, and final."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class WaitingOn(TextChoices):
    """Whose turn it is while a request is pending."""

    PEOPLE = "people"


class Basis(TextChoices):
    """Why a request ended as it did."""

    PEOPLE = "people"
    CONFIRM = "confirm"
    POLICY = "policy"
    CLOCK = "clock"
    AGENT = "agent"
    OWNER = "owner"


class Verdict(TextChoices):
    """What one person said."""

    APPROVE = "approve"
    REJECT = "reject"


#: Every end a pending request may come to, and on which grounds.  There is no way out of an end.
#: The database holds the same table (migration 0002), so that no road around the code exists.
ENDS: dict[Status, frozenset[Basis]] = {
    Status.APPROVED: frozenset({Basis.PEOPLE, Basis.CONFIRM, Basis.POLICY, Basis.CLOCK}),
    Status.REJECTED: frozenset({Basis.PEOPLE, Basis.CONFIRM, Basis.POLICY}),
    Status.EXPIRED: frozenset({Basis.CLOCK}),
    Status.CANCELLED: frozenset({Basis.AGENT, Basis.OWNER}),
}
