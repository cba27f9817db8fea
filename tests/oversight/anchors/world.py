"""Anchoring in tests: through the commands and the due rows, as operators and workers do it."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management import CommandError, call_command

from audit import checkpoints
from audit.sequencer import sequence
from core import due, ids
from core.addresses import allowed_networks
from oversight.anchors import keeping
from oversight.anchors.targets import ANCHOR
from oversight.models import AnchorTarget
from people.models import Workspace
from tests.promises import ask


def run(*arguments: str, code: int = 0) -> dict[str, Any]:
    """The object on the last line of a command that ends with this exit code."""
    out, ended = io.StringIO(), 0
    try:
        call_command(*arguments, "--json", stdout=out)
    except SystemExit as end:
        ended = int(str(end.code))
    except CommandError as error:
        ended = error.returncode
    assert ended == code, out.getvalue()
    found: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return found


def grow(workspace: Workspace) -> checkpoints.Checkpoint:
    """Give what waits its place; the newest checkpoint."""
    sequence(workspace.id)
    found = checkpoints.newest(workspace.id)
    assert found is not None
    return found


def add(workspace: Workspace, *arguments: str) -> AnchorTarget:
    """A new anchor, by the command."""
    made = run("anchor_add", workspace.slug, *arguments)
    return AnchorTarget.objects.get(id=ids.decode("anc", made["id"]))


def keep() -> int:
    """What a worker does each second."""
    return due.run(ANCHOR, keeping.keep)


def later(target: AnchorTarget, **by: float) -> None:
    """Let time pass for the row of a target."""
    ask(
        "UPDATE core_due SET due_at = due_at - %s, ready_at = ready_at - %s WHERE subject = %s"
        " RETURNING 1",
        *(timedelta(**by), timedelta(**by), target.id),
    )


def due_in(target: AnchorTarget) -> float:
    """In how many seconds its row falls due."""
    ((seconds,),) = ask(
        "SELECT EXTRACT(EPOCH FROM due_at - clock_timestamp())::float8 FROM core_due WHERE subject = %s",
        target.id,
    )
    return float(seconds)


def file_of(folder: Path, workspace: Workspace) -> Path:
    return folder / f"{ids.encode('wsp', workspace.id)}.checkpoint"


def now_is(target: AnchorTarget) -> AnchorTarget:
    return AnchorTarget.objects.get(id=target.id)


def nothing_is_allowed(monkeypatch: Any) -> None:
    """The guard as it is by default: no private address."""
    monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
    allowed_networks.cache_clear()


def sizes(target: AnchorTarget) -> list[int]:
    """The sizes that were recorded as laid down there."""
    return [
        size
        for (size,) in ask(
            "SELECT size FROM oversight_anchor WHERE target_id = %s ORDER BY size", target.id
        )
    ]


def uuid_of(text: str) -> UUID:
    return ids.decode("anc", text)
