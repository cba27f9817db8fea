"""The digest of what somebody was shown stands beside their vote, until its request is erased."""

from __future__ import annotations

from django.db import migrations, models

# As before, and what was shown goes with what was said.
ERASE = """
CREATE OR REPLACE FUNCTION approvals_erase(
    p_workspace uuid, p_requests uuid[], p_records uuid[], p_by uuid, p_as text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bare constant bytea := convert_to('{"context":{},"evidence":[],"metadata":{},"summary":""}', 'UTF8');
    nothing constant bytea := convert_to('null', 'UTF8');
    why text;
BEGIN
    PERFORM 1 FROM approvals_request WHERE id = ANY(p_requests) AND workspace_id = p_workspace
      ORDER BY id FOR UPDATE;
    SELECT approvals_kept_for(r) INTO why FROM approvals_request r
     WHERE r.id = ANY(p_requests) AND r.workspace_id = p_workspace AND approvals_kept_for(r) IS NOT NULL LIMIT 1;
    IF why IS NOT NULL THEN
        RAISE EXCEPTION 'a request is not to be erased: %%', why USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE approvals_request
       SET title = 'Erased', stated = bare, idempotency_key = NULL, idempotency_digest = NULL,
           callback_url = NULL, callback_endpoint_id = NULL, sequence = sequence + 1,
           erased_at = clock_timestamp(), erased_by_id = p_by, erased_as = p_as
     WHERE id = ANY(p_requests) AND workspace_id = p_workspace;
    UPDATE approvals_revision
       SET payload = nothing, digest = '', plan = approvals_bare_plan(plan),
           stated = CASE WHEN stated IS NOT NULL THEN bare END
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_decision
       SET comment = '', answer = CASE WHEN answer IS NOT NULL THEN nothing END%s
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_message SET text = '', evidence = convert_to('[]', 'UTF8')
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_permit SET digest = '', consume_key = NULL
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_result SET detail = ''
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_breakglass SET reason = 'Erased.'
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_breakglassreview SET comment = ''
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
    UPDATE approvals_recordedaction
       SET title = 'Erased', payload = nothing, digest = '', stated = bare,
           plan = approvals_bare_plan(plan), erased_at = clock_timestamp()
     WHERE workspace_id = p_workspace AND id = ANY(p_records);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0010_erasure")]
    operations = [
        migrations.AddField(
            "decision", "shown_digest", models.BinaryField(max_length=32, null=True)
        ),
        migrations.RunSQL(ERASE % ", shown_digest = NULL", ERASE % ""),
    ]
