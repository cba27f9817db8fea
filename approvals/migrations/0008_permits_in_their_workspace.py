"""Permits stay in their workspace, what became of one is final, and the kill switch may cancel.

The moves are the table `approvals.status.ENDS`; a test compares the two.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE approvals_request
    DROP CONSTRAINT request_outcome_and_basis,
    ADD CONSTRAINT request_outcome_and_basis CHECK (
        status = 'pending'
        OR (status = 'approved' AND basis IN ('people', 'confirm', 'policy', 'clock', 'break_glass'))
        OR (status = 'rejected' AND basis IN ('people', 'confirm', 'policy'))
        OR (status = 'answered' AND basis = 'people')
        OR (status = 'expired' AND basis = 'clock')
        OR (status = 'cancelled' AND basis IN ('agent', 'owner', 'kill_switch'))
    ),
    ADD CONSTRAINT request_callback_same_workspace FOREIGN KEY (workspace_id, callback_endpoint_id)
        REFERENCES callbacks_endpoint (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_permit
    ADD CONSTRAINT permit_revision_same_workspace FOREIGN KEY (workspace_id, request_id, revision)
        REFERENCES approvals_revision (workspace_id, request_id, number) ON DELETE RESTRICT,
    ADD CONSTRAINT permit_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT;

CREATE FUNCTION approvals_permit_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% %: what became of a permit is final', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER request_permit_is_final BEFORE UPDATE OF permit_state, use_by ON approvals_request
    FOR EACH ROW WHEN (OLD.permit_state IN ('consumed', 'revoked', 'lapsed'))
    EXECUTE FUNCTION approvals_permit_is_final();
CREATE TRIGGER permit_is_final BEFORE UPDATE ON approvals_permit
    FOR EACH ROW WHEN (OLD.consumed_at IS NOT NULL OR OLD.revoked_at IS NOT NULL)
    EXECUTE FUNCTION approvals_permit_is_final();
ALTER TABLE approvals_request ENABLE ALWAYS TRIGGER request_permit_is_final;
ALTER TABLE approvals_permit ENABLE ALWAYS TRIGGER permit_is_final;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0007_permits"), ("callbacks", "0002_same_workspace")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
