"""Why somebody is not signed in by the provider."""

from __future__ import annotations

from typing import Literal, TypeAlias

from people.models import User

#: ``cancelled``: they, or the provider, said no. ``stale``: nothing of ours waits for this answer.
#: ``silent``: the provider does not answer as it should. ``unproven``: its token is not to be believed.
#: ``unverified``: it does not vouch for the address. ``unknown``: nobody here has it. ``inactive``:
#: they are nowhere active. ``password``: they must show once that the account is theirs. ``linked``:
#: the account, or the subject, belongs to another one.
Reason: TypeAlias = Literal[
    "cancelled",
    "stale",
    "silent",
    "unproven",
    "unverified",
    "unknown",
    "inactive",
    "password",
    "linked",
]


class Trouble(Exception):
    """Nobody was signed in, and nothing was changed.

    Attributes:
        reason: for the page.
        detail: for the operator's log; holds nothing secret, and nobody's address.
        user: whose sign-in it was, where that is known.
    """

    def __init__(self, reason: Reason, detail: str, user: User | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.user = user
