"""The packet: what every folder keeps of one request, in one snapshot, proven against one checkpoint.

docs/log-format.md says how it is checked without this server.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Raw, Struct, field
from psycopg import Connection

import agents.dossier
import audit.dossier
import callbacks.dossier
import escalations.dossier
import notifications.dossier
import policies.dossier
from approvals import dossier, heard
from approvals.dossier import Asked
from audit import checkpoints, proofs
from audit.actor import Actor
from audit.checkpoints import Checkpoint
from audit.dossier import Beside, Kept
from audit.kinds import EvidenceExported
from audit.log import INSERT_EVENTS, Commitment, Fact, event_rows, rfc3339
from core.canonical import canonical
from core.db import pool
from core.version import VERSION

FORMAT: Final = "evidence/1"
_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_ENDS: Final = frozenset(
    f"request.{word}" for word in ("approved", "rejected", "answered", "expired", "cancelled")
)
Part = dict[str, Any]
Parts = list[dict[str, Any]]


class NotSequenced(RuntimeError):
    """No checkpoint covers all events of this request yet: within a second of the last one it does."""


class Packet(Struct, frozen=True, kw_only=True):
    """The evidence of one request."""

    form: Annotated[str, Meta(description="`evidence/1`")] = field(name="assentry", default=FORMAT)
    created_at: str
    software: Annotated[str, Meta(description="Which version of Assentry made it")]
    origin: Annotated[str, Meta(description="The name of the log")]
    keys: Annotated[list[str], Meta(description="Verifier keys of the log: not for trust")]
    request: Part
    agent: Part
    run: Part | None
    policy: Annotated[Parts, Meta(description="The versions that planned it")]
    revisions: Parts
    stages: Parts
    decisions: Parts
    refused: Annotated[Parts, Meta(description="Tries to decide that were refused")]
    messages: Parts
    break_glass: Part | None
    permits: Parts
    result: Part | None
    clock: Part
    callbacks: Parts
    told: Annotated[Parts, Meta(description="Each message that told people of it")]
    events: Annotated[Parts, Meta(description="Every event about it, with its proof")]
    differences: Annotated[
        list[str],
        Meta(description="Where what is kept is not what the log says; empty where all is"),
    ]
    checkpoint: Annotated[Part, Meta(description="What all events are proven against")]


def make(*, workspace: UUID, request_id: UUID) -> Packet:
    """The packet of a request, for whoever was found to be allowed to read the log.

    Words of the last second about packets themselves (``evidence.exported``) may be missing.

    Raises:
        Problem: 404 where the workspace has no such request.
        NotSequenced: ask again in a second.
    """
    with pool().connection() as conn, conn.transaction():
        conn.execute(_SNAPSHOT)
        asked = dossier.asked(conn, workspace, request_id)
        events = audit.dossier.of_subjects(conn, workspace, [request_id])
        checkpoint = checkpoints.newest(workspace, conn)
        if checkpoint is None:
            raise NotSequenced
        events = _covered(events, checkpoint)
        versions = [one.policy_version for one in asked.versions]
        applied = audit.dossier.of_subjects(conn, workspace, versions)
        applied = _covered(applied, checkpoint)
        return _put_together(conn, asked, events, applied, checkpoint)


def record(
    *, actor: Actor, workspace: UUID, request_id: UUID, form: str, size: int, file: bytes | None
) -> None:
    """Write that somebody made a packet, before they have it.

    Args:
        form: ``json``, ``page`` or ``pdf``.
        size: that of the packet's checkpoint.
        file: the bytes they are given, which the event commits to.
    """
    commits = {} if file is None else {"file": Commitment(file, kept=False)}
    data = EvidenceExported(form=form, size=size)
    fact = Fact(workspace, actor, ("req", request_id), data, commits)
    with pool().connection() as conn:
        clock = conn.execute("SELECT clock_timestamp()").fetchone()
        assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
        conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", event_rows([fact], clock[0]))


def _covered(events: Sequence[Kept], checkpoint: Checkpoint) -> list[Kept]:
    found = []
    for one in events:
        if one.position is not None and one.position < checkpoint.size:
            found.append(one)
        elif one.kind != EvidenceExported.KIND:
            raise NotSequenced
    return found


def _put_together(
    conn: Connection[Any],
    asked: Asked,
    events: Sequence[Kept],
    applied: Sequence[Kept],
    checkpoint: Checkpoint,
) -> Packet:
    row, workspace = asked.row, asked.row.workspace_id
    clock = conn.execute("SELECT clock_timestamp()").fetchone()
    assert clock is not None  # noqa: S101  # a SELECT without FROM always answers
    stages = heard.stages(conn, asked, events)
    decisions = heard.decisions(conn, asked, events, stages)
    messages = heard.messages(conn, asked)
    proven = _proven(conn, workspace, [*events, *applied], checkpoint, asked)
    return Packet(
        created_at=rfc3339(clock[0]),
        software=f"assentry {VERSION}",
        origin=checkpoints.origin(workspace),
        keys=[str(key) for key in checkpoints.verifiers(workspace)],
        request=asked.shown,
        agent=agents.dossier.agent(conn, workspace, row.agent_id, asked.key_id),
        run=agents.dossier.run(conn, workspace, row.run_id, row.created_at),
        policy=_policy(conn, asked, applied, proven[len(events) :]),
        revisions=[one.shown for one in asked.versions],
        stages=stages,
        decisions=decisions,
        refused=heard.refused(events),
        messages=messages,
        break_glass=heard.break_glass(conn, asked),
        permits=asked.permits,
        result=asked.result,
        clock={
            "source": "the database's clock, in UTC",
            "deadlines": heard.clock(asked, events),
            "steps": escalations.dossier.steps(conn, row.id),
            "use_by": dossier.at(asked.use_by),
        },
        callbacks=callbacks.dossier.callbacks(conn, workspace, row.id),
        told=notifications.dossier.told(conn, row.id),
        events=proven[: len(events)],
        differences=_differences(asked, events, decisions, messages),
        checkpoint={
            "number": checkpoint.number,
            "size": checkpoint.size,
            "root": _base64(checkpoint.root),
            "at": rfc3339(checkpoint.at),
            "note": checkpoint.note,
        },
    )


def _policy(
    conn: Connection[Any], asked: Asked, applied: Sequence[Kept], proven: Sequence[Part]
) -> Parts:
    wanted = [one.policy_version for one in asked.versions]
    found = policies.dossier.versions(conn, asked.row.workspace_id, wanted)
    by_version = {
        one.data["version"]: (one, proof) for one, proof in zip(applied, proven, strict=True)
    }
    for version in found:
        event, proof = by_version.get(version["id"], (None, None))
        version["actor"] = None if event is None else event.said["actor"]
        version["event"] = proof
    return found


def _proven(
    conn: Connection[Any],
    workspace: UUID,
    events: Sequence[Kept],
    checkpoint: Checkpoint,
    asked: Asked,
) -> Parts:
    positions = [one.position for one in events if one.position is not None]
    paths = proofs.inclusions(conn, workspace, positions, checkpoint.size)
    return [
        {
            "position": one.position,
            "leaf": _base64(one.leaf or b""),
            "hashes": [_base64(each) for each in path],
            "event": Raw(one.body),
            "commitments": {
                name: _commitment(one, name, one.beside.get(name), asked)
                for name in one.said["commitments"]
            },
        }
        for one, path in zip(events, paths, strict=True)
    ]


def _commitment(event: Kept, name: str, beside: Beside | None, asked: Asked) -> Part:
    """``shown`` with salt and bytes; ``covered``: they hold a sensitive field; ``elsewhere``: they are in
    no row; ``erased``: nobody has them any more."""
    if beside is None:
        return {"state": "erased"}
    content = beside.content
    if name == "submission":
        version = asked.versions[int(event.data.get("revision", 1)) - 1]
        if version.erased:
            return {"state": "erased"}
        if not version.open:
            # Not even the salt: with it, what is covered could be guessed.
            return {"state": "covered"}
        content = version.submission
    if content is None:
        return {"state": "elsewhere", "salt": _base64(beside.salt)}
    return {"state": "shown", "salt": _base64(beside.salt), "bytes": _base64(content)}


def _differences(
    asked: Asked, events: Sequence[Kept], decisions: Parts, messages: Parts
) -> list[str]:
    """Where a row is not what its event commits to: somebody changed it past the server."""
    rows: dict[str, bytes] = {
        **{one["id"]: _decided(one) for one in decisions},
        **{one["id"]: _worded(one) for one in messages},
    }
    found = []
    for one in events:
        if "submission" in one.beside:
            version = asked.versions[int(one.data.get("revision", 1)) - 1]
            if not version.erased and not one.commits_to("submission", version.submission):
                found.append(
                    f"Revision {version.number} is not what {one.said['id']} committed to."
                )
        for name, place in (("decision", "decision"), ("text", "message")):
            if name not in one.beside:
                continue
            row = rows.get(one.data[place])
            if row is None:
                found.append(f"There is no {one.data[place]}, of which {one.said['id']} tells.")
            elif not one.commits_to(name, row):
                found.append(f"{one.data[place]} is not what {one.said['id']} committed to.")
    ends = [one.kind.partition(".")[2] for one in events if one.kind in _ENDS]
    if (ends or ["pending"])[-1] != asked.row.status:
        found.append(f"It is {asked.row.status}, and the log says {(ends or ['pending'])[-1]}.")
    return found


def _decided(one: Mapping[str, Any]) -> bytes:
    answer, shown, behalf = one["answer"], one["shown_digest"], one["on_behalf_of"]
    return canonical(
        {
            "answer": None if answer is None else msgspec.json.decode(answer),
            "comment": one["comment"],
            "payload_digest": one["shown"],
            "roles": one["roles"],
            **({} if shown is None else {"shown_digest": shown}),
            **({} if one["dwell_ms"] is None else {"dwell_ms": one["dwell_ms"]}),
            **({} if behalf is None else {"on_behalf_of": behalf["id"]}),
        }
    )


def _worded(one: Mapping[str, Any]) -> bytes:
    if one["kind"] == "return":
        return str(one["text"]).encode()
    return canonical({"evidence": msgspec.json.decode(one["evidence"]), "text": one["text"]})


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def encoded(packet: Packet) -> bytes:
    """The packet as JSON."""
    return msgspec.json.encode(packet)


def readable(packet: Packet) -> dict[str, Any]:
    """The packet as plain values, for those who write it in another form."""
    found: dict[str, Any] = msgspec.json.decode(encoded(packet))
    return found
