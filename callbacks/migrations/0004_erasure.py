"""What callbacks told of erased requests goes, and what their receivers answered; they are not sent again."""

from __future__ import annotations

from django.db import migrations, models

FORWARD = """
-- As before, but the owner's functions may take the bytes away.
CREATE OR REPLACE FUNCTION callbacks_body_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.body IS NULL AND NEW.id = OLD.id AND NEW.type = OLD.type AND core_owns(TG_RELID) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'callback %: what was sent once is sent unchanged', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION callbacks_erase(p_workspace uuid, p_requests uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE found uuid[];
BEGIN
    SELECT array_agg(id) INTO found FROM (
        SELECT id FROM callbacks_callback
         WHERE request_id = ANY(p_requests) AND workspace_id = p_workspace ORDER BY id FOR UPDATE) AS held;
    UPDATE callbacks_callback
       SET body = NULL, url = '', erased_at = clock_timestamp(), next_at = NULL,
           state = CASE WHEN state IN ('pending', 'held') THEN 'stopped' ELSE state END
     WHERE id = ANY(found);
    UPDATE callbacks_attempt SET response = '', detail = '' WHERE callback_id = ANY(found);
    PERFORM core_withdraw(found);
END $$;

-- Takes the bytes that name somebody away, what was answered to them, and answers with their address.  Where such a callback is
-- still to be sent, its bytes are made anew, of what stands then.
CREATE FUNCTION callbacks_forget(p_workspace uuid, p_name text, p_email text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE found uuid[];
BEGIN
    SELECT array_agg(id) INTO found FROM (
        SELECT id FROM callbacks_callback
         WHERE workspace_id = p_workspace AND position(convert_to(p_name, 'UTF8') IN body) > 0
         ORDER BY id FOR UPDATE) AS held;
    UPDATE callbacks_callback SET body = NULL WHERE id = ANY(found);
    UPDATE callbacks_attempt SET response = '', detail = ''
     WHERE workspace_id = p_workspace
       AND (callback_id = ANY(found) OR position(p_email IN lower(response)) > 0);
END $$;
REVOKE ALL ON FUNCTION callbacks_erase(uuid, uuid[]), callbacks_forget(uuid, text, text) FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION callbacks_erase(uuid, uuid[]);
DROP FUNCTION callbacks_forget(uuid, text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0003_not_arrived"), ("core", "0003_functions")]
    operations = [
        migrations.AddField("callback", "erased_at", models.DateTimeField(null=True)),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
