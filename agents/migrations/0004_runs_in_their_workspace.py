"""A run's agent, parent and initiator belong to its workspace, and steps to their run's."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE agents_run
    ADD CONSTRAINT run_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT run_parent_same_workspace FOREIGN KEY (workspace_id, parent_id)
        REFERENCES agents_run (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT run_initiator_same_workspace FOREIGN KEY (workspace_id, initiator_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE agents_step
    ADD CONSTRAINT step_run_same_workspace FOREIGN KEY (workspace_id, run_id)
        REFERENCES agents_run (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE agents_storedanswer
    ADD CONSTRAINT stored_answer_agent FOREIGN KEY (agent_id)
        REFERENCES agents_agent (id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0003_runs"), ("people", "0002_same_workspace")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
