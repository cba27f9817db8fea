"""Permits over HTTP: picked up, used once, taken back, lapsed; and what tries to get around them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
import requests
from django.conf import settings
from django.db import connections
from joserfc import jws
from joserfc.jwk import KeySet

from agents.models import Agent
from agents.services import create_tool_key, set_state
from approvals.consuming import RESULT
from approvals.sql import LAPSE
from core import db, due
from core.canonical import canonical, digest, show_digest
from core.db import pool
from escalations.permits import lapse_due, result_due
from signing.keys import signers
from tests.api.tenant import Person
from tests.approvals.world import TEST, World, uuid_of
from tests.clock import travel
from tests.factories import PASSWORD, bearer
from tests.server import Live, Served
from tests.together import together, until_waiting

RULE = {
    "name": "Ask",
    "action": "payments.refund",
    "effect": "ask",
    "ask": {"stages": [{"any_of": ["lead"]}], "permit": {"valid_for": "15m"}},
}
FREE = {"name": "Free", "action": "payments.refund", "effect": "allow"}


class Till:
    """A world with an agent whose request is approved, and a tool."""

    def __init__(self, server: Served, **tool: Any) -> None:
        self.server = server
        self.world = World({"lead": ["ana", "ben"]}, [RULE], password=PASSWORD)
        made = create_tool_key(actor=TEST, workspace=self.world.workspace, name="till", **tool)
        self.tool, self.agent = bearer(made.token), bearer(self.world.key.token)
        self.request = self.world.submit()
        self.world.decide("ana", self.request)

    def permit(self) -> requests.Response:
        path = f"/requests/{self.request['id']}/permit"
        return self.server.call("POST", path, headers=self.agent)

    def consume(self, permit: str, digest: str | None = None, **headers: str) -> requests.Response:
        return self.server.call(
            "POST",
            f"/permits/{permit}/consume",
            headers=self.tool | headers,
            json={"payload_digest": digest or self.request["payload_digest"]},
        )

    def told(self, permit: str, status: str) -> requests.Response:
        path = f"/permits/{permit}/result"
        return self.server.call("POST", path, headers=self.tool, json={"status": status})

    def now(self) -> dict[str, Any]:
        path = f"/requests/{self.request['id']}"
        found: dict[str, Any] = self.server.call("GET", path, headers=self.agent).json()
        return found

    def revoke(self, name: str) -> requests.Response:
        person = Person(self.server, self.world.people[name])
        return person.call("POST", f"/requests/{self.request['id']}/revoke", json={"reason": "No"})


@pytest.fixture
def till(server: Live) -> Till:
    return Till(server)


def code(answer: requests.Response) -> str:
    return f"{answer.status_code} {answer.json()['type'].rpartition(':')[2]}"


def test_an_approval_is_picked_up_used_once_and_its_result_told(till: Till) -> None:
    assert till.now()["permit"]["state"] == "open"
    issued = till.permit()
    assert issued.status_code == 200
    said = issued.json()
    keys = KeySet.import_key_set(
        requests.get(f"{till.server.url}/.well-known/jwks.json", timeout=5).json()
    )
    opened = jws.deserialize_compact(said["token"], keys, algorithms=["Ed25519"])
    claims = msgspec.json.decode(opened.payload)
    assert opened.headers()["typ"] == "permit+jwt"
    assert claims | {"iat": 0, "nbf": 0, "exp": 0} == {
        "iss": settings.BASE_URL,
        "aud": f"{settings.BASE_URL}/workspaces/{till.world.slug}",
        "ws": claims["ws"],
        "sub": till.request["agent"]["id"],
        "jti": said["id"],
        "req": till.request["id"],
        "rev": 1,
        "action": "payments.refund",
        "payload_sha256": till.request["payload_digest"].removeprefix("sha256:"),
        "iat": 0,
        "nbf": 0,
        "exp": 0,
    }
    assert claims["exp"] - claims["nbf"] in (899, 900)
    assert till.told(said["id"], "succeeded").status_code == 409
    used = till.consume(said["id"])
    assert used.status_code == 200
    assert used.json()["request"] == till.request["id"]
    assert code(till.consume(said["id"])) == "409 permit_consumed"
    assert code(till.permit()) == "409 permit_consumed"
    assert till.told(said["id"], "succeeded").status_code == 200
    now = till.now()
    assert (now["permit"]["state"], now["permit"]["consumed_by"]) == ("consumed", "till")
    assert now["result"]["status"] == "succeeded"
    assert till.world.kinds(till.request)[-4:] == [
        "permit.issued",
        "permit.consumed",
        "permit.refused",
        "result.reported",
    ]


def test_fifty_parallel_consumes_are_one(till: Till) -> None:
    permit = till.permit().json()["id"]
    found = together([lambda: till.consume(permit).status_code] * 50)
    assert sorted(found) == [200, *[409] * 49]
    assert till.world.kinds(till.request).count("permit.consumed") == 1


def test_many_agents_find_the_signing_key_at_once(server: Live) -> None:
    """Each call holds a connection: finding the key must not wait for another one."""
    tills = [Till(server) for _ in range(12)]
    signers.forget()
    found = together([lambda till=till: till.permit().status_code for till in tills])  # type: ignore[misc]
    assert set(found) == {200}


def test_a_repeat_with_its_idempotency_key_gets_its_answer_again(till: Till) -> None:
    permit = till.permit().json()["id"]
    first = till.consume(permit, **{"Idempotency-Key": "use-1"})
    again = till.consume(permit, **{"Idempotency-Key": "use-1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert code(till.consume(permit, **{"Idempotency-Key": "use-2"})) == "409 permit_consumed"


@pytest.mark.parametrize(
    ("payload", "same"),
    [
        ({"amount": 20.0}, True),
        ({"amount": 20, "note": ""}, False),
        ({"amount": "20"}, False),
        ({"amount ": 20}, False),
        ({"amount": 21}, False),
    ],
)
def test_only_what_is_canonically_equal_runs(till: Till, payload: Any, same: bool) -> None:
    permit = till.permit().json()["id"]
    used = till.consume(permit, show_digest(digest(canonical(payload))))
    assert used.status_code == (200 if same else 422)
    assert till.now()["permit"]["state"] == ("consumed" if same else "issued")


def test_nobody_elses_tool_uses_it(till: Till, server: Live) -> None:
    permit = till.permit().json()["id"]
    other = Till(server)
    answer = other.consume(permit, till.request["payload_digest"])
    assert code(answer) == "404 not_found"
    assert (
        code(
            till.server.call(
                "POST",
                f"/permits/{permit}/consume",
                headers=till.agent,
                json={"payload_digest": till.request["payload_digest"]},
            )
        )
        == "403 wrong_kind_of_key"
    )
    assert code(till.server.call("GET", "/me", headers=till.tool)) == "403 wrong_kind_of_key"
    assert till.consume(permit).status_code == 200


def test_a_key_that_is_limited_to_other_actions_is_refused(server: Live) -> None:
    till = Till(server, actions=["mail.send"])
    assert code(till.consume(till.permit().json()["id"])) == "403 wrong_action"


def test_another_permit_ends_the_one_before(till: Till) -> None:
    first, second = till.permit().json()["id"], till.permit().json()["id"]
    assert code(till.consume(first)) == "410 permit_revoked"
    assert till.consume(second).status_code == 200


def test_an_agent_that_was_down_for_an_hour_still_gets_its_yes(till: Till) -> None:
    first = till.permit().json()["id"]
    travel(till.request["id"], hours=1)
    assert code(till.consume(first)) == "410 permit_expired"
    assert till.consume(till.permit().json()["id"]).status_code == 200


def test_nobody_used_it_in_time(till: Till) -> None:
    travel(till.request["id"], hours=25)
    assert code(till.permit()) == "410 permit_lapsed"
    due.run(LAPSE, lapse_due)
    now = till.now()
    assert (now["status"], now["permit"]["state"]) == ("approved", "lapsed")
    assert till.world.kinds(till.request)[-1] == "permit.lapsed"


def test_a_result_without_a_permit_keeps_it_from_lapsing(till: Till) -> None:
    path = f"/requests/{till.request['id']}/result"
    told = till.server.call("POST", path, headers=till.agent, json={"status": "succeeded"})
    assert told.status_code == 200
    travel(till.request["id"], hours=25)
    due.run(LAPSE, lapse_due)
    assert till.now()["permit"]["state"] == "open"
    assert code(till.permit()) == "409 result_reported"


def test_a_result_that_does_not_come_is_told_and_not_guessed(till: Till) -> None:
    permit = till.permit().json()["id"]
    assert till.consume(permit).status_code == 200
    travel(till.request["id"], hours=2)
    due.run(RESULT, result_due)
    now = till.now()
    assert (now["permit"]["result_missing"], now["result"]) == (True, None)
    assert till.world.kinds(till.request)[-1] == "result.missing"
    assert till.told(permit, "unknown").status_code == 200
    assert till.now()["permit"]["result_missing"] is False


def test_undo_is_for_who_approved_the_owner_and_administrators(till: Till) -> None:
    assert code(till.revoke("ben")) == "403 not_yours_to_undo"
    permit = till.permit().json()["id"]
    done = till.revoke("ana")
    assert (done.status_code, done.json()["permit"]["state"]) == (200, "revoked")
    assert done.json()["status"] == "approved"
    assert code(till.consume(permit)) == "410 permit_revoked"
    assert code(till.permit()) == "410 permit_revoked"
    assert code(till.revoke("olivia")) == "409 permit_revoked"


def test_what_was_used_is_not_taken_back(till: Till) -> None:
    assert till.consume(till.permit().json()["id"]).status_code == 200
    assert code(till.revoke("ana")) == "409 permit_consumed"


def test_undo_and_use_at_once_are_one_of_them(server: Live) -> None:
    for _ in range(10):
        till = Till(server)
        permit = till.permit().json()["id"]
        person = Person(server, till.world.people["ana"])
        path = f"/requests/{till.request['id']}/revoke"
        undo = partial(person.call, "POST", path, json={})
        undone, used = (one.status_code for one in together([undo, partial(till.consume, permit)]))
        assert (undone, used) in ((200, 410), (409, 200))
        assert till.now()["permit"]["state"] == ("revoked" if undone == 200 else "consumed")


@contextmanager
def held_back(till: Till, permit: str, count: int) -> Iterator[tuple[Any, list[Any]]]:
    """Uses that have looked, found nothing wrong, and wait for the request: a connection that holds it.

    The list has their statuses once the block is over.
    """
    found: list[Any] = []
    with ThreadPoolExecutor(count) as threads:
        with db.connect() as conn, conn.transaction():
            conn.execute(
                "SELECT 1 FROM approvals_request WHERE id = %s FOR UPDATE", [uuid_of(till.request)]
            )
            uses = [threads.submit(till.consume, permit) for _ in range(count)]
            until_waiting(count, "consumed_at = clock_timestamp()")
            yield conn, found
        found += sorted(use.result().status_code for use in uses)


def test_uses_that_all_looked_before_one_of_them_are_one(till: Till) -> None:
    permit = till.permit().json()["id"]
    with held_back(till, permit, 5) as (_, found):
        pass
    assert found == [200, 409, 409, 409, 409]


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_what_ends_a_permit_after_the_look_is_seen(till: Till, column: str) -> None:
    permit = till.permit().json()["id"]
    with held_back(till, permit, 1) as (conn, found):
        conn.execute(
            f"UPDATE approvals_permit SET {column} = clock_timestamp() WHERE request_id = %s",
            [uuid_of(till.request)],
        )
    assert found == [410]
    assert till.world.kinds(till.request)[-1] == "permit.refused"


def test_a_suspension_after_the_look_is_seen(till: Till) -> None:
    permit = till.permit().json()["id"]
    with ThreadPoolExecutor(1) as threads:
        with db.connect() as conn, conn.transaction():
            conn.execute(
                "UPDATE agents_agent SET state = 'suspended' WHERE id = %s", [till.world.agent.id]
            )
            use = threads.submit(till.consume, permit)
            until_waiting(1, "consumed_at = clock_timestamp()")
        assert code(use.result()) == "410 agent_suspended"


def test_a_suspended_agents_permits_are_dead_at_once(till: Till) -> None:
    permit = till.permit().json()["id"]
    set_state(actor=TEST, agent=till.world.agent, state=Agent.State.SUSPENDED)
    assert code(till.consume(permit)) == "410 agent_suspended"
    assert code(till.permit()) == "403 agent_suspended"
    assert till.now()["stop"] is True
    set_state(actor=TEST, agent=till.world.agent, state=Agent.State.ACTIVE)
    assert till.consume(permit).status_code == 200


def test_what_is_not_approved_has_none(till: Till) -> None:
    pending = till.world.submit()
    answer = till.server.call("POST", f"/requests/{pending['id']}/permit", headers=till.agent)
    assert code(answer) == "409 not_approved"
    till.world.apply(rules=[FREE])
    allowed = till.world.submit()
    assert allowed["permit"]["state"] == "open"
    answer = till.server.call("POST", f"/requests/{allowed['id']}/permit", headers=till.agent)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE approvals_request SET permit_state = 'open' WHERE id = %s",
        "UPDATE approvals_permit SET expires_at = expires_at + interval '1 day' WHERE request_id = %s",
    ],
)
def test_the_database_holds_what_became_of_it(till: Till, statement: str) -> None:
    till.consume(till.permit().json()["id"])
    with connections["default"].cursor() as cursor, pytest.raises(Exception, match="is final"):
        cursor.execute(statement, [uuid_of(till.request)])


def test_two_live_permits_cannot_be(till: Till) -> None:
    till.permit()
    with pool().connection() as conn, pytest.raises(Exception, match="permit_live_once"):
        conn.execute(
            "INSERT INTO approvals_permit (id, workspace_id, request_id, revision, agent_id, action, "
            "digest, key_id, issued_at, expires_at) SELECT gen_random_uuid(), workspace_id, request_id, "
            "revision, agent_id, action, digest, key_id, issued_at, expires_at FROM approvals_permit "
            "WHERE request_id = %s",
            [uuid_of(till.request)],
        )
