"""Says what is missing, wrong or unsafe, and what to do."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from config import doctor


class Command(BaseCommand):
    help = "Says what is missing, wrong or unsafe about this instance, and what to do."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="one JSON object as the last line of the output"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in doctor.examine():
            findings.append(finding)
            self.stdout.write(f"{finding.level:8} {finding.check:11} {finding.detail}")
            if finding.todo:
                self.stdout.write(f"{'':20} → {finding.todo}")
        healthy = all(finding.level != "failed" for finding in findings)
        if options["json"]:
            checks = [asdict(finding) for finding in findings]
            self.stdout.write(json.dumps({"ok": healthy, "checks": checks}))
        if not healthy:
            sys.exit(1)
