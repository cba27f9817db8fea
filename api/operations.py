"""What the API can do: one entry per operation, for the OpenAPI document and its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api.prefer import ID_PATTERN, MAX_WAIT_S
from approvals.paging import DEFAULT_LIMIT, MAX_LIMIT
from approvals.status import Status

Security = Literal["key", "session", "session read", "any", "any read", "none"]

#: Problem responses by name: the status, and the codes that the `type` of the problem may end in.
ERRORS: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "BadRequest": (
        400,
        (
            *(
                "invalid_json",
                "empty_body",
                "not_utf8",
                "byte_order_mark",
                "too_deep",
                "too_many_members",
            ),
            *("duplicate_key", "number_not_finite", "number_too_large", "number_not_exact"),
            *("lone_surrogate", "nul_character", "invalid_idempotency_key"),
            *("workspace_required", "malformed_http", "bad_request"),
        ),
    ),
    "Unauthorized": (
        401,
        ("unauthorized", "invalid_key", "key_revoked", "key_expired", "key_ended"),
    ),
    "SignInFailed": (401, ("sign_in_failed",)),
    "Forbidden": (
        403,
        (
            *("forbidden", "insufficient_scope", "agent_suspended", "people_only", "csrf_failed"),
            *("no_workspace", "wrong_origin", "not_the_owner", "not_asked", "own_agent"),
            *("owner_confirms", "approved_earlier"),
        ),
    ),
    "NotFound": (404, ("not_found",)),
    "Conflict": (
        409,
        (
            *("request_ended", "deadline_passed", "stale_payload", "stale_stage", "already_voted"),
            *("idempotency_in_flight", "no_policy", "policy_not_accepted"),
        ),
    ),
    "TooLarge": (413, ("body_too_large", "payload_too_large")),
    "WrongType": (415, ("unsupported_media_type",)),
    "Invalid": (
        422,
        (
            *("invalid_input", "unknown_action", "payload_off_schema", "idempotency_key_reused"),
            *("invalid_policy", "invalid_query"),
        ),
    ),
    "TooMany": (429, ("rate_limited", "too_many_requests", "sign_in_throttled")),
    "Unavailable": (503, ("database_unavailable", "unavailable", "overloaded", "not_ready")),
}


@dataclass(frozen=True, slots=True)
class Success:
    """What an operation answers when it did what was asked."""

    description: str
    schema: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As a Response Object."""
        found: dict[str, Any] = {"description": self.description}
        if self.schema is not None:
            schema: dict[str, Any] = (
                {"type": "string"} if self.schema == "text" else {"type": "object"}
            )
            if self.schema not in ("text", "object"):
                schema = {"$ref": f"#/components/schemas/{self.schema}"}
            if self.schema == "Me":
                refs = [
                    {"$ref": f"#/components/schemas/{name}"} for name in ("AgentMe", "PersonMe")
                ]
                schema = {"oneOf": refs}
            found["content"] = {self.content_type: {"schema": schema}}
        if self.headers:
            found["headers"] = {
                name: {"description": said, "schema": {"type": "string"}}
                for name, said in self.headers.items()
            }
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    security: Security
    answers: dict[int, Success]
    errors: tuple[str, ...] = ()
    parameters: tuple[dict[str, Any], ...] = ()
    body: str | None = None
    body_required: bool = True
    example: dict[str, Any] | None = None
    description: str = ""


def query(name: str, said: str, **schema: Any) -> dict[str, Any]:
    """A parameter of the query."""
    return {
        "name": name,
        "in": "query",
        "description": said,
        "schema": schema or {"type": "string"},
    }


def header(name: str, said: str, **schema: Any) -> dict[str, Any]:
    """A header of the call."""
    return {
        "name": name,
        "in": "header",
        "description": said,
        "schema": {"type": "string", **schema},
    }


ID: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The request",
    "schema": {"type": "string", "pattern": ID_PATTERN},
}
WORKSPACE: Final = header(
    "Assentry-Workspace", "The workspace's slug, where a person is in several"
)
CURSOR: Final = query("cursor", "Taken from `next` or `previous`")
LIMIT: Final = query(
    "limit", "Items of a page", type="integer", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT
)
WAIT: Final = query(
    "wait",
    "Seconds to wait for news, with a key only",
    type="integer",
    minimum=0,
    maximum=MAX_WAIT_S,
)
REQUEST: Final = Success("The request", "RequestObject")
READING: Final = ("BadRequest", "Unauthorized", "Forbidden", "TooMany", "Unavailable")
WRITING: Final = (*READING, "TooLarge", "WrongType", "Invalid")
EXAMPLE: Final = {
    "action": "payments.refund",
    "payload": {"order": "A-1001", "amount": 42},
    "summary": "The customer returned the order unopened.",
    "expires_in": "4h",
}

OPERATIONS: Final[tuple[Operation, ...]] = (
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
                "view", "Which of them", type="string", enum=["all", "mine", "roles"], default="all"
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
        "Approve or reject",
        "session",
        {200: REQUEST},
        (*WRITING, "NotFound", "Conflict"),
        (ID, WORKSPACE),
        body="DecisionBody",
        description="Names the stage and the payload's digest that were shown, and is refused on any other.",
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
    Operation(
        "get",
        "/api/v1/policies/active",
        "readPolicy",
        "Policy",
        "The policy that plans new requests",
        "session read",
        {200: Success("The version", "PolicyVersionShown")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/policies",
        "applyPolicy",
        "Policy",
        "Check a policy and make it active",
        "session",
        {
            200: Success("It was active already", "PolicyVersionShown"),
            201: Success("The new version", "PolicyVersionShown"),
        },
        (*WRITING, "NotFound"),
        (WORKSPACE,),
        body="PolicyBody",
    ),
    Operation(
        "get",
        "/api/v1/policy.schema.json",
        "readPolicySchema",
        "Policy",
        "The JSON Schema of a policy document",
        "none",
        {200: Success("JSON Schema 2020-12", "object", "application/schema+json")},
        ("Unavailable",),
    ),
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
        {200: Success("It can; `degraded` names what is overdue", "Health")},
        ("Unavailable",),
    ),
)
