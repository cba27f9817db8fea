"""How anchors are shown to people and to scripts."""

from __future__ import annotations

from typing import Any

from audit.log import rfc3339
from core import ids
from oversight.anchors.standing import Standing, TargetStanding


def data(found: Standing) -> dict[str, Any]:
    """For scripts: the newest checkpoint, each anchor, and what holds the log."""
    newest = found.checkpoint
    return {
        "checkpoint": newest
        and {"number": newest.number, "size": newest.size, "at": rfc3339(newest.at)},
        "anchors": [_target(each) for each in found.targets],
        "held": [
            {"size": each.size, "what": each.what, "log_size": each.log_size} for each in found.held
        ],
    }


def _target(each: TargetStanding) -> dict[str, Any]:
    return {
        "id": ids.encode("anc", each.id),
        "type": each.kind,
        "where": each.where,
        "checked": each.checked if each.kind == "tsa" else None,
        "checkpoint": each.number,
        "size": each.size,
        "at": each.at and rfc3339(each.at),
        "behind_since": each.behind_since and rfc3339(each.behind_since),
        "failing_since": each.failing_since and rfc3339(each.failing_since),
        "failures": each.failures,
        "error": each.error,
        "level": each.level,
    }


def line(each: TargetStanding) -> str:
    """For people: one line."""
    where = f"{ids.encode('anc', each.id)}  {each.kind:7}  {each.where}"
    lies = "nothing yet" if each.at is None else f"{each.size} events at {rfc3339(each.at)}"
    behind = f", behind since {rfc3339(each.behind_since)}" if each.behind_since else ""
    failing = f", failing since {rfc3339(each.failing_since)}: " if each.failing_since else ""
    return f"{where}: {lies}{behind}{failing}{each.error}"


def text(found: Standing) -> str:
    """For people: the log, each anchor, and what holds it."""
    newest = found.checkpoint
    size = "no checkpoint yet" if newest is None else f"{newest.size} events"
    lines = [f"The log: {size}.", *(line(each) for each in found.targets)]
    if not found.targets:
        lines.append("No anchor: add one with anchor_add.")
    lines += [
        f"HELD: an anchor of {each.size} events speaks against it ({each.what}); see anchor_accept."
        for each in found.held
    ]
    return "\n".join(lines)
