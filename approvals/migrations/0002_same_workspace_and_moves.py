"""Relations stay inside one workspace, and an end is final: the database holds both.

The moves are the table `approvals.status.ENDS`; a test compares the two.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE approvals_request
    ADD CONSTRAINT request_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_revision
    ADD CONSTRAINT revision_request_same_workspace FOREIGN KEY (workspace_id, request_id)
        REFERENCES approvals_request (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT revision_policy_same_workspace FOREIGN KEY (workspace_id, policy_version_id)
        REFERENCES policies_policyversion (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_stage
    ADD CONSTRAINT stage_revision_same_workspace FOREIGN KEY (workspace_id, request_id, revision)
        REFERENCES approvals_revision (workspace_id, request_id, number) ON DELETE RESTRICT;
ALTER TABLE approvals_decision
    ADD CONSTRAINT decision_stage_same_workspace FOREIGN KEY (workspace_id, request_id, revision, stage)
        REFERENCES approvals_stage (workspace_id, request_id, revision, index) ON DELETE RESTRICT,
    ADD CONSTRAINT decision_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;

ALTER TABLE approvals_request ADD CONSTRAINT request_outcome_and_basis CHECK (
    status = 'pending'
    OR (status = 'approved' AND basis IN ('people', 'confirm', 'policy', 'clock'))
    OR (status = 'rejected' AND basis IN ('people', 'confirm', 'policy'))
    OR (status = 'expired' AND basis = 'clock')
    OR (status = 'cancelled' AND basis IN ('agent', 'owner'))
);

CREATE FUNCTION approvals_ends_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'request % has ended (%): an end is final', OLD.id, OLD.status
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER request_end_is_final BEFORE UPDATE OF status, basis, ended_at, revision ON approvals_request
    FOR EACH ROW WHEN (OLD.status <> 'pending') EXECUTE FUNCTION approvals_ends_are_final();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER request_end_is_final;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_initial"),
        ("agents", "0002_same_workspace"),
        ("policies", "0002_immutable_versions"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
