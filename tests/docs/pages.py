"""The documents of the project, taken apart: blocks, headings, links, words in backticks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[(?:[^\]]*)\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block: what it is written in, and where it stands."""

    document: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        """For the name of a test."""
        return f"{name(self.document)}:{self.line}"


def name(document: Path) -> str:
    """A document's path in the checkout."""
    return document.relative_to(ROOT).as_posix()


def blocks(*languages: str, of: Path | None = None) -> list[Block]:
    """The fenced blocks in any of these languages, of one document or of all."""
    found = []
    for document in [of] if of else DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if match[1] in languages:
                line = text.count("\n", 0, match.start()) + 2
                found.append(Block(document, line, match[1], match[2]))
    return found


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return _FENCE.sub("", document.read_text(encoding="utf-8"))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(document)):
        plain = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number, anchor = 0, plain
        while anchor in found:
            number += 1
            anchor = f"{plain}-{number}"
        found.add(anchor)
    return found


def links(document: Path) -> list[str]:
    """Where a document's links lead."""
    return _LINK.findall(prose(document))


def code(document: Path) -> list[str]:
    """What stands in backticks in a document's prose, in order."""
    return _CODE.findall(prose(document))


def section(document: Path, heading: str) -> str:
    """The text below a heading, until the next of its level or above."""
    text = document.read_text(encoding="utf-8")
    fences = [match.span() for match in _FENCE.finditer(text)]
    level = len(heading.split(" ")[0])
    start = None
    for match in re.finditer(r"^(#{1,6}) .*$", text, re.MULTILINE):
        if any(begin <= match.start() < end for begin, end in fences):
            continue  # a comment in a block
        if start is not None and len(match[1]) <= level:
            return text[start : match.start()]
        if match[0] == heading:
            start = match.end()
    assert start is not None, f"{name(document)} has no heading {heading!r}"
    return text[start:]
