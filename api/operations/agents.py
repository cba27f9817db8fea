"""The calls that carry an agent's key."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    CURSOR,
    EXAMPLE,
    ID,
    LIMIT,
    READING,
    REQUEST,
    WAIT,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    header,
    query,
)
from api.prefer import MAX_WAIT_S
from approvals.status import Status

AGENTS: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/requests",
        "submitRequest",
        "Agents",
        "Ask for an action",
        "key",
        {
            201: Success(
                "The request, decided or pending",
                "RequestObject",
                headers={
                    "Location": "The request",
                    "Preference-Applied": "`wait=N`, where Prefer asked for it",
                    "Idempotent-Replayed": "`true` where an earlier call made the request",
                },
            )
        },
        (*WRITING, "Conflict"),
        (
            header(
                "Prefer",
                f"`wait=N` answers when the request ended or N seconds (≤ {MAX_WAIT_S}) are up",
            ),
            header(
                "Idempotency-Key",
                "The same key and body give the same request, for as long as it is kept",
                pattern='^("[!#-Z^-~]{1,255}"|[!#-Z^-~]{1,255})$',
            ),
        ),
        body="Submission",
        example=EXAMPLE,
    ),
    Operation(
        "get",
        "/api/v1/requests",
        "listRequests",
        "Agents",
        "The agent's own requests, newest first",
        "key",
        {200: Success("One page", "RequestList")},
        (*READING, "Invalid"),
        (
            query("status", "Only those in this state", type="string", enum=list(Status.values)),
            query("action", "Only those of this action"),
            CURSOR,
            LIMIT,
        ),
    ),
    Operation(
        "post",
        "/api/v1/requests/preview",
        "previewRequest",
        "Agents",
        "What policy would say; nothing is stored",
        "key",
        {200: Success("Effect, rule and stages", "Preview")},
        (*WRITING, "Conflict"),
        body="Submission",
        example=EXAMPLE,
    ),
    Operation(
        "post",
        "/api/v1/requests/wait",
        "waitForRequests",
        "Agents",
        "Wait for news of any of up to 100 requests",
        "key",
        {200: Success("All of them as they stand", "Waited")},
        (*WRITING, "NotFound"),
        body="WaitFor",
    ),
    Operation(
        "get",
        "/api/v1/requests/{id}",
        "readRequest",
        "Agents",
        "Read a request, or wait for news of it",
        "any read",
        {200: REQUEST},
        (*READING, "NotFound"),
        (ID, WAIT, WORKSPACE),
        description="For its agent, and for people who may see it; people see sensitive fields masked.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/cancel",
        "cancelRequest",
        "Agents",
        "Withdraw a pending request",
        "any",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        body="CancelBody",
        body_required=False,
        description="By the agent that asked, or by the person who owns the agent.",
    ),
    Operation(
        "get",
        "/api/v1/me",
        "readMe",
        "Agents",
        "Who is calling",
        "any read",
        {200: Success("The agent, or the person", "Me")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
)
