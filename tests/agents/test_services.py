from __future__ import annotations

import time

import psycopg
import pytest
from django.db import IntegrityError, transaction

from agents import errors
from agents.models import Agent
from agents.services import create_agent, create_key, revoke_key, set_state, topic
from core import db, ids
from core.nudge import WAKE_CHANNEL, nudger
from people.errors import BadText
from people.services import deactivate_person
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, WorkspaceFactory
from tests.together import together


def test_an_agent_has_an_owner_who_is_active_and_here():
    agent = AgentFactory()
    [event] = events_of(agent.workspace_id, "agent.created")
    assert event["data"] == {"name": agent.name, "owner": ids.encode("per", agent.owner_id)}
    with pytest.raises(errors.OwnerInactive):
        create_agent(actor=ACTOR, workspace=agent.workspace, name="x", owner=PersonFactory())
    deactivate_person(actor=ACTOR, person=agent.owner)
    with pytest.raises(errors.OwnerInactive):
        create_agent(actor=ACTOR, workspace=agent.workspace, name="x", owner=agent.owner)
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Agent.objects.create(workspace=agent.workspace, name="x", owner=PersonFactory())


def test_an_agents_name_is_its_own():
    agent = AgentFactory()
    with pytest.raises(errors.AgentTaken):
        AgentFactory(workspace=agent.workspace, name=agent.name, owner=agent.owner)
    with pytest.raises(BadText):
        AgentFactory(name="a\u202eb")
    assert AgentFactory(name=agent.name).name == agent.name, "in another workspace it is free"


def test_a_name_is_taken_once_even_by_many_at_once():
    owner = PersonFactory()
    results = together(
        [
            lambda: create_agent(actor=ACTOR, workspace=owner.workspace, name="raced", owner=owner)
            for _ in range(8)
        ]
    )
    assert sum(isinstance(result, Agent) for result in results) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {errors.AgentTaken}


def test_states_move_and_retiring_is_final():
    agent = AgentFactory()
    state = Agent.State
    assert not set_state(actor=ACTOR, agent=agent, state=state.ACTIVE)
    assert set_state(actor=ACTOR, agent=agent, state=state.SUSPENDED)
    assert set_state(actor=ACTOR, agent=agent, state=state.ACTIVE)
    assert set_state(actor=ACTOR, agent=agent, state=state.RETIRED)
    with pytest.raises(errors.AgentRetired):
        set_state(actor=ACTOR, agent=agent, state=state.ACTIVE)
    with pytest.raises(errors.AgentRetired):
        create_key(actor=ACTOR, agent=agent)
    moves = [event["data"] for event in events_of(agent.workspace_id, "agent.state_changed")]
    assert [(move["before"], move["after"]) for move in moves] == [
        ("active", "suspended"),
        ("suspended", "active"),
        ("active", "retired"),
    ]


@pytest.mark.parametrize("limit", [0, -1, 1_000_001])
def test_a_silly_rate_limit_is_refused(limit):
    with pytest.raises(errors.BadRateLimit):
        KeyFactory(rate_limit=limit)


@pytest.mark.parametrize("scopes", [[], ["requests:decide"], ["requests:read", "admin"]])
def test_no_key_can_be_made_to_decide(scopes):
    with pytest.raises(errors.BadScope):
        KeyFactory(scopes=scopes)


def test_a_key_is_revoked_once_and_only_from_its_workspace():
    made = KeyFactory()
    workspace = made.key.agent.workspace
    with pytest.raises(errors.NoSuchKey):
        revoke_key(actor=ACTOR, workspace=WorkspaceFactory(), key_id=made.key.id)
    results = together(
        [lambda: revoke_key(actor=ACTOR, workspace=workspace, key_id=made.key.id) for _ in range(6)]
    )
    assert sorted(results) == [False] * 5 + [True]
    assert kinds_of(workspace.id).count("key.revoked") == 1


def test_revoking_wakes_what_is_parked_under_the_key():
    made = KeyFactory()
    with psycopg.connect(db.conninfo(), autocommit=True) as listener:
        listener.execute(f"LISTEN {WAKE_CHANNEL}")
        started = time.monotonic()
        revoke_key(actor=ACTOR, workspace=made.key.agent.workspace, key_id=made.key.id)
        nudger.flush()
        heard = next(listener.notifies(timeout=5))
        assert topic(made.key.id) in heard.payload.split(",")
        assert time.monotonic() - started < 1


def test_nothing_is_woken_when_the_revocation_is_rolled_back():
    made = KeyFactory()
    workspace = made.key.agent.workspace
    with psycopg.connect(db.conninfo(), autocommit=True) as listener:
        listener.execute(f"LISTEN {WAKE_CHANNEL}")
        with transaction.atomic():
            revoke_key(actor=ACTOR, workspace=workspace, key_id=made.key.id)
            transaction.set_rollback(True)
        nudger.flush()
        topics = [heard.payload for heard in listener.notifies(timeout=0.2)]
    assert not any(topic(made.key.id) in payload for payload in topics)
    assert "key.revoked" not in kinds_of(workspace.id)
