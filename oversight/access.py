"""Who looks after the workspace, who may stop whom and give agents back, and who may read the log."""

from __future__ import annotations

from agents.models import Agent
from approvals.access import Reader
from core.problems import forbidden
from oversight.kill_switch import Order


def may_administer(reader: Reader) -> bool:
    """Whether this person looks after the workspace: people, agents, keys, channels, settings."""
    return "administer" in reader.permissions


def must_administer(reader: Reader) -> None:
    """Refuse everybody else.

    Raises:
        Problem: 403.
    """
    if not may_administer(reader):
        raise forbidden("Only administrators do this.", code="not_administrator")


def may_audit(reader: Reader) -> bool:
    """Whether this person may read, verify and export the log: auditors and administrators."""
    return not reader.permissions.isdisjoint({"audit", "administer"})


def may_stop(reader: Reader, order: Order) -> bool:
    """Whether this person may press the switch: administrators always, owners for their own agents."""
    if "administer" in reader.permissions:
        return True
    match order.scope:
        case "owner":
            return order.target == reader.person_id
        case "agent":
            return Agent.objects.filter(
                id=order.target, workspace_id=reader.workspace_id, owner_id=reader.person_id
            ).exists()
        case "workspace":
            return False


def may_stop_any(reader: Reader) -> bool:
    """Whether there is any agent that this person may stop, or could be."""
    return (
        "administer" in reader.permissions
        or Agent.objects.filter(workspace_id=reader.workspace_id, owner_id=reader.person_id)
        .exclude(state=Agent.State.RETIRED)
        .exists()
    )


def may_undo(reader: Reader) -> bool:
    """Whether this person may let agents act again, and see every use: administrators."""
    return "administer" in reader.permissions
