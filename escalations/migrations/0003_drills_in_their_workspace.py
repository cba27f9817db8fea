"""Drills and those whom they are for stay in their workspace: the database holds it."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE escalations_drill
    ADD CONSTRAINT drill_starter_same_workspace FOREIGN KEY (workspace_id, started_by_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE escalations_drillperson
    ADD CONSTRAINT drill_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT drill_of_person_same_workspace FOREIGN KEY (workspace_id, drill_id)
        REFERENCES escalations_drill (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("escalations", "0002_drills"), ("people", "0004_erasure")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
