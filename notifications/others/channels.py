"""Channels that only tell: added and removed by operators, with an event each."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import apprise
from django.db import IntegrityError, transaction
from psycopg import Connection

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import ids
from core.problems import FieldError, conflict, invalid, not_found
from notifications.models import OtherChannel
from people.models import Workspace
from signing.sealing import Column, sealer

_URL: Final = "SELECT id, url FROM notifications_otherchannel WHERE id = %(id)s"


def about(channel: UUID) -> str:
    """The place that a channel's address is sealed to."""
    return f"other channel {channel.hex}"


#: Every sealed column of this folder.
SEALED: Final = (Column("notifications_otherchannel", "url", about),)


def add(*, actor: Actor, workspace: Workspace, name: str, role: str, url: str) -> OtherChannel:
    """Tell the requests of a role to a service.

    Args:
        role: its name in the policy.
        url: an address of Apprise's (``tgram://…``, ``msteams://…``), kept sealed.

    Raises:
        Problem: 422 naming the field; 409 ``channel_exists``.
    """
    service = _service(url)
    faults = []
    if not 0 < len(name) <= 60:
        faults.append(FieldError("/name", "malformed", "A name has 1 to 60 characters."))
    if not 0 < len(role) <= 64:
        faults.append(FieldError("/role", "malformed", "Name a role of the policy."))
    if service is None:
        fault = "Apprise knows no service of this address: see its list of services."
        faults.append(FieldError("/url", "unknown_service", fault))
    if faults:
        raise invalid(faults)
    id = ids.uuid7()
    try:
        with transaction.atomic():
            made = OtherChannel.objects.create(
                id=id,
                workspace=workspace,
                name=name,
                role=role,
                url=sealer().seal(url.encode(), about(id)),
            )
            data = kinds.OtherChannelAdded(role=role, service=service or "")
            record(actor=actor, workspace=workspace.id, subject=("oth", id), data=data)
    except IntegrityError as error:
        raise conflict("channel_exists", f"There is a channel “{name}” already.") from error
    return made


@transaction.atomic
def remove(*, actor: Actor, workspace: UUID, name: str) -> None:
    """Tell nothing there any more.

    Raises:
        Problem: 404.
    """
    found = OtherChannel.objects.filter(workspace_id=workspace, name=name).first()
    if found is None:
        raise not_found()
    subject = ("oth", found.id)
    found.delete()
    record(actor=actor, workspace=workspace, subject=subject, data=kinds.OtherChannelRemoved())


def opened(conn: Connection[Any], channel: UUID) -> str | None:
    """The address of a channel; None where it was removed."""
    row = conn.execute(_URL, {"id": channel}).fetchone()
    return None if row is None else sealer().open(bytes(row[1]), about(channel)).decode()


def _service(url: str) -> str | None:
    """Apprise's own name for the service of an address; None where it knows none."""
    found = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    return None if found is None else str(found.service_name)
