"""The OpenAPI 3.1 document: `api.operations` says what there is, the structs say how it looks.

One schema per message: the structs that read and write the messages are the schemas, so the document
cannot say anything else than the code (a test compares real answers and the URL map with it).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec
from django.conf import settings

from agents.reports import RunDeclared, RunEnd, StepsReported
from agents.steps import StepsTaken
from api.absence_messages import AbsenceBody, AbsenceDeclared, AbsenceList
from api.audit_messages import (
    AccessReview,
    CheckpointShown,
    ConsistencyShown,
    EventShown,
    ExportAsked,
    InclusionShown,
)
from api.channel_messages import (
    ChannelsShown,
    NotificationList,
    SlackBody,
    SlackList,
    SlackManifest,
    SlackPatch,
    SlackShown,
    SlackTest,
    TrialShown,
)
from api.clock_messages import ClockShown, ExtendBody
from api.endpoint_messages import (
    CallbackList,
    CallbackShown,
    EndpointBody,
    EndpointList,
    EndpointPatch,
    EndpointSecret,
    EndpointShown,
    ReplayBody,
    Replayed,
)
from api.hot import ConsumeBody, Nothing, WaitFor
from api.key_messages import (
    AgentBody,
    AgentDetail,
    AgentKeyBody,
    AgentPatch,
    AgentShown,
    KeyBody,
    KeyRotated,
    KeySecret,
    KeyShown,
    RotateBody,
)
from api.messages import (
    AgentMe,
    AlikeBody,
    AlikeOutcomes,
    BreakGlassBody,
    CancelBody,
    CommentBody,
    Credentials,
    DecisionBody,
    ErasureBody,
    ErasureList,
    HoldBody,
    HoldList,
    KillBody,
    KillList,
    LiftBody,
    NoBody,
    Opened,
    PersonMe,
    ReassignBody,
    ReviewBody,
    RevisionList,
    RevokeBody,
    RunList,
    RunShown,
    SignedIn,
    StepList,
)
from api.operations import ERRORS, OPERATIONS, Operation
from api.own_messages import (
    BrowserBody,
    BrowserList,
    BrowserShown,
    SessionList,
    SlackUserList,
)
from api.past_messages import SimilarShown
from api.person_messages import (
    InviteBody,
    LinkBody,
    LinkShown,
    PersonInvited,
    PersonList,
    PersonPatch,
    PersonShown,
    RoleList,
)
from api.policy_messages import (
    PolicyApplied,
    PolicyApplyBody,
    PolicyBody,
    PolicyChecked,
    PolicyCompared,
    PolicyTestBody,
    PolicyTested,
    PolicyVersionList,
    PolicyVersionShown,
)
from api.rehearsal_messages import (
    CoverageShown,
    DrillBody,
    DrillList,
    DrillReport,
    RehearsalBody,
    RehearsalShown,
)
from api.schedule_messages import (
    CalendarBody,
    CalendarTaken,
    OverrideBody,
    ScheduleDetailShown,
    ScheduleList,
    SwapBody,
)
from api.view_messages import SavedViewBody, SavedViewList, SavedViewPatch, SavedViewShown
from api.workspace_messages import WorkspacePatch, WorkspaceShown
from approvals.consuming import Consumed
from approvals.permits import Issued
from approvals.results import ToolResult
from approvals.shape import Preview, RecordShown, RequestObject
from approvals.status import Basis, Kind, Status, Verdict, WaitingOn
from approvals.submission import AgentMessage, Question, Recorded, ResultTold, Revised, Submission
from core.problems import CONTENT_TYPE, TYPE_PREFIX
from notifications.preferences import DIGESTS, Preferences
from oversight.erasure import ErasureShown
from oversight.evidence.packet import Packet
from oversight.exports.asking import ExportShown
from oversight.holds import HoldShown
from oversight.kill_switch import KillShown
from oversight.numbers.answering import Numbers
from oversight.numbers.sections import SECTIONS

VERSION: Final = "1.0.0"
DESCRIPTION: Final = """\
Assentry asks people before an agent acts. An agent submits the action with its payload; the workspace's
policy allows it, denies it, or asks people; the agent waits and learns the outcome.

