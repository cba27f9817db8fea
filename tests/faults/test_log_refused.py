"""What cannot be logged does not happen: a decision rolls back with the event that the log refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connections

from approvals.models import Decision
from tests.api.tenant import Tenant
from tests.approvals.world import uuid_of
from tests.promises import ask
from tests.server import Live

REFUSE = """
CREATE FUNCTION tests_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the log is full' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER tests_refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION tests_refuse();
"""
ALLOW = "DROP TRIGGER tests_refuse ON {table}; DROP FUNCTION tests_refuse()"

ANOTHER = {"action": "mail.send", "payload": {"to": "ana@example.com"}}


@contextmanager
def refusing(table: str) -> Iterator[None]:
    """A log whose table takes nothing."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(REFUSE.format(table=table))
        try:
            yield
        finally:
            cursor.execute(ALLOW.format(table=table))


def kept(request_id: UUID) -> tuple[object, ...]:
    """Everything that a decision changes."""
    found = ask(
        "SELECT status, sequence, ended_at FROM approvals_request WHERE id = %s", request_id
    )
    return (*found, Decision.objects.filter(request_id=request_id).count())


@pytest.mark.parametrize("table", ["audit_event", "audit_pending", "audit_side"])
def test_a_decision_that_cannot_be_logged_is_not_made(server: Live, table: str) -> None:
    tenant = Tenant(server)
    request = tenant.submit()
    reviewer = tenant.person()
    before = kept(uuid_of(request))
    with refusing(table):
        refused = reviewer.decide(request)
        assert refused.status_code >= 500
        assert tenant.call("POST", "/requests", json=ANOTHER).status_code >= 500
    assert kept(uuid_of(request)) == before
    assert tenant.call("GET", f"/requests/{request['id']}").json()["status"] == "pending"
    assert reviewer.decide(request).status_code == 200
