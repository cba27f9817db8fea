"""The words of a condition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<text>[rR](?:"[^"\n]*"|'[^'\n]*')|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<number>0[xX][0-9a-fA-F]+|[0-9]*\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+(?:[eE][-+]?[0-9]+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-<>+*/%!?:.,()\[\]{}=])
    """,
    re.VERBOSE | re.ASCII,
)


class ConditionError(Exception):
    """A condition that cannot be used: where in it (character offset) and what to write."""

    def __init__(self, offset: int, detail: str) -> None:
        super().__init__(detail)
        self.offset = offset
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind (text, number, name, sign, end), how it is written, and where."""

    kind: str
    written: str
    offset: int


def split(source: str) -> list[Token]:
    """Return the words of `source`, the last of kind `end`; ConditionError at what is none."""
    tokens = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise ConditionError(at, _unreadable(source[at]))
        kind = match.lastgroup or ""
        if kind == "number" and source[match.end() : match.end() + 1] in ("u", "U"):
            raise ConditionError(at, "Numbers have one type here: leave the “u” out.")
        if kind == "name" and source[match.end() : match.end() + 1] in ("'", '"'):
            raise ConditionError(at, "Only plain and raw (r'…') texts are read here.")
        if kind != "space":
            tokens.append(Token(kind, match[0], at))
        at = match.end()
    tokens.append(Token("end", "", len(source)))
    return tokens


def _unreadable(character: str) -> str:
    if character in "\"'":
        return "This text does not end on its line."
    if character in "&|":
        return f"Write {character * 2} for “{'and' if character == '&' else 'or'}”."
    return f"“{character}” means nothing here."
