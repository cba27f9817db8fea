from __future__ import annotations

import io
import json
import shlex

from django.contrib.auth import authenticate
from django.core.management import call_command

from agents.authentication import authenticate as authenticate_key
from core.db import pool
from people.models import Workspace
from people.permissions import permissions_of
from policies import document
from policies.active import active_version
from tests.factories import WorkspaceFactory


def seed(*arguments: str):
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out)
    return json.loads(out.getvalue().splitlines()[-1])


def policy_of(workspace: Workspace) -> document.Document:
    """The policy that is active."""
    version = active_version(workspace.id)
    assert version is not None
    return document.parse(version.text)


def test_it_does_nothing_where_there_is_a_workspace():
    WorkspaceFactory()
    before = Workspace.objects.count()
    assert seed()["seeded"] is False
    assert Workspace.objects.count() == before


def test_again_makes_what_a_newcomer_needs():
    said = seed("--again")
    workspace = Workspace.objects.get(slug=said["workspace"])
    owner, reviewer = said["people"]
    assert (owner["role"], reviewer["role"]) == ("owner", "reviewer")
    for person in said["people"]:
        assert authenticate(username=person["email"], password=person["password"]) is not None
    user = authenticate(username=owner["email"], password=owner["password"])
    assert user is not None
    assert permissions_of(user, workspace) == {"administer"}
    with pool().connection() as conn:
        caller = authenticate_key(conn, f"Bearer {said['agent_key']}")
    assert (caller.agent_name, caller.agent_owner_name) == ("demo-bot", "Olivia Owner")

    curl = shlex.split(said["curl"])
    assert "\n" not in said["curl"]
    assert "Prefer: wait=55" in curl
    body = json.loads(curl[curl.index("-d") + 1])
    policy = policy_of(workspace)
    action = policy.action(body["action"])
    assert action is not None
    assert seed("--again")["workspace"] != said["workspace"]


def test_the_demo_policy_shows_both_controls():
    said = seed("--again")
    workspace = Workspace.objects.get(slug=said["workspace"])
    asks = [rule.ask for rule in policy_of(workspace).rules if rule.ask]
    stages = [stage for ask in asks for stage in ask.stages]
    assert {stage.confirm for stage in stages} == {None, "owner"}
