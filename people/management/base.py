"""What every command of ours does: one JSON object for scripts, a sentence for people, honest ends."""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error, OperationalError, ProgrammingError

from audit.actor import Actor
from core.nudge import nudger
from core.problems import Problem
from people.errors import Refusal
from people.models import Workspace
from people.services import workspace_by_slug


@dataclass(frozen=True, slots=True)
class Said:
    """What a command did: a sentence or more for people, members of one object for scripts.

    ``code`` is the exit code; 1 where it found something.
    """

    text: str
    data: dict[str, Any]
    code: int = 0


class Failed(Exception):
    """The command cannot do it; `text` is for people, `data` for scripts beside it."""

    def __init__(self, text: str, data: dict[str, Any] | None = None, code: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.data = data or {}
        self.code = code


class Command(BaseCommand):
    """Base of the commands; they implement `arguments` and `run`.

    With ``--json`` the last line of the output is one object, also when it failed (``error``).
    Exit codes: 0 done, 1 refused or impossible, or something was found, 2 wrong arguments.
    """

    requires_system_checks = []
    #: The exit code where it was refused or impossible; 2 for commands that say 1 for what they found.
    trouble: ClassVar[int] = 1
    #: How this command calls an input that services call otherwise: ``{"email": "--owner"}``.
    spelling: ClassVar[dict[str, str]] = {}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object on the last line"
        )
        self.arguments(parser)

    @abstractmethod
    def arguments(self, parser: CommandParser) -> None:
        """Declare the command's own arguments."""

    @abstractmethod
    def run(self, **options: Any) -> Said:
        """Do it.  May raise `Refusal` and `Failed`."""

    def handle(self, **options: Any) -> None:
        as_json = options["json"]
        try:
            said = self.run(**options)
        except (Refusal, Failed, Error) as error:
            failed = self._failed(error)
            if as_json:
                self.stdout.write(json.dumps({"error": failed.text, **failed.data}))
            raise CommandError(failed.text, returncode=failed.code) from error
        finally:
            nudger.flush()
        self.stdout.write(json.dumps(said.data) if as_json else said.text)
        if said.code:
            sys.exit(said.code)

    def _failed(self, error: Exception) -> Failed:
        match error:
            case Failed():
                return error
            case Refusal():
                named = self.spelling.get(error.argument, error.argument.upper())
                text, data = (f"{named}: {error}" if named else str(error)), {"argument": named}
            case OperationalError():
                text, data = (
                    (
                        f"The database does not answer ({_line(error)}): "
                        "start ./up, or set DATABASE_URL to the one that runs."
                    ),
                    {},
                )
            case ProgrammingError() if "does not exist" in str(error):
                text, data = "The database is not up to date: run manage.py migrate.", {}
            case _:
                text, data = f"The database refused it: {_line(error)}", {}
        return Failed(text, data, code=self.trouble)

    @property
    def actor(self) -> Actor:
        """Whoever runs this command."""
        return Actor.operator(type(self).__module__.rpartition(".")[2])


def refused(problem: Problem, arguments: Mapping[str, str]) -> Failed:
    """A service's refusal as a command says it.

    Args:
        arguments: how the command calls what the service names by a pointer: ``{"/url": "URL"}``.
    """
    named = [arguments[error.pointer] for error in problem.errors if error.pointer in arguments]
    told = " ".join(
        f"{arguments[error.pointer]}: {error.detail}"
        if error.pointer in arguments
        else error.detail
        for error in problem.errors
    )
    data = {"code": problem.code} | ({"argument": named[0]} if named else {})
    return Failed(told or problem.detail, data)


def add_workspace(parser: CommandParser) -> None:
    """The argument that most commands begin with."""
    parser.add_argument("slug", metavar="SLUG", help="the workspace")


def workspace_of(options: dict[str, Any]) -> Workspace:
    """The workspace that `add_workspace` asked for."""
    return workspace_by_slug(options["slug"])


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
