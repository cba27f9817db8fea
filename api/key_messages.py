"""The messages about agents and keys."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from approvals.shape import AgentOwner

Duration = Annotated[str, Meta(max_length=20, description="Such as 90s, 15m, 4h or 30d")]
Named = Annotated[str, Meta(max_length=254, description="A person's id or e-mail address")]


class AgentBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /agents``."""

    name: Annotated[str, Meta(max_length=200, description="What people read; once per workspace")]
    owner: Annotated[Named, Meta(description="Who answers for it")]


class AgentPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /agents/{id}``: what is left out stays."""

    owner: Named | None = None
    state: Annotated[
        Literal["active", "suspended", "retired"] | None, Meta(description="Retiring is final")
    ] = None


class AgentOwnerShown(AgentOwner, frozen=True):
    """Who answers for an agent."""

    active: Annotated[bool, Meta(description="False: they left, and it needs another")]


class AskedShown(Struct, frozen=True, kw_only=True):
    """What an agent asked in the last days."""

    days: int
    asked: int
    approved: int
    rejected: int
    edited: Annotated[int, Meta(description="Those that a person changed")]


class AgentShown(Struct, frozen=True, kw_only=True):
    """A registered agent."""

    id: str
    name: str
    owner: AgentOwnerShown
    state: str
    stopped_at: Annotated[str | None, Meta(description="Since when the kill switch holds it")]
    created_at: str
    last_seen_at: Annotated[str | None, Meta(description="When one of its keys was used last")]
    version: Annotated[str | None, Meta(description="What its newest run calls it")]
    keys: Annotated[int, Meta(description="Those that open something now")]
    requests: AskedShown
    waiting: Annotated[int, Meta(description="Its requests that wait now")]


class VersionShown(Struct, frozen=True, kw_only=True):
    """A version that runs of an agent were declared under."""

    version: str
    first_seen_at: str
    last_seen_at: str


class AgentDetail(AgentShown, frozen=True, kw_only=True):
    """A registered agent, and the versions of it that were seen last."""

    versions: list[VersionShown]


class AgentKeyBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /agents/{id}/keys``."""

    scopes: Annotated[
        list[str] | None,
        Meta(description="Left out: requests:read and requests:submit"),
    ] = None
    expires_in: Annotated[Duration | None, Meta(description="Left out: never")] = None
    rate_limit: Annotated[
        int | None, Meta(description="Calls a minute, from 1 to 1000000; left out: no limit")
    ] = None


class KeyBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /keys``: a key of a tool or an auditor."""

    kind: Literal["tool", "aud"]
    name: Annotated[str, Meta(max_length=200, description="What the tool or auditor is called")]
    actions: Annotated[
        list[str],
        Meta(max_length=100, description="Whose permits a tool may use; left out: of every action"),
    ] = []
    expires_in: Annotated[Duration | None, Meta(description="Left out: never")] = None


class RotateBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /keys/{id}/rotate``."""

    overlap: Annotated[
        Duration, Meta(description="How long the old key goes on, at most 30 days")
    ] = "24h"
    expires_in: Annotated[
        Duration | None, Meta(description="Left out: as long as the old key was made for")
    ] = None


class KeyShown(Struct, frozen=True, kw_only=True):
    """A key, without its secret."""

    id: str
    kind: str
    prefix: Annotated[str, Meta(description="What the key begins with; not secret")]
    agent: str | None
    agent_name: str | None
    name: Annotated[str | None, Meta(description="Of a tool or an auditor")]
    scopes: list[str]
    actions: Annotated[list[str], Meta(description="Of a tool; empty: every action")]
    rate_limit: Annotated[int | None, Meta(description="Calls a minute")]
    state: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    replaces: Annotated[str | None, Meta(description="The key that it was made to replace")]
    replaced_by: str | None


class KeySecret(KeyShown, frozen=True, kw_only=True):
    """A key at the only moment at which its secret is told."""

    key: str


class KeyRotated(KeySecret, frozen=True, kw_only=True):
    """The new key, and when the old one ends."""

    old_until: str
