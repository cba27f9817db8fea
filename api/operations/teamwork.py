"""What people do together about requests."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    CURSOR,
    ID,
    LIMIT,
    READING,
    REQUEST,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    query,
)

_ABOUT: Final = (*WRITING, "NotFound", "Conflict")
_DIGEST: Final = "sha256:" + "0" * 64
_ID: Final = "req_01h455vb4pex5vsknk084sn02q"

TEAMWORK: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/requests/{id}/comments",
        "comment",
        "People",
        "Write to the others",
        "session",
        {201: REQUEST},
        _ABOUT,
        (ID, WORKSPACE),
        body="CommentBody",
        example={"text": "I called the customer: it is theirs."},
        description="The agent does not see comments.",
    ),
    *(
        Operation(
            "post",
            f"/api/v1/requests/{{id}}/{name}",
            f"{name}Request",
            "People",
            said,
            "session",
            {200: REQUEST},
            _ABOUT,
            (ID, WORKSPACE),
            body="NoBody",
            body_required=False,
        )
        for name, said in (
            ("claim", "Say that you look into it"),
            ("release", "Look into it no longer"),
        )
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/reassign",
        "reassignRequest",
        "People",
        "Say that another one looks into it",
        "session",
        {200: REQUEST},
        _ABOUT,
        (ID, WORKSPACE),
        body="ReassignBody",
        example={"to": "per_01h455vb4pex5vsknk084sn02q"},
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/watch",
        "watchRequest",
        "People",
        "Follow a request",
        "session",
        {204: Success("Followed")},
        (*WRITING, "NotFound"),
        (ID, WORKSPACE),
        body="NoBody",
        body_required=False,
    ),
    Operation(
        "delete",
        "/api/v1/requests/{id}/watch",
        "unwatchRequest",
        "People",
        "Follow it no longer",
        "session",
        {204: Success("Not followed")},
        (*READING, "NotFound"),
        (ID, WORKSPACE),
    ),
    Operation(
        "post",
        "/api/v1/decisions",
        "decideAlike",
        "People",
        "Decide several requests at once",
        "session",
        {200: Success("What became of each vote", "AlikeOutcomes")},
        (*WRITING, "NotFound"),
        (WORKSPACE,),
        body="AlikeBody",
        example={
            "verdict": "approve",
            "requests": [{"id": _ID, "stage": 0, "payload_digest": _DIGEST}],
        },
        description="Up to 50, of one action and one rule, of low or medium risk. Each vote is counted "
        "by itself, and may be refused by itself.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/break_glass",
        "breakGlass",
        "People",
        "Approve past the plan",
        "session",
        {200: REQUEST},
        _ABOUT,
        (ID, WORKSPACE),
        body="BreakGlassBody",
        example={
            "reason": "The site is down; nobody of the team answers.",
            "payload_digest": _DIGEST,
        },
        description="By two administrators, neither of whom owns the agent or started the run.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/break_glass/review",
        "reviewBreakGlass",
        "People",
        "Say that you looked at it afterwards",
        "session",
        {200: REQUEST},
        _ABOUT,
        (ID, WORKSPACE),
        body="ReviewBody",
        example={"comment": "Right: the refund was due, and the team was informed."},
    ),
    Operation(
        "get",
        "/api/v1/break_glass",
        "listBreakGlass",
        "People",
        "What was approved past its plan",
        "session read",
        {200: Success("One page", "RequestList")},
        (*READING, "NotFound", "Invalid"),
        (
            query(
                "reviewed",
                "Only those that a third person looked at, or the others",
                type="boolean",
            ),
            CURSOR,
            LIMIT,
            WORKSPACE,
        ),
    ),
)
