"""Finding requests among very many, and the views that people save.

`approvals_words` is what a search reads: words of title and action in small letters, parted by whatever of ASCII is
no letter and no digit.  It takes 500 characters of a title, so that no word outgrows an index.  Only requests that
ended are indexed by it: those that wait are few, and a submit does not pay for it.
"""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import core.ids

WORDS = r"""
CREATE FUNCTION approvals_words(p_title text, p_action text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(string_to_array(translate(lower(left(p_title, 500) || ' ' || p_action),
        E'\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b'
        '\x1c\x1d\x1e\x1f!"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~\x7f', repeat(' ', 64)), ' '), ''))
$$;
"""

# `request_urgent` has the very expression that `approvals.inbox` sorts by.
INDEXES = """
CREATE INDEX request_urgent ON approvals_request
    (workspace_id, (-array_position(ARRAY['low','medium','high','critical'], risk::text)), expires_at, id)
    WHERE status = 'pending';
CREATE INDEX request_ended ON approvals_request (workspace_id, ended_at DESC, id DESC) WHERE status <> 'pending';
CREATE INDEX request_ended_as ON approvals_request (workspace_id, status, ended_at DESC, id DESC)
    WHERE status <> 'pending';
CREATE INDEX request_words ON approvals_request USING gin (approvals_words(title, action)) WHERE status <> 'pending';
CREATE INDEX request_asked ON approvals_request USING gin (roles) WHERE status <> 'pending';
CREATE INDEX request_told ON approvals_request USING gin (told) WHERE status <> 'pending' AND told <> '{}';
CREATE INDEX request_begun ON approvals_request (initiator_id)
    WHERE status <> 'pending' AND initiator_id IS NOT NULL;
"""
NO_INDEXES = """
DROP INDEX request_urgent, request_ended, request_ended_as, request_words, request_asked, request_told, request_begun;
DROP FUNCTION approvals_words(text, text);
"""

SAME_WORKSPACE = """
ALTER TABLE approvals_savedview
    ADD CONSTRAINT saved_view_person_same_workspace FOREIGN KEY (workspace_id, person_id)
        REFERENCES people_person (workspace_id, id) ON DELETE RESTRICT;
"""

# As before, and the views that a person saved go with their words.
ERASING = """
CREATE OR REPLACE FUNCTION approvals_erase_words(p_workspace uuid, p_person uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE approvals_decision SET comment = '' WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_message SET text = '', evidence = convert_to('[]', 'UTF8')
     WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_breakglass SET reason = 'Erased.'
     WHERE workspace_id = p_workspace AND person_id = p_person;
    UPDATE approvals_breakglassreview SET comment = ''
     WHERE workspace_id = p_workspace AND person_id = p_person;
%sEND $$;
"""
VIEWS = "    DELETE FROM approvals_savedview WHERE workspace_id = p_workspace AND person_id = p_person;\n"


class Migration(migrations.Migration):
    dependencies = [("approvals", "0014_standing_in"), ("people", "0007_schedule_turns")]
    operations = [
        migrations.RunSQL(WORDS + INDEXES, NO_INDEXES),
        migrations.AddIndex(
            "decision", models.Index(fields=["person", "request"], name="decision_of_person")
        ),
        migrations.CreateModel(
            "SavedView",
            [
                ("id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("query", models.TextField()),
                ("position", models.PositiveSmallIntegerField()),
                ("is_default", models.BooleanField(default=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "person",
                    models.ForeignKey(
                        "people.person",
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        "people.workspace",
                        on_delete=django.db.models.deletion.PROTECT,
                        db_constraint=False,
                        db_index=False,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "savedview",
            models.UniqueConstraint(fields=["person", "name"], name="saved_view_name_once"),
        ),
        migrations.AddConstraint(
            "savedview",
            models.UniqueConstraint(
                fields=["person"],
                condition=models.Q(is_default=True),
                name="saved_view_default_once",
            ),
        ),
        migrations.RunSQL(SAME_WORKSPACE, migrations.RunSQL.noop),
        migrations.RunSQL(ERASING % VIEWS, ERASING % ""),
    ]
