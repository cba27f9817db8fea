"""Anchoring at once: before a backup, before an examiner comes."""

from __future__ import annotations

from uuid import UUID

from audit.sequencer import sequence
from core import due
from oversight.anchors import keeping, rollback
from oversight.anchors.standing import Standing, standing
from oversight.anchors.targets import ANCHOR


def anchor_now(workspace: UUID) -> Standing:
    """Sign what waits, lay the newest checkpoint down at every anchor, and say how they stand then.

    Whoever was about to do it records nothing.
    """
    rollback.notice()
    sequence(workspace)
    subjects = [each.id for each in standing(workspace).targets]
    claimed = due.take(ANCHOR, subjects)
    keeping.keep(claimed, news_only=False)
    return standing(workspace)
