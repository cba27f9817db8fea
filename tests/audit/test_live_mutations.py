"""What whoever owns the database may do to it: `manage.py audit_verify` finds each, and says where."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from audit import checkpoints
from audit.log import INSERT_EVENTS, event_rows
from audit.sequencer import sequence
from audit.tree import leaf_hash
from core import db
from oversight import verifying
from tests.approvals.test_permits import RULE
from tests.approvals.world import World, uuid_of
from tests.audit.exports import Pair, as_owner
from tests.audit.logs import bodies, facts, write
from tests.promises import ask

ADDED = 600


class Office:
    """A workspace in which requests were decided, with a log of several checkpoints."""

    def __init__(self) -> None:
        self.world = World({"lead": ["ana", "ben"], "others": ["caro"]}, [RULE])
        self.id: UUID = self.world.workspace.id
        self.approved = self.world.submit()
        self.world.decide("ana", self.approved, comment="Fine.")
        self.rejected = self.world.submit()
        self.world.decide("ben", self.rejected, verdict="reject", comment="No.")
        self.pending = self.world.submit()
        self.world.away("ana", "caro")
        self.stood_in = self.world.submit()
        self.world.decide("caro", self.stood_in)
        sequence(self.id)
        for _ in range(3):
            write(self.id, ADDED // 3, text=b"words")
            sequence(self.id)
        self.sizes = [row[0] for row in ask("SELECT size FROM audit_checkpoint WHERE workspace_id = %s ORDER BY 1", self.id)]  # fmt: skip

    @property
    def end(self) -> int:
        """How many events there are."""
        return int(self.sizes[-1])

    def change(self, *statements: str, values: Any = None) -> None:
        """As the owner of the tables."""
        tables = [row[0] for row in ask("SELECT relname::text FROM pg_class WHERE relname ~ '^(audit|approvals|policies)_' AND relkind = 'r'")]  # fmt: skip
        as_owner(*statements, tables=tables, values=[self.id] if values is None else values)

    def check(self) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON of the command."""
        out = io.StringIO()
        try:
            call_command("audit_verify", self.world.slug, "--json", stdout=out)
        except SystemExit as ended:
            return int(str(ended.code)), json.loads(out.getvalue().splitlines()[-1])
        return 0, json.loads(out.getvalue().splitlines()[-1])

    def found(self) -> dict[str, Any]:
        """What is wrong."""
        code, said = self.check()
        assert (code, said["ok"]) == (1, False)
        return said

    def position_of(self, request: dict[str, Any], kind: str) -> int:
        """Where the log tells of it."""
        ((position,),) = ask(
            "SELECT l.position FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id"
            " WHERE e.subject = %s AND e.kind = %s",
            uuid_of(request),
            kind,
        )
        return int(position)


@pytest.fixture
def office() -> Iterator[Office]:
    """A log to break.  What waits for a place in it then goes, or every worker would stumble over it."""
    made = Office()
    yield made
    ask("DELETE FROM audit_pending WHERE workspace_id = %s RETURNING 1", made.id)


def test_what_nobody_changed_is_right(office: Office) -> None:
    assert office.check() == (
        0,
        {"ok": True, "events": office.end, "requests": 4, "policy_versions": 1},
    )
    out = io.StringIO()
    call_command("audit_verify", office.world.slug, stdout=out)
    assert out.getvalue().startswith(f"OK: {office.end:,} events, unbroken; 4 requests")


def test_a_workspace_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(CommandError) as caught:
        call_command("audit_verify", "nobody")
    assert caught.value.returncode == 2


def test_a_log_of_many_pages() -> None:
    office = Office()
    write(office.id, 2_500)
    sequence(office.id)
    assert verifying.verify(office.id).events == office.end + 2_500


def another(office: Office, position: int) -> tuple[bytes, bytes]:
    """An event's bytes with another message, and their leaf's hash."""
    body = bodies(office.id)[position]
    at = body.index(b'"message":"') + len(b'"message":"')
    changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    return changed, leaf_hash(changed)


def test_m1_the_bytes_of_an_event(office: Office) -> None:
    body, _ = another(office, 300)
    office.change(
        "UPDATE audit_event SET body = %s WHERE id ="
        " (SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = 300)",
        values=[body, office.id],
    )
    said = office.found()
    assert (said["position"], "not those of its leaf" in said["why"]) == (300, True)


def rewrite(office: Office, position: int) -> None:
    """An event and its leaf's hash."""
    body, digest = another(office, position)
    office.change(
        "UPDATE audit_event SET body = %s WHERE id ="
        " (SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = %s)",
        values=[body, office.id, position],
    )
    office.change(
        "UPDATE audit_leaf SET hash = %s WHERE workspace_id = %s AND position = %s",
        values=[digest, office.id, position],
    )


