"""Whatever changes who is on duty, those who are asked by it are told anew: the database promises it."""

from __future__ import annotations

from django.db import migrations

# As with requests (approvals 0012): a path that is added later cannot forget it.  A calendar that was read
# and says the same changes nothing.
FORWARD = """
CREATE FUNCTION people_duty_turns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE turned uuid;
BEGIN
    IF TG_TABLE_NAME = 'people_oncallschedule' THEN
        IF NEW.spec IS NOT DISTINCT FROM OLD.spec AND NEW.active = OLD.active THEN
            RETURN NULL;
        END IF;
        turned := NEW.id;
    ELSIF TG_TABLE_NAME = 'people_feed' AND TG_OP = 'UPDATE' THEN
        IF NEW.entries IS NOT DISTINCT FROM OLD.entries THEN
            RETURN NULL;
        END IF;
        turned := NEW.schedule_id;
    ELSE
        turned := NEW.schedule_id;
    END IF;
    INSERT INTO core_due (id, kind, workspace_id, subject, due_at, ready_at, fence)
    SELECT core_uuid7(), 'schedule.turn', NEW.workspace_id, turned, at, at, 0
      FROM (SELECT clock_timestamp()) AS clock (at);
    RETURN NULL;
END $$;
CREATE TRIGGER duty_turns AFTER INSERT OR UPDATE ON people_override
    FOR EACH ROW EXECUTE FUNCTION people_duty_turns();
CREATE TRIGGER duty_turns AFTER UPDATE ON people_oncallschedule
    FOR EACH ROW EXECUTE FUNCTION people_duty_turns();
CREATE TRIGGER duty_turns AFTER UPDATE ON people_feed
    FOR EACH ROW EXECUTE FUNCTION people_duty_turns();
"""
BACKWARD = """
DROP TRIGGER duty_turns ON people_feed;
DROP TRIGGER duty_turns ON people_oncallschedule;
DROP TRIGGER duty_turns ON people_override;
DROP FUNCTION people_duty_turns();
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0006_absences"), ("core", "0003_functions")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
