"""Due rows, rate windows, and the two database roles.

The owner role runs migrations and owns every table; the runtime role owns nothing and gets what it
needs, here and by default for the tables of later migrations.  Where only one role is configured
there is nobody to grant to; ``doctor`` says so.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import core.ids


def grant(apps: Any, schema_editor: Any) -> None:
    owner, runtime = settings.OWNER_ROLE, settings.RUNTIME_ROLE
    if owner == runtime:
        return
    quote = schema_editor.connection.ops.quote_name
    to = quote(runtime)
    schema_editor.execute(f"GRANT USAGE ON SCHEMA public TO {to}")
    rights = "SELECT, INSERT, UPDATE, DELETE"
    schema_editor.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {to}")
    schema_editor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {to}")
    schema_editor.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT {rights} ON TABLES TO {to}"
    )
    schema_editor.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {to}"
    )
    # Which migrations ran is the owner's word; the runtime role may read it (readiness, doctor).
    schema_editor.execute(f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {to}")


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Due",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=60)),
                ("workspace_id", models.UUIDField()),
                ("subject", models.UUIDField()),
                ("due_at", models.DateTimeField()),
                ("ready_at", models.DateTimeField()),
                ("fence", models.IntegerField(default=0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "ready_at"], name="due_ready"),
                    models.Index(fields=["subject"], name="due_subject"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(ready_at__gte=F("due_at")), name="due_ready_after_due"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RateWindow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key_id", models.UUIDField()),
                ("window", models.BigIntegerField()),
                ("count", models.IntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("key_id", "window"), name="rate_window_once")
                ],
            },
        ),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
