from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from agents import keys, last_use
from agents.authentication import SCOPES, authenticate, require_scope
from agents.models import Agent, Key
from agents.services import create_key, revoke_key, set_state
from core import ids
from core.db import pool
from core.problems import Problem
from tests.factories import ACTOR, KeyFactory


def call(header: str | None):
    """The caller behind a header."""
    with pool().connection() as conn:
        return authenticate(conn, header)


def refused(header: str | None) -> tuple[int, str, str]:
    """Status, code and challenge of a refusal."""
    with pytest.raises(Problem) as caught:
        call(header)
    code = json.loads(caught.value.body())["type"].rpartition(":")[2]
    return caught.value.status, code, caught.value.headers["WWW-Authenticate"]


def test_a_key_names_agent_owner_and_workspace():
    made = KeyFactory()
    agent = made.key.agent
    caller = call(f"Bearer {made.token}")
    assert caller.key_id == made.key.id
    assert (caller.agent_id, caller.agent_name) == (agent.id, agent.name)
    assert (caller.agent_owner_id, caller.agent_owner_name) == (agent.owner.id, agent.owner.name)
    assert (caller.workspace_id, caller.workspace_slug) == (
        agent.workspace.id,
        agent.workspace.slug,
    )
    assert (caller.agent_state, caller.rate_limit) == ("active", None)
    assert set(caller.scopes) == set(SCOPES)
    assert caller.now.utcoffset() == timedelta(0)


def test_only_a_hash_is_kept():
    made = KeyFactory()
    row = Key.objects.values().get(id=made.key.id)
    assert made.token[40:70] not in str(row)
    assert bytes(row["hash"]) == keys.digest(made.token)


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  "])
def test_the_scheme_is_read_as_http_does(scheme):
    made = KeyFactory()
    assert call(scheme + made.token).key_id == made.key.id


@pytest.mark.parametrize("header", [None, "", "Basic YTpi", "Bearer", "Token x"])
def test_no_key_is_told_how_to_send_one(header):
    status, code, challenge = refused(header)
    if header == "Bearer":
        assert (status, code) == (401, "invalid_key")
    else:
        assert (status, code, challenge) == (401, "unauthorized", "Bearer")


def test_unknown_and_wrong_are_the_same():
    made = KeyFactory()
    unknown, _ = keys.make("agt", ids.uuid7())
    wrong, _ = keys.make("agt", made.key.id)
    answers = {refused(f"Bearer {token}") for token in (unknown, wrong, "x", made.token[:-1])}
    assert answers == {(401, "invalid_key", 'Bearer error="invalid_token"')}


def test_a_revoked_key_learns_it_and_only_with_the_right_secret():
    made = KeyFactory()
    agent = made.key.agent
    second = create_key(actor=ACTOR, agent=agent)
    assert revoke_key(actor=ACTOR, workspace=agent.workspace, key_id=made.key.id)
    assert refused(f"Bearer {made.token}")[:2] == (401, "key_revoked")
    wrong, _ = keys.make("agt", made.key.id)
    assert refused(f"Bearer {wrong}")[:2] == (401, "invalid_key")
    assert call(f"Bearer {second.token}").agent_id == agent.id, "two are valid while one rotates"


def test_an_expired_key_learns_it():
    made = KeyFactory(expires_in=timedelta(hours=1))
    assert call(f"Bearer {made.token}").key_id == made.key.id
    Key.objects.filter(id=made.key.id).update(expires_at=made.key.created_at)
    assert refused(f"Bearer {made.token}")[:2] == (401, "key_expired")


@pytest.mark.parametrize("state", ["suspended", "retired"])
def test_an_agent_that_was_stopped_still_authenticates_and_says_so(state):
    made = KeyFactory()
    set_state(actor=ACTOR, agent=made.key.agent, state=Agent.State(state))
    assert call(f"Bearer {made.token}").agent_state == state


def test_a_scope_that_is_missing_is_named():
    made = KeyFactory(scopes=["requests:read"])
    caller = call(f"Bearer {made.token}")
    require_scope(caller, "requests:read")
    with pytest.raises(Problem) as caught:
        require_scope(caller, "requests:submit")
    assert caught.value.status == 403
    assert 'scope="requests:submit"' in caught.value.headers["WWW-Authenticate"]


def last_used(made):
    return Key.objects.get(id=made.key.id).last_used_at


def test_the_last_use_is_written_later_and_once_a_minute():
    made = KeyFactory()
    for _ in range(3):
        call(f"Bearer {made.token}")
    assert last_used(made) is None, "never on the path of the call"
    last_use.notes.write()
    first = last_used(made)
    assert first is not None
    last_use.notes.note(made.key.id)
    last_use.notes.write()
    assert last_used(made) == first
    Key.objects.filter(id=made.key.id).update(last_used_at=first - timedelta(minutes=2))
    call(f"Bearer {made.token}")
    last_use.notes.write()
    assert last_used(made) > first


class Counting:
    """A connection that counts its statements."""

    def __init__(self, conn) -> None:
        self.conn, self.statements = conn, 0

    def execute(self, *args, **kwargs):
        self.statements += 1
        return self.conn.execute(*args, **kwargs)


def test_one_statement_reads_everything_and_nonsense_reads_nothing():
    made = KeyFactory()
    with pool().connection() as conn:
        counting: Any = Counting(conn)
        authenticate(counting, f"Bearer {made.token}")
        assert counting.statements == 1
        with pytest.raises(Problem):
            authenticate(counting, f"Bearer {made.token[:-1]}~")
        assert counting.statements == 1
