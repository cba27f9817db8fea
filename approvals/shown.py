"""The digest of what somebody was shown when they chose, the same way in every channel.  Pure.

It stands beside the vote, and the vote's event commits to it.  Left out is what changes while people
look: who has voted so far, who looks into it, the time that is left.
"""

from __future__ import annotations

import msgspec

from approvals.present import request_object
from approvals.row import Row
from approvals.shape import RequestObject
from core.canonical import canonical, digest


def shown_digest(shown: RequestObject, channel: str) -> bytes:
    """SHA-256 over canonical JSON of a request as people see it, and of where they see it.

    Members: ``channel``, ``id``, ``revision``, ``stage``, ``title``, ``facts``, ``payload_digest``,
    ``summary``, ``risk``, ``rule`` and ``expires_at``, each as the request object has it.

    Args:
        shown: the request object for a person, sensitive values covered.
        channel: the one that showed it, as the vote will name it.
    """
    return digest(
        canonical(
            {
                "channel": channel,
                "id": shown.id,
                "revision": shown.revision,
                "stage": shown.stage,
                "title": shown.title,
                "facts": msgspec.to_builtins(shown.facts),
                "payload_digest": shown.payload_digest,
                "summary": shown.summary,
                "risk": shown.risk,
                "rule": shown.plan.rule,
                "expires_at": shown.expires_at,
            }
        )
    )


def row_digest(row: Row, channel: str) -> bytes:
    """The same for a request as a door read it."""
    return shown_digest(request_object(row, for_person=True), channel)
