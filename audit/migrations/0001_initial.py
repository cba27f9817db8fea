from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_due_and_roles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("kind", models.CharField(max_length=60)),
                ("at", models.DateTimeField()),
                ("subject", models.UUIDField()),
                ("body", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="Side",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("workspace_id", models.UUIDField()),
                ("name", models.CharField(max_length=40)),
                ("salt", models.BinaryField(max_length=16)),
                ("body", models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="audit.event",
                    ),
                ),
                ("workspace_id", models.UUIDField()),
                ("position", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="Pending",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="audit.event",
                    ),
                ),
                ("workspace_id", models.UUIDField()),
            ],
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["subject", "at"], name="event_subject"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["workspace_id", "at"], name="event_workspace"),
        ),
        migrations.AddField(
            model_name="side",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.DO_NOTHING, to="audit.event"
            ),
        ),
        migrations.AddConstraint(
            model_name="leaf",
            constraint=models.UniqueConstraint(
                fields=("workspace_id", "position"), name="leaf_position_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="leaf",
            constraint=models.CheckConstraint(
                condition=models.Q(("position__gte", 0)), name="leaf_position_from_zero"
            ),
        ),
        migrations.AddIndex(
            model_name="pending",
            index=models.Index(fields=["workspace_id"], name="pending_workspace"),
        ),
        migrations.AddConstraint(
            model_name="side",
            constraint=models.UniqueConstraint(fields=("event", "name"), name="side_once"),
        ),
    ]
