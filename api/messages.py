"""The messages of the API that are not the request object: bodies that come, answers that go."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from api.prefer import ID_PATTERN
from approvals.shape import Change
from oversight.erasure import ErasureShown
from oversight.holds import HoldShown
from oversight.kill_switch import KillShown

Email = Annotated[str, Meta(min_length=3, max_length=254)]


class Credentials(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /session``."""

    email: Email
    password: Annotated[str, Meta(min_length=1, max_length=1_000)]
    code: Annotated[
        str,
        Meta(
            max_length=20,
            description="Of an authenticator app, or a recovery code, where one is asked for",
        ),
    ] = ""


Code: TypeAlias = Annotated[
    str,
    Meta(
        max_length=20,
        description="What the authenticator app shows now, where the plan's `assurance` is `mfa`; it counts once",
    ),
]


class DecisionBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/decisions``: a verdict on exactly what was looked at."""

    verdict: Annotated[
        str,
        Meta(description="Of a request `approve`, `reject`, `edit` or `return`; else `answer` too"),
    ]
    stage: Annotated[int, Meta(ge=0, le=1_000, description="The request's `stage` as it was shown")]
    payload_digest: Annotated[
        str, Meta(description="The request's `payload_digest` as it was shown")
    ]
    comment: Annotated[
        str, Meta(max_length=4_000, description="With `return`, the words to the agent")
    ] = ""
    edits: Annotated[
        dict[str, Any] | None,
        Meta(description="With `edit`: what shall stand where, by JSON pointer"),
    ] = None
    answer: Annotated[
        Any, Meta(description="With `answer`: what the question is answered with")
    ] = None
    code: Code = ""


class RevokeBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/revoke``."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class CommentBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/comments``."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000)]


class ReassignBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/reassign``."""

    to: Annotated[str, Meta(max_length=100, description="A person's id")]


class BreakGlassBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/break_glass``."""

    reason: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]
    payload_digest: Annotated[
        str, Meta(description="The request's `payload_digest` as it was shown")
    ]
    code: Code = ""


class ReviewBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/break_glass/review``."""

    comment: Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"\S")]


class AlikeRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """One of several requests that are decided together, as it was shown."""

    id: Annotated[str, Meta(pattern=ID_PATTERN)]
    stage: Annotated[int, Meta(ge=0, le=1_000)]
    payload_digest: str


class AlikeBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /decisions``: one verdict on each of several requests that are alike."""

    verdict: Annotated[str, Meta(pattern="^(approve|reject)$")]
    requests: Annotated[list[AlikeRequest], Meta(min_length=1, max_length=50)]
    comment: Annotated[str, Meta(max_length=4_000)] = ""


class AlikeOutcome(Struct, frozen=True):
    """What became of one of several votes."""

    id: str
    request: Annotated[Any, Meta(description="The request as it then stands; null: not counted")]
    problem: Annotated[Any, Meta(description="Why it was not counted, as an error; null: it was")]


class AlikeOutcomes(Struct, frozen=True):
    """The answer of ``POST /decisions``, in the order asked."""

    results: list[AlikeOutcome]


class CancelBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/cancel``; it may be left out."""

    reason: Annotated[str, Meta(max_length=1_000)] = ""


class NoBody(Struct, forbid_unknown_fields=True, frozen=True):
    """An empty object, or nothing."""


class WorkspaceRef(Struct, frozen=True):
    """A workspace."""

    id: str
    slug: str
    name: str


class RoleHeld(Struct, frozen=True):
    """A role that a person holds now."""

    name: str
    title: str


class SignedIn(Struct, frozen=True):
    """The answer of ``POST /session``; the session and the token also come as cookies."""

    email: str
    name: str
    workspaces: Annotated[list[WorkspaceRef], Meta(description="Where this user is a person")]
    csrf_token: Annotated[
        str, Meta(description="Send it as X-CSRFToken with every call that writes")
    ]


class PersonMe(Struct, frozen=True):
    """Who is signed in, in one workspace."""

    kind: str
    id: str
    name: str
    email: str
    workspace: WorkspaceRef
    roles: list[RoleHeld]
    permissions: list[str]


class OwnerRef(Struct, frozen=True):
    """The person who answers for an agent."""

    id: str
    name: str


class KeyMe(Struct, frozen=True):
    """The key that was used, and what it may do."""

    id: str
    scopes: list[str]
    rate_limit: Annotated[int | None, Meta(description="Calls a minute; null: unlimited")]


class WorkspaceSlug(Struct, frozen=True):
    """The workspace of an agent."""

    id: str
    slug: str