def around(office: Office, position: int) -> list[int]:
    """The positions between the checkpoints around one."""
    before = max(size for size in [0, *office.sizes] if size <= position)
    after = min(size for size in office.sizes if size > position)
    return [before, after - 1]


def test_m2_the_bytes_and_their_hash(office: Office) -> None:
    rewrite(office, 300)
    within = around(office, 300)
    assert within[0] < 300 < within[1]
    assert office.found()["within"] == within


def test_m3_the_stored_hashes_as_well(office: Office) -> None:
    rewrite(office, 100)
    office.change("UPDATE audit_subtree SET hash = decode(repeat('ab', 32), 'hex') WHERE workspace_id = %s")  # fmt: skip
    assert office.found()["within"] == around(office, 100)
    untouched = Office()
    untouched.change("UPDATE audit_subtree SET hash = decode(repeat('ab', 32), 'hex') WHERE workspace_id = %s AND index = 1")  # fmt: skip
    assert untouched.found()["within"] == [256, 511]


def test_m4_the_last_events_dropped(office: Office) -> None:
    office.change(
        "DELETE FROM audit_leaf WHERE workspace_id = %s AND position >= 500",
    )
    assert office.found()["position"] == 500


def test_m4_with_their_checkpoint(office: Office) -> None:
    """The events are left, and have no place."""
    office.change(
        f"DELETE FROM audit_leaf WHERE workspace_id = %s AND position >= {office.sizes[-2]}",
        f"DELETE FROM audit_checkpoint WHERE workspace_id = %s AND size > {office.sizes[-2]}",
        f"DELETE FROM audit_subtree WHERE workspace_id = %s AND ((index + 1) << level) > {office.sizes[-2]}",
        "UPDATE audit_event SET at = at - interval '2 minutes' WHERE workspace_id = %s AND id NOT IN (SELECT event_id FROM audit_leaf)",
    )
    said = office.found()
    assert said["about"].startswith("evt_")
    assert "no place" in said["why"]


def test_m5_the_middle_dropped(office: Office) -> None:
    office.change("DELETE FROM audit_leaf WHERE workspace_id = %s AND position = 300")
    assert office.found()["position"] == 300


def test_m5_the_middle_dropped_and_the_rest_renumbered(office: Office) -> None:
    office.change(
        "DELETE FROM audit_leaf WHERE workspace_id = %s AND position = 300",
        "UPDATE audit_leaf SET position = position + 9999 WHERE workspace_id = %s AND position > 300",
        "UPDATE audit_leaf SET position = position - 10000 WHERE workspace_id = %s AND position > 9999",
    )
    assert office.found()["within"] == around(office, 300)


def test_m6_two_swapped(office: Office) -> None:
    swap = "UPDATE audit_leaf SET position = {to} WHERE workspace_id = %s AND position = {at}"
    office.change(
        swap.format(at=300, to=9_999), swap.format(at=310, to=300), swap.format(at=9_999, to=310)
    )
    assert office.found()["within"] == around(office, 300)


def test_m9_an_event_moved_to_another_workspace(office: Office) -> None:
    other = Office()
    office.change(
        "UPDATE audit_leaf SET workspace_id = %s, position = 9999 WHERE workspace_id = %s AND position = 300",
        values=[other.id, office.id],
    )
    assert office.found()["position"] == 300
    assert "No checkpoint speaks" in other.found()["why"]
    third = Office()
    third.change(
        "UPDATE audit_event SET workspace_id = %s WHERE id ="
        " (SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = 300)",
        values=[other.id, third.id],
    )
    said = third.found()
    assert (said["position"], "workspace_id" in said["why"]) == (300, True)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "'request.approved'"),
        ("at", "at + interval '1 microsecond'"),
        ("subject", "gen_random_uuid()"),
    ],
)
def test_m10_a_column_beside_the_bytes(office: Office, column: str, value: str) -> None:
    office.change(
        f"UPDATE audit_event SET {column} = {value} WHERE id ="
        " (SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = 300)"
    )
    said = office.found()
    assert (said["position"], column in said["why"]) == (300, True)


def test_m10_what_stands_beside_an_event(office: Office) -> None:
    beside = "(SELECT event_id FROM audit_leaf WHERE workspace_id = %s AND position = 300)"
    office.change(f"UPDATE audit_side SET body = 'other words' WHERE event_id = {beside}")
    said = office.found()
    assert (said["position"], "text was changed" in said["why"]) == (300, True)
    office.change(f"DELETE FROM audit_side WHERE event_id = {beside}")
    said = office.found()
    assert (said["position"], "tells of no erasure" in said["why"]) == (300, True)


