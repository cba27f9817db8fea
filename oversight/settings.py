"""The settings of a workspace: what they are now, and changing them; for administrators.

The same for the page and the API.  Retention and holds have services of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from approvals.access import Reader
from audit.actor import Actor
from oversight import holds, retention
from oversight.access import must_administer
from oversight.anchors.standing import Standing, standing
from people import services as people
from people.models import Workspace
from signing import keys
from signing.keys import Signs


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be changed; what is left out stays.  ``retention_days`` None: for ever."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    plain_http: bool | msgspec.UnsetType = msgspec.UNSET
    retention_days: int | msgspec.UnsetType | None = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace, how long it keeps what, what it may not lose, and what proves its log."""

    workspace: Workspace
    retention_days: int | None
    #: The holds that stand, the newest first.
    holds: tuple[holds.HoldShown, ...]
    anchors: Standing
    signs: tuple[Signs, ...]


def read(*, reader: Reader) -> Settings:
    """The settings as they are.

    Raises:
        Problem: 403 for everybody but administrators.
    """
    must_administer(reader)
    return Settings(
        Workspace.objects.get(id=reader.workspace_id),
        retention.days_of(reader.workspace_id),
        tuple(one for one in holds.newest(workspace=reader.workspace_id) if one.lifted_at is None),
        standing(reader.workspace_id),
        tuple(keys.signing()),
    )


def change(*, actor: Actor, workspace: UUID, wanted: Wanted) -> bool:
    """Change settings, each with its event; false where everything is so already.

    Nothing is changed where one of them is refused: the name is looked at before anything is written.

    Raises:
        BadText, Problem: 422, the input names what to change.
    """
    held = Workspace.objects.get(id=workspace)
    changed = False
    if wanted.name is not msgspec.UNSET:
        people.visible_text(wanted.name, limit=people.NAME_LIMIT)
    if wanted.retention_days is not msgspec.UNSET:
        days = wanted.retention_days
        changed |= retention.set_days(actor=actor, workspace=workspace, days=days)
    if wanted.name is not msgspec.UNSET:
        changed |= people.rename_workspace(actor=actor, workspace=held, name=wanted.name)
    if wanted.plain_http is not msgspec.UNSET:
        changed |= people.set_plain_http(actor=actor, workspace=held, allowed=wanted.plain_http)
    return changed
