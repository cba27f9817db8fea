"""Endpoints: where an agent's callbacks go, and what signs them.  Every change is an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates
from django.db import IntegrityError, transaction
from django.db.models import Value
from psycopg import Connection

from agents.models import Agent
from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record, rfc3339
from callbacks import headers as sent_headers
from callbacks.models import Callback, Endpoint, EndpointKey
from callbacks.types import TYPES
from core import http, ids
from core.clock import ClockTimestamp
from core.problems import FieldError, Problem, conflict, invalid, not_found
from signing import signatures
from signing.sealing import Column, sealer

MOST_OF_AN_AGENT: Final = 10
#: How long the secret before a rotation signs as well (Standard Webhooks, key rotation).
BOTH_SIGN: Final = timedelta(hours=24)
MOST_OLD_KEYS: Final = 10
LONGEST_URL: Final = 2_000

_OF_AGENT: Final = """
SELECT id, origin FROM callbacks_endpoint WHERE agent_id = %(agent)s AND state = 'active' ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an endpoint shall be; a member that is None stays as it is, or takes its default."""

    url: str | None = None
    events: Sequence[str] | None = None
    headers: Mapping[str, str] | None = None
    #: A client certificate with its chain, and its private key (PEM); two empty texts take it away.
    certificate: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """An endpoint's shared secret, at one of the two moments it is shown."""

    endpoint: Endpoint
    secret: str
    public: str


@dataclass(slots=True)
class _Checked:
    """What was wanted, found sound, ready to be stored."""

    values: dict[str, Any] = field(default_factory=dict)
    plain: dict[str, bytes] = field(default_factory=dict)


def endpoint_for(conn: Connection[Any], agent_id: UUID, url: str) -> UUID:
    """The endpoint whose secret signs what goes to a request's own ``callback_url``.

    Raises:
        Problem: 422 where no active endpoint of the agent shares its origin.
    """
    try:
        origin = http.origin(url)
    except http.Refused as error:
        raise _refused("/callback_url", str(error)) from error
    for endpoint_id, known in conn.execute(_OF_AGENT, {"agent": agent_id}):
        if known == origin:
            found: UUID = endpoint_id
            return found
    fault = FieldError(
        "/callback_url",
        "unknown_origin",
        "No active endpoint of this agent has this scheme, host and port: register one first.",
    )
    raise invalid([fault])


def create(*, actor: Actor, agent: Agent, wanted: Wanted) -> Secret:
    """Register an address; its secret is in the answer, and nowhere else again.

    Raises:
        Problem: 422 naming each fault (an address that may not be called: ``address_refused``);
            409 ``endpoint_exists``, ``too_many_endpoints``.
    """
    if wanted.url is None:
        raise invalid([FieldError("/url", "missing", "Say where callbacks shall go.")])
    checked = _check(wanted, plain=agent.workspace.plain_http)
    with transaction.atomic():
        Agent.objects.select_for_update(no_key=True).get(id=agent.id)
        there = Endpoint.objects.filter(agent=agent).exclude(state=Endpoint.State.DELETED)
        if there.count() >= MOST_OF_AN_AGENT:
            raise conflict(
                "too_many_endpoints", f"An agent has at most {MOST_OF_AN_AGENT} endpoints."
            )
        endpoint_id = ids.uuid7()
        try:
            with transaction.atomic():
                endpoint = Endpoint.objects.create(
                    id=endpoint_id,
                    workspace_id=agent.workspace_id,
                    agent=agent,
                    **checked.values,
                    **_sealed(endpoint_id, checked.plain),
                )
        except IntegrityError:
            raise _exists() from None
        secret = _new_key(endpoint)
        _tell(
            actor,
            endpoint,
            kinds.EndpointCreated(agent=ids.encode("agt", agent.id), events=list(endpoint.events)),
            url=endpoint.url,
        )
    return secret


def change(*, actor: Actor, endpoint: Endpoint, wanted: Wanted) -> Endpoint:
    """Change what an endpoint is; what stands in line goes where it was going.

    Raises:
        Problem: as `create`; 404 where it was deleted meanwhile.
    """
    checked = _check(wanted, plain=endpoint.workspace.plain_http)
    with transaction.atomic():
        held = hold(endpoint)
        changes = {**checked.values, **_sealed(held.id, checked.plain)}
        if wanted.certificate == ("", ""):
            changes["certificate"] = None
        if wanted.headers is not None and not wanted.headers:
            changes["headers"] = None
        for name, value in changes.items():
            setattr(held, name, value)
        if changes:
            try:
                with transaction.atomic():
                    held.changed_at = ClockTimestamp()
                    held.save(update_fields=[*changes, "changed_at"])
            except IntegrityError:
                raise _exists() from None
            named = sorted(set(changes) - {"origin"})
            _tell(actor, held, kinds.EndpointChanged(changed=named), url=wanted.url and held.url)
    held.refresh_from_db()
    return held


