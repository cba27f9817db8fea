"""A workspace keeps an administrator who can sign in, whoever acts on the last two at the same instant."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from audit.actor import Actor
from people import errors, invitations
from people.models import Person, User, Workspace
from people.permissions import grant_permission, permissions_of, revoke_permission
from people.services import deactivate_person
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory
from tests.together import together


def administrator(workspace: Workspace, **more: Any) -> Any:
    person = PersonFactory(workspace=workspace, **more)
    grant_permission(actor=ACTOR, workspace=workspace, person=person, permission="administer")
    return person


def acting(person: Person) -> Actor:
    return Actor.person(person.id, channel="web")


def left(workspace: Workspace) -> int:
    people = Person.objects.filter(workspace=workspace).select_related("user")
    return sum("administer" in permissions_of(one.user, workspace) for one in people)


def revoke(by: Person, person: Person) -> bool:
    return revoke_permission(
        actor=acting(by),
        workspace=person.workspace,
        person=Person.objects.get(id=person.id),
        permission="administer",
    )


def deactivate(by: Person, person: Person) -> bool:
    return deactivate_person(actor=acting(by), person=Person.objects.get(id=person.id))


@pytest.mark.parametrize("does", [revoke, deactivate])
def test_the_last_one_stays(does: Callable[[Person, Person], bool]) -> None:
    workspace = WorkspaceFactory()
    one, two = administrator(workspace), administrator(workspace)
    assert does(one, two)
    with pytest.raises(errors.LastAdministrator):
        does(one, one)
    assert left(workspace) == 1


@pytest.mark.parametrize("why", ["inactive", "off", "no_way_in", "invited", "elsewhere"])
def test_who_could_not_sign_in_or_act_is_nobody_left(why: str) -> None:
    workspace = WorkspaceFactory()
    one = administrator(workspace)
    match why:
        case "inactive":
            deactivate_person(actor=ACTOR, person=administrator(workspace))
        case "off":
            two = administrator(workspace)
            User.objects.filter(id=two.user_id).update(is_active=False)
        case "no_way_in":
            administrator(workspace, password=None)
        case "invited":
            invited = invitations.invite(
                actor=acting(one), workspace=workspace, email=f"{workspace.slug}@one.example"
            )
            grant_permission(
                actor=ACTOR, workspace=workspace, person=invited.person, permission="administer"
            )
        case _:
            administrator(WorkspaceFactory())
    with pytest.raises(errors.LastAdministrator):
        revoke(one, one)


def test_an_operator_may() -> None:
    workspace = WorkspaceFactory()
    assert deactivate_person(actor=ACTOR, person=administrator(workspace))
    assert left(workspace) == 0


@pytest.mark.parametrize("both", [(revoke, revoke), (deactivate, deactivate), (revoke, deactivate)])
def test_two_who_remove_each_other_at_once_leave_one(both: Any) -> None:
    for _ in range(5):
        workspace = WorkspaceFactory()
        one, two = administrator(workspace), administrator(workspace)
        results = together([partial(both[0], one, two), partial(both[1], two, one)])
        refused = [each for each in results if isinstance(each, errors.LastAdministrator)]
        assert results.count(True) == 1, results
        assert len(refused) == 1, results
        assert left(workspace) == 1


def test_many_who_leave_at_once_leave_one() -> None:
    workspace = WorkspaceFactory()
    people = [administrator(workspace) for _ in range(5)]
    results = together([partial(deactivate, who, who) for who in people])
    assert results.count(True) == 4
    assert left(workspace) == 1


def test_taking_an_invitation_back_while_they_are_deactivated_is_never_stuck() -> None:
    for _ in range(4):
        workspace = WorkspaceFactory()
        one = administrator(workspace)
        person = invitations.invite(
            actor=acting(one), workspace=workspace, email=f"{workspace.slug}@one.example"
        ).person
        results = together(
            [
                partial(invitations.take_back, actor=acting(one), person=person),
                partial(deactivate, one, person),
            ]
        )
        assert all(
            isinstance(result, errors.NotInvited) or result in (None, True, False)
            for result in results
        ), results
        assert not Person.objects.get(id=person.id).active
