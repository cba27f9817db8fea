"""The form of an answer: made from the question's options or schema, and read back as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from approvals.edit_form import Unreadable, parsed
from core.canonical import JSON, canonical

NAME: Final = "answer"
_KINDS: Final = {"string": "text", "number": "number", "integer": "number", "boolean": "yesno"}


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to fill in: ``kind`` is text, number, yesno, choice or json.

    ``choices`` are (what the form sends, what people read); ``values`` what each stands for.
    """

    name: str
    label: str
    hint: str
    kind: str
    required: bool
    choices: tuple[tuple[str, str], ...] = ()
    values: tuple[JSON, ...] = ()


def fields(question: Mapping[str, Any]) -> list[Field]:
    """The fields of the form for a question's payload; a single one named ``answer``, or one a member."""
    options = question.get("options")
    if options is not None:
        choices = tuple((one["value"], one["label"]) for one in options)
        values = tuple(one["value"] for one in options)
        return [Field(NAME, "Your answer", "", "choice", True, choices, values)]
    schema = question.get("answer_schema", {"type": "string"})
    members = schema.get("properties")
    if schema.get("type") == "object" and isinstance(members, dict) and members:
        required = schema.get("required", [])
        return [
            _field(f"{NAME}.{name}", name, inner, required=name in required)
            for name, inner in members.items()
        ]
    return [_field(NAME, "Your answer", schema, required=True)]


def read(form: Mapping[str, Any], question: Mapping[str, Any]) -> JSON:
    """The answer that was filled in; members that were left empty and need not be there are left out.

    Raises:
        Unreadable: naming the field, and what to type.
    """
    asked = fields(question)
    if len(asked) == 1 and asked[0].name == NAME:
        return _read(asked[0], form.get(NAME, ""))
    answer: dict[str, JSON] = {}
    for field in asked:
        typed = form.get(field.name, "")
        if typed or field.required:
            answer[field.name.removeprefix(NAME + ".")] = _read(field, typed)
    return answer


def _field(name: str, key: str, schema: Any, *, required: bool) -> Field:
    told = schema if isinstance(schema, dict) else {}
    label, hint = _words(told.get("title"), key), _words(told.get("description"), "")
    listed = told.get("enum")
    if isinstance(listed, list) and listed:
        choices = tuple((str(at), _written(value)) for at, value in enumerate(listed))
        return Field(name, label, hint, "choice", required, choices, tuple(listed))
    kind = told.get("type")
    known = _KINDS.get(kind, "json") if isinstance(kind, str) else "json"
    return Field(name, label, hint, known, required)


def _words(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _written(value: JSON) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _read(field: Field, typed: str) -> JSON:
    typed = typed.replace("\r\n", "\n")
    if field.kind == "choice":
        for (sent, _), value in zip(field.choices, field.values, strict=True):
            if typed == sent:
                return value
        raise Unreadable(f"“{field.label}”: choose one.", field.name)
    if field.kind == "text":
        if field.required and not typed.strip():
            raise Unreadable(f"“{field.label}”: type an answer.", field.name)
        return typed
    return parsed(typed, field.label, field.kind, field.name)
