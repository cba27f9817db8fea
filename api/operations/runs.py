"""The calls about runs and their steps."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import (
    CURSOR,
    IDEMPOTENCY_KEY,
    LIMIT,
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
)

RUN: Final[dict[str, Any]] = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The run",
    "schema": {"type": "string", "pattern": "^run_[0-7][0-9a-hjkmnp-tv-z]{25}$"},
}
STEP: Final = {
    "tool": "crm.get_customer",
    "call_id": "call_1",
    "started_at": "2026-05-04T09:30:00Z",
    "ended_at": "2026-05-04T09:30:01Z",
    "status": "succeeded",
    "labels": ["data.pii"],
}
FOUND: Final = "The run of this external id, which was there"

RUNS: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/runs",
        "startRun",
        "Runs",
        "Begin a run, or find it",
        "any",
        {
            201: Success("The new run", "RunShown", headers={"Location": "The run"}),
            200: Success(FOUND, "RunShown", headers={"Location": "The run"}),
        },
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="RunDeclared",
        example={"external_id": "ticket-4711", "agent_version": "2026.5"},
        description="By the agent; or by a signed-in person, who is then its initiator.",
    ),
    Operation(
        "get",
        "/api/v1/runs",
        "listRuns",
        "Runs",
        "The agent's own runs, newest first",
        "key",
        {200: Success("One page", "RunList")},
        (*READING, "Invalid"),
        (CURSOR, LIMIT),
    ),
    Operation(
        "get",
        "/api/v1/runs/{id}",
        "readRun",
        "Runs",
        "Read a run",
        "any read",
        {200: Success("The run", "RunShown")},
        (*READING, "NotFound"),
        (RUN, WORKSPACE),
        description="For its agent; and for people who may see one of its requests, own the agent, "
        "started it, or may view everything.",
    ),
    Operation(
        "patch",
        "/api/v1/runs/{id}",
        "endRun",
        "Runs",
        "End a run",
        "key",
        {200: Success("The run", "RunShown")},
        (*WRITING, "NotFound", "Conflict"),
        (RUN,),
        body="RunEnd",
        example={"state": "succeeded"},
    ),
    Operation(
        "post",
        "/api/v1/runs/{id}/steps",
        "reportSteps",
        "Runs",
        "Tell what was done",
        "key",
        {
            201: Success(
                "How many were new, and whether to stop",
                "StepsTaken",
                headers={"Idempotent-Replayed": "`true` where an earlier call told them"},
            )
        },
        (*WRITING, "NotFound", "Conflict"),
        (RUN, IDEMPOTENCY_KEY),
        body="StepsReported",
        example={"steps": [STEP]},
    ),
    Operation(
        "get",
        "/api/v1/runs/{id}/steps",
        "listSteps",
        "Runs",
        "What was done, in its order",
        "any read",
        {200: Success("One page", "StepList")},
        (*READING, "NotFound", "Invalid"),
        (RUN, CURSOR, LIMIT, WORKSPACE),
    ),
)
