"""Exports of the log: what was asked for, how far it is, and what it came to."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0004_erasing"),
        ("people", "0003_plain_http"),
    ]

    operations = [
        migrations.CreateModel(
            name="Export",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("actor", models.BinaryField()),
                ("query", models.BinaryField()),
                (
                    "format",
                    models.CharField(choices=[("jsonl", "Jsonl"), ("csv", "Csv")], max_length=5),
                ),
                (
                    "target",
                    models.CharField(
                        choices=[("download", "Download"), ("s3", "S3")], max_length=10
                    ),
                ),
                ("checkpoint", models.TextField()),
                ("size", models.BigIntegerField()),
                (
                    "anchored",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("writing", "Writing"), ("ready", "Ready"), ("failed", "Failed")],
                        default="writing",
                        max_length=10,
                    ),
                ),
                ("walked", models.BigIntegerField(default=0)),
                ("events", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.TextField(blank=True, default="")),
                ("sha256", models.BinaryField(max_length=32, null=True)),
                ("manifest", models.TextField(null=True)),
                ("places", models.BinaryField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("object_key", models.TextField(null=True)),
                ("upload", models.TextField(null=True)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["workspace", "-id"], name="export_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("format__in", ["jsonl", "csv"]), ("target__in", ["download", "s3"])
                        ),
                        name="export_format_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state", "writing")),
                            models.Q(("finished_at__isnull", False), ("state", "failed")),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("manifest__isnull", False),
                                ("places__isnull", False),
                                ("sha256__isnull", False),
                                ("state", "ready"),
                            ),
                            _connector="OR",
                        ),
                        name="export_writing_or_ended",
                    ),
                ],
            },
        ),
    ]
