from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from people import errors
from people.models import Membership, Role
from people.roles import PolicyRole, grant_role, reconcile_policy_roles, revoke_role
from people.services import create_person, deactivate_person
from people.sql import ROLES_OF_PERSON
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, MembershipFactory, PersonFactory, RoleFactory, WorkspaceFactory
from tests.together import together


def roles_of(person):
    """The roles a person holds now, as deciding asks for them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {ROLES_OF_PERSON}", {"person": person.id})
        return set(cursor.fetchone()[0])


def test_granting_and_revoking_is_kept_as_history():
    role = RoleFactory()
    person = PersonFactory(workspace=role.workspace)
    for _ in range(2):
        grant_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=person)
    assert roles_of(person) == {role.id}
    assert revoke_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=person) == []
    assert roles_of(person) == set()
    grant_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=person)
    assert roles_of(person) == {role.id}
    rows = Membership.objects.filter(role=role).order_by("valid_from")
    assert [row.valid_until is None for row in rows] == [False, True]
    told = [kind for kind in kinds_of(role.workspace_id) if kind.startswith("role.")]
    assert told == ["role.granted", "role.revoked", "role.granted"]


def test_granting_the_same_role_many_times_at_once_is_one_membership():
    role = RoleFactory()
    person = PersonFactory(workspace=role.workspace)
    results = together(
        [
            lambda: grant_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=person)
            for _ in range(8)
        ]
    )
    assert len({membership.id for membership in results}) == 1


def test_an_unknown_role_is_refused_with_those_there_are():
    role = RoleFactory(name="finance_lead")
    person = PersonFactory(workspace=role.workspace)
    with pytest.raises(errors.NoSuchRole, match="finance_lead"):
        grant_role(actor=ACTOR, workspace=role.workspace, role="finance", person=person)


def test_nobody_gets_a_role_of_another_workspace():
    role, stranger = RoleFactory(), PersonFactory()
    with pytest.raises(errors.PersonInactive):
        grant_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=stranger)
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Membership.objects.create(
            workspace=role.workspace, role=role, person=stranger, source="manual"
        )


def test_revoking_what_is_not_held_says_so():
    role = RoleFactory()
    person = PersonFactory(workspace=role.workspace)
    with pytest.raises(errors.NotInRole):
        revoke_role(actor=ACTOR, workspace=role.workspace, role=role.name, person=person)


def test_a_deactivated_person_holds_nothing_and_comes_back_without_given_roles():
    membership = MembershipFactory()
    person = membership.person
    deactivate_person(actor=ACTOR, person=person)
    assert roles_of(person) == set()
    with pytest.raises(errors.PersonInactive):
        grant_role(
            actor=ACTOR, workspace=person.workspace, role=membership.role.name, person=person
        )
    again = create_person(actor=ACTOR, workspace=person.workspace, email=person.user.email)
    assert again.id == person.id
    assert roles_of(person) == set()
    assert "person.reactivated" in kinds_of(person.workspace_id)


def reconcile(workspace, **roles):
    """Apply roles as ``name=[people]``."""
    return reconcile_policy_roles(
        actor=ACTOR,
        workspace=workspace,
        roles={
            name: PolicyRole(name.title(), frozenset(person.id for person in people))
            for name, people in roles.items()
        },
    )


def test_the_policy_reconciles_only_its_own_memberships():
    workspace = WorkspaceFactory()
    ana, ben = PersonFactory(workspace=workspace), PersonFactory(workspace=workspace)
    first = reconcile(workspace, lead=[ana, ben], ops=[])
    assert first.created == ["lead", "ops"]
    assert set(first.granted) == {("lead", ana.id), ("lead", ben.id)}
    grant_role(actor=ACTOR, workspace=workspace, role="lead", person=ana)

    second = reconcile(workspace, lead=[ben])
    assert (second.created, second.granted, second.revoked) == ([], [], [("lead", ana.id)])
    lead = Role.objects.get(workspace=workspace, name="lead")
    assert roles_of(ana) == {lead.id}, "what was given by hand stays"
    with pytest.raises(errors.RoleFromPolicy, match="by the policy"):
        revoke_role(actor=ACTOR, workspace=workspace, role="lead", person=ben)

    third = reconcile(workspace, lead=[ben])
    assert (third.created, third.granted, third.revoked) == ([], [], [])
    assert Role.objects.filter(workspace=workspace, name="ops").exists(), "history names it"
    grants = events_of(workspace.id, "role.granted")
    assert [event["data"]["source"] for event in grants] == ["policy", "policy", "manual"]


def test_revoking_by_hand_says_that_the_policy_still_holds():
    workspace = WorkspaceFactory()
    ana = PersonFactory(workspace=workspace)
    reconcile(workspace, lead=[ana])
    grant_role(actor=ACTOR, workspace=workspace, role="lead", person=ana)
    left = revoke_role(actor=ACTOR, workspace=workspace, role="lead", person=ana)
    assert left == ["policy"]
    assert len(roles_of(ana)) == 1


def test_a_changed_title_is_kept():
    workspace = WorkspaceFactory()
    reconcile(workspace, lead=[])
    reconcile_policy_roles(
        actor=ACTOR, workspace=workspace, roles={"lead": PolicyRole("Finance lead", frozenset())}
    )
    assert Role.objects.get(workspace=workspace).title == "Finance lead"
