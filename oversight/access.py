"""Who may stop whom."""

from __future__ import annotations

from agents.models import Agent
from approvals.access import Reader
from oversight.kill_switch import Order


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
