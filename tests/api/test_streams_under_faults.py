"""Streams when things fail, when rights run out by the clock, and when the server ends."""

from __future__ import annotations

import signal
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from agents.models import Key
from agents.services import revoke_key
from api import streams
from core import db, ids
from core.nudge import nudger
from people.models import Membership
from tests.api.tenant import Tenant
from tests.api.test_process import Web
from tests.api.told import Told, follow
from tests.factories import ACTOR
from tests.promises import ask

WAIT_FOR_A_LOCK = (
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
#: Rights are asked for once a second; the rest is for a busy machine.
SOON_S = 1.5


def touch(cursor: Any, request: dict[str, Any]) -> None:
    """Change a request as no service does: nobody is told."""
    statement = "UPDATE approvals_request SET sequence = sequence + 1 WHERE id = %s"
    cursor.execute(statement, [ids.decode("req", request["id"])])


def topic(request: dict[str, Any]) -> str:
    subject: UUID = ids.decode("req", request["id"])
    return f"r:{subject.hex}"


def until_somebody_reads() -> None:
    """Wait until a reading stands before the lock."""
    until = time.monotonic() + 5
    while not ask(f"SELECT 1 {WAIT_FOR_A_LOCK}"):
        assert time.monotonic() < until, "nobody reads"
        time.sleep(0.01)


class TestFaults:
    def test_a_reading_that_fails_ends_no_stream(self, tenant: Tenant) -> None:
        request = tenant.submit()
        told = follow(tenant, request)
        told.state()
        with db.connect() as conn, conn.transaction():
            conn.execute("LOCK TABLE approvals_request IN ACCESS EXCLUSIVE MODE")
            nudger.wake(topic(request))
            until_somebody_reads()
            assert ask(f"SELECT pg_terminate_backend(pid, 5000) {WAIT_FOR_A_LOCK}") == [(True,)]
        tenant.person(tenant.one).decide(request)
        assert told.state()[0] == "request.approved"
        assert told.end() == "outcome"

    def test_a_hint_that_was_never_sent_costs_a_look(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streams, "LOOK_ANYWAY_S", 0.2)
        request = tenant.submit()
        told = follow(tenant, request)
        told.state()
        assert told.comment() == "still here"
        with connections["owner"].cursor() as cursor:
            touch(cursor, request)
        assert told.state()[1] == request["sequence"] + 1

    def test_what_was_read_before_the_key_ended_is_not_told_after(self, tenant: Tenant) -> None:
        request, other = tenant.submit(), tenant.submit()
        told, idle = follow(tenant, request), follow(tenant, other)
        told.state()
        idle.state()
        with db.connect() as conn, conn.transaction():
            conn.execute("LOCK TABLE approvals_request IN ACCESS EXCLUSIVE MODE")
            touch(conn, request)
            nudger.wake(topic(request))
            until_somebody_reads()
            revoke_key(actor=ACTOR, workspace=tenant.workspace, key_id=tenant.key.key.id)
            # Both are ended at once; the other one stands before no lock and says so.
            assert idle.end() == "signed_out"
        assert told.end() == "signed_out"


class TestRightsThatRunOut:
    """By the clock alone: no service runs, so nobody gives a hint."""

    def test_a_key_that_expires(self, tenant: Tenant) -> None:
        told = follow(tenant, tenant.submit())
        told.state()
        began = time.monotonic()
        Key.objects.filter(id=tenant.key.key.id).update(expires_at=tenant.key.key.created_at)
        assert told.end() == "signed_out"
        assert time.monotonic() - began < SOON_S

    def test_a_role_that_was_held_for_a_time(self, tenant: Tenant) -> None:
        told = follow(tenant.person(tenant.one), tenant.submit())
        told.state()
        held = Membership.objects.get(person=tenant.one)
        began = time.monotonic()
        Membership.objects.filter(id=held.id).update(
            valid_from=held.valid_from - timedelta(hours=1), valid_until=held.valid_from
        )
        assert told.end() == "not_visible"
        assert time.monotonic() - began < SOON_S


def test_streams_end_with_the_server_and_go_on_at_the_next(tmp_path: Path, tenant: Tenant) -> None:
    web = Web(tmp_path)
    tenant.server.api = f"{web.url}/api/v1"
    try:
        request, person = tenant.submit(), tenant.person()
        of_agent, of_person = follow(tenant, request), follow(person, request)
        inbox = Told(person.call("GET", "/inbox/events", stream=True))
        known = [of_agent.state()[1], of_person.state()[1]]
        assert inbox.next()["event"] == "ready"
        web.process.send_signal(signal.SIGTERM)
        assert [told.end() for told in (of_agent, of_person, inbox)] == ["restarting"] * 3
        assert web.ended_after(3) < 3.0
    finally:
        tenant.server.api = f"{tenant.server.url}/api/v1"
        if web.process.poll() is None:
            web.process.kill()
            web.process.wait()
        web.listener.close()
    again = follow(tenant, request, **{"Last-Event-ID": str(known[0])})
    tenant.person().decide(request)
    assert again.state()[0] == "request.approved"
