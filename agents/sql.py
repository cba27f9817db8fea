"""Pieces of SQL over this folder's tables, for statements composed above it."""

from __future__ import annotations

from people.sql import PERSON_IS_ACTIVE

#: The agent of a request ``r``, its owner and its workspace: ``agent``, ``owner``, ``owner_user``, ``w``.
AGENT_FROM_REQUEST = """
    JOIN agents_agent agent ON agent.id = r.agent_id
    JOIN people_person owner ON owner.id = agent.owner_id
    JOIN people_user owner_user ON owner_user.id = owner.user_id
    JOIN people_workspace w ON w.id = r.workspace_id
"""

#: The run of a request ``r``, where it names one: ``run``.
RUN_FROM_REQUEST = """
    LEFT JOIN agents_run run ON run.id = r.run_id
"""

#: What the tool of a key is called: ``KEY_NAME.format(key="…")``.
KEY_NAME = "(SELECT tool.name FROM agents_key tool WHERE tool.id = {key})"

#: A run of an agent, by its id (which may be null): ``RUN_OF_AGENT.format(run="…", agent="agent.id")``.
RUN_OF_AGENT = "LEFT JOIN agents_run run ON run.id = {run} AND run.agent_id = {agent}"

#: The end of an INSERT … SELECT that happens only while the agent may act, however it is stopped
#: meanwhile: the kill switch waits for this lock, and whoever waits for the kill switch sees it.
#: (The foreign key of a request to its agent takes the same lock anyway.)
WHILE_ACTIVE = """
    FROM agents_agent acting WHERE acting.id = %(agent)s AND acting.state = 'active'
     FOR KEY SHARE OF acting
"""

#: Makes later submits of one agent wait for this one (a plan that counts reads under this lock).
#: Weaker than FOR UPDATE on purpose: inserting a request takes KEY SHARE on the agent.
LOCK_FOR_COUNTING = "SELECT 1 FROM agents_agent WHERE id = %(agent)s FOR NO KEY UPDATE"

#: Holds an agent's owner and state still while one of its requests is decided: the owner's id, and
#: whether the owner may act.  The first lock of the one order: agent, request, memberships.
#: ``LOCK_FOR_DECIDING.format(agent="(SELECT …)")``.
LOCK_FOR_DECIDING = f"""
    SELECT agent.owner_id, {PERSON_IS_ACTIVE.format(person="owner", user="owner_user")}
      FROM agents_agent agent
      JOIN people_person owner ON owner.id = agent.owner_id
      JOIN people_user owner_user ON owner_user.id = owner.user_id
     WHERE agent.id = {{agent}}
       FOR SHARE OF agent, owner
"""
