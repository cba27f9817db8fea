"""The words that operations are described in: errors, answers, parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from api.prefer import ID_PATTERN, MAX_WAIT_S
from core.paging import DEFAULT_LIMIT, MAX_LIMIT

Security = Literal[
    "key",
    "tool key",
    "auditor",
    "auditor read",
    "session",
    "session read",
    "any",
    "any read",
    "none",
]

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
        (
            *("unauthorized", "invalid_key", "key_revoked", "key_expired", "key_ended"),
            *("second_factor_needed", "second_factor_failed", "sign_in_again"),
        ),
    ),
    "SignInFailed": (401, ("sign_in_failed", "second_factor_needed", "second_factor_failed")),
    "Forbidden": (
        403,
        (
            *("forbidden", "insufficient_scope", "agent_suspended", "people_only", "csrf_failed"),
            *("agents_only", "wrong_kind_of_key", "wrong_action", "not_yours_to_undo"),
            *("no_workspace", "wrong_origin", "not_the_owner", "not_asked", "own_agent"),
            *("owner_confirms", "initiator_confirms", "own_run", "approved_earlier"),
            *("channel_not_allowed", "assurance_too_low"),
            *("claimed_by_another", "not_administrator", "not_auditor", "not_a_third_person"),
            "not_yours",
            "provider_only",
        ),
    ),
    "NotFound": (404, ("not_found", "export_expired")),
    "Conflict": (
        409,
        (
            *(
                "request_ended",
                "deadline_passed",
                "stale_payload",
                "stale_stage",
                "already_voted",
                "seat_used",
            ),
            *("idempotency_in_flight", "no_policy", "policy_not_accepted", "waiting_on_agent"),
            *("not_opened", "too_soon"),
            *(
                "run_ended",
                "run_taken",
                "too_many_steps",
                "too_many_revisions",
                "too_many_messages",
                "not_for_questions",
            ),
            *("permit_consumed", "permit_not_consumed", "permit_revoked", "permit_lapsed"),
            *("endpoint_exists", "too_many_endpoints", "endpoint_disabled", "too_many_browsers"),
            *("callback_pending", "kill_undone", "not_sequenced"),
            *("callback_erased", "request_erased", "on_hold", "already_held", "hold_lifted"),
            *("too_many_exports", "export_not_ready", "export_failed"),
            *("other_app", "slack_broken", "secrets_unreadable"),
            "drill_running",
            *("nothing_to_escalate", "not_extendable", "extended_already"),
            *("too_many_overrides", "override_over", "not_uploaded"),
            *(
                "last_administrator",
                "person_inactive",
                "role_from_policy",
                "role_from_group",
                "not_invited",
            ),
            *("key_over", "key_rotated", "agent_stopped", "agent_retired"),
            "policy_changed",
        ),
    ),
    "Gone": (
        410,
        ("permit_expired", "permit_revoked", "permit_lapsed", "agent_suspended"),
    ),
    "TooLarge": (413, ("body_too_large", "payload_too_large")),
    "WrongType": (415, ("unsupported_media_type",)),
    "NotSatisfiable": (416, ("range_not_satisfiable",)),
    "Invalid": (
        422,
        (
            *("invalid_input", "unknown_action", "payload_off_schema", "idempotency_key_reused"),
            *("invalid_policy", "invalid_query", "unknown_run", "payload_unchanged", "not_alike"),
            "wrong_digest",
            *("not_erasable", "bad_calendar"),
        ),
    ),
    "TooMany": (
        429,
        (
            "rate_limited",
            "too_many_requests",
            "too_many_streams",
            "sign_in_throttled",
            "code_throttled",
        ),
    ),
    "SlackUnreachable": (502, ("slack_unreachable",)),
    "Unavailable": (503, ("database_unavailable", "unavailable", "overloaded", "not_ready")),
}


@dataclass(frozen=True, slots=True)
class Success:
    """What an operation answers when it did what was asked."""

    description: str
    schema: str | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    #: Other types that the same text may have.
    or_types: tuple[str, ...] = ()

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
            types = (self.content_type, *self.or_types)
            found["content"] = {each: {"schema": schema} for each in types}
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
DAY_ID: Final = '^("[!#-Z^-~]{1,255}"|[!#-Z^-~]{1,255})$'


def named_id(prefix: str, said: str) -> dict[str, Any]:
    """The id in a path of something else than a request."""
    pattern = ID_PATTERN.replace("req_", f"{prefix}_")
    schema = {"type": "string", "pattern": pattern}
    return {"name": "id", "in": "path", "required": True, "description": said, "schema": schema}


IDEMPOTENCY_KEY: Final = header(
    "Idempotency-Key",
    "The same key and body give the same answer for a day",
    pattern=DAY_ID,
)
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