Errors are `application/problem+json` (RFC 9457); the last part of `type` is a stable code. JSON is read
strictly: duplicate keys, numbers that are not exact in IEEE 754 double, lone surrogates and U+0000 are
refused. Fields are added to answers, never renamed: ignore those you do not know.
"""
STRUCTS: Final = (
    *(
        RequestObject,
        Submission,
        Preview,
        WaitFor,
        AgentMe,
        PersonMe,
        SignedIn,
        Opened,
        *(PolicyVersionShown, PolicyApplied, PolicyChecked, PolicyCompared, PolicyTested),
        *(PolicyApplyBody, PolicyTestBody, PolicyVersionList),
    ),
    SimilarShown,
    *(CoverageShown, RehearsalBody, RehearsalShown, DrillBody, DrillList, DrillReport),
    *(CancelBody, Credentials, DecisionBody, NoBody, PolicyBody),
    *(Question, Revised, AgentMessage, RevisionList),
    *(
        CommentBody,
        ReassignBody,
        ExtendBody,
        ClockShown,
        BreakGlassBody,
        ReviewBody,
        AlikeBody,
        AlikeOutcomes,
    ),
    *(ResultTold, Recorded, RecordShown),
    *(Nothing, Issued, ConsumeBody, Consumed, ToolResult, RevokeBody),
    *(EndpointBody, EndpointPatch, EndpointShown, EndpointSecret, EndpointList),
    *(CallbackShown, CallbackList, ReplayBody, Replayed),
    *(AgentBody, AgentPatch, AgentShown, AgentDetail, AgentKeyBody),
    *(KeyBody, KeyShown, KeySecret, KeyRotated, RotateBody),
    *(WorkspacePatch, WorkspaceShown),
    *(KillBody, KillShown, KillList),
    *(CheckpointShown, EventShown, InclusionShown, ConsistencyShown, Packet, AccessReview),
    *(ErasureBody, ErasureShown, ErasureList, HoldBody, LiftBody, HoldShown, HoldList),
    *(ExportAsked, ExportShown),
    *(Numbers, *(section.of for section in SECTIONS.values())),
    *(Preferences, SessionList, SlackUserList, BrowserBody, BrowserShown, BrowserList),
    *(AbsenceBody, AbsenceDeclared, AbsenceList),
    *(
        InviteBody,
        PersonPatch,
        LinkBody,
        LinkShown,
        PersonShown,
        PersonInvited,
        PersonList,
        RoleList,
    ),
    *(SavedViewBody, SavedViewPatch, SavedViewShown, SavedViewList),
    *(ChannelsShown, SlackBody, SlackPatch, SlackTest, SlackShown, SlackList, SlackManifest),
    *(TrialShown, NotificationList),
    *(ScheduleList, ScheduleDetailShown, OverrideBody, SwapBody, CalendarBody, CalendarTaken),
    *(RunDeclared, RunEnd, RunShown, RunList, StepsReported, StepsTaken, StepList),
)
RISKS: Final = ["low", "medium", "high", "critical"]
SECURITY: Final[dict[str, list[dict[str, list[str]]]]] = {
    "key": [{"key": []}],
    "tool key": [{"toolKey": []}],
    "auditor": [{"auditorKey": []}, {"session": [], "csrf": []}],
    "auditor read": [{"auditorKey": []}, {"session": []}],
    "session": [{"session": [], "csrf": []}],
    "session read": [{"session": []}],
    "any": [{"key": []}, {"session": [], "csrf": []}],
    "any read": [{"key": []}, {"session": []}],
    "none": [],
}


@cache
def document() -> dict[str, Any]:
    """The whole document, ready to be written as JSON."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Assentry",
            "version": VERSION,
            "summary": "Human approval for the actions of agents",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.BASE_URL}],
        "tags": [
            {"name": "Agents", "description": "Calls that carry an agent's key"},
            {"name": "Tools", "description": "Calls that carry a tool's key"},
            {"name": "People", "description": "Calls of a signed-in person"},
            {"name": "Policy", "description": "The document that decides who is asked"},
            {"name": "Rehearsal", "description": "What would happen, and who would be reached"},
            {
                "name": "Administration",
                "description": "Agents, keys, endpoints, channels, settings",
            },
            {"name": "Log", "description": "The audit log, for auditors and administrators"},
            {"name": "Server", "description": "The server about itself"},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "assentry_agt_…",
                    "description": "An agent's key. Where one is sent, cookies do not count.",
                },
                "toolKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "assentry_tool_…",
                    "description": "A tool's key: it uses permits, and nothing else.",
                },
                "auditorKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "assentry_aud_…",
                    "description": "An auditor's key: it reads, verifies and exports the log.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME},
                "csrf": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-CSRFToken",
                    "description": "The value of the csrftoken cookie, on calls that write",
                },
            },
            "responses": {
                name: _problem_response(status, codes) for name, (status, codes) in ERRORS.items()
            },
        },
    }


