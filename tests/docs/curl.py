"""Curl lines as the documents write them, sent by `requests`: no shell and no curl are needed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from string import Template

_EXPECTED = re.compile(r"^# → (\d{3})\b")


@dataclass
class Line:
    """One curl command, and the status that the document says it answers."""

    words: str
    expected: int | None = None


@dataclass
class Call:
    """What a curl command sends."""

    url: str = ""
    method: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    signed_in: bool = False
    unknown: list[str] = field(default_factory=list)


def lines(text: str) -> list[Line]:
    """The curl commands of a block; lines that are no curl are left out."""
    found: list[Line] = []
    for line in text.replace("\\\n", " ").splitlines():
        expected = _EXPECTED.match(line)
        if line.startswith("curl "):
            found.append(Line(line))
        elif expected and found:
            found[-1].expected = int(expected[1])
    return found


def read(line: Line, variables: dict[str, str]) -> Call:
    """The call that a shell with these variables would make."""
    words = shlex.split(Template(line.words).substitute(variables))[1:]
    call = Call()
    while words:
        word = words.pop(0)
        match word:
            case "-X":
                call.method = words.pop(0)
            case "-H":
                name, _, value = words.pop(0).partition(":")
                call.headers[name] = value.strip()
            case "-d":
                call.body = words.pop(0)
            case "-b" | "-c":
                call.signed_in = True
                words.pop(0)
            case "-sS" | "-N":
                pass
            case _ if word.startswith("-"):
                call.unknown.append(word)
            case _:
                call.url = word
    return call
