"""Permits: picked up by agents, used by tools, taken back by people."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    DAY_ID,
    ID,
    REQUEST,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    header,
    named_id,
)

_PERMIT: Final = named_id("pmt", "The permit")
_DIGEST: Final = "sha256:" + "0" * 64

PERMITS: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/requests/{id}/permit",
        "issuePermit",
        "Agents",
        "Pick up the permit of an approved action",
        "key",
        {200: Success("The permit", "Issued")},
        (*WRITING, "NotFound", "Conflict", "Gone"),
        (ID,),
        body="Nothing",
        body_required=False,
        description="Until the plan's `use_by`, however long the agent was away. One that was not used "
        "opens nothing any more.",
    ),
    Operation(
        "post",
        "/api/v1/permits/{id}/consume",
        "consumePermit",
        "Tools",
        "Use a permit, once",
        "tool key",
        {200: Success("The action may run now", "Consumed")},
        (*WRITING, "NotFound", "Conflict", "Gone"),
        (
            _PERMIT,
            header(
                "Idempotency-Key",
                "The same tool with the same key gets the same answer again",
                pattern=DAY_ID,
            ),
        ),
        body="ConsumeBody",
        example={"payload_digest": _DIGEST},
        description="Exactly one call is answered 200; only this makes it single-use.",
    ),
    Operation(
        "post",
        "/api/v1/permits/{id}/result",
        "reportPermitResult",
        "Tools",
        "Tell what came of the action that was run",
        "tool key",
        {200: Success("What was told", "ToolResult")},
        (*WRITING, "NotFound", "Conflict"),
        (_PERMIT,),
        body="ResultTold",
        example={"status": "succeeded", "detail": "Refund RF-7"},
        description="The first one stands; only `unknown` may become known.",
    ),
    Operation(
        "get",
        "/.well-known/jwks.json",
        "readKeySet",
        "Tools",
        "The public keys that permits are checked with",
        "none",
        {200: Success("A JWK set (RFC 7517)", "object", "application/jwk-set+json")},
        ("Unavailable",),
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/revoke",
        "revokeRequest",
        "People",
        "Take an approval back, as long as its permit was not used",
        "session",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        body="RevokeBody",
        body_required=False,
        example={"reason": "The order number is wrong."},
        description="By who approved it, the agent's owner, and administrators.",
    ),
)
