"""What the API tells of the log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Base64 = Annotated[str, Meta(description="32 bytes in base64")]


class CheckpointShown(Struct, frozen=True, kw_only=True):
    """How long the log is, and its root, signed."""

    origin: str
    size: Annotated[int, Meta(description="The number of events")]
    root: Base64
    at: Annotated[str, Meta(description="When it was signed")]
    note: Annotated[str, Meta(description="The signed note (c2sp.org/tlog-checkpoint)")]
    keys: Annotated[
        list[str],
        Meta(description="The verifier keys of this log, the one that signs first"),
    ]


class EventShown(Struct, frozen=True, kw_only=True):
    """One event of the log."""

    position: Annotated[
        int | None, Meta(description="Its place; null for about a second after its commit")
    ]
    event: Annotated[
        dict[str, Any], Meta(description="The event; its canonical bytes (RFC 8785) are the leaf")
    ]


class InclusionShown(Struct, frozen=True, kw_only=True):
    """That the log of a checkpoint holds an event (RFC 6962, 2.1.1)."""

    position: int
    leaf: Base64
    hashes: Annotated[list[Base64], Meta(description="From the leaf up")]
    checkpoint: CheckpointShown
    event: dict[str, Any]


class ConsistencyShown(Struct, frozen=True, kw_only=True, rename={"start": "from"}):
    """That the log of ``to`` events continues the one of ``from`` (RFC 6962, 2.1.2)."""

    start: int
    to: int
    hashes: list[Base64]


class RoleHeldThen(Struct, frozen=True, kw_only=True):
    """A role that somebody held then."""

    name: str
    title: str
    source: Annotated[str, Meta(description="`policy`, `manual` or `idp`")]
    since: str


class PersonThen(Struct, frozen=True, kw_only=True):
    """A person as they stood then."""

    id: str
    name: str
    email: str
    active: Annotated[bool, Meta(description="false: they could use none of it")]
    signs_in_now: Annotated[bool, Meta(description="Today's word, not that of then")]
    permissions: list[str]
    roles: list[RoleHeldThen]


class RoleThen(Struct, frozen=True, kw_only=True):
    """A role, and the ids of those who could decide in it."""

    name: str
    title: str
    people: list[str]


class PolicyThen(Struct, frozen=True, kw_only=True):
    """The version of the policy that planned new requests then."""

    id: str
    number: int
    digest: str


class AccessReview(Struct, frozen=True, kw_only=True):
    """Who could decide, read and change what at an instant."""

    at: str
    policy: PolicyThen | None
    people: list[PersonThen]
    roles: list[RoleThen]
    derived: Annotated[str, Meta(description="From what it is told")]


class ExportAsked(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"since": "from"}
):
    """What to export, and how.  Without conditions it is the whole log."""

    format: Literal["jsonl", "csv"] = "jsonl"
    target: Annotated[
        Literal["download", "s3"], Meta(description="`s3`: the store that the operator configured")
    ] = "download"
    since: Annotated[str | None, Meta(description="From this instant on (RFC 3339)")] = None
    until: Annotated[str | None, Meta(description="Before this instant")] = None
    agent: Annotated[
        str | None, Meta(description="By id or name: what it did, its requests and runs")
    ] = None
    action: Annotated[str | None, Meta(description="Requests of this action")] = None
    role: Annotated[str | None, Meta(description="Requests that this role was asked about")] = None
    outcome: Annotated[
        str | None,
        Meta(
            description="Requests that were `approved`, `rejected`, `answered`, `expired`, `cancelled`, "
            "`revoked`, or are `pending`"
        ),
    ] = None
    kind: Annotated[
        str | None, Meta(description="One kind of event, or all of a noun: `request.*`")
    ] = None
    subject: Annotated[str | None, Meta(description="The id of what events are about")] = None
