"""Anchors: where checkpoints go, and which lie there.  What was laid down is insert-only, as the log is."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import core.ids

FORWARD = """
CREATE TRIGGER anchor_insert_only BEFORE UPDATE OR DELETE ON oversight_anchor
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER anchor_kept BEFORE TRUNCATE ON oversight_anchor
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
ALTER TABLE oversight_anchor ENABLE ALWAYS TRIGGER anchor_insert_only;
ALTER TABLE oversight_anchor ENABLE ALWAYS TRIGGER anchor_kept;
"""


def revoke(apps: Any, schema_editor: Any) -> None:
    """Take from the runtime role what the default privileges of core 0001 gave it here."""
    if settings.OWNER_ROLE == settings.RUNTIME_ROLE:
        return
    runtime = schema_editor.connection.ops.quote_name(settings.RUNTIME_ROLE)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON oversight_anchor FROM {runtime}")


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_insert_only"),
        ("oversight", "0001_kill_switch"),
        ("people", "0003_plain_http"),
    ]

    operations = [
        migrations.CreateModel(
            name="AnchorTarget",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("file", "File"), ("webhook", "Webhook"), ("tsa", "Tsa")],
                        max_length=10,
                    ),
                ),
                ("url", models.TextField(null=True)),
                ("roots", models.TextField(null=True)),
                ("secret", models.BinaryField(null=True)),
                ("private", models.BinaryField(null=True)),
                ("public", models.BinaryField(max_length=32, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("removed", "Removed")],
                        default="active",
                        max_length=10,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("anchored_number", models.BigIntegerField(null=True)),
                ("anchored_size", models.BigIntegerField(null=True)),
                ("anchored_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True, default="")),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Anchor",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("token", models.BinaryField(null=True)),
                ("stamped_at", models.DateTimeField(null=True)),
                ("trusted", models.BooleanField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
                (
                    "target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="oversight.anchortarget",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="anchortarget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "file"), ("url", None)),
                    models.Q(("kind__in", ["webhook", "tsa"]), ("url__isnull", False)),
                    _connector="OR",
                ),
                name="anchor_target_has_its_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="anchortarget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("kind", "webhook"), ("private__isnull", False), ("secret__isnull", False)
                    ),
                    models.Q(
                        models.Q(("kind", "webhook"), _negated=True),
                        ("private", None),
                        ("secret", None),
                    ),
                    _connector="OR",
                ),
                name="anchor_target_signs_webhooks",
            ),
        ),
        migrations.AddConstraint(
            model_name="anchortarget",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("workspace", "kind", "url"),
                name="anchor_target_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddIndex(
            model_name="anchor",
            index=models.Index(fields=["workspace", "size"], name="anchor_in_log"),
        ),
        migrations.AddConstraint(
            model_name="anchor",
            constraint=models.UniqueConstraint(fields=("target", "size"), name="anchor_once"),
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
        migrations.RunPython(revoke, migrations.RunPython.noop),
    ]
