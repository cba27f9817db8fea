"""YAML text as a tree that knows its lines: safe, bounded, and YAML 1.2 where 1.1 surprises.

Refused: anchors, aliases, tags, merge keys, duplicate keys, several documents. Plain scalars
follow the YAML 1.2 core schema, so that `on`, `no`, `1:30` and `2026-01-05` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn, TypeAlias

import yaml

from core.canonical import JSON, MAX_INTEGER
from policies.errors import Place, PolicyError, PolicyErrors, quoted

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 40
MAX_NODES: Final = 40_000

Scalar: TypeAlias = str | int | float | bool | None

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final[dict[str, Scalar]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BROKEN: Final = re.compile("[\ud800-\udfff]")
_ENDS: Final = re.compile("\r\n?")


@dataclass(slots=True)
class Node:
    """A value of the document. `items` for a list, `entries` (with the keys' places) for a map."""

    kind: Literal["scalar", "list", "map"]
    place: Place
    value: Scalar = None
    style: str | None = None
    start: int = 0
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)

    def plain(self) -> JSON:
        """Return the value as JSON."""
        if self.kind == "map":
            return {key: node.plain() for key, node in self.entries.items()}
        if self.kind == "list":
            return [node.plain() for node in self.items]
        return self.value

    def at(self, path: list[str | int]) -> Node:
        """Return the node under `path`, or the deepest one on the way that exists."""
        node = self
        for step in path:
            if node.kind == "map" and str(step) in node.entries:
                node = node.entries[str(step)]
            elif node.kind == "list" and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                break
        return node


def with_file_ends(text: str) -> str:
    """A text with the line ends of files; forms post others, and which they are means nothing."""
    return _ENDS.sub("\n", text)


def load(text: str) -> Node:
    """Return the tree of the one document in `text`; PolicyErrors at the first fault of form."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        _refuse(1, 1, "", f"A policy has at most {MAX_BYTES // 1024} KiB.")
    broken = _BROKEN.search(text)
    if broken:
        _refuse(*_line_column(text, broken.start()), "", "This is not text (a lone surrogate).")
    try:
        return _Builder(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        _refuse(*_line_column(text, position), "", "Control characters are not text.")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _refuse(line, column, "", f"This is not YAML: {error.problem or error.context}.")


class _Builder:
    """Builds the tree from parser events, without recursion, and stops at the first fault."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.open: list[tuple[Node, str | None, Place | None]] = []  # container, waiting key
        self.root: Node | None = None
        self.nodes = 0

    def document(self) -> Node:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(event, "A policy is one document: remove the second “---”.")
            elif isinstance(event, yaml.AliasEvent):
                self._fail(event, "Aliases (*name) are not read: write the value out.")
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self.open.pop()
        if self.root is None:
            _refuse(1, 1, "", "The document is empty: it starts with “assentry: 1”.")
        return self.root

    def _node(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            self._fail(event, f"A policy has at most {MAX_NODES} values.")
        if event.anchor is not None:
            self._fail(event, "Anchors (&name) are not read: write the value out.")
        if event.tag is not None:
            self._fail(event, f"Tags such as {quoted(event.tag)} are not read: remove it.")
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
            return
        kind: Literal["list", "map"] = (
            "map" if isinstance(event, yaml.MappingStartEvent) else "list"
        )
        node = Node(kind, self._place(event), start=event.start_mark.index)
        self._attach(event, node)
        if len(self.open) >= MAX_DEPTH:
            self._fail(event, f"A policy is at most {MAX_DEPTH} levels deep.")
        self.open.append((node, None, None))

    def _scalar(self, event: Any) -> None:
        if self.open and self.open[-1][0].kind == "map" and self.open[-1][1] is None:
            self._key(event)
            return
        plain = event.implicit[0]
        value = self._resolve(event) if plain else event.value
        style = None if plain else event.style
        self._attach(
            event, Node("scalar", self._place(event), value, style, event.start_mark.index)
        )

    def _key(self, event: Any) -> None:
        node, _, _ = self.open[-1]
        mark = event.start_mark
        key = event.value
        place = Place(mark.line + 1, mark.column + 1, f"{node.place.path}/{_escaped(key)}")
        if key == "<<" and event.implicit[0]:
            self._fail(event, "Merge keys (<<) are not read: write the values out.")
        if key in node.entries:
            self._fail(event, f"{quoted(key)} stands here twice: keep one.")
        self.open[-1] = (node, key, place)

    def _attach(self, event: Any, child: Node) -> None:
        if not self.open:
            self.root = child
            return
        parent, key, place = self.open[-1]
        if parent.kind == "list":
            parent.items.append(child)
        elif key is None or place is None:
            self._fail(event, "A key is a plain text.")
        else:
            parent.entries[key] = child
            parent.keys[key] = place
            self.open[-1] = (parent, None, None)

    def _place(self, event: Any) -> Place:
        path = ""
        if self.open:
            parent, _, place = self.open[-1]
            if parent.kind == "list":
                path = f"{parent.place.path}/{len(parent.items)}"
            else:
                path = place.path if place else parent.place.path
        return Place(event.start_mark.line + 1, event.start_mark.column + 1, path)

    def _resolve(self, event: Any) -> Scalar:
        text: str = event.value
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            number = int(text)
            if abs(number) > MAX_INTEGER:
                self._fail(event, "Whole numbers reach to 2^53: write a longer one as text.")
            return number
        if _FLOAT.fullmatch(text):
            decimal = float(text)
            if abs(decimal) == float("inf"):
                self._fail(event, "This number is too large.")
            return decimal
        return text

    def _fail(self, event: Any, detail: str) -> NoReturn:
        place = self._place(event)
        _refuse(place.line, place.column, place.path, detail)


def position(text: str, node: Node, offset: int) -> Place:
    """Return where character `offset` of the scalar `node` stands in `text`.

    Exact for plain and quoted scalars on one line without escapes, and for literal blocks (|);
    elsewhere the place where the value starts.
    """
    value = node.value
    place = node.place
    if not isinstance(value, str):
        return place
    first = node.start if node.style is None else node.start + 1
    if "\n" not in value and text[first : first + len(value)] == value:
        return Place(place.line, place.column + first - node.start + offset, place.path)
    if node.style == "|":
        return _in_block(text, node, value[:offset])
    return place


def _in_block(text: str, node: Node, before: str) -> Place:
    lines = text[node.start :].splitlines()
    body = next((line for line in lines[1:] if line.strip()), "")
    row = before.count("\n")
    indent = len(body) - len(body.lstrip(" "))
    column = len(before) - (before.rfind("\n") + 1) + indent + 1
    return Place(node.place.line + 1 + row, column, node.place.path)


def _line_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _refuse(line: int, column: int, path: str, detail: str) -> NoReturn:
    raise PolicyErrors([PolicyError(line, column, path, detail)])
