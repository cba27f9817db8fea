"""Browsers that people asked to be notified in, and the key this server shows them."""

from __future__ import annotations

import hashlib
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import transaction
from psycopg import Connection

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core import http
from core.db import pool
from core.problems import FieldError, conflict, invalid, not_found
from notifications.models import PushSubscription
from notifications.push import encryption
from people.models import Person, User
from signing.sealing import Column, sealer

MOST_OF_A_USER: Final = 20
MOST_ADDRESS: Final = 2_000

_KEY: Final = "SELECT public, private FROM notifications_pushkey WHERE id = 1"
_MAKE: Final = """
INSERT INTO notifications_pushkey (id, public, private) VALUES (1, %s, %s) ON CONFLICT (id) DO NOTHING
"""


def about(_row: Any = 1) -> str:
    """The place that the private key is sealed to."""
    return "push key"


#: Every sealed column of this folder.
SEALED: Final = (Column("notifications_pushkey", "private", about),)


def server_key(conn: Connection[Any]) -> ec.EllipticCurvePrivateKey:
    """The key pair of this server; the first look makes it."""
    row = conn.execute(_KEY).fetchone()
    if row is None:
        made = ec.generate_private_key(ec.SECP256R1())
        written = made.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        conn.execute(
            _MAKE,
            [encryption.public_bytes(made.public_key()), sealer().seal(written, about())],
        )
        row = conn.execute(_KEY).fetchone()
        assert row is not None  # noqa: S101  # this or another process has made it
    key = load_der_private_key(sealer().open(row[1], about()), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the key of push messages is on P-256")
    return key


def public_key() -> str:
    """What a browser is given to subscribe with, in base64url."""
    with pool().connection() as conn:
        return encryption.encoded(encryption.public_bytes(server_key(conn).public_key()))


def subscriptions(*, person: Person) -> list[PushSubscription]:
    """The browsers that this person is notified in, in whichever workspace they asked for it."""
    return list(PushSubscription.objects.filter(user_id=person.user_id).order_by("-id"))


def subscribe(
    *, actor: Actor, person: Person, endpoint: str, key: str, secret: str, browser: str
) -> PushSubscription:
    """Notify this browser from now on; one that another user subscribed is theirs no more.

    Looks the push service's name up, and takes up to four seconds where that does not answer.

    Args:
        endpoint, key, secret: as ``PushSubscription.toJSON()`` has them.
        browser: what it calls itself.

    Raises:
        Problem: 422 naming the field; 409 ``too_many_browsers``.
    """
    raw_key, raw_secret = _checked(endpoint, key, secret)
    hashed = hashlib.sha256(endpoint.encode()).digest()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(id=person.user_id)
        PushSubscription.objects.filter(endpoint_hash=hashed).delete()
        if PushSubscription.objects.filter(user_id=person.user_id).count() >= MOST_OF_A_USER:
            raise conflict(
                "too_many_browsers",
                f"You are notified in {MOST_OF_A_USER} browsers already: remove one first.",
            )
        made = PushSubscription.objects.create(
            user_id=person.user_id,
            endpoint=endpoint,
            endpoint_hash=hashed,
            key=raw_key,
            secret=raw_secret,
            browser=browser[:200],
        )
        record(
            actor=actor,
            workspace=person.workspace_id,
            subject=("per", person.id),
            data=kinds.PushSubscribed(),
        )
    return made


def unsubscribe(*, actor: Actor, person: Person, subscription: UUID) -> None:
    """Notify this browser no more.

    Raises:
        Problem: 404 where it is not theirs.
    """
    with transaction.atomic():
        found = PushSubscription.objects.filter(id=subscription, user_id=person.user_id)
        if not found.delete()[0]:
            raise not_found()
        record(
            actor=actor,
            workspace=person.workspace_id,
            subject=("per", person.id),
            data=kinds.PushUnsubscribed(reason="by_hand"),
        )


def _checked(endpoint: str, key: str, secret: str) -> tuple[bytes, bytes]:
    faults = []
    if not endpoint.startswith("https://") or len(endpoint) > MOST_ADDRESS:
        faults.append(
            FieldError("/endpoint", "malformed", "An https address, as the browser has it.")
        )
    else:
        try:
            http.check(endpoint)
        except http.Refused as error:
            faults.append(FieldError("/endpoint", "address_refused", str(error)))
    raw_key = raw_secret = b""
    try:
        raw_key, raw_secret = encryption.decoded(key), encryption.decoded(secret)
        encryption.encrypt(b"", browser_key=raw_key, secret=raw_secret)
    except ValueError:
        faults.append(FieldError("/keys", "malformed", "p256dh and auth, as the browser has them."))
    if faults:
        raise invalid(faults)
    return raw_key, raw_secret
