"""Conversation: messages, edits and answers; results, watching, break-glass, recorded actions."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import core.ids


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0003_runs"),
        ("approvals", "0003_fewer_indexes"),
        ("people", "0002_same_workspace"),
    ]

    operations = [
        migrations.CreateModel(
            name="BreakGlass",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("revision", models.PositiveIntegerField()),
                ("person_id", models.UUIDField()),
                ("reason", models.TextField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="BreakGlassReview",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="approvals.request",
                    ),
                ),
                ("person_id", models.UUIDField()),
                ("comment", models.TextField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Message",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("revision", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("return", "Return"),
                            ("message", "Message"),
                            ("comment", "Comment"),
                        ],
                        max_length=10,
                    ),
                ),
                ("person_id", models.UUIDField(null=True)),
                ("text", models.TextField()),
                ("evidence", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RecordedAction",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("key_id", models.UUIDField()),
                ("run_id", models.UUIDField(null=True)),
                ("action", models.CharField(max_length=120)),
                ("risk", models.CharField(max_length=10)),
                ("title", models.TextField()),
                ("payload", models.BinaryField()),
                ("digest", models.BinaryField(max_length=32)),
                ("policy_version_id", models.UUIDField()),
                ("plan", models.BinaryField()),
                ("stated", models.BinaryField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Result",
            fields=[
                (
                    "request",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="approvals.request",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("unknown", "Unknown"),
                        ],
                        max_length=10,
                    ),
                ),
                ("detail", models.TextField(blank=True)),
                ("cost", models.DecimalField(decimal_places=6, max_digits=18, null=True)),
                ("key_id", models.UUIDField()),
                ("reported_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("person_id", models.UUIDField()),
                ("since", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="decision",
            name="decision_once",
        ),
        migrations.RemoveConstraint(
            model_name="decision",
            name="decision_verdict_known",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="request_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="request_status_known",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="request_basis_known",
        ),
        migrations.RemoveConstraint(
            model_name="request",
            name="request_pending_or_ended",
        ),
        migrations.RemoveConstraint(
            model_name="stage",
            name="stage_confirm_known",
        ),
        migrations.AddField(
            model_name="decision",
            name="answer",
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name="request",
            name="claimed_by_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="request",
            name="initiator_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="request",
            name="run_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="revision",
            name="author_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="revision",
            name="stated",
            field=models.BinaryField(null=True),
        ),
        migrations.AlterField(
            model_name="decision",
            name="verdict",
            field=models.CharField(
                choices=[
                    ("approve", "Approve"),
                    ("reject", "Reject"),
                    ("edit", "Edit"),
                    ("answer", "Answer"),
                    ("return", "Return"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="basis",
            field=models.CharField(
                choices=[
                    ("people", "People"),
                    ("confirm", "Confirm"),
                    ("policy", "Policy"),
                    ("clock", "Clock"),
                    ("agent", "Agent"),
                    ("owner", "Owner"),
                    ("break_glass", "Break Glass"),
                ],
                max_length=12,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="kind",
            field=models.CharField(
                choices=[("request", "Request"), ("question", "Question")],
                default="request",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="status",
            field=models.CharField(
                choices=[
                    ("pending", "Pending"),
                    ("approved", "Approved"),
                    ("rejected", "Rejected"),
                    ("answered", "Answered"),
                    ("expired", "Expired"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="request",
            name="waiting_on",
            field=models.CharField(
                choices=[("people", "People"), ("agent", "Agent")], max_length=10, null=True
            ),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("revision__gt", 1)),
                fields=["agent", "action"],
                name="request_revised",
            ),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("run_id__isnull", False)),
                fields=["run_id"],
                name="request_of_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("void_at", None), models.Q(("verdict", "return"), _negated=True)
                ),
                fields=("request", "revision", "stage", "person"),
                name="decision_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("verdict__in", ["approve", "reject", "edit", "answer", "return"])
                ),
                name="decision_verdict_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer__isnull", False), ("verdict", "answer")),
                    models.Q(models.Q(("verdict", "answer"), _negated=True), ("answer", None)),
                    _connector="OR",
                ),
                name="decision_answer_says_what",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["request", "question"])), name="request_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["pending", "approved", "rejected", "answered", "expired", "cancelled"],
                    )
                ),
                name="request_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("basis__isnull", True),
                    (
                        "basis__in",
                        ["people", "confirm", "policy", "clock", "agent", "owner", "break_glass"],
                    ),
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
                        ("waiting_on__in", ["people", "agent"]),
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
            model_name="stage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("confirm__isnull", True),
                    ("confirm__in", ["owner", "initiator"]),
                    _connector="OR",
                ),
                name="stage_confirm_known",
            ),
        ),
        migrations.AddField(
            model_name="breakglass",
            name="request",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="approvals.request",
            ),
        ),
        migrations.AddField(
            model_name="breakglass",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddField(
            model_name="breakglassreview",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="request",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="approvals.request",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddField(
            model_name="recordedaction",
            name="agent",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="agents.agent",
            ),
        ),
        migrations.AddField(
            model_name="recordedaction",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddField(
            model_name="result",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="request",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                to="approvals.request",
            ),
        ),
        migrations.AddField(
            model_name="watch",
            name="workspace",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                to="people.workspace",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.UniqueConstraint(
                fields=("request", "revision", "person_id"), name="break_glass_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="break_glass_says_why"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(fields=["request", "at"], name="message_request"),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "message"), ("person_id", None)),
                    models.Q(("kind__in", ["return", "comment"]), ("person_id__isnull", False)),
                    _connector="OR",
                ),
                name="message_says_whose",
            ),
        ),
        migrations.AddIndex(
            model_name="recordedaction",
            index=models.Index(fields=["agent", "-at", "-id"], name="record_of_agent"),
        ),
        migrations.AddIndex(
            model_name="recordedaction",
            index=models.Index(
                condition=models.Q(("run_id__isnull", False)),
                fields=["run_id"],
                name="record_of_run",
            ),
        ),
        migrations.AddConstraint(
            model_name="result",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["succeeded", "failed", "unknown"])),
                name="result_status_known",
            ),
        ),
        migrations.AddIndex(
            model_name="watch",
            index=models.Index(fields=["person_id"], name="watch_person"),
        ),
        migrations.AddConstraint(
            model_name="watch",
            constraint=models.UniqueConstraint(fields=("request", "person_id"), name="watch_once"),
        ),
    ]
