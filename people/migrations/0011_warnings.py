"""Mails that warn a user of what was changed of how they sign in."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0010_single_sign_on"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="accountlink",
            name="account_link_ends",
        ),
        migrations.AddField(
            model_name="accountlink",
            name="about",
            field=models.CharField(
                blank=True,
                choices=[
                    ("password", "Password"),
                    ("totp", "Totp"),
                    ("passkey", "Passkey"),
                    ("factor_gone", "Factor Gone"),
                    ("factors_gone", "Factors Gone"),
                    ("codes", "Codes"),
                    ("code_used", "Code Used"),
                    ("linked", "Linked"),
                    ("unlinked", "Unlinked"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
        migrations.AlterField(
            model_name="accountlink",
            name="kind",
            field=models.CharField(
                choices=[
                    ("invitation", "Invitation"),
                    ("reset", "Reset"),
                    ("notice", "Notice"),
                    ("warning", "Warning"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="accountlink",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("expires_at", None),
                        ("kind__in", ["notice", "warning"]),
                        ("token_hash", None),
                    ),
                    models.Q(
                        ("expires_at__isnull", False),
                        ("kind__in", ["invitation", "reset"]),
                        ("token_hash__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="account_link_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "warning"), ("about", ""), _connector="XOR"),
                name="account_link_warns_of_something",
            ),
        ),
    ]
