"""People for whoever administers them: who is here, what each holds, and what hangs on each.

The same for the page and the API.  Who may see the log or every request sees who is here, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args
from uuid import UUID

from agents.models import Agent
from approvals import inbox
from approvals.access import Reader
from audit.actor import Actor
from core.db import pool
from core.paging import DEFAULT_LIMIT, Page
from core.problems import conflict, forbidden, not_found
from notifications.bound import Bound, bound
from oversight.access import must_administer
from people import directory, errors
from people.directory import Entry, RoleEntry, Which
from people.models import Person, Workspace
from people.permissions import Permission as OfWorkspace
from people.permissions import grant_permission, revoke_permission
from people.roles import grant_role, revoke_role
from policies import active
from policies.permissions import NoPolicy, policy_permissions, set_policy_permission
from policies.permissions import Permission as OfPolicy
from policies.terms import Document

Name = Literal["administer", "audit", "view", "edit", "approve"]
#: What each permission opens.  None of them lets anybody decide: that is membership of a role.
PERMISSIONS: Final[Mapping[Name, str]] = {
    "administer": "manage people, agents, keys and settings",
    "audit": "read, verify and export the log",
    "view": "see every request",
    "edit": "read the policy, and try another",
    "approve": "make a policy active",
}
_OF_POLICY: Final = frozenset(get_args(OfPolicy))


@dataclass(frozen=True, slots=True)
class Standing:
    """Somebody, with what is bound to them."""

    entry: Entry
    bound: Bound

    @property
    def permissions(self) -> list[Name]:
        """Those that are given and taken here, in their order."""
        return [name for name in PERMISSIONS if name in self.entry.permissions]


@dataclass(frozen=True, slots=True)
class Hanging:
    """What hangs on somebody: agents that they own, how many requests wait for them, roles that only they fill."""

    agents: tuple[Agent, ...]
    waiting: int
    alone_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoleStanding:
    """A role with its members, and what of the active policy is theirs: rules, actions, the fallback."""

    entry: RoleEntry
    rules: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    fallback: bool = False
    declared: bool = False


def may_look(reader: Reader) -> bool:
    """Whether this person sees who is here: administrators, auditors, and who sees every request."""
    return not reader.permissions.isdisjoint({"administer", "audit", "view"})


def must_look(reader: Reader) -> None:
    """Refuse everybody else.

    Raises:
        Problem: 403.
    """
    if not may_look(reader):
        raise forbidden("Only administrators and auditors see that.", code="not_administrator")


def listed(
    *,
    reader: Reader,
    which: Which = "active",
    search: str = "",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Standing]:
    """People by name, for who may look.

    Raises:
        Problem: 403; 422 as `directory.listed`.
    """
    must_look(reader)
    found = directory.listed(
        workspace=reader.workspace_id, which=which, search=search, cursor=cursor, limit=limit
    )
    return Page(_standing(reader.workspace_id, found.items), found.next, found.previous)


def one(*, reader: Reader, person: UUID) -> Standing:
    """One person, for administrators.

    Raises:
        Problem: 403; 404 also for somebody of another workspace.
    """
    must_administer(reader)
    found = directory.one(workspace=reader.workspace_id, person=person)
    if found is None:
        raise not_found()
    [standing] = _standing(reader.workspace_id, [found])
    return standing


def person_of(*, reader: Reader, person: UUID) -> Person:
    """The person whom an administrator changes.

    Raises:
        Problem: 403; 404 also for somebody of another workspace, or who was erased.
    """
    must_administer(reader)
    found = (
        Person.objects.select_related("user", "workspace")
        .filter(id=person, workspace_id=reader.workspace_id, erased_at=None)
        .first()
    )
    if found is None:
        raise not_found()
    return found


def hanging(*, reader: Reader, found: Standing) -> Hanging:
    """What hangs on somebody, for who is about to deactivate them."""
    must_administer(reader)
    entry = found.entry
    agents = Agent.objects.filter(workspace_id=reader.workspace_id, owner_id=entry.id)
    theirs = Reader(reader.workspace_id, entry.id, entry.user, entry.name)
    alone = [
        role.title
        for role in directory.roles(reader.workspace_id)
        if {member[0] for member in role.members} == {entry.id}
    ]
    return Hanging(
        agents=tuple(agents.exclude(state=Agent.State.RETIRED).order_by("name")),
        waiting=inbox.count(reader=theirs, views=["mine"])["mine"] if entry.acts else 0,
        alone_in=tuple(alone),
    )


def roles(*, reader: Reader) -> list[RoleStanding]:
    """Every role by name, with its members and what it owns; empty ones, too.

    Raises:
        Problem: 403.
    """
    must_look(reader)
    with pool().connection() as conn:
        document = active.document_of(conn, reader.workspace_id)
    return [_role(entry, document) for entry in directory.roles(reader.workspace_id)]


def set_role(*, actor: Actor, reader: Reader, person: Person, role: str, held: bool) -> None:
    """Give somebody a role by hand, or take back one that was given so.

    Raises:
        Problem: 403; 404 no such role, or they do not hold it; 409 ``role_from_policy``, ``role_from_group``, ``person_inactive``.
    """
    must_administer(reader)
    change = grant_role if held else revoke_role
    try:
        change(actor=actor, workspace=person.workspace, role=role, person=person)
    except (errors.NoSuchRole, errors.NotInRole):
        raise not_found() from None
    except errors.RoleFromPolicy as error:
        raise conflict("role_from_policy", str(error)) from error
    except errors.RoleFromGroup as error:
        raise conflict("role_from_group", str(error)) from error
    except errors.PersonInactive as error:
        raise conflict("person_inactive", str(error)) from error


def set_permission(
    *, actor: Actor, reader: Reader, person: Person, permission: str, held: bool
) -> None:
    """Give somebody a permission, or take it; nothing happens where it is so already.

    Raises:
        Problem: 403; 404 no such permission; 409 ``person_inactive``, ``last_administrator``, ``no_policy``.
    """
    must_administer(reader)
    if permission not in PERMISSIONS:
        raise not_found()
    if held and not person.active:
        error = errors.PersonInactive(email=person.user.email, slug=person.workspace.slug)
        raise conflict("person_inactive", str(error))
    workspace, named = person.workspace, cast("Name", permission)
    try:
        set_named(actor=actor, workspace=workspace, person=person, permission=named, held=held)
    except errors.LastAdministrator as error:
        raise conflict("last_administrator", str(error)) from error
    except NoPolicy as error:
        raise conflict("no_policy", str(error)) from error


def held_by(*, workspace: Workspace, person: Person) -> set[str]:
    """The permissions that somebody holds, on the workspace and on its policy."""
    entry = directory.one(workspace=workspace.id, person=person.id)
    return set() if entry is None else entry.permissions


def set_named(
    *, actor: Actor, workspace: Workspace, person: Person, permission: Name, held: bool
) -> bool:
    """Give or take a permission on the workspace or on its policy; false where nothing changed.

    Raises:
        LastAdministrator, NoPolicy: as the services of both.
    """
    if permission in _OF_POLICY:
        return set_policy_permission(
            actor=actor,
            workspace=workspace,
            person=person,
            permission=cast("OfPolicy", permission),
            held=held,
        )
    change = grant_permission if held else revoke_permission
    return change(
        actor=actor,
        workspace=workspace,
        person=person,
        permission=cast("OfWorkspace", permission),
    )


def _standing(workspace: UUID, entries: list[Entry]) -> list[Standing]:
    counted = bound(workspace, [entry.id for entry in entries])
    of_policy = policy_permissions(workspace, [entry.user for entry in entries])
    for entry in entries:
        entry.permissions |= of_policy.get(entry.user, set())
    return [Standing(entry, counted.get(entry.id, Bound())) for entry in entries]


def _role(entry: RoleEntry, document: Document | None) -> RoleStanding:
    if document is None:
        return RoleStanding(entry)
    return RoleStanding(
        entry,
        rules=tuple(
            rule.name
            for rule in document.rules
            if rule.ask and any(entry.name in stage.any_of for stage in rule.ask.stages)
        ),
        actions=tuple(one.type for one in document.actions.values() if one.owner == entry.name),
        fallback=document.fallback == entry.name,
        declared=entry.name in document.roles,
    )
