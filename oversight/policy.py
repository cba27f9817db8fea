"""Who may read the policy, try documents of it, and make one active: the same for the pages and the API."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.access import Reader
from policies.permissions import permissions_on


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do with the policy of a workspace.

    ``reads`` is the policy in words, and its history; ``opens`` the documents themselves, which may hold
    what the words leave out, such as the secret address of a calendar.
    """

    reads: bool
    edits: bool
    applies: bool

    @property
    def opens(self) -> bool:
        """Whoever edits or applies it, has its documents."""
        return self.edits or self.applies


def rights(reader: Reader) -> Rights:
    """What this person may; who administers the workspace may everything."""
    if "administer" in reader.permissions:
        return Rights(True, True, True)
    held = permissions_on(reader.user_id, reader.workspace_id)
    edits, applies = "edit" in held, "approve" in held
    sees = not reader.permissions.isdisjoint({"view", "audit"})
    return Rights(sees or edits or applies, edits, applies)
