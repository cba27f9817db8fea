"""Groups of the identity provider as memberships: only of that source, each change an event."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from core import ids
from people import errors
from people.models import Identity, Membership, Person, User, Workspace
from people.roles import grant_role, revoke_role
from people.services import create_person, deactivate_person
from people.sso.identities import identify
from people.sso.settings import Provider
from people.sso.tokens import Claims
from policies.services import apply
from tests.approvals.world import World
from tests.events import events_of
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory
from tests.people.test_roles import roles_of

ISSUER = "https://login.example.org"
PROVIDER = Provider(ISSUER, "assentry", "secret")


def policy(workspace: Workspace, **roles: dict[str, Any]) -> None:
    """Apply a policy with these roles."""
    document = {
        "assentry": 1,
        "fallback": next(iter(roles)),
        "roles": roles,
        "actions": {"mail.send": {}},
        "rules": [],
    }
    apply(actor=ACTOR, workspace=workspace, text=json.dumps(document))


def arrive(person: Person, *groups: str) -> User:
    """The person signs in, and the provider names these groups."""
    said = Claims(
        ISSUER, f"sub-{person.user_id}", person.user.email, verified=True, groups=frozenset(groups)
    )
    return identify(claims=said, provider=PROVIDER)


def open_of(person: Person) -> set[tuple[str, str]]:
    """(role, source) of every membership that holds."""
    rows = Membership.objects.filter(person=person, valid_until=None).select_related("role")
    return {(row.role.name, row.source) for row in rows}


def told(workspace: Workspace) -> list[tuple[str, str, str]]:
    """(kind, role, source) of the changes of roles, oldest first."""
    return [
        (event["kind"], event["data"]["role"], event["data"]["source"])
        for event in events_of(workspace.id)
        if event["kind"] in {"role.granted", "role.revoked"}
    ]


@pytest.fixture
def workspace() -> Workspace:
    made: Workspace = WorkspaceFactory()
    return made


@pytest.fixture
def ada(workspace: Workspace) -> Person:
    made: Person = PersonFactory(workspace=workspace, password=None)
    return made


def test_each_sign_in_makes_memberships_what_the_groups_say(
    workspace: Workspace, ada: Person
) -> None:
    policy(
        workspace,
        privacy={"group": "idp:privacy-team"},
        both={"members": [ada.user.email], "group": "idp:/Staff/Ops"},
        other={"group": "idp:others"},
    )
    grant_role(actor=ACTOR, workspace=workspace, role="privacy", person=ada)
    arrive(ada, "privacy-team", "/Staff/Ops", "nobody's", "PRIVACY-TEAM", "other")
    assert open_of(ada) == {
        ("privacy", "manual"),
        ("privacy", "idp"),
        ("both", "policy"),
        ("both", "idp"),
    }
    arrive(ada, "/Staff/Ops", "others")
    assert open_of(ada) == {
        ("privacy", "manual"),
        ("both", "policy"),
        ("both", "idp"),
        ("other", "idp"),
    }
    arrive(ada)
    assert open_of(ada) == {("privacy", "manual"), ("both", "policy")}
    arrive(ada)
    roles = ("both", "other", "privacy")
    assert sorted(one for one in told(workspace) if one[2] == "idp") == [
        *(("role.granted", role, "idp") for role in roles),
        *(("role.revoked", role, "idp") for role in roles),
    ]
    changes = [e for e in events_of(workspace.id) if e["data"].get("source") == "idp"]
    assert {e["actor"]["via"] for e in changes} == {"identity_provider"}
    assert {e["subject"] for e in changes} == {ids.encode("per", ada.id)}


def test_a_policy_that_names_another_group_goes_by_those_that_were_last_seen(
    workspace: Workspace, ada: Person
) -> None:
    bert = PersonFactory(workspace=workspace, password=None)
    stranger = PersonFactory(password=None)
    policy(workspace, privacy={"members": [], "group": "idp:old"})
    arrive(ada, "old")
    arrive(bert, "new")
    arrive(stranger, "new")
    policy(workspace, privacy={"group": "idp:new"})
    assert (open_of(ada), open_of(bert)) == (set(), {("privacy", "idp")})
    assert open_of(stranger) == set()
    policy(workspace, privacy={"members": [ada.user.email]})
    assert (open_of(ada), open_of(bert)) == ({("privacy", "policy")}, set())
    policy(workspace, privacy={"group": "idp:new"}, more={"group": "idp:new"})
    policy(workspace, more={"group": "idp:new"})  # a role that is declared no more has nobody
    assert open_of(bert) == {("more", "idp")}


def test_who_comes_back_gets_the_roles_of_their_groups_at_their_next_sign_in(
    workspace: Workspace, ada: Person
) -> None:
    policy(workspace, privacy={"group": "idp:privacy-team"})
    arrive(ada, "privacy-team")
    deactivate_person(actor=ACTOR, person=ada)
    create_person(actor=ACTOR, workspace=workspace, email=ada.user.email)
    assert roles_of(ada) == set()
    arrive(ada, "privacy-team")
    assert len(roles_of(ada)) == 1


def test_a_role_of_a_group_is_not_taken_by_hand(workspace: Workspace, ada: Person) -> None:
    policy(workspace, privacy={"group": "idp:privacy-team"})
    arrive(ada, "privacy-team")
    with pytest.raises(errors.RoleFromGroup, match="take them out of the group there"):
        revoke_role(actor=ACTOR, workspace=workspace, role="privacy", person=ada)


def test_a_vote_of_somebody_who_left_the_group_is_void() -> None:
    world = World({"lead": ["ben", "carl"]})
    ana = PersonFactory(workspace=world.workspace, password=None)
    world.people["ana"] = ana
    lead = {"members": [world.email("ben"), world.email("carl")], "group": "idp:leads"}
    stage = {"any_of": ["lead"], "approvals": 2}
    rule = {"name": "Two", "action": "*", "effect": "ask", "ask": {"stages": [stage]}}
    world.apply(roles={"lead": lead}, rules=[rule])
    arrive(ana, "leads")
    request = world.submit()
    world.decide("ana", request)
    arrive(ana)  # she left the group, and signed in
    assert world.decide("ben", request)["status"] == "pending"
    assert world.decide("carl", request)["status"] == "approved"


def test_unlinking_ends_the_roles_and_lets_them_be_linked_anew(
    workspace: Workspace, ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    policy(workspace, privacy={"group": "idp:privacy-team"})
    arrive(ada, "privacy-team")
    call_command("person_unlink", workspace.slug, ada.user.email, "--json")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"id": ids.encode("per", ada.id), "email": ada.user.email}
    assert open_of(ada) == set()
    assert not Identity.objects.filter(user=ada.user).exists()
    [event] = events_of(workspace.id, "identity.unlinked")
    assert event["actor"]["via"] == "person_unlink"
    with pytest.raises(CommandError, match="is linked with nobody"):
        call_command("person_unlink", workspace.slug, ada.user.email)
    other = Claims(ISSUER, secrets.token_hex(8), ada.user.email, verified=True)
    assert identify(claims=other, provider=PROVIDER) == ada.user


def test_who_is_forgotten_leaves_no_identity_behind(workspace: Workspace, ada: Person) -> None:
    arrive(ada, "privacy-team")
    deactivate_person(actor=ACTOR, person=ada)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT people_erase(%s, %s)", [workspace.id, ada.id])
    assert not Identity.objects.filter(subject=f"sub-{ada.user_id}").exists()
