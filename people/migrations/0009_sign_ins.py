"""Sessions that can be listed and ended, challenges for passkeys, and wrong codes to count.

Sessions of before are not known by any of it: everybody signs in once more.
"""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import core.ids

# A session is known as long as Django's row is there, whoever takes that away.
ONE_SESSION = """
DELETE FROM django_session;
ALTER TABLE people_session
    ADD CONSTRAINT session_is_stored FOREIGN KEY (session_key)
        REFERENCES django_session (session_key) ON DELETE CASCADE;
"""

# What only signs somebody in goes with the user (`people_erase`, migration 0004, deletes the row).
FORGET = """
CREATE FUNCTION people_forget_sign_ins() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    DELETE FROM django_session WHERE session_key IN (
        SELECT session_key FROM people_session WHERE user_id = OLD.id);
    DELETE FROM people_session WHERE user_id = OLD.id;
    DELETE FROM people_challenge WHERE user_id = OLD.id;
    DELETE FROM people_codefailure WHERE user_id = OLD.id;
    DELETE FROM mfa_authenticator WHERE user_id = OLD.id;
    RETURN OLD;
END $$;
REVOKE ALL ON FUNCTION people_forget_sign_ins() FROM PUBLIC;
CREATE TRIGGER user_forgets_sign_ins BEFORE DELETE ON people_user
    FOR EACH ROW EXECUTE FUNCTION people_forget_sign_ins();
"""
REMEMBER = """
DROP TRIGGER user_forgets_sign_ins ON people_user;
DROP FUNCTION people_forget_sign_ins();
"""


def _user(**more: object) -> models.ForeignKey:
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=django.db.models.deletion.CASCADE, **more
    )


def _id() -> tuple[str, models.UUIDField]:
    return "id", models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0008_account_links"),
        ("sessions", "0001_initial"),
        ("mfa", "0003_authenticator_type_uniq"),
    ]
    operations = [
        migrations.CreateModel(
            name="Challenge",
            fields=[
                _id(),
                ("purpose", models.CharField(max_length=20)),
                ("about", models.BinaryField()),
                ("challenge", models.BinaryField()),
                ("address", models.GenericIPAddressField(null=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("user", _user(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="UserSession",
            fields=[
                _id(),
                ("session_key", models.CharField(max_length=40, unique=True)),
                ("by", models.CharField(max_length=20)),
                ("factor", models.CharField(blank=True, max_length=20)),
                ("signed_in_at", models.DateTimeField(db_default=Now())),
                ("proved_at", models.DateTimeField(db_default=Now())),
                ("last_seen_at", models.DateTimeField(db_default=Now())),
                ("address", models.GenericIPAddressField(null=True)),
                ("browser", models.CharField(max_length=60)),
                ("user", _user()),
            ],
            options={"db_table": "people_session"},
        ),
        migrations.CreateModel(
            name="CodeFailure",
            fields=[
                _id(),
                ("at", models.DateTimeField(db_default=Now())),
                ("user", _user(related_name="+", db_index=False)),
            ],
            options={"indexes": [models.Index(fields=["user", "at"], name="code_failure_user")]},
        ),
        migrations.RunSQL(ONE_SESSION, migrations.RunSQL.noop),
        migrations.RunSQL(FORGET, REMEMBER),
    ]