OTHER = (
    "(SELECT p.id FROM people_person p WHERE p.workspace_id = {0}.workspace_id"
    " AND p.id <> {0}.person_id LIMIT 1)"
)
THIRD = (
    "(SELECT p.id FROM people_person p WHERE p.workspace_id = approvals_decision.workspace_id"
    " AND p.id NOT IN (approvals_decision.person_id, approvals_decision.on_behalf_of_id) LIMIT 1)"
)
MORE = f"""
INSERT INTO approvals_decision (
    id, workspace_id, request_id, revision, stage, person_id, verdict, comment, channel, assurance, at)
SELECT gen_random_uuid(), d.workspace_id, d.request_id, 1, 0, {OTHER.format("d")}, 'approve', '', 'web',
       'session', d.at
  FROM approvals_decision d WHERE request_id = %s LIMIT 1
"""


def m11() -> dict[str, tuple[str, str, str]]:
    """Which row is changed how, and which request and event tell otherwise."""
    request = "UPDATE approvals_request SET {} WHERE id = %s"
    revision = "UPDATE approvals_revision SET {} WHERE request_id = %s"
    decision = "UPDATE approvals_decision SET {} WHERE request_id = %s"
    return {
        "rejected to approved": (
            request.format("status = 'approved', permit_state = 'open', use_by = ended_at"),
            "rejected",
            "request.rejected",
        ),
        "the basis": (request.format("basis = 'clock'"), "approved", "request.approved"),
        "the permit": (request.format("permit_state = 'consumed'"), "approved", "request.approved"),
        "pending to expired": (
            request.format(
                "status = 'expired', basis = 'clock', stage = NULL, waiting_on = NULL, ended_at = expires_at"
            ),
            "pending",
            "request.submitted",
        ),
        "the risk": (request.format("risk = 'low'"), "pending", "request.submitted"),
        "the action": (request.format("action = 'payments.x'"), "pending", "request.submitted"),
        "the payload": (
            revision.format("payload = '{\"amount\":1}', digest = sha256('{\"amount\":1}')"),
            "approved",
            "request.submitted",
        ),
        "the payload without its digest": (
            revision.format("payload = '{\"amount\":1}'"),
            "approved",
            "request.submitted",
        ),
        "the digest": (revision.format("digest = sha256('x')"), "approved", "request.submitted"),
        "the plan": (revision.format("plan = plan || ' '"), "approved", "request.submitted"),
        "the statement": (request.format("stated = '{}'"), "approved", "request.submitted"),
        "a verdict": (decision.format("verdict = 'approve'"), "rejected", "decision.recorded"),
        "a comment": (decision.format("comment = 'Never.'"), "rejected", "decision.recorded"),
        "what was shown": (
            decision.format("shown_digest = sha256('x')"),
            "rejected",
            "decision.recorded",
        ),
        "that nothing was shown": (
            decision.format("shown_digest = NULL"),
            "rejected",
            "decision.recorded",
        ),
        "how long it was open": (
            decision.format("dwell_ms = 60000"),
            "rejected",
            "decision.recorded",
        ),
        "who": (
            decision.format(f"person_id = {OTHER.format('approvals_decision')}"),
            "approved",
            "decision.recorded",
        ),
        "void": (
            decision.format("void_at = at, void_reason = 'x'"),
            "approved",
            "request.approved",
        ),
        "in whose place": (
            decision.format(f"on_behalf_of_id = {OTHER.format('approvals_decision')}"),
            "approved",
            "decision.recorded",
        ),
        "in whose place no more": (
            decision.format("on_behalf_of_id = NULL"),
            "stood_in",
            "decision.recorded",
        ),
        "in another's place": (
            decision.format(f"on_behalf_of_id = {THIRD}"),
            "stood_in",
            "decision.recorded",
        ),
        "a decision gone": (
            "DELETE FROM approvals_decision WHERE request_id = %s",
            "approved",
            "decision.recorded",
        ),
        "a decision more": (
            MORE,
            "approved",
            "request.approved",
        ),
    }


@pytest.mark.parametrize("case", list(m11()))
def test_m11_the_rows_of_the_product(office: Office, case: str) -> None:
    statement, which, kind = m11()[case]
    request = getattr(office, which)
    office.change(statement, values=[uuid_of(request)])
    said = office.found()
    assert (said["about"], said["position"]) == (request["id"], office.position_of(request, kind))


