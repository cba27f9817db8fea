"""Telling an address of a checkpoint, signed as callbacks are (Standard Webhooks)."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from audit.checkpoints import Checkpoint, origin
from audit.log import rfc3339
from core import http, ids
from oversight.anchors.errors import NotAnchored
from signing import signatures
from signing.sealing import Column, sealer
from signing.signatures import Pair

DEADLINE_S: Final = 8.0
MOST_BYTES: Final = 4_096
TYPE: Final = "log.checkpoint"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The body: what the checkpoint says, and the signed note itself."""

    type: str
    workspace: str
    origin: str
    number: int
    size: int
    root: str
    at: str
    checkpoint: str


def about(target: UUID, what: str) -> str:
    """The place that a secret of a webhook is sealed to."""
    return f"anchor {target.hex} {what}"


#: Every sealed column of the anchors.
SEALED: Final = tuple(
    Column("oversight_anchortarget", column, partial(about, what=column))
    for column in ("secret", "private")
)


def opened(target: UUID, secret: bytes, private: bytes) -> Pair:
    """The pair that signs for a webhook, from its sealed halves."""
    return Pair(
        sealer().open(secret, about(target, "secret")),
        sealer().open(private, about(target, "private")),
    )


def body(workspace: UUID, checkpoint: Checkpoint) -> bytes:
    """The bytes that are sent."""
    return msgspec.json.encode(
        Told(
            type=TYPE,
            workspace=ids.encode("wsp", workspace),
            origin=origin(workspace),
            number=checkpoint.number,
            size=checkpoint.size,
            root=base64.b64encode(checkpoint.root).decode(),
            at=rfc3339(checkpoint.at),
            checkpoint=checkpoint.note,
        )
    )


def tell(
    client: http.Client,
    url: str,
    *,
    message_id: str,
    content: bytes,
    pair: Pair,
    now: datetime,
    plain: bool,
) -> None:
    """Send a checkpoint; any answer of 200 to 299 means that it is kept.

    Args:
        message_id: the same for every try of one checkpoint at one target.
        now: the database's clock.

    Raises:
        NotAnchored: there is no answer, or another.
    """
    signed = signatures.headers(message_id, int(now.timestamp()), content, [pair])
    try:
        answer = client.send(
            "POST",
            url,
            headers={"content-type": "application/json", "accept": "*/*", **signed},
            body=content,
            deadline_s=DEADLINE_S,
            most_bytes=MOST_BYTES,
            plain=plain,
        )
    except http.Failed as failed:
        raise NotAnchored(failed.detail) from failed
    if not 200 <= answer.status < 300:
        raise NotAnchored(f"The receiver answered with status {answer.status}.")
