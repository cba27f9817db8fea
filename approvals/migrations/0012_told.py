"""Whatever changes a request, those who were told of it are told again: the database promises it."""

from __future__ import annotations

from django.db import migrations

# One trigger instead of a promise in each statement that changes a request: a statement added later
# cannot forget it.  What has ended before is told again only where somebody was told of it; every end by
# people or by the clock is, since the agent's owner hears of it.
FORWARD = """
CREATE FUNCTION approvals_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
    SELECT core_uuid7(), 'request.tell', now.workspace_id, now.id, at, at, 0
      FROM (SELECT clock_timestamp()) AS clock (at), changed AS now JOIN before ON before.id = now.id
     WHERE now.sequence <> before.sequence
       AND (now.status = 'pending'
            OR (before.status = 'pending' AND now.basis IN ('people', 'confirm', 'clock', 'break_glass'))
            OR EXISTS (SELECT 1 FROM notifications_notification sent WHERE sent.request_id = now.id));
    RETURN NULL;
END $$;
CREATE TRIGGER request_tell AFTER UPDATE ON approvals_request
    REFERENCING OLD TABLE AS before NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION approvals_tell();
"""
BACKWARD = """
DROP TRIGGER request_tell ON approvals_request;
DROP FUNCTION approvals_tell();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0011_shown_digest"),
        ("notifications", "0002_same_workspace"),
        ("core", "0003_functions"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
