"""Links of invitations and password resets, how often resets are asked for; gone with whoever is forgotten."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import core.ids

SAME_WORKSPACE = """
ALTER TABLE people_accountlink
    ADD CONSTRAINT account_link_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT account_link_created_by_same_workspace FOREIGN KEY (workspace_id, created_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""

# A trigger for the reason that migration 0006 gives.  It runs before `people_erase` looks whether the
# user goes as well, and asks the same: whether no other person is theirs.
FORGET = """
CREATE FUNCTION people_forget_links() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM people_accountlink WHERE workspace_id = NEW.workspace_id AND person_id = NEW.id;
    IF NOT EXISTS (SELECT 1 FROM people_person WHERE user_id = OLD.user_id) THEN
        DELETE FROM people_accountlink WHERE user_id = OLD.user_id;
        DELETE FROM people_resetasked
         WHERE account = (SELECT email FROM people_user WHERE id = OLD.user_id);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION people_forget_links() FROM PUBLIC;
CREATE TRIGGER person_forgets_links AFTER UPDATE OF erased_at ON people_person
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION people_forget_links();
"""
REMEMBER = """
DROP TRIGGER person_forgets_links ON people_person;
DROP FUNCTION people_forget_links();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0007_schedule_turns"),
    ]

    operations = [
        migrations.CreateModel(
            name="ResetAsked",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("account", models.CharField(max_length=254)),
                ("address", models.GenericIPAddressField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "at"], name="reset_asked_account"),
                    models.Index(fields=["address", "at"], name="reset_asked_address"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountLink",
            fields=[
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("invitation", "Invitation"),
                            ("reset", "Reset"),
                            ("notice", "Notice"),
                        ],
                        max_length=10,
                    ),
                ),
                ("token_hash", models.BinaryField(max_length=32, null=True, unique=True)),
                (
                    "handed_to",
                    models.CharField(
                        choices=[
                            ("", "Nobody"),
                            ("administrator", "Administrator"),
                            ("operator", "Operator"),
                        ],
                        default="",
                        max_length=13,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("expires_at", models.DateTimeField(null=True)),
                ("used_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "mailed",
                    models.CharField(
                        choices=[
                            ("none", "None"),
                            ("pending", "Pending"),
                            ("sent", "Sent"),
                            ("failed", "Failed"),
                        ],
                        default="none",
                        max_length=7,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
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
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="people.person",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="people.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["person", "-created_at"], name="account_link_person")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("expires_at", None), ("kind", "notice"), ("token_hash", None)
                            ),
                            models.Q(
                                ("expires_at__isnull", False),
                                ("kind__in", ["invitation", "reset"]),
                                ("token_hash__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="account_link_ends",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("person", None), ("workspace__isnull", False), _connector="OR"
                        ),
                        name="account_link_person_has_workspace",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SAME_WORKSPACE, migrations.RunSQL.noop),
        migrations.RunSQL(FORGET, REMEMBER),
    ]
