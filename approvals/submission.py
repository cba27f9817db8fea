"""What an agent sends when it asks: the shapes of its bodies, and how they are read."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from core import durations, strict_json
from core.canonical import canonical
from core.problems import FieldError, Problem, invalid

#: 256 KiB of canonical bytes (api.md, Rules for every endpoint).
MAX_PAYLOAD_BYTES = 256 * 1024
MAX_METADATA = 50

Shape = TypeVar("Shape")
Text = Annotated[str, Meta(max_length=4_000)]
Short = Annotated[str, Meta(max_length=500)]


class Evidence(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Something the agent points to.  A link is shown as text and never fetched."""

    title: Annotated[str, Meta(min_length=1, max_length=200)]
    text: Text = ""
    url: Annotated[str, Meta(max_length=2_000, pattern="^https?://")] | None = None


class Stated(Struct, frozen=True):
    """What the agent states about its request.  Shown as its words; routes and decides nothing."""

    summary: str
    context: dict[str, Any]
    evidence: list[Evidence]
    metadata: dict[str, str]


class Statement(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What an agent may state beside what it asks for."""

    summary: Text = ""
    context: dict[str, Any] = {}
    evidence: Annotated[list[Evidence], Meta(max_length=20)] = []

    def stated(self, metadata: bytes = b"{}") -> bytes:
        """Canonical JSON of summary, context, evidence and metadata (which is canonical already)."""
        return canonical(
            {
                "summary": self.summary,
                "context": self.context,
                "evidence": msgspec.to_builtins(self.evidence),
                "metadata": msgspec.json.decode(metadata),
            }
        )


class Asking(Statement, frozen=True, kw_only=True):
    """What requests and questions have in common."""

    metadata: Annotated[dict[Short, Short], Meta(max_length=MAX_METADATA)] = {}
    run: Annotated[str, Meta(max_length=100, description="The run it belongs to")] | None = None
    expires_in: (
        Annotated[str, Meta(description="Shorter than the plan's own: 90s, 15m, 4h, 2d")] | None
    ) = None
    callback_url: (
        Annotated[
            str,
            Meta(max_length=2_000, description="Under an origin of one of the agent's endpoints"),
        ]
        | None
    ) = None

    def said(self) -> bytes:
        """Canonical JSON of all that the agent states."""
        return self.stated(canonical(self.metadata))

    def asked_life(self) -> timedelta | None:
        """How long the agent wants to wait at most, where it said so."""
        return durations.parse(self.expires_in) if self.expires_in is not None else None


class Submission(Asking, frozen=True, kw_only=True):
    """The body of ``POST /requests`` and of ``POST /requests/preview``."""

    action: Annotated[str, Meta(min_length=1, max_length=120)]
    payload: dict[str, Any]


class Recorded(Statement, frozen=True, kw_only=True):
    """The body of ``POST /actions/record``: an action that was taken without asking."""

    action: Annotated[str, Meta(min_length=1, max_length=120)]
    payload: dict[str, Any]
    run: Annotated[str, Meta(max_length=100, description="The run it belongs to")] | None = None


class ResultTold(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/result``: what came of an approved action."""

    status: Annotated[str, Meta(pattern="^(succeeded|failed|unknown)$")]
    detail: Annotated[str, Meta(max_length=4_000)] = ""
    cost: (
        Annotated[float, Meta(ge=0, le=1e9, description="In your workspace's money; six decimals")]
        | None
    ) = None


class Option(Struct, forbid_unknown_fields=True, frozen=True):
    """One answer to choose: what is answered, and what people read."""

    value: Annotated[str, Meta(min_length=1, max_length=200)]
    label: Annotated[str, Meta(max_length=200)] = ""


class Question(Asking, frozen=True, kw_only=True):
    """The body of ``POST /questions``.  Without options and schema, the answer is a text."""

    to: Annotated[str, Meta(min_length=1, max_length=60, description="A role, by its name")]
    prompt: Annotated[str, Meta(min_length=1, max_length=4_000)]
    options: (
        Annotated[
            list[Annotated[str, Meta(min_length=1, max_length=200)] | Option],
            Meta(min_length=2, max_length=50),
        ]
        | None
    ) = None
    answer_schema: (
        Annotated[dict[str, Any], Meta(description="JSON Schema 2020-12 of the answer")] | None
    ) = None


class Revised(Statement, frozen=True, kw_only=True):
    """The body of ``POST /requests/{id}/revise``: a new payload, and what the agent says of it."""

    payload: dict[str, Any]


class AgentMessage(Struct, forbid_unknown_fields=True, frozen=True):
    """The body of ``POST /requests/{id}/messages``: an answer to a return, or more evidence."""

    text: Annotated[str, Meta(min_length=1, max_length=4_000)]
    evidence: Annotated[list[Evidence], Meta(max_length=20)] = []


Asked = TypeVar("Asked", bound=Asking)


def read(body: bytes, shape: type[Asked]) -> tuple[Asked, Any]:
    """What a request body asks for, and the whole body as a value (for its digest).

    Raises:
        Problem: 400 or 413 from strict JSON, 422 with a pointer where the shape does not fit.
    """
    value = strict_json.loads(body)
    asked = convert(value, shape)
    try:
        asked.asked_life()
    except durations.DurationError as error:
        raise invalid([FieldError("/expires_in", "invalid_duration", str(error))]) from error
    return asked, value


def convert(value: Any, shape: type[Shape]) -> Shape:
    """A parsed JSON value as a struct, or 422 naming the place that does not fit."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise misshapen(error) from error


def misshapen(error: msgspec.ValidationError) -> Problem:
    """422 for a value of the wrong shape; msgspec names the place as ``$.a.b[0]``."""
    text, _, path = str(error).partition(" - at `")
    pointer = (
        path.rstrip("`").removeprefix("$").replace("[", "/").replace("]", "").replace(".", "/")
    )
    return invalid([FieldError(pointer, "wrong_shape", text)])
