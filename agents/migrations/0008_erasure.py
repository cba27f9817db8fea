"""What an agent told of a run can be erased once it has ended; and what repeats it in stored answers."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = """
-- Runs that go on, and those that rules of a running one below them still read.
CREATE FUNCTION agents_in_use(p_runs uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    WITH RECURSIVE below AS (
        SELECT id AS top, id, state FROM agents_run WHERE id = ANY(p_runs)
        UNION ALL
        SELECT below.top, run.id, run.state FROM below JOIN agents_run run ON run.parent_id = below.id
    )
    SELECT DISTINCT top FROM below WHERE state = 'running'
$$;

-- Empties runs with their steps; takes digests out of the steps of `p_kept`; returns those it changed.
CREATE FUNCTION agents_erase(p_workspace uuid, p_runs uuid[], p_kept uuid[], p_digests bytea[])
RETURNS uuid[] LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE changed uuid[];
BEGIN
    PERFORM 1 FROM agents_run WHERE id = ANY(p_runs || p_kept) AND workspace_id = p_workspace
      ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT 1 FROM agents_in_use(p_runs)) THEN
        RAISE EXCEPTION 'a run that goes on, or is read by one below it, is not erased'
            USING ERRCODE = 'restrict_violation';
    END IF;
    DELETE FROM agents_storedanswer s USING agents_run run
     WHERE run.id = ANY(p_runs) AND run.workspace_id = p_workspace AND s.agent_id = run.agent_id
       AND s.at BETWEEN run.created_at AND run.ended_at;
    UPDATE agents_run SET external_id = 'erased ' || id, agent_version = '', erased_at = clock_timestamp()
     WHERE id = ANY(p_runs) AND workspace_id = p_workspace;
    UPDATE agents_step SET name = '', call_id = '', error = '', labels = '{}', input_digest = NULL,
                           output_digest = NULL, trace_id = '', span_id = ''
     WHERE run_id = ANY(p_runs) AND workspace_id = p_workspace;
    WITH found AS (
        UPDATE agents_step
           SET input_digest = CASE WHEN input_digest = ANY(p_digests) THEN NULL ELSE input_digest END,
               output_digest = CASE WHEN output_digest = ANY(p_digests) THEN NULL ELSE output_digest END
         WHERE run_id = ANY(p_kept) AND workspace_id = p_workspace
           AND (input_digest = ANY(p_digests) OR output_digest = ANY(p_digests))
        RETURNING run_id
    )
    SELECT array_agg(DISTINCT run_id) INTO changed FROM found;
    RETURN coalesce(changed, '{}');
END $$;

-- Removes the stored answers of a workspace that hold one of these texts, or came with it as their key.
CREATE FUNCTION agents_forget(p_workspace uuid, p_texts text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM agents_storedanswer s USING agents_agent agent, unnest(p_texts) AS one
     WHERE agent.id = s.agent_id AND agent.workspace_id = p_workspace
       AND (position(lower(one) IN lower(convert_from(s.body, 'UTF8'))) > 0
            OR position(lower(one) IN lower(s.key)) > 0)
$$;
REVOKE ALL ON FUNCTION agents_erase(uuid, uuid[], uuid[], bytea[]), agents_forget(uuid, text[]) FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION agents_erase(uuid, uuid[], uuid[], bytea[]);
DROP FUNCTION agents_forget(uuid, text[]);
DROP FUNCTION agents_in_use(uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0007_auditors_keys"), ("core", "0003_functions")]
    operations = [
        migrations.AddField("run", "erased_at", models.DateTimeField(null=True)),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
