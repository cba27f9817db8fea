"""Schedules of the policy, overrides of them, and what calendars say; all stay in their workspace."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids

FORWARD = """
ALTER TABLE people_override
    ADD CONSTRAINT override_schedule_same_workspace FOREIGN KEY (workspace_id, schedule_id)
        REFERENCES people_oncallschedule (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT override_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT override_creator_same_workspace FOREIGN KEY (workspace_id, created_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE people_feed
    ADD CONSTRAINT feed_schedule_same_workspace FOREIGN KEY (workspace_id, schedule_id)
        REFERENCES people_oncallschedule (workspace_id, id) ON DELETE RESTRICT;

-- Why a calendar could not be read may repeat words of its events, which name people.
CREATE FUNCTION people_forget_reasons() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE people_feed SET reason = '' WHERE workspace_id = NEW.workspace_id AND reason <> '';
    RETURN NULL;
END $$;
CREATE TRIGGER person_erased_forget_reasons AFTER UPDATE OF erased_at ON people_person
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION people_forget_reasons();
"""
BACKWARD = """
DROP TRIGGER person_erased_forget_reasons ON people_person;
DROP FUNCTION people_forget_reasons();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0004_erasure"),
    ]

    operations = [
        migrations.AddField("role", "schedule", models.CharField(max_length=60, null=True)),
        migrations.CreateModel(
            name="OnCallSchedule",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("spec", models.BinaryField(null=True)),
                ("active", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
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
            name="Feed",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("source", models.CharField(blank=True, max_length=2000)),
                ("entries", models.BinaryField(null=True)),
                ("expanded_at", models.DateTimeField(null=True)),
                ("reaches", models.DateTimeField(null=True)),
                ("events", models.PositiveIntegerField(default=0)),
                ("unknown", models.PositiveIntegerField(default=0)),
                ("digest", models.BinaryField(max_length=32, null=True)),
                ("etag", models.CharField(blank=True, max_length=200)),
                ("fetched_at", models.DateTimeField(null=True)),
                ("failed_at", models.DateTimeField(null=True)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
                (
                    "schedule",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="people.oncallschedule",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("cancelled_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="people.person",
                    ),
                ),
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
                    "schedule",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="people.oncallschedule",
                    ),
                ),
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
        migrations.AddConstraint(
            model_name="oncallschedule",
            constraint=models.UniqueConstraint(fields=("workspace", "name"), name="schedule_once"),
        ),
        migrations.AddConstraint(
            model_name="oncallschedule",
            constraint=models.UniqueConstraint(
                fields=("workspace", "id"), name="schedule_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="oncallschedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("active", True), ("spec__isnull", False)),
                    models.Q(("active", False), ("spec", None)),
                    _connector="OR",
                ),
                name="schedule_says_who_while_active",
            ),
        ),
        migrations.AddConstraint(
            model_name="feed",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("failed_at", None), ("failures", 0), ("reason", "")),
                    models.Q(("failed_at__isnull", False), ("failures__gt", 0)),
                    _connector="OR",
                ),
                name="feed_that_failed_says_when",
            ),
        ),
        migrations.AddConstraint(
            model_name="feed",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("digest", None),
                        ("entries", None),
                        ("expanded_at", None),
                        ("fetched_at", None),
                        ("reaches", None),
                    ),
                    models.Q(
                        ("digest__isnull", False),
                        ("entries__isnull", False),
                        ("expanded_at__isnull", False),
                        ("fetched_at__isnull", False),
                        ("reaches__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="feed_that_was_read_says_when",
            ),
        ),
        migrations.AddIndex(
            model_name="override",
            index=models.Index(
                condition=models.Q(("cancelled_at", None)),
                fields=["schedule", "ends_at"],
                name="override_standing",
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("begins_at"))),
                name="override_ends_after_it_begins",
            ),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
