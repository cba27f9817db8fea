"""Questions: what an agent asks of people when no action waits, and what counts as an answer."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from approvals.frozen import freeze
from approvals.planning import Planned, Situation
from approvals.submission import MAX_PAYLOAD_BYTES, Option, Question
from core.canonical import JSON, canonical
from core.problems import FieldError, invalid, too_large
from policies import show
from policies.compiled import Compiled
from policies.errors import nearest
from policies.escalating import standard
from policies.payloads import PayloadSchema, SchemaError
from policies.plan import Fact, Plan, Stage
from policies.terms import ASSURANCES, DEADLINES

#: What stands where a request names its action.
ACTION: Final = "question"
RISK: Final = "low"
MAX_TITLE: Final = 300


def payload_of(question: Question) -> bytes:
    """The canonical bytes that people are shown and answer: prompt, and options or schema.

    Raises:
        Problem: 422 where both are given, an option stands twice, or the schema cannot be used.
    """
    content: dict[str, Any] = {"prompt": question.prompt}
    if question.options is not None:
        if question.answer_schema is not None:
            detail = "Give `options` or `answer_schema`, not both."
            raise invalid([FieldError("/answer_schema", "options_or_schema", detail)])
        content["options"] = [msgspec.to_builtins(_option(one)) for one in question.options]
        values = [one["value"] for one in content["options"]]
        for at, value in enumerate(values):
            if value in values[:at]:
                detail = "Another option has this value: give each its own."
                raise invalid([FieldError(f"/options/{at}", "option_twice", detail)])
    elif question.answer_schema is not None:
        content["answer_schema"] = question.answer_schema
        _schema(question.answer_schema)
    payload = canonical(content)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise too_large(MAX_PAYLOAD_BYTES, "payload_too_large")
    return payload


def plan(situation: Situation, policy: Compiled, to: str, payload: bytes) -> Planned:
    """The plan of a question: one person of the role answers; the rules are about actions.

    Raises:
        Problem: 422 for a role that the workspace does not have.
    """
    role = situation.roles.get(to)
    if role is None:
        detail = f"The workspace has no such role.{nearest(to, situation.roles)}"
        raise invalid([FieldError("/to", "unknown_role", detail)])
    prompt: str = msgspec.json.decode(payload)["prompt"]
    title = show.cut(" ".join(prompt.split()), MAX_TITLE)
    made = Plan(
        effect="ask",
        rule=None,
        version=policy.number,
        stages=(Stage((to,)),),
        expires_in_s=int(DEADLINES[RISK].total_seconds()),
        on_expiry="expire",
        comment="never",
        risk=RISK,
        title=title,
        facts=(Fact("Question", prompt, "/prompt"),),
        sensitive=(),
        trace=(),
        why=f"The agent asks {role.role.title}.",
        assurance=ASSURANCES[RISK],
        escalation=tuple(standard(policy.document.fallback, DEADLINES[RISK])),
    )
    frozen = freeze(
        made,
        fallback=policy.document.fallback,
        labels=(),
        editable=(),
        roles=situation.roles,
        owner_active=situation.owner_active,
        initiator_active=situation.initiator_active,
    )
    assert situation.policy_version is not None  # noqa: S101  # policy_of raised otherwise
    return Planned(ACTION, payload, frozen, situation.policy_version, RISK, title)


def faults(payload: bytes, answer: JSON) -> list[FieldError]:
    """What is wrong with an answer to the question of this payload; pointers start with /answer."""
    asked = msgspec.json.decode(payload)
    options = asked.get("options")
    if options is not None:
        values = [one["value"] for one in options]
        if answer not in values or not isinstance(answer, str):
            return [FieldError("/answer", "not_an_option", f"One of {', '.join(values)}.")]
        return []
    schema = asked.get("answer_schema", {"type": "string", "minLength": 1, "maxLength": 4_000})
    return _schema(schema).faults(answer, "/answer")


def _option(one: str | Option) -> Option:
    return Option(one, one) if isinstance(one, str) else Option(one.value, one.label or one.value)


def _schema(source: dict[str, Any]) -> PayloadSchema:
    try:
        return PayloadSchema(source)
    except SchemaError as error:
        pointer = "".join(f"/{step}" for step in error.path)
        fault = FieldError(f"/answer_schema{pointer}", "invalid_schema", error.detail)
        raise invalid([fault]) from error
