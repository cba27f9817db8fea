"""Events and leaves are only ever added.

Triggers that fire ALWAYS refuse UPDATE, DELETE and TRUNCATE to everybody, also under
``session_replication_role = replica``; no setting switches them off.  The runtime role is not even
granted these rights.  (Who owns the tables can still drop a trigger: that is what signed checkpoints
outside the database are for, and why the runtime role owns nothing.)
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

FORWARD = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is only ever added to (% on %)', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_insert_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER event_kept BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER leaf_insert_only BEFORE UPDATE OR DELETE ON audit_leaf
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER leaf_kept BEFORE TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER event_insert_only;
ALTER TABLE audit_event ENABLE ALWAYS TRIGGER event_kept;
ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER leaf_insert_only;
ALTER TABLE audit_leaf ENABLE ALWAYS TRIGGER leaf_kept;
"""


def revoke(apps: Any, schema_editor: Any) -> None:
    """Take from the runtime role what the default privileges of core 0001 gave it here."""
    if settings.OWNER_ROLE == settings.RUNTIME_ROLE:
        return
    runtime = schema_editor.connection.ops.quote_name(settings.RUNTIME_ROLE)
    schema_editor.execute(
        f"REVOKE UPDATE, DELETE, TRUNCATE ON audit_event, audit_leaf FROM {runtime}"
    )
    # A side row is erased by the owner's functions only; a pending row is removed when it is sequenced.
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON audit_side FROM {runtime}")
    schema_editor.execute(f"REVOKE UPDATE, TRUNCATE ON audit_pending FROM {runtime}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial"), ("core", "0001_due_and_roles")]
    operations = [
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.RunPython(revoke, migrations.RunPython.noop),
    ]
