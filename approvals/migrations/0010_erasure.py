"""What a request says can be erased once it has ended; that it was there, and how it ended, stays."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = """
-- As before, but the owner's functions may take the digest and the tool's own key away.
CREATE OR REPLACE FUNCTION approvals_permit_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'approvals_permit' AND core_owns(TG_RELID) THEN
        IF NEW.digest = ''::bytea AND NEW.consume_key IS NULL
           AND to_jsonb(NEW) - 'digest' - 'consume_key' = to_jsonb(OLD) - 'digest' - 'consume_key' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% %: what became of a permit is final', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

-- Why a request is not to be erased now: one word; null: it may be.
CREATE FUNCTION approvals_kept_for(r approvals_request) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN r.status = 'pending' THEN 'pending'
        WHEN r.permit_state IN ('open', 'issued') THEN 'usable'
        WHEN r.basis = 'break_glass' AND NOT EXISTS (
            SELECT 1 FROM approvals_breakglassreview seen WHERE seen.request_id = r.id) THEN 'not_reviewed'
        WHEN r.erased_at IS NOT NULL THEN 'erased' END
$$;

-- Everybody who said something about one of these requests, changed it, or started its run.
CREATE FUNCTION approvals_people_of(p_requests uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT person_id FROM approvals_decision WHERE request_id = ANY(p_requests)
    UNION SELECT person_id FROM approvals_message WHERE request_id = ANY(p_requests) AND person_id IS NOT NULL
    UNION SELECT person_id FROM approvals_breakglass WHERE request_id = ANY(p_requests)
    UNION SELECT person_id FROM approvals_breakglassreview WHERE request_id = ANY(p_requests)
    UNION SELECT v.author_id FROM approvals_request r
            JOIN approvals_revision v ON v.workspace_id = r.workspace_id AND v.request_id = r.id
           WHERE r.id = ANY(p_requests) AND v.author_id IS NOT NULL
    UNION SELECT initiator_id FROM approvals_request WHERE id = ANY(p_requests) AND initiator_id IS NOT NULL
$$;

-- The digests of their payloads, and the runs that they and these records belong to.
CREATE FUNCTION approvals_digests_of(p_workspace uuid, p_requests uuid[], p_records uuid[])
RETURNS bytea[] LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(digest), '{}') FROM (
        SELECT digest FROM approvals_revision WHERE workspace_id = p_workspace AND request_id = ANY(p_requests)
        UNION SELECT digest FROM approvals_recordedaction WHERE id = ANY(p_records)) AS found
$$;
CREATE FUNCTION approvals_runs_of(p_requests uuid[], p_records uuid[]) RETURNS uuid[] LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(array_agg(run_id), '{}') FROM (
        SELECT run_id FROM approvals_request WHERE id = ANY(p_requests) AND run_id IS NOT NULL
        UNION SELECT run_id FROM approvals_recordedaction WHERE id = ANY(p_records) AND run_id IS NOT NULL
    ) AS found
$$;

-- Plans keep what policy says, and lose what they quote of a payload.
CREATE FUNCTION approvals_bare_plan(p_plan bytea) RETURNS bytea LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT convert_to(jsonb_set(jsonb_set(plan, '{facts}', '[]'), '{trace}', (
               SELECT coalesce(jsonb_agg(line || '{"error": null}'), '[]')
                 FROM jsonb_array_elements(plan->'trace') AS line))::text, 'UTF8')
      FROM (SELECT convert_from(p_plan, 'UTF8')::jsonb AS plan) AS held
$$;

CREATE FUNCTION approvals_erase(p_workspace uuid, p_requests uuid[], p_records uuid[], p_by uuid, p_as text)
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
        RAISE EXCEPTION 'a request is not to be erased: %', why USING ERRCODE = 'restrict_violation';
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
    UPDATE approvals_decision SET comment = '', answer = CASE WHEN answer IS NOT NULL THEN nothing END
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

-- What one person said about requests.
CREATE FUNCTION approvals_erase_words(p_workspace uuid, p_person uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE approvals_decision SET comment = '' WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_message SET text = '', evidence = convert_to('[]', 'UTF8')
     WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_breakglass SET reason = 'Erased.'
     WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_breakglassreview SET comment = ''
     WHERE workspace_id = p_workspace AND person_id = p_person;
END $$;

-- Of these requests, those that the person said something about.
CREATE FUNCTION approvals_touched_by(p_requests uuid[], p_person uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM approvals_people_of(p_requests) AS one WHERE one = p_person)
$$;
REVOKE ALL ON FUNCTION approvals_erase(uuid, uuid[], uuid[], uuid, text), approvals_erase_words(uuid, uuid)
  FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION approvals_touched_by(uuid[], uuid);
DROP FUNCTION approvals_erase_words(uuid, uuid);
DROP FUNCTION approvals_erase(uuid, uuid[], uuid[], uuid, text);
DROP FUNCTION approvals_bare_plan(bytea);
DROP FUNCTION approvals_runs_of(uuid[], uuid[]);
DROP FUNCTION approvals_digests_of(uuid, uuid[], uuid[]);
DROP FUNCTION approvals_people_of(uuid[]);
DROP FUNCTION approvals_kept_for(approvals_request);
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0009_unsettled"), ("core", "0003_functions")]
    operations = [
        migrations.AddField("request", "erased_at", models.DateTimeField(null=True)),
        migrations.AddField("request", "erased_by_id", models.UUIDField(null=True)),
        migrations.AddField("request", "erased_as", models.CharField(max_length=10, null=True)),
        migrations.AddField("recordedaction", "erased_at", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "request",
            models.CheckConstraint(
                condition=models.Q(erased_at=None, erased_by_id=None, erased_as=None)
                | (
                    models.Q(
                        erased_at__isnull=False, erased_as__in=["person", "operator", "retention"]
                    )
                    & ~models.Q(status="pending")
                ),
                name="request_erased_says_by_whom",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
