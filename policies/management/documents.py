"""What the commands about a policy document share: reading it, and telling its faults."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from people.management import base
from policies.errors import PolicyErrors


def add_document(parser: CommandParser) -> None:
    """The argument that names the document."""
    parser.add_argument("file", metavar="FILE", help="YAML or JSON; - is standard input")


def read(file: str) -> str:
    """The text of the document.  `base.Failed` as a wrong argument where there is none."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode()
    except OSError as error:
        detail = f"FILE: {file} cannot be read ({error.strerror})."
        raise base.Failed(detail, {"argument": "FILE"}, code=2) from error
    except UnicodeDecodeError as error:
        detail = f"FILE: {file} is not UTF-8 text (byte {error.start})."
        raise base.Failed(detail, {"argument": "FILE"}, code=2) from error


def fault_lines(file: str, found: PolicyErrors) -> list[str]:
    """The faults for people, as ``FILE:line:column: detail``."""
    return [f"{file}:{error}" for error in found.errors]


def shown_faults(found: PolicyErrors) -> list[dict[str, Any]]:
    """The faults for scripts."""
    return [
        {"line": one.line, "column": one.column, "path": one.path, "detail": one.detail}
        for one in found.errors
    ]


def faulty(file: str, found: PolicyErrors) -> base.Said:
    """What a command says that was asked about a document with faults."""
    data = {"ok": False, "errors": shown_faults(found)}
    return base.Said("\n".join(fault_lines(file, found)), data, code=1)


def with_warnings(text: str, warnings: list[str]) -> str:
    """What a command says, with what should be known beside it."""
    return "\n".join([text, *(f"Warning: {one}" for one in warnings)])
