"""How soon people look at what they are told: for `approvals.numbers`."""

from __future__ import annotations

from typing import Final

#: A sub-select: ``took``, from the first message that asked people to decide at one stage of one revision
#: to the first time one of them looked; null where nobody did.
FIRST_VIEW: Final = """
SELECT min(n.viewed_at) - min(n.created_at) AS took
  FROM notifications_notification AS n
 WHERE n.request_id = {request} AND n.revision = {revision} AND n.stage = {stage} AND n.kind = 'asked'
"""
