"""The two ways to erase, and the one to lift a hold: functions of the owner, which the runtime role calls.

Each does one thing, and refuses without its event, written by the same transaction and naming what it
is about.  Under a legal hold nothing is erased, whoever asks.  What they compose stands in each app's
own migration, and only the owner may call it.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

FORWARD = """
-- Erasures, holds and whoever makes bytes of what is erased take turns in a workspace (core.erasing).
CREATE FUNCTION oversight_alone(p_workspace uuid) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('assentry erasure ' || p_workspace, 0))
$$;

-- Raises where a hold covers the workspace, one of these requests, or somebody who took part in one.
CREATE FUNCTION oversight_must_be_free(p_workspace uuid, p_requests uuid[], p_person uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE held record;
BEGIN
    FOR held IN SELECT scope, target_id FROM oversight_hold
                 WHERE workspace_id = p_workspace AND lifted_at IS NULL LOOP
        IF held.scope = 'workspace'
           OR (held.scope = 'request' AND (held.target_id = ANY(p_requests) OR (
                   p_person IS NOT NULL AND approvals_touched_by(ARRAY[held.target_id], p_person))))
           OR (held.scope = 'person' AND (held.target_id = p_person
                   OR approvals_touched_by(p_requests, held.target_id))) THEN
            RAISE EXCEPTION 'a legal hold keeps it' USING ERRCODE = 'AS001';
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION oversight_erase(
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
    UPDATE oversight_kill SET reason = 'Erased.' WHERE id = ANY(p_kills) AND workspace_id = p_workspace;
    PERFORM audit_erase(p_event, p_workspace, p_requests || p_records || p_runs || p_kills);
    PERFORM audit_erase(p_event, p_workspace, changed, 'run.steps_reported');
END $$;

CREATE FUNCTION oversight_erase_person(p_event uuid, p_workspace uuid, p_person uuid) RETURNS void
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
    PERFORM agents_forget(p_workspace, ARRAY[name]);
    PERFORM callbacks_forget(p_workspace, name, address);
    PERFORM audit_erase(p_event, p_workspace, ARRAY[p_person]);
    PERFORM audit_erase_of(p_event, p_workspace, p_person);
END $$;

CREATE FUNCTION oversight_lift_hold(p_event uuid, p_workspace uuid, p_hold uuid, p_by uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM oversight_alone(p_workspace);
    PERFORM audit_must_name(p_event, p_workspace, 'hold.lifted', ARRAY[core_typeid('hld', p_hold)]);
    UPDATE oversight_hold SET lifted_at = clock_timestamp(), lifted_by_id = p_by
     WHERE id = p_hold AND workspace_id = p_workspace AND lifted_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION oversight_erase(uuid, uuid, uuid[], uuid[], uuid[], uuid[], text[], uuid, text),
    oversight_erase_person(uuid, uuid, uuid), oversight_lift_hold(uuid, uuid, uuid, uuid) FROM PUBLIC;
"""
OFFERED = (
    "oversight_erase(uuid, uuid, uuid[], uuid[], uuid[], uuid[], text[], uuid, text)",
    "oversight_erase_person(uuid, uuid, uuid)",
    "oversight_lift_hold(uuid, uuid, uuid, uuid)",
)


def grant(apps: Any, schema_editor: Any) -> None:
    """The runtime role calls these three; holds and erasures it only adds and reads."""
    if settings.OWNER_ROLE == settings.RUNTIME_ROLE:
        return
    runtime = schema_editor.connection.ops.quote_name(settings.RUNTIME_ROLE)
    for function in OFFERED:
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {runtime}")
    schema_editor.execute(
        f"REVOKE UPDATE, DELETE, TRUNCATE ON oversight_hold, oversight_erasure FROM {runtime}"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0003_erasure"),
        ("audit", "0007_erasure"),
        ("people", "0004_erasure"),
        ("agents", "0008_erasure"),
        ("callbacks", "0004_erasure"),
        ("policies", "0003_erasure"),
        ("approvals", "0010_erasure"),
    ]
    operations = [
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
