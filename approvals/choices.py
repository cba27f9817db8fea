"""What a person chose: the shape of a verdict, as any door hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from approvals.status import Verdict
from core.canonical import JSON, parse_digest
from core.problems import FieldError, invalid

MAX_COMMENT: Final = 4_000
MAX_EDITS: Final = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose, what they saw when they chose, and how we know it was them.

    ``edits`` (with the verdict ``edit``) maps JSON pointers to the values that shall stand there;
    ``answer`` (with ``answer``) is what a question is answered with.  ``shown_digest`` is that of what
    their channel showed them (`approvals.shown`): with an edit, of what stood there before it.
    ``revision`` is the one that a second factor was given for; None: none was.
    """

    verdict: Verdict
    stage: int
    payload_digest: bytes
    comment: str
    channel: str
    assurance: str
    edits: Mapping[str, JSON] = field(default_factory=dict)
    answer: JSON = None
    shown_digest: bytes | None = None
    revision: int | None = None


def choice(
    *,
    verdict: str,
    stage: int,
    payload_digest: str,
    comment: str,
    channel: str,
    assurance: str,
    edits: Mapping[str, JSON] | None = None,
    answer: JSON = None,
    shown_digest: bytes | None = None,
    revision: int | None = None,
) -> Choice:
    """A choice from what a door received.

    Raises:
        Problem: 422 naming the field that does not fit.
    """
    faults: list[FieldError] = []
    if verdict not in Verdict.values:
        detail = f"One of {', '.join(Verdict.values)}."
        faults.append(FieldError("/verdict", "unknown_verdict", detail))
    if len(comment) > MAX_COMMENT:
        faults.append(FieldError("/comment", "too_long", f"At most {MAX_COMMENT} characters."))
    faults += _extras(verdict, comment, edits, answer)
    digest = b""
    try:
        digest = parse_digest(payload_digest)
    except ValueError as error:
        faults.append(FieldError("/payload_digest", "not_a_digest", str(error)))
    if faults:
        raise invalid(faults)
    return Choice(
        Verdict(verdict),
        stage,
        digest,
        comment.strip(),
        channel,
        assurance,
        dict(edits or {}),
        answer,
        shown_digest,
        revision,
    )


def _extras(
    verdict: str, comment: str, edits: Mapping[str, JSON] | None, answer: JSON
) -> list[FieldError]:
    """What only one verdict takes, and must have."""
    found = []
    if verdict == Verdict.EDIT and not edits:
        found.append(
            FieldError("/edits", "edits_required", "Say what to change: {pointer: value}.")
        )
    elif verdict != Verdict.EDIT and edits:
        found.append(FieldError("/edits", "not_with_verdict", "Edits go with the verdict edit."))
    elif edits and len(edits) > MAX_EDITS:
        found.append(FieldError("/edits", "too_many", f"At most {MAX_EDITS} places at once."))
    if verdict == Verdict.ANSWER and answer is None:
        found.append(FieldError("/answer", "answer_required", "Give the answer."))
    elif verdict != Verdict.ANSWER and answer is not None:
        found.append(FieldError("/answer", "not_with_verdict", "It goes with the verdict answer."))
    if verdict == Verdict.RETURN and not comment.strip():
        detail = "Say what the agent shall answer or change."
        found.append(FieldError("/comment", "comment_required", detail))
    return found
