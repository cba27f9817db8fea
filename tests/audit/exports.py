"""Exports to test with: of a log in the database, and forged ones with whatever keys an attacker has."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connections

from audit import checkpoints, tree
from audit.export_format import EVERY, TITLE, Export, end_of_log, lines
from core.canonical import canonical
from signing.notes import sign
from tests.audit.logs import write

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
AT = datetime(2026, 3, 29, 1, 59, 59, tzinfo=UTC)
EVENT = b'{"actor":'

#: The verifier as an auditor has it: no server's code, no database, no network.
ALONE = f"""
import socket, sys
sys.path.insert(0, {str(CLIENT)!r})
class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {{"django", "psycopg", "audit", "core", "signing"}}:
            raise ImportError(f"{{name}} is not here")
def refuse(*_, **__):
    raise OSError("no network here")
sys.meta_path.insert(0, Refused())
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from assentry.cli.entry import main
main()
"""


@dataclass(frozen=True)
class Pair:
    """A key pair that signs: by default nobody's; ``claimed`` is the public key that it says it has."""

    private: Ed25519PrivateKey
    claimed: bytes

    @classmethod
    def new(cls, claimed: bytes | None = None) -> Pair:
        """A new one, which may claim to be another."""
        private = Ed25519PrivateKey.generate()
        return cls(private, claimed or private.public_key().public_bytes_raw())

    @property
    def public(self) -> bytes:
        return self.claimed

    def sign(self, content: bytes) -> bytes:
        return self.private.sign(content)


def export(workspace: UUID, **how: Any) -> Export:
    """An export of all that the log has now."""
    values: dict[str, Any] = {
        "id": UUID(int=7 << 76),
        "query": {},
        "checkpoint": end_of_log(workspace),
        "created_at": AT,
    }
    return Export(**(values | how))


def exported(workspace: UUID, **how: Any) -> list[bytes]:
    """Its lines."""
    return list(lines(workspace, export(workspace, **how)))


def verifier(workspace: UUID) -> str:
    """The verifier key that signs now."""
    return str(checkpoints.verifiers(workspace)[0])


def events_in(file: Iterable[bytes]) -> list[bytes]:
    """The events of an export."""
    return [line[:-1] for line in file if line.startswith(EVENT)]


def verify(
    file: Path, key: str, *anchors: Path, stdin: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of ``assentry audit verify``, alone on a machine."""
    words = ["audit", "verify", str(file), "--key", key, "--json"]
    words += [word for anchor in anchors for word in ("--anchor", str(anchor))]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *words],
        env={},
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == b"", done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def forge(
    workspace: UUID, bodies: Sequence[bytes], signer: Any, *, every: int = 1_250, **told: Any
) -> list[bytes]:
    """An export of these events that is right in itself, signed by whoever ``signer`` is."""
    origin = checkpoints.origin(workspace)
    frontier, run = tree.Frontier(), list[bytes]()
    header = {"assentry": "log/1", "origin": origin, "query": {}}
    found = [canonical(header) + b"\n"]
    for position, body in enumerate(bodies, 1):
        digest = tree.leaf_hash(body)
        frontier.append(digest)
        run.append(digest)
        found.append(body + b"\n")
        if position % EVERY == 0 or position == len(bodies):
            found.append(canonical({"leaves": encoded(run), "to": position}) + b"\n")
            run.clear()
        if position % every == 0 and position < len(bodies):
            note = checkpoints.make(workspace, position, frontier.root(), signer)
            found.append(canonical({"checkpoint": note}) + b"\n")
    note = checkpoints.make(workspace, len(bodies), frontier.root(), signer)
    return [*found, manifest(origin, found, note, signer, **told)]


def manifest(origin: str, found: Sequence[bytes], note: str, signer: Any, **told: Any) -> bytes:
    """The manifest of these lines; ``told`` says what it tells otherwise."""
    count = len(events_in(found))
    others = b"".join(line for line in found if not line.startswith(EVENT))
    values = {
        "checkpoint": note,
        "created_at": "2026-03-29T01:59:59.000000Z",
        "digest": f"sha256:{hashlib.sha256(others).hexdigest()}",
        "events": count,
        "export": "exp_01h455vb4pex5vsknk084sn02q",
        "first": 0 if count else None,
        "keys": [],
        "last": count - 1 if count else None,
        "origin": origin,
        "query": {},
        "size": count,
        "software": "0",
    }
    text = f"{TITLE}\n{canonical(values | told).decode()}\n"
    return canonical({"manifest": sign(text, name=origin, signer=signer)}) + b"\n"


def encoded(hashes: Iterable[bytes]) -> list[Any]:
    """Hashes as they stand in lines."""
    return [base64.b64encode(each).decode() for each in hashes]


def leaves_again(file: list[bytes], at: int) -> None:
    """Make the leaves line right that follows the event at this line."""
    end = next(n for n in range(at, len(file)) if file[n].startswith(b'{"leaves":'))
    begin = next((n for n in range(end - 1, 0, -1) if file[n].startswith(b'{"leaves":')), 0)
    told = {
        "leaves": encoded(tree.leaf_hash(body) for body in events_in(file[begin:end])),
        "to": json.loads(file[end])["to"],
    }
    file[end] = canonical(told) + b"\n"


def line_of(file: Sequence[bytes], position: int) -> int:
    """The line at which the event at a position stands, in an export of everything."""
    return [n for n, line in enumerate(file) if line.startswith(EVENT)][position]


def as_owner(*statements: str, tables: Sequence[str] = (), values: Sequence[Any] = ()) -> None:
    """What somebody with the database's owner role can do: with the tables' triggers out of the way."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled = 'A' FROM pg_trigger"
            " WHERE tgrelid = ANY(%s::regclass[]) AND NOT tgisinternal",
            [list(tables)],
        )
        triggers = cursor.fetchall()
        for table, name, _ in triggers:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        try:
            for statement in statements:
                cursor.execute(statement, list(values))
        finally:
            for table, name, always in triggers:
                how = "ENABLE ALWAYS" if always else "ENABLE"
                cursor.execute(f"ALTER TABLE {table} {how} TRIGGER {name}")


def grown(count: int, *, batches: int, sequence: Callable[[UUID], int]) -> UUID:
    """A workspace with so many events, and a checkpoint after each batch of them."""
    workspace = uuid4()
    for _ in range(batches):
        write(workspace, count // batches, text=b"words")
        sequence(workspace)
    return workspace
