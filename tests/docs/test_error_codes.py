"""The table of error codes is the code's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from core import problems
from tests.docs.pages import ROOT, section

FOLDERS = (
    "agents",
    "api",
    "approvals",
    "callbacks",
    "escalations",
    "config",
    "core",
    "notifications",
    "oversight",
    "pages",
    "people",
    "policies",
)
#: Where a constructor of problems takes its code: keyword, or place among the arguments.
CODES: dict[str, tuple[str | None, int | None]] = {
    "Problem": ("code", 1),
    "bad_request": ("code", 0),
    "conflict": ("code", 0),
    "gone": ("code", 0),
    "forbidden": ("code", None),
    "invalid": ("code", None),
    "too_large": ("code", 1),
    "too_many": ("code", None),
    "unauthorized": ("code", None),
    "unavailable": ("code", None),
}
#: Raised below the API's doors only, by pages and commands, or codes of health answers, which
#: operate.md describes.
ELSEWHERE = {
    *("not_ready", "too_many_requests", "unavailable"),
    *("channel_exists", "pager_exists", "link_over", "no_mail_server"),
    "reset_throttled",
    *("wrong_code", "wrong_password", "no_factor"),
    *("bad_name", "passkey_refused", "passkey_exists", "too_many_passkeys"),
}


def _codes(tree: ast.AST) -> Iterator[str]:
    for call in ast.walk(tree):
        match call:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.IfExp(body=one, orelse=other)):
                yield from _texts([one, other])
            case _:
                pass
        if not isinstance(call, ast.Call):
            continue
        called = call.func.attr if isinstance(call.func, ast.Attribute) else None
        called = call.func.id if isinstance(call.func, ast.Name) else called
        keyword, place = CODES.get(called or "", (None, None))
        given = [word.value for word in call.keywords if keyword and word.arg == keyword]
        if place is not None and len(call.args) > place:
            given.append(call.args[place])
        yield from _texts(given)


def _texts(values: list[ast.expr]) -> Iterator[str]:
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


def _defaults() -> Iterator[str]:
    for constructor in (problems.not_found(), problems.method_not_allowed([])):
        yield constructor.code
    yield from (problems.unauthorized().code, problems.forbidden().code, problems.invalid([]).code)
    yield from (problems.unsupported_media_type().code, problems.too_large(1).code)


def in_the_code() -> set[str]:
    """Every code that a problem may have."""
    found = set(_defaults())
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(_codes(ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return found - ELSEWHERE


def test_every_code_is_in_the_table_and_the_table_has_no_other() -> None:
    table = section(Path(ROOT / "docs" / "api.md"), "## Errors")
    told = {
        code
        for line in table.splitlines()
        if re.match(r"\| \d{3} \|", line)
        for code in re.findall(r"`([a-z0-9_]+)`", line)
    }
    strict = (ROOT / "core" / "strict_json.py").read_text(encoding="utf-8")
    of_bodies = set(re.findall(r'^    "([a-z_]+)": "', strict, re.MULTILINE))
    assert told == in_the_code() | of_bodies