@cache
def schemas() -> dict[str, Any]:
    """The schemas of all messages, by name."""
    _, found = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
    for struct, fields in _words().items():
        for field, values in fields.items():
            _restrict(found[struct]["properties"][field], values)
    found["RequestList"] = _page_of("RequestObject")
    found["EventList"] = _page_of("EventShown")
    found["ExportList"] = _page_of("ExportShown")
    found["AgentList"] = _page_of("AgentShown")
    found["KeyList"] = _page_of("KeyShown")
    found["Waited"] = {
        "type": "object",
        "description": "Every request that was asked for, in that order.",
        "required": ["results"],
        "properties": {"results": _array("RequestObject")},
    }
    found["Health"] = {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"enum": ["ok", "degraded"]},
            "overdue": {"type": "array", "items": {"type": "object"}},
            "watch": {"type": "object"},
        },
    }
    found["Problem"] = _problem_schema()
    return found


def _words() -> dict[str, dict[str, list[str]]]:
    """Fields that hold one of a few words."""
    request = {
        "status": Status.values,
        "waiting_on": WaitingOn.values,
        "basis": Basis.values,
        "risk": RISKS,
        "kind": Kind.values,
    }
    return {
        "RequestObject": request,
        "DecisionShown": {"verdict": Verdict.values},
        "DecisionBody": {"verdict": Verdict.values},
        "Preview": {"effect": ["allow", "ask", "deny"], "risk": RISKS},
        "PersonMe": {"kind": ["person"]},
        "Preferences": {"digest": list(DIGESTS)},
        "AgentMe": {"kind": ["agent"], "state": ["active", "suspended", "retired"]},
        "AgentShown": {"state": ["active", "suspended", "retired"]},
        "KeyShown": {"kind": ["agt", "tool", "aud"], "state": ["active", "expired", "revoked"]},
    }


def _restrict(schema: dict[str, Any], values: list[str]) -> None:
    for choice in schema.get("anyOf", [schema]):
        if choice.get("type") == "string":
            choice["enum"] = list(values)


def _array(name: str) -> dict[str, Any]:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _page_of(name: str) -> dict[str, Any]:
    cursor = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "description": "One page; `next` and `previous` are absolute addresses.",
        "required": ["results", "next", "previous"],
        "properties": {"results": _array(name), "next": cursor, "previous": cursor},
    }


def _problem_schema() -> dict[str, Any]:
    fault = {
        "type": "object",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": {
                "type": "string",
                "description": "JSON pointer to the place; empty: the body",
            },
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
    }
    return {
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string", "pattern": f"^{TYPE_PREFIX}[a-z][a-z0-9_]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string", "description": "This one call; the log names it too"},
            "errors": {"type": "array", "items": fault},
            "request": {
                "$ref": "#/components/schemas/RequestObject",
                "description": "With 409: the request as it stands",
            },
        },
        "examples": [
            {
                "type": f"{TYPE_PREFIX}unknown_action",
                "title": "Invalid input",
                "status": 422,
                "detail": "The action is not declared in the policy.",
                "instance": "urn:assentry:call:5b0c7d1e9f3a4c2b8d6e0f1a",
                "errors": [{"pointer": "/action", "code": "unknown_action", "detail": "…"}],
            }
        ],
    }


def _problem_response(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    said = ", ".join(f"`{code}`" for code in codes)
    content = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers: dict[str, Any] = {}
    if status in (429, 503):
        headers["Retry-After"] = {"schema": {"type": "integer"}, "description": "Seconds"}
    return {
        "description": f"Codes: {said}",
        "content": content,
        **({"headers": headers} if headers else {}),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description or operation.summary + ".",
        "tags": [operation.tag],
        "security": SECURITY[operation.security],
        "parameters": list(operation.parameters),
        "responses": {
            str(status): answer.as_json() for status, answer in operation.answers.items()
        },
    }
    if operation.body is not None:
        content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{operation.body}"}}
        if operation.example is not None:
            content["example"] = operation.example
        found["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": content},
        }
    for name in operation.errors:
        found["responses"][str(ERRORS[name][0])] = {"$ref": f"#/components/responses/{name}"}
    return found
