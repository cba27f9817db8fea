"""What a check of the doctor's says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import psycopg

Level: TypeAlias = Literal["ok", "warning", "failed"]
Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do where it is not well."""

    check: str
    level: Level
    detail: str
    todo: str = ""
