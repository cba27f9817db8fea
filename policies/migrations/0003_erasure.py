"""An address can be taken out of saved policies, the active one excepted; nothing else of them changes."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = r"""
CREATE OR REPLACE FUNCTION policies_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The owner's function takes an address out of the text, and marks the version.
    IF TG_OP = 'UPDATE' AND core_owns(TG_RELID) AND NEW.erased_at IS NOT NULL
       AND to_jsonb(NEW) - 'text' - 'erased_at' = to_jsonb(OLD) - 'text' - 'erased_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'policy versions are never changed: save a new one' USING ERRCODE = 'restrict_violation';
END $$;

-- An address as a pattern, that it is not found inside a longer one.
CREATE FUNCTION policies_address(p_email text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT '(?<![[:alnum:]._%+-])' || regexp_replace(p_email, '([^[:alnum:]@])', '\\\1', 'g')
           || '(?![[:alnum:]-]|\.[[:alnum:]])'
$$;
CREATE FUNCTION policies_name(p_workspace uuid, p_email text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM policies_policy policy
                     JOIN policies_policyversion version ON version.id = policy.active_id
                    WHERE policy.workspace_id = p_workspace AND version.text ~* policies_address(p_email))
$$;
CREATE FUNCTION policies_erase(p_workspace uuid, p_user uuid, p_email text, p_instead text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF policies_name(p_workspace, p_email) THEN
        RAISE EXCEPTION 'the active policy names them: apply one that does not'
            USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE policies_policyversion
       SET text = regexp_replace(text, policies_address(p_email), p_instead, 'gi'),
           erased_at = clock_timestamp()
     WHERE workspace_id = p_workspace AND text ~* policies_address(p_email);
    DELETE FROM policies_policyuserpermission WHERE user_id = p_user AND content_object_id = p_workspace;
END $$;
REVOKE ALL ON FUNCTION policies_erase(uuid, uuid, text, text) FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION policies_erase(uuid, uuid, text, text);
DROP FUNCTION policies_name(uuid, text);
DROP FUNCTION policies_address(text);
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0002_immutable_versions"), ("core", "0003_functions")]
    operations = [
        migrations.AddField("policyversion", "erased_at", models.DateTimeField(null=True)),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
