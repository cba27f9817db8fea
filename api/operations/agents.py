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
from api.operations.terms import (
    IDEMPOTENCY_KEY as DAY_KEY,
)
from api.prefer import MAX_WAIT_S
from approvals.status import Status

PREFER: Final = header(
    "Prefer", f"`wait=N` answers when the request ended or N seconds (≤ {MAX_WAIT_S}) are up"
)
IDEMPOTENCY_KEY: Final = header(
    "Idempotency-Key",
    "The same key and body give the same request, for as long as it is kept",
    pattern='^("[!#-Z^-~]{1,255}"|[!#-Z^-~]{1,255})$',
)

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
        (PREFER, IDEMPOTENCY_KEY),
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
            query("run", "Only those of this run"),
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
        "get",
        "/api/v1/requests/{id}/events",
        "followRequest",
        "Agents",
        "Follow a request as it changes",
        "any read",
        {
            200: Success(
                "Server-Sent Events: `request.*` with the request object, `end`",
                "text",
                "text/event-stream",
            ),
            204: Success("It ended in the state that `Last-Event-ID` names"),
        },
        (*READING, "NotFound"),
        (
            ID,
            header("Last-Event-ID", "The `sequence` of the state that is known"),
            query("workspace", "As the header, which a browser's EventSource cannot send"),
            WORKSPACE,
        ),
        description="`id:` is the `sequence`. The present state comes at once, unless it is known.",
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
        "post",
        "/api/v1/questions",
        "askQuestion",
        "Agents",
        "Ask people something",
        "key",
        {
            201: Success(
                "The question, pending",
                "RequestObject",
                headers={
                    "Location": "The question, read as a request is",
                    "Preference-Applied": "`wait=N`, where Prefer asked for it",
                    "Idempotent-Replayed": "`true` where an earlier call asked it",
                },
            )
        },
        (*WRITING, "Conflict"),
        (PREFER, IDEMPOTENCY_KEY),
        body="Question",
        example={
            "to": "reviewer",
            "prompt": "Which address is the right one?",
            "options": ["Main Street 1", "Mill Lane 2"],
        },
        description="A choice of options, a text, or whatever fits a JSON Schema. It lives as a request does.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/messages",
        "sendMessage",
        "Agents",
        "Answer a return, or add evidence",
        "key",
        {201: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID, DAY_KEY),
        body="AgentMessage",
        example={"text": "The order arrived broken; the photos are in the ticket."},
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/revise",
        "reviseRequest",
        "Agents",
        "Change the payload of a pending request",
        "key",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID,),
        body="Revised",
        example={"payload": {"order": "A-1001", "amount": 40}},
        description="Planned anew by the policy of now; earlier votes are void. Policy's `deny` ends it, "
        "its `allow` does not: who was asked before still decides.",
    ),
    Operation(
        "get",
        "/api/v1/requests/{id}/revisions",
        "listRevisions",
        "Agents",
        "Every version of the payload",
        "any read",
        {200: Success("The first one first", "RevisionList")},
        (*READING, "NotFound"),
        (ID, WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/result",
        "reportResult",
        "Agents",
        "Tell what came of an approved action",
        "key",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID,),
        body="ResultTold",
        example={"status": "succeeded", "detail": "Refund RF-7", "cost": 0.25},
        description="The first one stands; only `unknown` may become known.",
    ),
    Operation(
        "post",
        "/api/v1/actions/record",
        "recordAction",
        "Agents",
        "Tell of an action that was taken without asking",
        "key",
        {
            201: Success(
                "What was recorded, and what policy would have said",
                "RecordShown",
                headers={"Idempotent-Replayed": "`true` where an earlier call recorded it"},
            )
        },
        (*WRITING, "Conflict"),
        (DAY_KEY,),
        body="Recorded",
        example={"action": "payments.refund", "payload": {"order": "A-1001", "amount": 42}},
        description="Validated and logged as a request is; nobody is asked, and nothing is stopped.",
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
