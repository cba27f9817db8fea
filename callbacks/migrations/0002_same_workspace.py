"""An endpoint's agent, and what is delivered there, belong to its workspace: the database holds it."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE callbacks_endpoint
    ADD CONSTRAINT endpoint_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE callbacks_callback
    ADD CONSTRAINT callback_endpoint_same_workspace FOREIGN KEY (workspace_id, endpoint_id)
        REFERENCES callbacks_endpoint (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE callbacks_attempt
    ADD CONSTRAINT attempt_callback FOREIGN KEY (callback_id)
        REFERENCES callbacks_callback (id) ON DELETE RESTRICT;

CREATE FUNCTION callbacks_body_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'callback %: what was sent once is sent unchanged', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER callback_body_stays BEFORE UPDATE OF id, type, url, body ON callbacks_callback
    FOR EACH ROW WHEN (OLD.body IS NOT NULL) EXECUTE FUNCTION callbacks_body_stays();
ALTER TABLE callbacks_callback ENABLE ALWAYS TRIGGER callback_body_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0001_callbacks"), ("core", "0002_uuid7_in_sql")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
