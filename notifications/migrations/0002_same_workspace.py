"""Bindings, lanes, preferences and notifications stay in their workspace: the database holds it."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
ALTER TABLE notifications_slackbinding
    ADD CONSTRAINT binding_installation_same_workspace FOREIGN KEY (workspace_id, installation_id)
        REFERENCES notifications_slackinstallation (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT binding_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE notifications_slacklink
    ADD CONSTRAINT link_installation_same_workspace FOREIGN KEY (workspace_id, installation_id)
        REFERENCES notifications_slackinstallation (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE notifications_lane
    ADD CONSTRAINT lane_installation_same_workspace FOREIGN KEY (workspace_id, installation_id)
        REFERENCES notifications_slackinstallation (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE notifications_slackpause
    ADD CONSTRAINT pause_installation FOREIGN KEY (installation_id)
        REFERENCES notifications_slackinstallation (id) ON DELETE RESTRICT;
ALTER TABLE notifications_preference
    ADD CONSTRAINT preference_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
ALTER TABLE notifications_notification
    ADD CONSTRAINT notification_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT,
    ADD CONSTRAINT notification_lane_same_workspace FOREIGN KEY (workspace_id, lane_id)
        REFERENCES notifications_lane (workspace_id, id) ON DELETE RESTRICT;
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_notifications"), ("people", "0004_erasure")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
