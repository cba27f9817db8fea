"""Who is away, and who stands in: in their workspace only, and gone with a person who is forgotten."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

import core.ids

SAME_WORKSPACE = """
ALTER TABLE people_absence
    ADD CONSTRAINT absence_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT absence_stand_in_same_workspace FOREIGN KEY (workspace_id, stand_in_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT absence_created_by_same_workspace FOREIGN KEY (workspace_id, created_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""

# When somebody was away is theirs alone: it goes with them.  A trigger, so that `people_erase` need not
# be written again for each table that knows something of a person.
FORGET = """
CREATE FUNCTION people_forget_absences() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM people_absence WHERE workspace_id = NEW.workspace_id AND person_id = NEW.id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION people_forget_absences() FROM PUBLIC;
CREATE TRIGGER person_forgets_absences AFTER UPDATE OF erased_at ON people_person
    FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
    EXECUTE FUNCTION people_forget_absences();
"""
REMEMBER = """
DROP TRIGGER person_forgets_absences ON people_person;
DROP FUNCTION people_forget_absences();
"""


def _person(**more: object) -> models.ForeignKey:
    return models.ForeignKey(
        "people.person",
        on_delete=django.db.models.deletion.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        **more,
    )


class Migration(migrations.Migration):
    dependencies = [("people", "0005_schedules")]
    operations = [
        migrations.CreateModel(
            name="Absence",
            fields=[
                (
                    "id",
                    models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False),
                ),
                ("begins_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=Now())),
                ("ended_at", models.DateTimeField(null=True)),
                ("created_by", _person(null=True, related_name="+")),
                ("person", _person()),
                ("stand_in", _person(null=True, related_name="+")),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="people.workspace"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["person", "ends_at"], name="absence_person"),
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["stand_in", "ends_at"],
                        name="absence_stand_in",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("begins_at"))),
                        name="absence_has_a_length",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("stand_in", None),
                            models.Q(("stand_in", models.F("person")), _negated=True),
                            _connector="OR",
                        ),
                        name="absence_stand_in_is_another",
                    ),
                ],
            },
        ),
        migrations.RunSQL(SAME_WORKSPACE, migrations.RunSQL.noop),
        migrations.RunSQL(FORGET, REMEMBER),
    ]
