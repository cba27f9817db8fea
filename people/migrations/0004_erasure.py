"""A person can be forgotten: the id stays, and behind it stands a user who is nobody."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = """
-- Puts a nameless user behind a deactivated person; the user goes where no other workspace has them.
CREATE FUNCTION people_erase(p_workspace uuid, p_person uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE before uuid; known_as text; nobody uuid := core_uuid7();
BEGIN
    SELECT user_id INTO before FROM people_person
     WHERE id = p_person AND workspace_id = p_workspace AND NOT active AND erased_at IS NULL FOR UPDATE;
    IF before IS NULL THEN
        RAISE EXCEPTION 'person % is active, was erased, or is not there', p_person
            USING ERRCODE = 'restrict_violation';
    END IF;
    -- Two workspaces that forget one user at once: the second one sees that the first did.
    SELECT email INTO known_as FROM people_user WHERE id = before FOR UPDATE;
    INSERT INTO people_user (id, email, name, password, is_active, is_superuser, session_generation)
    VALUES (nobody, 'erased-' || replace(p_person::text, '-', '') || '@erased.invalid', 'Erased person',
            '!', false, false, 0);
    UPDATE people_person SET user_id = nobody, erased_at = clock_timestamp() WHERE id = p_person;
    DELETE FROM people_workspaceuserpermission WHERE user_id = before AND content_object_id = p_workspace;
    IF EXISTS (SELECT 1 FROM people_person WHERE user_id = before) THEN
        RETURN;
    END IF;
    DELETE FROM people_knownaddress WHERE user_id = before;
    DELETE FROM people_signinfailure WHERE account = known_as;
    DELETE FROM people_workspaceuserpermission WHERE user_id = before;
    DELETE FROM guardian_userobjectpermission WHERE user_id = before;
    DELETE FROM people_user_groups WHERE user_id = before;
    DELETE FROM people_user_user_permissions WHERE user_id = before;
    DELETE FROM people_user WHERE id = before;
END $$;
REVOKE ALL ON FUNCTION people_erase(uuid, uuid) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0003_plain_http"),
        ("core", "0003_functions"),
        ("guardian", "0002_generic_permissions_index"),
    ]
    operations = [
        migrations.AddField("person", "erased_at", models.DateTimeField(null=True)),
        migrations.RunSQL(FORWARD, "DROP FUNCTION people_erase(uuid, uuid)"),
    ]