def rotate(*, actor: Actor, endpoint: Endpoint) -> Secret:
    """A new secret and key pair; the ones before sign as well for a day."""
    with transaction.atomic():
        held = hold(endpoint)
        ending = ClockTimestamp() + Value(BOTH_SIGN)
        EndpointKey.objects.filter(endpoint=held, until=None).update(until=ending)
        old = EndpointKey.objects.filter(endpoint=held).order_by("-created_at")
        for forgotten in old[MOST_OLD_KEYS:]:
            forgotten.delete()
        secret = _new_key(held)
        before = old.filter(until__isnull=False).order_by("-until").first()
        until = before.until if before is not None else None
        assert until is not None  # noqa: S101  # the one before the new one has just got it
        _tell(actor, held, kinds.EndpointKeyRotated(until=rfc3339(until)))
    return secret


def delete(*, actor: Actor, endpoint: Endpoint) -> None:
    """Take an endpoint away; what stands in line for it is not sent any more."""
    with transaction.atomic():
        held = hold(endpoint)
        held.state, held.reason = Endpoint.State.DELETED, None
        held.headers = held.certificate = None
        held.save(update_fields=["state", "reason", "headers", "certificate"])
        EndpointKey.objects.filter(endpoint=held).delete()
        Callback.objects.filter(endpoint=held, state=Callback.State.PENDING).update(
            state=Callback.State.HELD, next_at=None
        )
        _tell(actor, held, kinds.EndpointDeleted())


def hold(endpoint: Endpoint) -> Endpoint:
    """The endpoint, locked until this transaction ends.

    Raises:
        Problem: 404 where it was deleted.
    """
    held = (
        Endpoint.objects.select_for_update(no_key=True, of=("self",))
        .select_related("workspace")
        .filter(id=endpoint.id)
        .exclude(state=Endpoint.State.DELETED)
        .first()
    )
    if held is None:
        raise not_found()
    return held


def about(endpoint_id: UUID, what: str) -> str:
    """The place that a secret of an endpoint, or of one of its keys, is sealed to."""
    return f"endpoint {endpoint_id.hex} {what}"


#: Every sealed column of this folder.
SEALED: Final = tuple(
    Column(table, column, partial(about, what=column))
    for table, column in (
        ("callbacks_endpoint", "headers"),
        ("callbacks_endpoint", "certificate"),
        ("callbacks_endpointkey", "secret"),
        ("callbacks_endpointkey", "private"),
    )
)


def _check(wanted: Wanted, *, plain: bool) -> _Checked:
    """What is wanted, checked; nothing is locked meanwhile, since a name may have to be resolved."""
    checked, faults = _Checked(), []
    if wanted.url is not None:
        try:
            if len(wanted.url) > LONGEST_URL:
                raise http.Refused(f"An address has at most {LONGEST_URL} characters.")
            checked.values["url"] = http.check(wanted.url, plain=plain)
            checked.values["origin"] = http.origin(wanted.url)
        except http.Refused as error:
            faults.append(FieldError("/url", "address_refused", str(error)))
    if wanted.events is not None:
        unknown = [one for one in wanted.events if one not in TYPES]
        if unknown:
            detail = f"The types are {', '.join(TYPES)}."
            faults.append(FieldError("/events", "unknown_type", detail))
        checked.values["events"] = sorted(set(wanted.events))
    if wanted.headers:
        faults += sent_headers.faults(wanted.headers)
        checked.plain["headers"] = msgspec.json.encode(dict(wanted.headers))
    if wanted.certificate and wanted.certificate != ("", ""):
        faults += _certificate_faults(*wanted.certificate)
        checked.plain["certificate"] = msgspec.json.encode(wanted.certificate)
    if faults:
        raise invalid(faults)
    return checked


def _certificate_faults(certificate: str, key: str) -> list[FieldError]:
    try:
        chain = load_pem_x509_certificates(certificate.encode())
    except ValueError:
        detail = "This is no certificate in PEM."
        return [FieldError("/certificate", "invalid_certificate", detail)]
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        detail = "This is no private key in PEM without a password."
        return [FieldError("/certificate_key", "invalid_key", detail)]
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        detail = "This key does not belong to the certificate."
        return [FieldError("/certificate_key", "other_key", detail)]
    return []


def _sealed(endpoint_id: UUID, plain: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name: sealer().seal(value, about(endpoint_id, name)) for name, value in plain.items()}


def _new_key(endpoint: Endpoint) -> Secret:
    pair, key_id = signatures.new_pair(), ids.uuid7()
    EndpointKey.objects.create(
        id=key_id,
        endpoint=endpoint,
        secret=sealer().seal(pair.secret, about(key_id, "secret")),
        private=sealer().seal(pair.private, about(key_id, "private")),
        public=pair.public,
    )
    return Secret(
        endpoint, signatures.show_secret(pair.secret), signatures.show_public(pair.public)
    )


def _tell(actor: Actor, endpoint: Endpoint, data: kinds.Data, *, url: str | None = None) -> None:
    record(
        actor=actor,
        workspace=endpoint.workspace_id,
        subject=("end", endpoint.id),
        data=data,
        commits={"url": Commitment(url.encode())} if url else None,
    )


def _exists() -> Problem:
    return conflict("endpoint_exists", "This agent has an endpoint of this address.")


def _refused(pointer: str, said: str) -> Problem:
    return invalid([FieldError(pointer, "address_refused", said)])
