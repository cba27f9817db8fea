"""What watches the clock: one row of the server."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("oversight", "0006_told"),
    ]

    operations = [
        migrations.CreateModel(
            name="Watch",
            fields=[
                ("id", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("turn", models.BigIntegerField()),
                ("begun_at", models.DateTimeField()),
                ("looked_at", models.DateTimeField(null=True)),
                ("well_at", models.DateTimeField(null=True)),
                ("findings", models.BinaryField()),
                ("beat_at", models.DateTimeField(null=True)),
                ("beat_failing_since", models.DateTimeField(null=True)),
                ("beat_error", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="watch_of_the_server_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("beat_error", ""), ("beat_failing_since", None)),
                            models.Q(
                                ("beat_failing_since__isnull", False),
                                models.Q(("beat_error", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="watch_heartbeat_fails_says_why",
                    ),
                ],
            },
        ),
    ]
