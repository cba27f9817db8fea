"""What functions of the database need: ids as they are shown, who owns a table, promises withdrawn."""

from __future__ import annotations

from django.db import migrations

# `core.ids.encode`: 128 bits behind two zero bits, in 26 characters of Crockford's base32.
FORWARD = """
CREATE FUNCTION core_typeid(prefix text, id uuid) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT prefix || '_' || string_agg(
               substr('0123456789abcdefghjkmnpqrstvwxyz',
                      1 + substring(held.bits FROM 1 + 5 * place FOR 5)::bit(5)::int, 1), '' ORDER BY place)
      FROM (SELECT B'00' || ('x' || replace(id::text, '-', ''))::bit(128) AS bits) AS held,
           generate_series(0, 25) AS place
$$;
CREATE FUNCTION core_owns(place oid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE pg_class.oid = place
$$;
-- As `core.due.WITHDRAW_DUE`: a row that somebody is keeping right now is skipped.
CREATE FUNCTION core_withdraw(p_subjects uuid[]) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, public, pg_temp AS $$
    DELETE FROM core_due AS d
     USING (SELECT id FROM core_due WHERE subject = ANY(p_subjects) FOR UPDATE SKIP LOCKED) AS free
     WHERE d.id = free.id
$$;
"""
BACKWARD = """
DROP FUNCTION core_typeid(text, uuid);
DROP FUNCTION core_owns(oid);
DROP FUNCTION core_withdraw(uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0002_uuid7_in_sql")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
