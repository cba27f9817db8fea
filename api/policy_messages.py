"""The messages about a policy: its versions, what is wrong with one, what it would change."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

Leans = Annotated[
    str,
    Meta(
        description="Whether more may run, or be decided by more people: `looser`, `tighter`, "
        "`depends` (on the submission), `neither`"
    ),
]


class PolicyBody(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /policies/check`` and ``/diff``: the whole document, as YAML or JSON text."""

    text: Annotated[str, Meta(min_length=1, max_length=262_144)]


class PolicyApplyBody(PolicyBody, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /policies``."""

    comment: Annotated[str, Meta(max_length=1_000, description="Why, for whoever looks later")] = ""
    expected: (
        Annotated[
            int,
            Meta(
                ge=0,
                description="The number of the version that must be active still; 0: none. Else 409",
            ),
        ]
        | None
    ) = None


class PolicyGiven(Struct, forbid_unknown_fields=True, frozen=True):
    """A submission to be tried, on a Monday noon and without a run."""

    action: Annotated[str, Meta(max_length=120)]
    payload: dict[str, Any]
    count: Annotated[
        float, Meta(ge=0, le=1e15, description="What every agent.count(…) comes to")
    ] = 0
    sum: Annotated[
        float, Meta(ge=-1e15, le=1e15, description="What every agent.sum(…) comes to")
    ] = 0


class PolicyTestBody(PolicyBody, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /policies/test``: the document, and one more submission to try."""

    given: PolicyGiven | None = None


class PolicyVersionLine(Struct, frozen=True):
    """A version of a workspace's policy, without its text."""

    id: str
    number: int
    digest: Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
    created_at: str
    created_by: Annotated[
        str | None, Meta(description="The person; null: a command on the machine")
    ]
    comment: str
    active: Annotated[bool, Meta(description="Whether it plans new requests")]


class PolicyVersionList(Struct, frozen=True):
    """Versions, the newest first."""

    results: list[PolicyVersionLine]
    next: str | None
    previous: str | None


class PolicyVersionShown(PolicyVersionLine, frozen=True):
    """A version of a workspace's policy."""

    text: str


class PolicyApplied(PolicyVersionShown, frozen=True):
    """A version that was made active."""

    warnings: Annotated[
        list[str],
        Meta(
            description="What should be known: times of the next 14 days in which nobody could decide"
        ),
    ]


class PolicyFault(Struct, frozen=True):
    """Something that is wrong with a document."""

    line: int
    column: int
    path: Annotated[str, Meta(description="JSON pointer into the document")]
    detail: str


class PolicyChecked(Struct, frozen=True):
    """Whether a document could be made active."""

    ok: bool
    errors: list[PolicyFault]
    warnings: Annotated[list[str], Meta(description="As of an applied version; nothing is refused")]


class PolicyChangeShown(Struct, frozen=True):
    """One part that a document changes."""

    what: Annotated[
        str,
        Meta(
            description="`fallback`, `role`, `schedule`, `action`, `rule`, `escalation`, `tool`, `tests`"
        ),
    ]
    name: str
    change: Annotated[str, Meta(description="`added`, `removed`, `changed` or `moved`")]
    text: str
    leans: Leans


class EffectShown(Struct, frozen=True):
    """A submission that comes to something else."""

    action: str
    case: Annotated[str | None, Meta(description="The case; null: every submission of the action")]
    before: str
    after: str
    text: str
    leans: Leans


class PolicyCompared(Struct, frozen=True):
    """What a document would change."""

    ok: Annotated[bool, Meta(description="False: `errors` says why it cannot be used")]
    errors: list[PolicyFault]
    against: Annotated[int | None, Meta(description="The active version's number, if there is one")]
    changes: list[PolicyChangeShown]
    effects: list[EffectShown]


class CaseShown(Struct, frozen=True):
    """What came of one case of a document."""

    name: str | None
    line: int
    passed: bool
    expected: Annotated[dict[str, Any], Meta(description="As written")]
    came: Annotated[
        dict[str, Any],
        Meta(description="`effect`, `rule`, `stages`, `approvals`; empty: it cannot be planned"),
    ]
    why: str
    differs: Annotated[str | None, Meta(description="In words; null: it passed")]


class PolicyLookedAt(Struct, frozen=True):
    """A rule that was looked at, in order."""

    rule: str
    when: Annotated[str | None, Meta(description="null: the rule matches always")]
    result: Annotated[str, Meta(description="`true`, `false` or `error`")]
    error: str | None


class PolicyTried(Struct, frozen=True):
    """What would come of the submission that was given."""

    refused: Annotated[
        str | None, Meta(description="Why it cannot be planned; then `came` is empty")
    ]
    came: Annotated[dict[str, Any], Meta(description="As of a case")]
    why: str
    trace: list[PolicyLookedAt]


class PolicyTested(Struct, frozen=True):
    """What came of the cases of a document."""

    ok: bool
    errors: Annotated[list[PolicyFault], Meta(description="Why it cannot be used at all")]
    passed: int
    failed: int
    cases: list[CaseShown]
    tried: PolicyTried | None = None
