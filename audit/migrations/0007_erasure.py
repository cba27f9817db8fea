"""What stands beside events can be erased, by functions of the owner that those above compose.

Nobody else may call them.  Events and leaves stay as they are: only salts and bytes go, after which a
commitment commits to nothing that could be found.
"""

from __future__ import annotations

from django.db import migrations

FORWARD = """
-- Raises unless the event of this kind was written by this very transaction and names all of `names`.
CREATE FUNCTION audit_must_name(p_event uuid, p_workspace uuid, p_kind text, p_names text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE told jsonb;
BEGIN
    SELECT convert_from(e.body, 'UTF8')::jsonb INTO told FROM audit_event e
     WHERE e.id = p_event AND e.workspace_id = p_workspace AND e.kind = p_kind
       AND e.xmin = pg_current_xact_id()::xid;
    IF told IS NULL OR told->>'kind' IS DISTINCT FROM p_kind
       OR told->>'workspace' IS DISTINCT FROM core_typeid('wsp', p_workspace) THEN
        RAISE EXCEPTION 'nothing is done without its event (%) in the same transaction', p_kind
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT coalesce(told #> '{data,subjects}' @> to_jsonb(p_names), false) THEN
        RAISE EXCEPTION 'the event does not name all of %', p_names USING ERRCODE = 'restrict_violation';
    END IF;
END $$;

-- Removes what stands beside the events about these subjects; of one kind, where one is given.
CREATE FUNCTION audit_erase(p_event uuid, p_workspace uuid, p_subjects uuid[], p_kind text DEFAULT NULL)
RETURNS void LANGUAGE sql SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM audit_side s USING audit_event e
     WHERE e.subject = ANY(p_subjects) AND e.workspace_id = p_workspace AND e.id <> p_event
       AND (p_kind IS NULL OR e.kind = p_kind) AND s.event_id = e.id
$$;

-- Removes what stands beside the events of what one person did.  A body begins with its actor.
CREATE FUNCTION audit_erase_of(p_event uuid, p_workspace uuid, p_person uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head bytea := convert_to('{"actor":{"id":"' || core_typeid('per', p_person) || '"', 'UTF8');
BEGIN
    DELETE FROM audit_side s USING audit_event e
     WHERE s.workspace_id = p_workspace AND e.id = s.event_id AND e.id <> p_event
       AND substring(e.body FROM 1 FOR length(head)) = head;
END $$;

REVOKE ALL ON FUNCTION audit_must_name(uuid, uuid, text, text[]), audit_erase(uuid, uuid, uuid[], text),
    audit_erase_of(uuid, uuid, uuid) FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION audit_must_name(uuid, uuid, text, text[]);
DROP FUNCTION audit_erase(uuid, uuid, uuid[], text);
DROP FUNCTION audit_erase_of(uuid, uuid, uuid);
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_holds"), ("core", "0003_functions")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
