"""Pagers: added and removed by operators, with an event each.  Policies name them in `escalations`."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from psycopg import Connection

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.problems import FieldError, conflict, invalid, not_found
from core.targets import Refused, parse
from notifications.models import Pager
from people.models import Workspace
from signing.sealing import Column, sealer
from signing.signatures import show_secret

#: Where PagerDuty takes events of the Events API v2; accounts in Europe have another host.
PAGERDUTY: Final = "https://events.pagerduty.com/v2/enqueue"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
#: The integration key of a service (32 letters and digits).
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}")

_OPEN: Final = """
SELECT p.kind, p.url, p.secret, w.plain_http
  FROM notifications_pager p JOIN people_workspace w ON w.id = p.workspace_id
 WHERE p.id = %(id)s
"""
_NAMED: Final = """
SELECT id, workspace_id, name FROM notifications_pager WHERE workspace_id = ANY(%(workspaces)s)
"""


def about(pager: UUID) -> str:
    """The place that a pager's secret is sealed to."""
    return f"pager {pager.hex}"


#: Every sealed column of this folder.
SEALED: Final = (Column("notifications_pager", "secret", about),)


@dataclass(frozen=True, slots=True)
class Opened:
    """A pager with its secret; ``plain``: whether its workspace may call plain http addresses."""

    kind: str
    url: str
    secret: bytes
    plain: bool


@dataclass(frozen=True, slots=True)
class Added:
    """A pager that was added; ``secret`` is what a webhook's receiver verifies with, shown this once."""

    pager: Pager
    secret: str | None


def add(
    *, actor: Actor, workspace: Workspace, name: str, url: str = "", routing_key: str | None = None
) -> Added:
    """Add a pager: PagerDuty's with a routing key, else an address that takes signed messages.

    Args:
        name: as policies name it.
        url: the address of a webhook; with a routing key, PagerDuty's where it is not the usual one.

    Raises:
        Problem: 422 naming the field; 409 ``pager_exists``.
    """
    faults = []
    if not _NAME.fullmatch(name):
        fault = "A name has 1 to 60 of a-z, 0-9, - and _, such as night-desk."
        faults.append(FieldError("/name", "malformed", fault))
    if routing_key is not None and not _ROUTING_KEY.fullmatch(routing_key):
        fault = "The integration key of a PagerDuty service (Events API v2): 32 letters and digits."
        faults.append(FieldError("/routing_key", "malformed", fault))
    address = url or PAGERDUTY * (routing_key is not None)
    try:
        target = parse(address)
        if target.scheme != "https" and not workspace.plain_http:
            raise Refused("This workspace calls https addresses only.")
    except Refused as error:
        faults.append(FieldError("/url", "malformed", str(error)))
    if faults:
        raise invalid(faults)
    id, secret = ids.uuid7(), secrets.token_bytes(32)
    kind = Pager.Kind.WEBHOOK if routing_key is None else Pager.Kind.PAGERDUTY
    kept = secret if routing_key is None else routing_key.encode()
    try:
        with transaction.atomic():
            made = Pager.objects.create(
                id=id,
                workspace=workspace,
                name=name,
                kind=kind,
                url=address,
                secret=sealer().seal(kept, about(id)),
            )
            data = kinds.PagerAdded(service=kind.value)
            record(actor=actor, workspace=workspace.id, subject=("pgr", id), data=data)
    except IntegrityError as error:
        raise conflict("pager_exists", f"There is a pager “{name}” already.") from error
    return Added(made, show_secret(secret) if routing_key is None else None)


@transaction.atomic
def remove(*, actor: Actor, workspace: UUID, name: str) -> None:
    """Page nobody there any more; what names it in an escalation is passed over, and the next step taken.

    Raises:
        Problem: 404.
    """
    found = Pager.objects.filter(workspace_id=workspace, name=name).first()
    if found is None:
        raise not_found()
    subject = ("pgr", found.id)
    found.delete()
    record(actor=actor, workspace=workspace, subject=subject, data=kinds.PagerRemoved())


def opened(conn: Connection[Any], pager: UUID) -> Opened | None:
    """A pager with its secret; None where it was removed."""
    row = conn.execute(_OPEN, {"id": pager}).fetchone()
    if row is None:
        return None
    kind, url, sealed, plain = row
    return Opened(kind, url, sealer().open(bytes(sealed), about(pager)), plain)


def named(conn: Connection[Any], workspaces: set[UUID]) -> dict[tuple[UUID, str], UUID]:
    """The pagers of these workspaces, by workspace and name."""
    rows = conn.execute(_NAMED, {"workspaces": list(workspaces)}).fetchall()
    return {(workspace, name): id for id, workspace, name in rows}
