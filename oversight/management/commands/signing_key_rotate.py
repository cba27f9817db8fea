from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight.rotation import rotate_signing_key
from people.management import base


class Command(base.Command):
    help = "Signs permits with a new key; the old one stays in the key set as long as it is needed."

    def arguments(self, parser: CommandParser) -> None:
        """None."""

    def run(self, **options: Any) -> base.Said:
        rotated = rotate_signing_key(actor=self.actor)
        return base.Said(
            f"Key {rotated.after} signs from now on, in every process within a minute.",
            {"before": rotated.before, "after": rotated.after},
        )
