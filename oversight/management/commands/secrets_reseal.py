from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from oversight.rotation import reseal
from people.management import base
from signing.sealing import CannotOpen


class Command(base.Command):
    help = "Seals every secret with the first sealing key; afterwards the others are not needed."

    def arguments(self, parser: CommandParser) -> None:
        """None."""

    def run(self, **options: Any) -> base.Said:
        try:
            done = reseal()
        except CannotOpen as error:
            raise base.Failed(str(error)) from error
        return base.Said(
            f"{done.changed} secrets were sealed anew, {done.unchanged} were already.",
            {"changed": done.changed, "unchanged": done.unchanged},
        )
