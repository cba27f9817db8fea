"""Every command line of the documents is one that the commands take, and every command is told of."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser

from tests.docs.pages import ROOT, blocks, section

COMMANDS = ROOT / "docs" / "commands.md"
FOLDERS = {path.parent.parent.parent.name for path in ROOT.glob("*/management/commands/*.py")}
#: Ours by file, Django's by name: it only chooses the owner's database.
NOT_TOLD = {"migrate"}
OURS = sorted(
    command for command, app in get_commands().items() if app in FOLDERS and command not in NOT_TOLD
)
_LINE = re.compile(r"^(?:\$ )?(?:\.venv/bin/python )?manage\.py (.+?)(?: {2,}#.*)?$", re.MULTILINE)


def lines() -> Iterator[tuple[str, str]]:
    """(place, command line) of every call of manage.py in a block."""
    for block in blocks("bash", "console"):
        for match in _LINE.finditer(block.text):
            yield block.place, match[1]


def parser_of(command: str) -> CommandParser:
    """The parser of a command; it raises where it would end the process."""
    app = get_commands()[command]
    loaded = app if isinstance(app, BaseCommand) else load_command_class(app, command)
    parser = loaded.create_parser("manage.py", command)
    parser.called_from_command_line = False
    return parser


@pytest.mark.parametrize(("place", "line"), list(lines()))
def test_a_command_line_is_one_that_the_command_takes(place: str, line: str) -> None:
    command, *arguments = shlex.split(line)
    parser_of(command).parse_args(arguments)


@pytest.mark.parametrize("command", OURS)
def test_every_command_and_option_is_described(command: str) -> None:
    text = section(COMMANDS, f"## {command}")
    inherited = {
        option
        for action in BaseCommand().create_parser("manage.py", command)._actions
        for option in action.option_strings
    }
    for action in parser_of(command)._actions:
        options = [each for each in action.option_strings if each not in inherited]
        assert not options or any(option in text for option in options), options


def test_no_command_is_described_that_there_is_not() -> None:
    text = COMMANDS.read_text(encoding="utf-8")
    assert sorted(re.findall(r"^## ([a-z_]+)$", text, re.MULTILINE)) == OURS
