"""Stage rows: the parameters of `approvals.sql.INSERT_STAGES`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.frozen import FrozenPlan
from core import ids

PARAMETERS = (
    "st_id",
    "st_workspace",
    "st_request",
    "st_revision",
    "st_index",
    "st_roles",
    "st_confirm",
    "st_approvals",
    "st_rejections",
    "st_distinct",
    "st_opened_at",
    "st_look_at",
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A stage of one request that opens now, for the first time or again."""

    workspace: UUID
    request: UUID
    revision: int
    index: int
    plan: FrozenPlan
    again: bool = False

    def look_at(self, at: datetime) -> datetime | None:
        """When the clock of its escalation is first looked at; a stage that opens again has one that ran."""
        first = self.plan.first_step
        return None if first is None else at if self.again else at + first


def stage_rows(openings: Sequence[Opening], at: datetime) -> dict[str, list[Any]]:
    """The parameters of `INSERT_STAGES` for these openings."""
    rows: dict[str, list[Any]] = {name: [] for name in PARAMETERS}
    for opening in openings:
        stage = opening.plan.stage(opening.index)
        values = (
            ids.uuid7(),
            opening.workspace,
            opening.request,
            opening.revision,
            opening.index,
            json.dumps([str(role.id) for role in stage.roles]),
            stage.confirm,
            stage.approvals,
            stage.rejections,
            stage.distinct_from_earlier,
            at,
            opening.look_at(at),
        )
        for name, value in zip(PARAMETERS, values, strict=True):
            rows[name].append(value)
    return rows
