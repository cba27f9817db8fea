"""The request object of the API (api.md, "The request object"), as structs.

Fields are added, never renamed.  `approvals.present` fills it; the OpenAPI file is made from it.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct


class AgentOwner(Struct, frozen=True):
    """The person who answers for an agent."""

    id: str
    name: str


class AgentRef(Struct, frozen=True):
    """The agent that asks."""

    id: str
    name: str
    owner: AgentOwner
    version: Annotated[str | None, Meta(description="As its run says; null: it says none")]


class RunRef(Struct, frozen=True):
    """The run that it belongs to."""

    id: str
    external_id: str


class Author(Struct, frozen=True):
    """Who wrote it: the agent, or a person."""

    kind: str
    id: str
    name: str


class MessageShown(Struct, frozen=True):
    """Words about a request: `return` to the agent, `message` from it, `comment` among people."""

    id: str
    kind: str
    author: Author
    text: str
    evidence: list[dict[str, Any]]
    revision: int
    at: str


class Change(Struct, frozen=True):
    """One difference between the revision before and this one; `op` as in JSON Patch (RFC 6902)."""

    op: str
    pointer: str
    before: Annotated[Any, Meta(description="null where `op` is `add`")]
    after: Annotated[Any, Meta(description="null where `op` is `remove`")]


class ResultShown(Struct, frozen=True):
    """What the agent reported after acting."""

    status: str
    detail: str
    cost: float | None
    at: str


class Confirmation(Struct, frozen=True):
    """An administrator's yes past the plan."""

    person: AgentOwner
    reason: str
    at: str


class ReviewShown(Struct, frozen=True):
    """A third person's look at it, afterwards."""

    person: AgentOwner
    comment: str
    at: str


class BreakGlassShown(Struct, frozen=True):
    """Who asks for, or gave, an approval past the plan, and who looked at it since."""

    confirmations: list[Confirmation]
    review: ReviewShown | None


class FactShown(Struct, frozen=True):
    """One thing that policy says to show of the payload."""

    label: str
    value: str
    pointer: str


class RoleAsked(Struct, frozen=True):
    """A role, by the name the policy gives it."""

    name: str
    title: str


class StageShown(Struct, frozen=True):
    """One step of the plan: whom it asks, and how many must say what."""

    index: int
    roles: list[RoleAsked]
    approvals: int
    rejections: int
    distinct_from_earlier: bool
    confirm: Annotated[
        str | None, Meta(description="`owner` or `initiator`: that person alone must confirm")
    ]


class PermitTermsShown(Struct, frozen=True):
    """What an approval is worth, in seconds of policy time."""

    valid_for_s: Annotated[int, Meta(description="How long a permit holds from its pick-up")]
    use_by_s: Annotated[int, Meta(description="How long after the approval it can be picked up")]
    result_within_s: Annotated[int, Meta(description="How long after its use a result is due")]


class StepPlanned(Struct, frozen=True):
    """What is done where a stage is still open so long after it opened."""

    after_s: Annotated[int, Meta(description="Policy time after the stage opened")]
    does: Annotated[str, Meta(description="`remind`, `notify`, `widen`, `page`, `expire`")]
    target: Annotated[
        str,
        Meta(description="`role:<name>`, `schedule:<name>`, `person:<id>`, or a pager's name"),
    ]
    via: Annotated[list[str], Meta(description="By which channels; empty: as people are told")]
    hours: Annotated[
        str, Meta(description="The schedule whose open hours alone count; empty: all do")
    ]


class PlanShown(Struct, frozen=True):
    """What policy decided for this revision, frozen."""

    version: int
    rule: Annotated[
        str | None, Meta(description="The rule that matched; null: none did, the fallback is asked")
    ]
    effect: str
    why: str
    stages: list[StageShown]
    on_expiry: str
    comment: str
    labels: Annotated[list[str], Meta(description="What the policy calls this kind of action")]
    editable: Annotated[list[str], Meta(description="JSON pointers that the policy calls editable")]
    notes: list[str]
    permit: PermitTermsShown
    channels: Annotated[
        list[str],
        Meta(
            description="Where people decide: `slack`, `email`, `web`; the API's sessions are `web`"
        ),
    ]
    assurance: Annotated[
        str,
        Meta(description="The least proof of who decides: `link`, `chat`, `session`, then `mfa`"),
    ]
    escalation: Annotated[
        list[StepPlanned], Meta(description="For each stage anew, while nobody decides it")
    ]
    extend_s: Annotated[
        int, Meta(description="The most by which a reviewer may move the deadline, once; 0: not")
    ]
    dwell_s: Annotated[
        int, Meta(description="How long it must have been open before a yes counts; 0: not at all")
    ]


class DecisionShown(Struct, frozen=True):
    """One person's vote."""

    id: str
    stage: int
    revision: int
    person: AgentOwner
    on_behalf_of: Annotated[
        AgentOwner | None,
        Meta(description="Who was away, and whose place the person took; null: their own"),
    ]
    verdict: str
    comment: str
    answer: Annotated[Any, Meta(description="With the verdict `answer`")]
    channel: str
    assurance: str
    at: str
    void: Annotated[str | None, Meta(description="Why it no longer counts; null: it counts")]
    shown_digest: Annotated[
        Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")] | None,
        Meta(description="Of what they were shown; null for older votes, and once erased"),
    ]


