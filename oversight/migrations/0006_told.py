"""Erasing a request or a person takes what was told of it, or to them (notifications 0003)."""

from __future__ import annotations

from django.db import migrations

BOTH = """
CREATE OR REPLACE FUNCTION oversight_erase(
    p_event uuid, p_workspace uuid, p_requests uuid[], p_records uuid[], p_runs uuid[], p_kills uuid[],
    p_texts text[], p_by uuid, p_as text
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE names text[]; digests bytea[]; kept uuid[]; changed uuid[];
BEGIN
    SELECT coalesce(array_agg(one), '{}') INTO names FROM (
        SELECT core_typeid('req', id) FROM unnest(p_requests) AS id
        UNION ALL SELECT core_typeid('rec', id) FROM unnest(p_records) AS id
        UNION ALL SELECT core_typeid('run', id) FROM unnest(p_runs) AS id
        UNION ALL SELECT core_typeid('kil', id) FROM unnest(p_kills) AS id) AS named (one);
    PERFORM oversight_alone(p_workspace);
    PERFORM audit_must_name(p_event, p_workspace, 'subject.erased', names);
    PERFORM oversight_must_be_free(p_workspace, p_requests, NULL);
    digests := approvals_digests_of(p_workspace, p_requests, p_records);
    SELECT coalesce(array_agg(id), '{}') INTO kept
      FROM unnest(approvals_runs_of(p_requests, p_records)) AS id WHERE id <> ALL(p_runs);
    changed := agents_erase(p_workspace, p_runs, kept, digests);
    PERFORM approvals_erase(p_workspace, p_requests, p_records, p_by, p_as);
    PERFORM agents_forget(p_workspace, names || p_texts);
    PERFORM callbacks_erase(p_workspace, p_requests);
    @request@
    UPDATE oversight_kill SET reason = 'Erased.' WHERE id = ANY(p_kills) AND workspace_id = p_workspace;
    PERFORM audit_erase(p_event, p_workspace, p_requests || p_records || p_runs || p_kills);
    PERFORM audit_erase(p_event, p_workspace, changed, 'run.steps_reported');
END $$;

CREATE OR REPLACE FUNCTION oversight_erase_person(p_event uuid, p_workspace uuid, p_person uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE name text := core_typeid('per', p_person); account uuid; address text;
BEGIN
    PERFORM oversight_alone(p_workspace);
    PERFORM audit_must_name(p_event, p_workspace, 'subject.erased', ARRAY[name]);
    PERFORM oversight_must_be_free(p_workspace, '{}', p_person);
    SELECT u.id, u.email INTO account, address FROM people_person p JOIN people_user u ON u.id = p.user_id
     WHERE p.id = p_person AND p.workspace_id = p_workspace;
    PERFORM approvals_erase_words(p_workspace, p_person);
    UPDATE oversight_kill SET reason = 'Erased.' WHERE person_id = p_person AND workspace_id = p_workspace;
    UPDATE oversight_erasure SET reason = 'Erased.' WHERE person_id = p_person AND workspace_id = p_workspace;
    UPDATE oversight_hold SET reason = 'Erased.' WHERE set_by_id = p_person AND workspace_id = p_workspace;
    PERFORM policies_erase(p_workspace, account, address,
        'erased-' || replace(p_person::text, '-', '') || '@erased.invalid');
    PERFORM people_erase(p_workspace, p_person);
    @person@
    PERFORM agents_forget(p_workspace, ARRAY[name]);
    PERFORM callbacks_forget(p_workspace, name, address);
    PERFORM audit_erase(p_event, p_workspace, ARRAY[p_person]);
    PERFORM audit_erase_of(p_event, p_workspace, p_person);
END $$;
"""
FORWARD = BOTH.replace(
    "@request@", "PERFORM notifications_erase(p_workspace, p_requests);"
).replace(
    "@person@",
    """PERFORM notifications_forget(p_workspace, p_person, account, ARRAY(
        SELECT id FROM approvals_message WHERE workspace_id = p_workspace AND person_id = p_person));""",
)
BACKWARD = BOTH.replace("@request@", "").replace("@person@", "")


class Migration(migrations.Migration):
    dependencies = [("oversight", "0005_exports"), ("notifications", "0003_erasure")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
