"""Which statements does one call run, and with what values?  Says so as JSON; run as a program.

It submits, or consumes permits, in this process, on the instance that the environment names, and
writes down what reaches the driver.  So the limit that `benchmarks.limit` measures is always that of the present code.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from config.wsgi import application as _ready  # first: it makes Django ready for the others

# isort: split
import psycopg
from psycopg.adapt import PyFormat, Transformer

from approvals.consuming import consume
from approvals.submit import submit
from core import ids
from core.db import pool
from core.statements import HotConnection

__all__ = ["_ready", "main"]

Statement = dict[str, Any]


class Recorder:
    """Stands in front of the driver's `execute` and keeps what this thread runs."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self._thread = threading.get_ident()
        self._execute = HotConnection.execute
        HotConnection.execute = self._recording()  # type: ignore[method-assign]

    def _recording(self) -> Any:
        def execute(conn: HotConnection, query: Any, params: Any = None, **how: Any) -> Any:
            if threading.get_ident() == self._thread:
                self.statements.append({"query": str(query), "values": _texts(conn, params)})
            return self._execute(conn, query, params, **how)

        return execute

    def take(self) -> list[Statement]:
        """What was run since the last look."""
        taken, self.statements = self.statements, []
        return taken


def _texts(conn: psycopg.Connection[Any], params: Any) -> dict[str, str | None]:
    """Values as the text protocol carries them, by name or by position."""
    named = params if isinstance(params, Mapping) else dict(enumerate(params or ()))
    transformer = Transformer(conn)
    values = transformer.dump_sequence(list(named.values()), [PyFormat.TEXT] * len(named))
    return {
        str(name): None if value is None else bytes(value).decode()
        for name, value in zip(named, values, strict=True)
    }


def _submit(asked: Mapping[str, Any]) -> None:
    submit(authorization=asked["authorization"], body=asked["body"].encode(), idempotency_key=None)


def _consume(asked: Mapping[str, Any]) -> None:
    consume(
        authorization=asked["authorization"],
        permit_id=ids.decode("pmt", asked["permit"]),
        digest=bytes.fromhex(asked["digest"]),
        idempotency_key=None,
    )


#: Whose statements can be recorded.
CALLS: dict[str, Callable[[Mapping[str, Any]], None]] = {"submit": _submit, "consume": _consume}


def main() -> int:
    """Read ``{"call", "asked": […]}``; print the statements of each call but the first, which warms up."""
    wanted = json.loads(sys.stdin.read())
    recorder = Recorder()
    runs = []
    for asked in wanted["asked"]:
        CALLS[wanted["call"]](asked)
        runs.append(recorder.take())
    pool().close()
    sys.stdout.write(json.dumps(runs[1:]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
