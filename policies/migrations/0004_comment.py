"""Whoever applies a version may say why; it goes with them, and their address goes out of what others said."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = r"""
CREATE OR REPLACE FUNCTION policies_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The owner's function takes an address out of text and comment, and marks the version.
    IF TG_OP = 'UPDATE' AND core_owns(TG_RELID) AND NEW.erased_at IS NOT NULL
       AND to_jsonb(NEW) - 'text' - 'comment' - 'erased_at' = to_jsonb(OLD) - 'text' - 'comment' - 'erased_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'policy versions are never changed: save a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE FUNCTION policies_said(p_author uuid, p_user uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT 1 FROM people_person author WHERE author.id = p_author AND author.user_id = p_user)
$$;
CREATE OR REPLACE FUNCTION policies_erase(p_workspace uuid, p_user uuid, p_email text, p_instead text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF policies_name(p_workspace, p_email) THEN
        RAISE EXCEPTION 'the active policy names them: apply one that does not'
            USING ERRCODE = 'restrict_violation';
    END IF;
    UPDATE policies_policyversion
       SET text = regexp_replace(text, policies_address(p_email), p_instead, 'gi'),
           comment = CASE WHEN policies_said(created_by_id, p_user) THEN ''
                          ELSE regexp_replace(comment, policies_address(p_email), p_instead, 'gi') END,
           erased_at = clock_timestamp()
     WHERE workspace_id = p_workspace
       AND (text ~* policies_address(p_email) OR comment ~* policies_address(p_email)
            OR comment <> '' AND policies_said(created_by_id, p_user));
    DELETE FROM policies_policyuserpermission WHERE user_id = p_user AND content_object_id = p_workspace;
END $$;
"""
BACKWARD = r"""
CREATE OR REPLACE FUNCTION policies_erase(p_workspace uuid, p_user uuid, p_email text, p_instead text) RETURNS void
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
DROP FUNCTION policies_said(uuid, uuid);
CREATE OR REPLACE FUNCTION policies_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND core_owns(TG_RELID) AND NEW.erased_at IS NOT NULL
       AND to_jsonb(NEW) - 'text' - 'erased_at' = to_jsonb(OLD) - 'text' - 'erased_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'policy versions are never changed: save a new one' USING ERRCODE = 'restrict_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0003_erasure")]
    operations = [
        migrations.AddField(
            "policyversion", "comment", models.TextField(db_default="", default="")
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
