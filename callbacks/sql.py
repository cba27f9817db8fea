"""Pieces of SQL over this folder's tables, for statements composed above it."""

from __future__ import annotations

from typing import Final

from core.due import PROMISE_FROM

#: The due kind of a callback that is to be sent.
DELIVER: Final = "callback.deliver"

#: Two members of a WITH list: a callback of type ``%(cb_type)s`` at ``%(at)s`` for each endpoint that
#: is to hear of a request in ``{source}``, whose columns are ``id, workspace_id, agent_id,
#: callback_url, callback_endpoint_id``; and their promises.  `called` has the rows.
#: A disabled endpoint's are held: they can be sent once it is mended.
INSERT_CALLBACKS: Final = """
called AS (
    INSERT INTO callbacks_callback (
        id, workspace_id, endpoint_id, request_id, type, url, state, created_at, next_at)
    SELECT core_uuid7(), s.workspace_id, e.id, s.id, %(cb_type)s, coalesce(s.callback_url, e.url),
           CASE e.state WHEN 'active' THEN 'pending' ELSE 'held' END, %(at)s,
           CASE e.state WHEN 'active' THEN %(at)s END
      FROM {source} AS s
      JOIN callbacks_endpoint e ON e.agent_id = s.agent_id AND e.state <> 'deleted'
       AND (s.callback_endpoint_id IS NULL OR e.id = s.callback_endpoint_id)
       AND (e.events = '{{}}' OR %(cb_type)s = ANY(e.events))
    RETURNING id AS subject, workspace_id, next_at AS due_at
),
""" + PROMISE_FROM.format(
    name="calls_due",
    kind=DELIVER,
    source="(SELECT * FROM called WHERE due_at IS NOT NULL)",
).replace("{", "{{").replace("}", "}}")

#: How many of them are to be sent now.
CALLED: Final = "(SELECT count(*) FROM called WHERE due_at IS NOT NULL)"
