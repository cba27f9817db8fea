"""The messages about endpoints and what they are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

Url = Annotated[str, Meta(min_length=1, max_length=2_000)]


Pem = Annotated[str, Meta(max_length=20_000)]


class EndpointBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /endpoints``."""

    agent: Annotated[str, Meta(max_length=100, description="The agent's id")]
    url: Url
    events: Annotated[
        list[str], Meta(max_length=20, description="The types to send; none: every type")
    ] = []
    headers: Annotated[dict[str, str], Meta(description="Sent with each callback")] = {}
    certificate: Annotated[Pem | None, Meta(description="A client certificate (PEM)")] = None
    certificate_key: Annotated[Pem | None, Meta(description="Its private key (PEM)")] = None


class EndpointPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /endpoints/{id}``: what is left out stays."""

    url: Url | None = None
    events: Annotated[list[str], Meta(max_length=20)] | None = None
    headers: Annotated[
        dict[str, str] | None, Meta(description="All of them; an empty object takes them away")
    ] = None
    certificate: Annotated[Pem | None, Meta(description="An empty text takes it away")] = None
    certificate_key: Pem | None = None
    state: Literal["active", "disabled"] | None = None


class EndpointShown(Struct, frozen=True, kw_only=True):
    """Where an agent's callbacks go."""

    id: str
    agent: str
    agent_name: str
    url: str
    events: Annotated[list[str], Meta(description="Empty: every type")]
    state: str
    reason: Annotated[
        str | None, Meta(description="Why it is disabled: `by_hand`, `gone`, `failing`")
    ]
    secret: Annotated[str, Meta(description="Shown when it is made or rotated, masked afterwards")]
    public_keys: Annotated[list[str], Meta(description="They verify `v1a`; the newest first")]
    has_headers: bool
    has_certificate: bool
    failures: Annotated[int, Meta(description="Since the last success")]
    failing_since: str | None
    open_until: Annotated[str | None, Meta(description="It is left alone until then")]
    last_success_at: str | None
    last_failure_at: str | None
    old_secret_until: Annotated[str | None, Meta(description="The secret before signs as well")]
    waiting: Annotated[int, Meta(description="Callbacks that are to be sent")]
    created_at: str


class EndpointSecret(EndpointShown, frozen=True, kw_only=True):
    """An endpoint at a moment at which its secret is shown."""


class EndpointList(Struct, frozen=True):
    """The endpoints that a person manages."""

    results: list[EndpointShown]


class AttemptShown(Struct, frozen=True, kw_only=True):
    """One try to deliver a callback."""

    number: int
    at: str
    milliseconds: int
    status: int | None
    failure: Annotated[
        str,
        Meta(
            description="Why there was no answer: `blocked`, `connect`, `tls`, `timeout`, `protocol`"
        ),
    ]
    detail: str
    response: Annotated[str, Meta(description="What was answered, at most 20,000 bytes, masked")]


class CallbackShown(Struct, frozen=True, kw_only=True):
    """Something that an endpoint is told."""

    id: Annotated[str, Meta(description="`webhook-id`, the same for every attempt")]
    endpoint: str
    request: str | None
    type: str
    url: str
    state: Annotated[
        str, Meta(description="`pending`, `delivered`, `exhausted`, `stopped` or `held`")
    ]
    attempts: int
    last: Annotated[str, Meta(description="What the last attempt came to")]
    created_at: str
    next_at: str | None
    last_at: str | None
    body: Annotated[str | None, Meta(description="The bytes that are sent; only of a single one")]
    tries: Annotated[list[AttemptShown], Meta(description="Only of a single one")]


class CallbackList(Struct, frozen=True):
    """One page of callbacks."""

    results: list[CallbackShown]
    next: str | None
    previous: str | None


class ReplayBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /endpoints/{id}/replay``."""

    which: Annotated[
        Literal["failed", "missing"],
        Meta(description="`missing` was never tried, since the endpoint was disabled"),
    ]
    since: Annotated[datetime, Meta(tz=True, description="From when on; left out: all")] | None = (
        None
    )


class Replayed(Struct, frozen=True):
    """How many callbacks are on their way again."""

    count: int
