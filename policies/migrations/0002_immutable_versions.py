"""A saved policy version is never changed or removed, and the active one is the workspace's own."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE policies_policyversion
    ADD CONSTRAINT policy_version_author_same_workspace FOREIGN KEY (workspace_id, created_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE policies_policy
    ADD CONSTRAINT policy_active_same_workspace FOREIGN KEY (workspace_id, active_id)
        REFERENCES policies_policyversion (workspace_id, id) ON DELETE RESTRICT;

CREATE FUNCTION policies_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'policy versions are never changed: save a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER policy_version_immutable BEFORE UPDATE OR DELETE ON policies_policyversion
    FOR EACH ROW EXECUTE FUNCTION policies_refuse_change();
CREATE TRIGGER policy_version_kept BEFORE TRUNCATE ON policies_policyversion
    FOR EACH STATEMENT EXECUTE FUNCTION policies_refuse_change();
ALTER TABLE policies_policyversion ENABLE ALWAYS TRIGGER policy_version_immutable;
ALTER TABLE policies_policyversion ENABLE ALWAYS TRIGGER policy_version_kept;
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial"), ("people", "0002_same_workspace")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
