"""The log: read, and proven."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import (
    CURSOR,
    ID,
    LIMIT,
    READING,
    WORKSPACE,
    Operation,
    Success,
    named_id,
    query,
)

_INSTANT: Final[dict[str, Any]] = {"type": "string", "format": "date-time"}
_SIZE: Final[dict[str, Any]] = {"type": "integer", "minimum": 1}

AUDIT: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/audit/checkpoint",
        "readCheckpoint",
        "Log",
        "How long the log is, and its root, signed",
        "auditor read",
        {200: Success("The newest checkpoint", "CheckpointShown")},
        (*READING, "Conflict"),
        (WORKSPACE,),
        description="An event is covered within a second of its commit.",
    ),
    Operation(
        "get",
        "/api/v1/audit/events",
        "listEvents",
        "Log",
        "The events of the log",
        "auditor read",
        {200: Success("The newest first", "EventList")},
        (*READING, "Invalid"),
        (
            query("kind", "One kind, or all of a noun: `request.*`"),
            query("subject", "The id of what it is about, such as a request"),
            query("actor", "The id of who did it"),
            query("since", "From this instant on", **_INSTANT),
            query("until", "Before this instant", **_INSTANT),
            CURSOR,
            LIMIT,
            WORKSPACE,
        ),
        description="That somebody looked is an event, too.",
    ),
    Operation(
        "get",
        "/api/v1/audit/events/{id}/proof",
        "proveEvent",
        "Log",
        "That the log holds an event",
        "auditor read",
        {200: Success("An inclusion proof (RFC 6962, 2.1.1)", "InclusionShown")},
        (*READING, "NotFound", "Conflict", "Invalid"),
        (
            named_id("evt", "The event"),
            query("size", "The size of a signed checkpoint; by default the newest", **_SIZE),
            WORKSPACE,
        ),
    ),
    Operation(
        "get",
        "/api/v1/audit/consistency",
        "proveConsistency",
        "Log",
        "That the log continues an earlier one",
        "auditor read",
        {200: Success("A consistency proof (RFC 6962, 2.1.2)", "ConsistencyShown")},
        (*READING, "Conflict", "Invalid"),
        (
            {**query("from", "The size of the earlier log", **_SIZE), "required": True},
            query("to", "The size of the later log; by default the newest checkpoint's", **_SIZE),
            WORKSPACE,
        ),
    ),
    Operation(
        "get",
        "/api/v1/requests/{id}/evidence",
        "readEvidence",
        "Log",
        "Everything that is on record of a request, proven",
        "auditor read",
        {200: Success("The packet (docs/log-format.md, An evidence packet)", "Packet")},
        (*READING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        description="Sensitive fields stay covered. That somebody took it is an event.",
    ),
    Operation(
        "get",
        "/api/v1/requests/{id}/evidence.pdf",
        "readEvidencePdf",
        "Log",
        "The same as a document that people read",
        "auditor read",
        {200: Success("The document", "text", content_type="application/pdf")},
        (*READING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        description="It is on record as the packet is. Long texts are cut; the packet has them whole.",
    ),
    Operation(
        "get",
        "/api/v1/audit/access",
        "reviewAccess",
        "Log",
        "Who could decide, read and change what at an instant",
        "auditor read",
        {200: Success("People with roles and permissions as they were then", "AccessReview")},
        (*READING, "Invalid"),
        ({**query("at", "The instant", **_INSTANT), "required": True}, WORKSPACE),
        description="`derived` says from what it is told. That somebody looked is an event, too.",
    ),
)
