"""When people first open a request, and how long each voter had had it open."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids

SAME_WORKSPACE = """
ALTER TABLE approvals_look
    ADD CONSTRAINT look_revision_same_workspace FOREIGN KEY (workspace_id, request_id, revision)
        REFERENCES approvals_revision (workspace_id, request_id, number) ON DELETE RESTRICT,
    ADD CONSTRAINT look_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0015_inbox"),
        ("people", "0010_single_sign_on"),
    ]

    operations = [
        migrations.AddField(
            model_name="decision",
            name="dwell_ms",
            field=models.BigIntegerField(null=True),
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("revision", models.PositiveIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "person",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="people.person",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="approvals.request",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("request", "revision", "person"), name="look_first_only"
                    )
                ],
            },
        ),
        migrations.RunSQL(SAME_WORKSPACE, migrations.RunSQL.noop),
    ]
