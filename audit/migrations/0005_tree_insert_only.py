"""Subtrees and checkpoints are only ever added, as events and leaves are (0002)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations

TABLES = ("audit_subtree", "audit_checkpoint")
FORWARD = "".join(
    f"""
CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_insert_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept;
"""
    for table in TABLES
)


def revoke(apps: Any, schema_editor: Any) -> None:
    """Take from the runtime role what the default privileges of core 0001 gave it here."""
    if settings.OWNER_ROLE == settings.RUNTIME_ROLE:
        return
    runtime = schema_editor.connection.ops.quote_name(settings.RUNTIME_ROLE)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {', '.join(TABLES)} FROM {runtime}")


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_tree")]
    operations = [
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.RunPython(revoke, migrations.RunPython.noop),
    ]
