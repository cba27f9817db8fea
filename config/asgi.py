"""The whole server as one ASGI application: the raw front, with Django behind it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from config.wsgi import application as django  # first: it makes Django ready for the others

# isort: split
from django.conf import settings
from django.db import close_old_connections

from agents.alive import alive_keys
from api.answers import told
from api.front import Front
from approvals import read
from callbacks.hub import Session, Sources
from config import health
from people.alive import alive_sessions


def sessions(pairs: Sequence[Session]) -> set[Session]:
    """`alive_sessions` in a thread that is not a request: its connection is given back."""
    try:
        return alive_sessions(pairs)
    finally:
        close_old_connections()


def snapshots(request_ids: list[UUID]) -> dict[UUID, read.Snapshot]:
    """The requests that somebody waits for."""
    return read.snapshots(request_ids)


application = Front(
    django,
    Sources(
        snapshots=snapshots,
        positions=snapshots,
        live_keys=alive_keys,
        live_sessions=sessions,
        visible=read.still_visible,
    ),
    {"/healthz": told(health.alive), "/readyz": told(health.ready)},
    prefix=settings.FORCE_SCRIPT_NAME or "",
)
