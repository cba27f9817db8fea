"""Who a user is at the identity provider, which goes with the user; and which group fills a role."""

from __future__ import annotations

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import core.ids

# The database deletes it with the user: so does `people_erase`, which deletes the row of a user whom no
# workspace has any more.
WITH_THE_USER = """
ALTER TABLE people_identity
    ADD CONSTRAINT identity_user FOREIGN KEY (user_id) REFERENCES people_user (id) ON DELETE CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0009_sign_ins")]
    operations = [
        migrations.AddField("role", "idp_group", models.CharField(max_length=200, null=True)),
        migrations.CreateModel(
            name="Identity",
            fields=[
                (
                    "id",
                    models.UUIDField(default=core.ids.uuid7, primary_key=True, serialize=False),
                ),
                ("issuer", models.CharField(max_length=200)),
                ("subject", models.CharField(max_length=255)),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200), default=list, size=None
                    ),
                ),
                ("linked_at", models.DateTimeField(db_default=Now())),
                ("last_at", models.DateTimeField(db_default=Now())),
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="identity",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("issuer", "subject"), name="identity_once")
                ],
            },
        ),
        migrations.RunSQL(WITH_THE_USER, migrations.RunSQL.noop),
    ]
