"""A decision says in whose place it was made, where somebody stood in for one who was away."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

SAME_WORKSPACE = """
ALTER TABLE approvals_decision
    ADD CONSTRAINT decision_on_behalf_of_same_workspace FOREIGN KEY (workspace_id, on_behalf_of_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""

# As before, and whose seat was filled belongs to the request, too.
PEOPLE = """
CREATE OR REPLACE FUNCTION approvals_people_of(p_requests uuid[]) RETURNS SETOF uuid LANGUAGE sql STABLE
SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT person_id FROM approvals_decision WHERE request_id = ANY(p_requests)
%s    UNION SELECT person_id FROM approvals_message WHERE request_id = ANY(p_requests) AND person_id IS NOT NULL
    UNION SELECT person_id FROM approvals_breakglass WHERE request_id = ANY(p_requests)
    UNION SELECT person_id FROM approvals_breakglassreview WHERE request_id = ANY(p_requests)
    UNION SELECT v.author_id FROM approvals_request r
            JOIN approvals_revision v ON v.workspace_id = r.workspace_id AND v.request_id = r.id
           WHERE r.id = ANY(p_requests) AND v.author_id IS NOT NULL
    UNION SELECT initiator_id FROM approvals_request WHERE id = ANY(p_requests) AND initiator_id IS NOT NULL
$$;
"""
SEATS = """    UNION SELECT on_behalf_of_id FROM approvals_decision
           WHERE request_id = ANY(p_requests) AND on_behalf_of_id IS NOT NULL
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0013_clock"), ("people", "0006_absences")]
    operations = [
        migrations.AddField(
            "decision",
            "on_behalf_of",
            models.ForeignKey(
                "people.person",
                on_delete=django.db.models.deletion.DO_NOTHING,
                db_constraint=False,
                db_index=False,
                null=True,
                related_name="+",
            ),
        ),
        migrations.AddConstraint(
            "decision",
            models.CheckConstraint(
                condition=models.Q(on_behalf_of=None) | ~models.Q(on_behalf_of=models.F("person")),
                name="decision_on_behalf_of_another",
            ),
        ),
        migrations.RunSQL(SAME_WORKSPACE, migrations.RunSQL.noop),
        migrations.RunSQL(PEOPLE % SEATS, PEOPLE % ""),
    ]
