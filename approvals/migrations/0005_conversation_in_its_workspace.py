"""What belongs to a request stays in its workspace, and the database knows the new ends.

The moves are the table `approvals.status.ENDS`; a test compares the two.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE approvals_request
    ADD CONSTRAINT request_run_same_workspace FOREIGN KEY (workspace_id, run_id)
        REFERENCES agents_run (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT request_initiator_same_workspace FOREIGN KEY (workspace_id, initiator_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT request_claimed_same_workspace FOREIGN KEY (workspace_id, claimed_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    DROP CONSTRAINT request_outcome_and_basis,
    ADD CONSTRAINT request_outcome_and_basis CHECK (
        status = 'pending'
        OR (status = 'approved' AND basis IN ('people', 'confirm', 'policy', 'clock', 'break_glass'))
        OR (status = 'rejected' AND basis IN ('people', 'confirm', 'policy'))
        OR (status = 'answered' AND basis = 'people')
        OR (status = 'expired' AND basis = 'clock')
        OR (status = 'cancelled' AND basis IN ('agent', 'owner'))
    ),
    ADD CONSTRAINT request_answers_are_of_questions CHECK (
        (kind = 'question' AND status <> 'approved') OR (kind = 'request' AND status <> 'answered')
    );
ALTER TABLE approvals_revision
    ADD CONSTRAINT revision_author_same_workspace FOREIGN KEY (workspace_id, author_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_message
    ADD CONSTRAINT message_revision_same_workspace FOREIGN KEY (workspace_id, request_id, revision)
        REFERENCES approvals_revision (workspace_id, request_id, number) ON DELETE RESTRICT,
    ADD CONSTRAINT message_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_result
    ADD CONSTRAINT result_request_same_workspace FOREIGN KEY (workspace_id, request_id)
        REFERENCES approvals_request (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_watch
    ADD CONSTRAINT watch_request_same_workspace FOREIGN KEY (workspace_id, request_id)
        REFERENCES approvals_request (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT watch_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_breakglass
    ADD CONSTRAINT break_glass_revision_same_workspace FOREIGN KEY (workspace_id, request_id, revision)
        REFERENCES approvals_revision (workspace_id, request_id, number) ON DELETE RESTRICT,
    ADD CONSTRAINT break_glass_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_breakglassreview
    ADD CONSTRAINT break_glass_review_request_same_workspace FOREIGN KEY (workspace_id, request_id)
        REFERENCES approvals_request (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT break_glass_review_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE approvals_recordedaction
    ADD CONSTRAINT record_agent_same_workspace FOREIGN KEY (workspace_id, agent_id)
        REFERENCES agents_agent (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT record_run_same_workspace FOREIGN KEY (workspace_id, run_id)
        REFERENCES agents_run (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT record_policy_same_workspace FOREIGN KEY (workspace_id, policy_version_id)
        REFERENCES policies_policyversion (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_conversation"),
        ("agents", "0004_runs_in_their_workspace"),
    ]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
