"""The messages about the settings of a workspace."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from oversight.holds import HoldShown


class AnchorShown(Struct, frozen=True, kw_only=True):
    """Where checkpoints of the log are laid down outside, and what is there."""

    kind: str
    where: str
    level: Annotated[str, Meta(description="`ok`, `warning` or `failed`: news is missing there")]
    size: Annotated[int | None, Meta(description="The events that its newest checkpoint covers")]
    at: str | None
    error: str


class SigningKeyShown(Struct, frozen=True, kw_only=True):
    """The key of this server that signs now."""

    purpose: Annotated[str, Meta(description="`permit`, or `log` for checkpoints and exports")]
    kid: str
    since: str


class WorkspaceShown(Struct, frozen=True, kw_only=True):
    """A workspace, its settings, and what proves its log."""

    id: str
    slug: str
    name: str
    created_at: str
    plain_http: Annotated[bool, Meta(description="Whether callbacks may go to plain http")]
    retention_days: Annotated[
        int | None, Meta(description="How long what ended requests say is kept; null: for ever")
    ]
    holds: Annotated[list[HoldShown], Meta(description="Legal holds that stand")]
    anchors: list[AnchorShown]
    signing_keys: list[SigningKeyShown]


class WorkspacePatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /workspace``: what is left out stays."""

    name: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    plain_http: bool | UnsetType = UNSET
    retention_days: (
        Annotated[int, Meta(description="From 1 to 36500; null: for ever")] | UnsetType | None
    ) = UNSET
