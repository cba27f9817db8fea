"""The calls of a signed-in person."""

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

PEOPLE: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/session",
        "signIn",
        "People",
        "Sign in",
        "none",
        {200: Success("Signed in; Set-Cookie holds session and CSRF token", "SignedIn")},
        (
            "BadRequest",
            "SignInFailed",
            "Forbidden",
            "TooLarge",
            "WrongType",
            "Invalid",
            "TooMany",
            "Unavailable",
        ),
        body="Credentials",
        example={"email": "ana@example.com", "password": "…"},
        description="Whoever has a second factor sends `code` as well; who has only passkeys signs in on the page.",
    ),
    Operation(
        "delete",
        "/api/v1/session",
        "signOut",
        "People",
        "Sign out",
        "session",
        {204: Success("Signed out")},
        READING,
    ),
    Operation(
        "get",
        "/api/v1/inbox",
        "readInbox",
        "People",
        "Pending requests that this person may see",
        "session read",
        {200: Success("One page", "RequestList")},
        (*READING, "NotFound", "Invalid"),
        (
            query(
                "view",
                "Which of them",
                type="string",
                enum=["all", "mine", "roles", "watching"],
                default="all",
            ),
            query(
                "order", "How sorted", type="string", enum=["created", "urgency"], default="created"
            ),
            CURSOR,
            LIMIT,
            WORKSPACE,
        ),
    ),
    Operation(
        "get",
        "/api/v1/inbox/events",
        "streamInbox",
        "People",
        "Hear when the inbox changed",
        "session read",
        {200: Success("Server-Sent Events: `ready`, `inbox`, `end`", "text", "text/event-stream")},
        (*READING, "NotFound"),
        (query("workspace", "The workspace's slug: EventSource cannot send headers"), WORKSPACE),
        description="Events carry no content; read the inbox again. The stream ends with the session.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/decisions",
        "decideRequest",
        "People",
        "Approve, reject, edit, answer, or give back to the agent",
        "session",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        body="DecisionBody",
        description="Names the stage and the payload's digest that were shown, and is refused on any other. "
        "Where the plan's `assurance` is `mfa`, `code` is sent as well; high risk takes a session of at most 12 hours.",
    ),
    Operation(
        "post",
        "/api/v1/requests/{id}/sensitive",
        "openSensitive",
        "People",
        "Show the fields that policy calls sensitive",
        "session",
        {200: Success("The whole payload", "Opened")},
        (*WRITING, "NotFound"),
        (ID, WORKSPACE),
        body="NoBody",
        body_required=False,
        description="That this person looked is written to the log.",
    ),
)
