"""How soon people look at what they are told: for `approvals.numbers` and `approvals.numbers_people`."""

from __future__ import annotations

from typing import Final

#: A sub-select: ``took``, from the first message that asked people to decide at one stage of one revision
#: to the first time one of them looked; null where nobody did.
FIRST_VIEW: Final = """
SELECT min(n.viewed_at) - min(n.created_at) AS took
  FROM notifications_notification AS n
 WHERE n.request_id = {request} AND n.revision = {revision} AND n.stage = {stage} AND n.kind = 'asked'
"""
#: A sub-select: ``shown_at``, when somebody first looked at what they were asked at one stage of one
#: revision; null where they were not told of it, or did not look.
SHOWN_TO: Final = """
SELECT min(n.viewed_at) AS shown_at
  FROM notifications_notification AS n
 WHERE n.request_id = {request} AND n.revision = {revision} AND n.stage = {stage}
   AND n.person_id = {person}
"""
