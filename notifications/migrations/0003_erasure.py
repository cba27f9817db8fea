"""What people were told of an erased request goes, and where an erased person could be reached."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
-- The words under cards, the digests of what was shown, and what links in mails open.  That somebody
-- was told, when and by what, stays.
CREATE FUNCTION notifications_erase(p_workspace uuid, p_requests uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE notifications_notification
       SET text = '', reason = '', shown_digest = NULL, token_hash = NULL,
           state = CASE WHEN state = 'pending' AND kind = 'reply' THEN 'withdrawn' ELSE state END
     WHERE workspace_id = p_workspace AND request_id = ANY(p_requests);
END $$;

-- Slack users, links, preferences and browsers of one person, what a channel answered about them, and
-- their words (``p_messages``) under cards.  Their messages stay, as told to somebody; they are not rewritten any more.
CREATE FUNCTION notifications_forget(p_workspace uuid, p_person uuid, p_account uuid, p_messages uuid[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE one record;
BEGIN
    UPDATE notifications_notification SET text = ''
     WHERE workspace_id = p_workspace AND message_id = ANY(p_messages);
    UPDATE notifications_notification
       SET reason = '', reference = '', token_hash = NULL,
           state = CASE WHEN state = 'pending' THEN 'withdrawn' ELSE state END
     WHERE workspace_id = p_workspace AND person_id = p_person;
    FOR one IN SELECT DISTINCT installation_id, user_id FROM notifications_slackbinding
                WHERE workspace_id = p_workspace AND person_id = p_person LOOP
        -- A Slack user who is somebody else here meanwhile is theirs.
        CONTINUE WHEN EXISTS (
            SELECT 1 FROM notifications_slackbinding
             WHERE installation_id = one.installation_id AND user_id = one.user_id
               AND person_id <> p_person AND ended_at IS NULL);
        DELETE FROM notifications_slacklink
         WHERE installation_id = one.installation_id AND user_id = one.user_id;
        UPDATE notifications_lane
           SET address = 'erased-' || replace(id::text, '-', ''), channel = ''
         WHERE installation_id = one.installation_id AND kind = 'post' AND address = one.user_id;
    END LOOP;
    UPDATE notifications_slackbinding
       SET user_id = '', team_id = '', ended_at = coalesce(ended_at, clock_timestamp())
     WHERE workspace_id = p_workspace AND person_id = p_person;
    DELETE FROM notifications_preference WHERE workspace_id = p_workspace AND person_id = p_person;
    -- Browsers are the account's, which goes with its last workspace.
    IF NOT EXISTS (SELECT 1 FROM people_user WHERE id = p_account) THEN
        DELETE FROM notifications_pushsubscription WHERE user_id = p_account;
    END IF;
END $$;
REVOKE ALL ON FUNCTION notifications_erase(uuid, uuid[]), notifications_forget(uuid, uuid, uuid, uuid[]) FROM PUBLIC;
"""
BACKWARD = """
DROP FUNCTION notifications_forget(uuid, uuid, uuid, uuid[]);
DROP FUNCTION notifications_erase(uuid, uuid[]);
"""


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_same_workspace"), ("people", "0004_erasure")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