class AgentMe(Struct, frozen=True):
    """The agent behind a key."""

    kind: str
    id: str
    name: str
    owner: OwnerRef
    workspace: WorkspaceSlug
    state: Annotated[str, Meta(description="`active`, `suspended` or `retired`")]
    stop: Annotated[bool, Meta(description="The agent must not go on: it was suspended or retired")]
    key: KeyMe


class Opened(Struct, frozen=True):
    """The answer of ``POST /requests/{id}/sensitive``."""

    payload: Annotated[Any, Meta(description="The whole payload; opening it was recorded")]


class RevisionShown(Struct, frozen=True):
    """One version of a request's payload."""

    revision: int
    payload: Annotated[Any, Meta(description="For people, without what policy calls sensitive")]
    payload_digest: Annotated[
        Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")] | None,
        Meta(description="null once erased"),
    ]
    author: Annotated[str, Meta(description="`agent`, or the person's id")]
    policy_version: int
    rule: str | None
    effect: str
    changes: Annotated[list[Change], Meta(description="Against the revision before")]
    created_at: str


class RevisionList(Struct, frozen=True):
    """All versions of a request's payload, the first one first."""

    results: list[RevisionShown]


class RunAgent(Struct, frozen=True):
    """The agent of a run."""

    id: str
    name: str


class RunLinks(Struct, frozen=True):
    """Where to look further."""

    self: str
    steps: str
    requests: str


class RunShown(Struct, frozen=True):
    """One task of an agent, and what its steps sum up to."""

    id: str
    external_id: str
    agent: RunAgent
    agent_version: str
    parent: Annotated[str | None, Meta(description="The run that started it")]
    initiator: Annotated[
        OwnerRef | None, Meta(description="The proven person who started it; decides on none of it")
    ]
    state: Annotated[str, Meta(description="`running`, `succeeded`, `failed` or `abandoned`")]
    started_at: str
    ended_at: str | None
    steps: Annotated[int, Meta(description="How many were reported")]
    cost: Annotated[float | None, Meta(description="Of all steps that told one")]
    tokens: Annotated[int, Meta(description="Read and written, of all steps")]
    stop: Annotated[bool, Meta(description="The agent must not go on: it was suspended or retired")]
    links: RunLinks


class RunList(Struct, frozen=True):
    """One page of runs."""

    results: list[RunShown]
    next: str | None
    previous: str | None


class StepShown(Struct, frozen=True):
    """One step, as the agent told it."""

    id: str
    number: Annotated[int, Meta(description="Its place in the run, from 1")]
    tool: str | None
    model: str | None
    call_id: str
    started_at: str
    ended_at: str | None
    attempt: int
    status: str
    error: str
    input_digest: str | None
    output_digest: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    labels: list[str]
    trace_id: str
    span_id: str


class StepList(Struct, frozen=True):
    """One page of steps."""

    results: list[StepShown]
    next: str | None
    previous: str | None


class KillBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /kill_switch``."""

    scope: Literal["agent", "owner", "workspace"]
    target: (
        Annotated[
            str,
            Meta(max_length=100, description="An agent's id, or an owner's; left out: your own"),
        ]
        | None
    ) = None
    reason: Annotated[str, Meta(max_length=1_000)] = ""
    mode: Annotated[
        Literal["press", "dry_run", "drill"],
        Meta(description="`dry_run` only looks; `drill` does it and takes it back"),
    ] = "press"


class KillList(Struct, frozen=True):
    """The latest uses of the kill switch."""

    results: list[KillShown]


class ErasureBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /erasures``: one of ``request``, ``containing`` and ``person``."""

    request: Annotated[str, Meta(max_length=100, description="A request's id")] | None = None
    containing: (
        Annotated[str, Meta(max_length=500, description="A text, wherever it stands, in any case")]
        | None
    ) = None
    person: Annotated[str, Meta(max_length=100, description="A deactivated person's id")] | None = (
        None
    )
    reason: Annotated[str, Meta(max_length=1_000, description="It stays: name nobody in it")] = ""
    dry_run: Annotated[bool, Meta(description="Only look what would be erased")] = False


class ErasureList(Struct, frozen=True):
    """The latest erasures."""

    results: list[ErasureShown]


class HoldBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /holds``; without ``request`` and ``person`` it covers the workspace."""

    reason: Annotated[str, Meta(min_length=1, max_length=1_000, pattern=r"\S")]
    request: Annotated[str, Meta(max_length=100, description="A request's id")] | None = None
    person: Annotated[str, Meta(max_length=100, description="A person's id")] | None = None


class LiftBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /holds/{id}/lift``."""

    reason: Annotated[str, Meta(min_length=1, max_length=1_000, pattern=r"\S")]


class HoldList(Struct, frozen=True):
    """The holds of a workspace, the newest first, lifted ones among them."""

    results: list[HoldShown]
