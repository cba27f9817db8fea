"""An agent's owner and a key's agent belong to the same workspace: the database holds it."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE agents_agent
    ADD CONSTRAINT agent_owner_same_workspace FOREIGN KEY (workspace_id, owner_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE agents_key
    ADD CONSTRAINT key_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("people", "0002_same_workspace")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
