from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("core", "0001_due_and_roles"),
        ("agents", "0001_initial"),
        ("people", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Request",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("kind", models.CharField(default="request", max_length=10)),
                ("key_id", models.UUIDField()),
                ("action", models.CharField(max_length=120)),
                ("risk", models.CharField(max_length=10)),
                ("title", models.TextField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("approved", "Approved"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "waiting_on",
                    models.CharField(choices=[("people", "People")], max_length=10, null=True),
                ),
                (
                    "basis",
                    models.CharField(
                        choices=[
                            ("people", "People"),
                            ("confirm", "Confirm"),
                            ("policy", "Policy"),
                            ("clock", "Clock"),
                            ("agent", "Agent"),
                            ("owner", "Owner"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=1)),
                ("stage", models.PositiveSmallIntegerField(null=True)),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("stated", models.BinaryField()),
                ("sequence", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("idempotency_key", models.CharField(max_length=255, null=True)),
                ("idempotency_digest", models.BinaryField(max_length=32, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="agents.agent",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("revision", models.PositiveIntegerField()),
                ("stage", models.PositiveSmallIntegerField()),
                (
                    "verdict",
                    models.CharField(
                        choices=[("approve", "Approve"), ("reject", "Reject")], max_length=10
                    ),
                ),
                ("comment", models.TextField(blank=True)),
                ("channel", models.CharField(max_length=10)),
                ("assurance", models.CharField(max_length=10)),
                ("at", models.DateTimeField()),
                ("void_at", models.DateTimeField(null=True)),
                ("void_reason", models.CharField(max_length=200, null=True)),
                (
                    "person",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="people.person",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
                (
                    "request",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="decisions",
                        to="approvals.request",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Revision",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("payload", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32)),
                ("policy_version_id", models.UUIDField()),
                ("plan", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                (
                    "request",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="revisions",
                        to="approvals.request",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Stage",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("revision", models.PositiveIntegerField()),
                ("index", models.PositiveSmallIntegerField()),
                (
                    "roles",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("confirm", models.CharField(max_length=10, null=True)),
                ("approvals", models.PositiveSmallIntegerField()),
                ("rejections", models.PositiveSmallIntegerField()),
                ("distinct_from_earlier", models.BooleanField()),
                ("opened_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "request",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="stages",
                        to="approvals.request",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["workspace", "-created_at", "-id"],
                name="request_inbox",
            ),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["workspace", "-created_at", "-id"], name="request_newest"),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["agent", "-created_at", "-id"], name="request_of_agent"),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(fields=["agent", "action", "created_at"], name="request_counted"),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="request_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(
                condition=models.Q(("idempotency_key__isnull", False)),
                fields=("agent", "idempotency_key"),
                name="request_idempotency",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "request")), name="request_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["pending", "approved", "rejected", "expired", "cancelled"])
                ),
                name="request_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("basis__isnull", True),
                    ("basis__in", ["people", "confirm", "policy", "clock", "agent", "owner"]),
                    _connector="OR",
                ),
                name="request_basis_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("basis", None),
                        ("ended_at", None),
                        ("stage__isnull", False),
                        ("status", "pending"),
                        ("waiting_on__in", ["people"]),
                    ),
                    models.Q(
                        models.Q(("status", "pending"), _negated=True),
                        ("basis__isnull", False),
                        ("ended_at__isnull", False),
                        ("stage", None),
                        ("waiting_on", None),
                    ),
                    _connector="OR",
                ),
                name="request_pending_or_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gte", models.F("created_at"))),
                name="request_deadline_after",
            ),
        ),
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(fields=["request", "revision"], name="decision_request"),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                condition=models.Q(("void_at", None)),
                fields=("request", "revision", "stage", "person"),
                name="decision_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", ["approve", "reject"])),
                name="decision_verdict_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("void_at", None), ("void_reason", None)),
                    models.Q(("void_at__isnull", False), ("void_reason__isnull", False)),
                    _connector="OR",
                ),
                name="decision_void_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.UniqueConstraint(
                fields=("workspace", "request", "number"), name="revision_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="revision",
            constraint=models.CheckConstraint(
                condition=models.Q(("number__gte", 1)), name="revision_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.UniqueConstraint(
                fields=("workspace", "request", "revision", "index"), name="stage_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(("approvals__gte", 1), ("rejections__gte", 1)),
                name="stage_quorum",
            ),
        ),
        migrations.AddConstraint(
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirm__isnull", True), ("confirm", "owner"), _connector="OR"
                ),
                name="stage_confirm_known",
            ),
        ),
    ]
