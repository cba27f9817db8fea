"""A membership's role and person belong to the membership's workspace: the database holds it."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE people_membership
    ADD CONSTRAINT membership_role_same_workspace FOREIGN KEY (workspace_id, role_id)
        REFERENCES people_role (workspace_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT membership_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