class PermitShown(Struct, frozen=True):
    """Where the permit of an approved action is.  Its token is for who asks for it, and nowhere here."""

    state: Annotated[
        str, Meta(description="`open`, `issued`, then `consumed`, `revoked` or `lapsed`")
    ]
    use_by: Annotated[str, Meta(description="Until then the agent may ask for one")]
    id: Annotated[str | None, Meta(description="The newest one")]
    issued_at: str | None
    expires_at: str | None
    consumed_at: str | None
    consumed_by: Annotated[str | None, Meta(description="The tool that used it")]
    result_missing: Annotated[
        bool, Meta(description="Used, and nobody said in time what came of it")
    ]


class Links(Struct, frozen=True):
    """Where to look further."""

    self: str
    page: str
    events: str
    permit: Annotated[
        str | None, Meta(description="Where an approved action's permit is asked for")
    ]


class Eraser(Struct, frozen=True):
    """Who had a request's content erased: a `person`, an `operator` at the machine, or `retention`."""

    kind: str
    id: str | None
    name: str | None


class Extended(Struct, frozen=True):
    """Who gave it more time, and when."""

    person: AgentOwner
    at: str


class RequestObject(Struct, frozen=True):
    """One action waiting for, or past, its decision."""

    id: str
    kind: str
    workspace: str
    action: str
    payload: Annotated[
        Any,
        Meta(
            description="As submitted; for people, without what policy calls sensitive; null once erased"
        ),
    ]
    payload_digest: Annotated[
        Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")] | None,
        Meta(description="null once erased"),
    ]
    revision: int
    status: str
    waiting_on: str | None
    basis: str | None
    risk: str
    title: str
    facts: list[FactShown]
    summary: str
    context: dict[str, Any]
    evidence: list[dict[str, Any]]
    metadata: dict[str, str]
    agent: AgentRef
    run: RunRef | None
    initiator: Annotated[
        AgentOwner | None, Meta(description="The proven person who started the run")
    ]
    plan: PlanShown
    stage: Annotated[int | None, Meta(description="Index of the open stage; null once it ended")]
    decisions: list[DecisionShown]
    changes: Annotated[
        list[Change], Meta(description="What this revision changed in the one before it")
    ]
    revised_by: Annotated[
        Author | None, Meta(description="Who made this revision; null for the first")
    ]
    messages: Annotated[
        list[MessageShown], Meta(description="In their order; `comment` is for people only")
    ]
    claimed_by: Annotated[AgentOwner | None, Meta(description="Who looks into it; others may too")]
    answer: Annotated[Any, Meta(description="Of a question that was answered")]
    permit: Annotated[PermitShown | None, Meta(description="Of an approved action")]
    result: ResultShown | None
    break_glass: BreakGlassShown | None
    created_at: str
    expires_at: str
    extended_by: Annotated[
        Extended | None, Meta(description="Who moved the deadline, which can be done once")
    ]
    ended_at: str | None
    erased_at: Annotated[
        str | None, Meta(description="Its content was erased then: what was said in it is gone")
    ]
    erased_by: Eraser | None
    sequence: Annotated[int, Meta(description="Grows with every change")]
    stop: Annotated[bool, Meta(description="The agent must not go on: it was suspended or retired")]
    message: Annotated[str, Meta(description="One sentence that may be handed to a model")]
    links: Links


class Stated(Struct, frozen=True):
    """The stored statement of an agent, its parts kept as the bytes they are."""

    summary: str
    context: Raw
    evidence: Raw
    metadata: Raw


class TimeShown(Struct, frozen=True):
    """From `begin` until `end`, in UTC."""

    begin: str
    end: str


class RolePreviewed(Struct, frozen=True):
    """A role that would be asked, how many people could decide in it now, and when nobody could."""

    name: str
    title: str
    eligible: int
    uncovered: Annotated[
        list[TimeShown], Meta(description="Times before its deadline in which nobody could decide")
    ]


class StagePreviewed(Struct, frozen=True):
    """A stage that would be asked, and whether its quorum can be met by the people there are."""

    index: int
    roles: list[RolePreviewed]
    approvals: int
    rejections: int
    distinct_from_earlier: bool
    confirm: str | None
    quorum_can_be_met: bool


class TraceShown(Struct, frozen=True):
    """What one rule's condition came to."""

    rule: str
    when: str | None
    result: str
    error: str | None


class Preview(Struct, frozen=True):
    """What policy would say to a submission; nothing was stored."""

    effect: str
    rule: str | None
    why: str
    policy_version: int
    risk: str
    title: str
    stages: list[StagePreviewed]
    expires_in: str
    on_expiry: str
    comment: str
    labels: list[str]
    editable: list[str]
    trace: list[TraceShown]
    notes: list[str]
    channels: list[str]
    assurance: str


class RecordShown(Struct, frozen=True):
    """An action that was taken without asking, and what policy would have said."""

    id: str
    action: str
    payload_digest: str
    run: str | None
    risk: str
    title: str
    effect: Annotated[str, Meta(description="`allow`, `ask` or `deny`: what asking would have met")]
    rule: str | None
    policy_version: int
    recorded_at: str
    stop: Annotated[bool, Meta(description="The agent must not go on: it was suspended or retired")]