def test_m11_a_revision_that_is_gone(office: Office) -> None:
    office.change(
        "DELETE FROM approvals_stage WHERE request_id = %s",
        "DELETE FROM approvals_revision WHERE request_id = %s",
        values=[uuid_of(office.pending)],
    )
    said = office.found()
    assert said["position"] == office.position_of(office.pending, "request.submitted")
    assert "revision 1 is gone" in said["why"]


def test_m11_a_request_that_is_gone_or_was_never_told(office: Office) -> None:
    request = uuid_of(office.pending)
    office.change(
        "INSERT INTO approvals_request SELECT (jsonb_populate_record(r, jsonb_build_object('id', gen_random_uuid()))).*"
        " FROM approvals_request r WHERE id = %s",
        values=[request],
    )
    said = office.found()
    assert (said["position"], "does not tell" in said["why"]) == (None, True)
    gone = Office()
    gone.change(
        *(
            f"DELETE FROM {table} WHERE {column} = %s"
            for table, column in (
                ("approvals_stage", "request_id"),
                ("approvals_revision", "request_id"),
                ("approvals_request", "id"),
            )
        ),
        values=[uuid_of(gone.pending)],
    )
    said = gone.found()
    assert said["position"] == gone.position_of(gone.pending, "request.submitted")
    assert (said["about"], "gone" in said["why"]) == (gone.pending["id"], True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE policies_policyversion SET text = 'assentry: 0' WHERE workspace_id = %s",
        "UPDATE policies_policyversion SET text = 'a', digest = sha256('a') WHERE workspace_id = %s",
        "DELETE FROM policies_policy WHERE workspace_id = %s",
        "UPDATE policies_policyversion SET number = 7 WHERE workspace_id = %s",
    ],
)
def test_m11_the_policy(office: Office, statement: str) -> None:
    office.change(statement)
    said = office.found()
    ((position,),) = ask(
        "SELECT position FROM audit_leaf l JOIN audit_event e ON e.id = event_id"
        " WHERE l.workspace_id = %s AND kind = 'policy.applied'",
        office.id,
    )
    assert (said["position"], said["about"][:4]) == (position, "pol_")


def test_m11_a_policy_that_was_never_applied(office: Office) -> None:
    office.change(
        "INSERT INTO policies_policyversion (id, workspace_id, number, text, digest) SELECT gen_random_uuid(),"
        " workspace_id, 2, text, digest FROM policies_policyversion WHERE workspace_id = %s"
    )
    assert "does not tell" in office.found()["why"]


@pytest.mark.parametrize("which", [0, 1, -1])
def test_m12_a_checkpoint_removed(office: Office, which: int) -> None:
    size = office.sizes[which]
    office.change(f"DELETE FROM audit_checkpoint WHERE workspace_id = %s AND size = {size}")
    said = office.found()
    if which == -1:
        assert said["position"] == office.sizes[-2]
    else:
        after = office.sizes[which + 1]
        assert said["within"] == [office.sizes[which - 1] if which else 0, after - 1]


def test_m13_a_checkpoint_signed_by_another_key(office: Office) -> None:
    kept = checkpoints.at_size(office.id, office.sizes[1])
    assert kept is not None
    stranger: Any = Pair.new()
    note = checkpoints.make(office.id, kept.size, kept.root, stranger)
    office.change(
        "UPDATE audit_checkpoint SET note = %s WHERE workspace_id = %s AND size = %s",
        values=[note, office.id, kept.size],
    )
    said = office.found()
    assert said["within"] == [office.sizes[0], office.sizes[1] - 1]
    assert "none of the known keys" in said["why"]


@pytest.mark.parametrize("column", ["root", "frontier"])
def test_what_is_stored_with_a_checkpoint(office: Office, column: str) -> None:
    office.change(f"UPDATE audit_checkpoint SET {column} = sha256('') WHERE workspace_id = %s AND number = 2")  # fmt: skip
    said = office.found()
    assert said["within"] == [office.sizes[1], office.sizes[2] - 1]


def test_m17_time_that_goes_backwards(office: Office) -> None:
    with db.pool().connection() as conn:
        (now,) = conn.execute("SELECT clock_timestamp()").fetchone() or ()
        for seconds in (0, 6):
            rows = event_rows(facts(office.id, 2), now - timedelta(seconds=seconds))
            conn.execute(f"WITH {INSERT_EVENTS} SELECT 1", rows)
            sequence(office.id)
    said = office.found()
    assert (said["position"], "earlier" in said["why"]) == (office.end + 2, True)
