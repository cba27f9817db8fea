from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from people.management import base
from policies.cases import CaseResult
from policies.errors import PolicyErrors
from policies.management.documents import add_document, faulty, read
from policies.services import run_tests


class Command(base.Command):
    trouble = 2
    help = "Runs the tests of a policy, and says what came of each."

    def arguments(self, parser: CommandParser) -> None:
        add_document(parser)

    def run(self, **options: Any) -> base.Said:
        file = options["file"]
        try:
            results = run_tests(text=read(file))
        except PolicyErrors as found:
            return faulty(file, found)
        failed = sum(result.differs is not None for result in results)
        lines = [_line(file, result) for result in results]
        data = {
            "ok": not failed,
            "errors": [],
            "passed": len(results) - failed,
            "failed": failed,
            "cases": [_shown(result) for result in results],
        }
        summary = f"{data['passed']} passed, {failed} failed."
        if not results:
            summary = f"{file} has no tests."
        return base.Said("\n".join([*lines, summary]), data, code=1 if failed else 0)


def _line(file: str, result: CaseResult) -> str:
    place = f"{file}:{result.case.place.line}"
    name = result.case.name or result.case.action
    if result.differs is None:
        return f"ok      {place}: {name}"
    return f"failed  {place}: {name}: {result.differs}"


def _shown(result: CaseResult) -> dict[str, Any]:
    return {
        "name": result.case.name,
        "line": result.case.place.line,
        "passed": result.differs is None,
        "expected": dict(result.case.expect),
        "came": result.came,
        "differs": result.differs,
    }
