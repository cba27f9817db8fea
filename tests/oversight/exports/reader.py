"""Reads an exported file as docs/log-format.md says: to a root, and to its events by position."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from audit import checkpoints, tree
from signing.notes import open_note


@dataclass
class File:
    """What a file says once it was read to its end."""

    header: dict[str, Any]
    events: dict[int, bytes] = field(default_factory=dict)
    manifest: dict[str, Any] = field(default_factory=dict)

    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.events.values()]

    def kinds(self) -> list[str]:
        return [event["kind"] for event in self.parsed()]


def note(text: str, workspace: UUID, title: str) -> dict[str, Any]:
    """The JSON of a manifest that the log's key signed."""
    said, _ = open_note(text, checkpoints.verifiers(workspace))
    first, second, end = said.split("\n")
    assert (first, end) == (title, "")
    found: dict[str, Any] = json.loads(second)
    return found


def read(content: bytes, workspace: UUID) -> File:
    """Read it; AssertionError where it is not as it should be."""
    assert content.endswith(b"\n")
    first, *rest = content.splitlines()
    file, frontier = File(json.loads(first)), tree.Frontier()
    leaves: list[bytes] = []
    for line in rest[:-1]:
        said = json.loads(line)
        if line.startswith(b'{"actor":'):
            file.events[frontier.size] = line
            leaves.append(tree.leaf_hash(line))
            frontier.append(leaves[-1])
        elif line.startswith(b'{"gap":'):
            spans = tree.spans(frontier.size, said["to"])
            for (level, _), digest in zip(spans, said["gap"], strict=True):
                frontier.merge(level, base64.b64decode(digest))
        elif line.startswith(b'{"leaves":'):
            assert [base64.b64decode(one) for one in said["leaves"]] == leaves
            leaves = []
        else:
            _, size, root = checkpoints.parse(said["checkpoint"], checkpoints.verifiers(workspace))
            assert (size, root) == (frontier.size, frontier.root())
    file.manifest = note(json.loads(rest[-1])["manifest"], workspace, "assentry export/1")
    origin, size, root = checkpoints.parse(
        file.manifest["checkpoint"], checkpoints.verifiers(workspace)
    )
    assert (size, root) == (frontier.size, frontier.root())
    assert file.header["origin"] == file.manifest["origin"] == origin
    assert file.header["query"] == file.manifest["query"]
    places = sorted(file.events)
    assert file.manifest["events"] == len(places)
    ends = (places[0], places[-1]) if places else (None, None)
    assert (file.manifest["first"], file.manifest["last"]) == ends
    return file
