"""Ids for rows that one statement makes out of others: version 7, as `core.ids.uuid7` makes them."""

from __future__ import annotations

from django.db import migrations

# RFC 9562, 5.7: 48 bits of milliseconds, then what gen_random_uuid has, with 7 for its version 4.
FORWARD = """
CREATE FUNCTION core_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT encode(
        set_byte(
            overlay(uuid_send(gen_random_uuid()) PLACING substring(int8send(
                floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
            6, 112 + (get_byte(uuid_send(gen_random_uuid()), 0) & 15)
        ), 'hex')::uuid
$$
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_due_and_roles")]
    operations = [migrations.RunSQL(FORWARD, "DROP FUNCTION core_uuid7()")]
