"""What an agent sends about its runs: the shapes of its bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

MAX_BATCH = 500

Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Label = Annotated[str, Meta(min_length=1, max_length=100)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339")]
Tokens = Annotated[int, Meta(ge=0, le=2_147_483_647)]


class RunDeclared(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /runs``."""

    external_id: Annotated[
        str, Meta(min_length=1, max_length=255, description="Your own name of it; once per agent")
    ]
    parent: (
        Annotated[str, Meta(max_length=100, description="The id of the run that started this one")]
        | None
    ) = None
    agent_version: Annotated[str, Meta(max_length=100)] = ""
    initiator: (
        Annotated[
            str,
            Meta(
                max_length=254, description="E-mail of who started it; needs scope runs:initiator"
            ),
        ]
        | None
    ) = None
    agent: (
        Annotated[str, Meta(max_length=100, description="The agent's id; a person names it")] | None
    ) = None


class RunEnd(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``PATCH /runs/{id}``."""

    state: Annotated[str, Meta(pattern="^(succeeded|failed|abandoned)$")]


class StepReported(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One step of a batch: a call of a tool or of a model, that ended or did not."""

    started_at: Instant
    status: Annotated[str, Meta(pattern="^(succeeded|failed|unknown)$")]
    tool: Annotated[Name, Meta(description="gen_ai.tool.name; this or `model`")] | None = None
    model: Annotated[Name, Meta(description="gen_ai.request.model")] | None = None
    call_id: Annotated[
        str, Meta(max_length=200, description="gen_ai.tool.call.id; once per run and attempt")
    ] = ""
    ended_at: Instant | None = None
    attempt: Annotated[int, Meta(ge=1, le=1_000)] = 1
    error: Annotated[str, Meta(max_length=4_000, description="error.type, or a sentence")] = ""
    input_digest: Digest | None = None
    output_digest: Digest | None = None
    input_tokens: Annotated[Tokens, Meta(description="gen_ai.usage.input_tokens")] | None = None
    output_tokens: Annotated[Tokens, Meta(description="gen_ai.usage.output_tokens")] | None = None
    cost: (
        Annotated[float, Meta(ge=0, le=1e9, description="In your workspace's money; six decimals")]
        | None
    ) = None
    labels: Annotated[list[Label], Meta(max_length=20, description="What it touched")] = []
    trace_id: Annotated[str, Meta(pattern="^([0-9a-f]{32})?$")] = ""
    span_id: Annotated[str, Meta(pattern="^([0-9a-f]{16})?$")] = ""


class StepsReported(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /runs/{id}/steps``."""

    steps: Annotated[list[StepReported], Meta(min_length=1, max_length=MAX_BATCH)]
