"""What the server says about itself."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    Operation,
    Success,
)

SERVER: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/openapi.json",
        "readOpenApi",
        "Server",
        "This document",
        "none",
        {200: Success("OpenAPI 3.1", "object")},
        ("Unavailable",),
    ),
    Operation(
        "get",
        "/healthz",
        "isAlive",
        "Server",
        "Does the process live?",
        "none",
        {200: Success("It does", "Health")},
        ("Unavailable",),
    ),
    Operation(
        "get",
        "/readyz",
        "isReady",
        "Server",
        "Can it serve?",
        "none",
        {
            200: Success(
                "It can; `degraded` names what is overdue, and what the watch found", "Health"
            )
        },
        ("Unavailable",),
    ),
)
