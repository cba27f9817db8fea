"""Things to test with, made by the services that make them in earnest, with their events.

``WorkspaceFactory()`` is a tenant of its own: what keeps tests apart.  Everything that belongs to a
workspace makes one unless it is given one (directly, or through an owner or agent).  To the type
checker a factory's product is anything: the library types it as the factory itself.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.db.models import Model
from factory.base import Factory
from factory.declarations import (
    LazyAttribute,
    LazyFunction,
    SelfAttribute,
    Sequence,
    SubFactory,
)
from factory.django import DjangoModelFactory

from agents.models import Agent, Key
from agents.services import create_agent, create_key
from audit.actor import Actor
from people.models import Membership, Person, Role, User, Workspace
from people.roles import grant_role
from people.services import create_person, create_workspace
from policies.models import PolicyVersion
from policies.services import apply

ACTOR = Actor.operator("tests")
PASSWORD = "correct horse battery staple"


class ServiceFactory(Factory[Any]):
    """Makes objects by a service instead of a constructor."""

    class Meta:
        abstract = True


class _Workspace(ServiceFactory):
    class Meta:
        model = Workspace

    # Unique among processes and runs, too: the database of a run is never emptied.
    slug = LazyFunction(lambda: f"w-{secrets.token_hex(8)}")
    name = ""

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Workspace:
        return create_workspace(actor=ACTOR, **kwargs)


WorkspaceFactory: Any = _Workspace


class _Person(ServiceFactory):
    """A person and their user, who signs in with `PASSWORD`."""

    class Meta:
        model = Person

    workspace = SubFactory(WorkspaceFactory)
    email = Sequence(lambda n: f"person{n}-{secrets.token_hex(3)}@demo.example")
    name = Sequence(lambda n: f"Person {n}")
    password = PASSWORD

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Person:
        return create_person(actor=ACTOR, **kwargs)


PersonFactory: Any = _Person


class _Role(DjangoModelFactory[Role]):
    class Meta:
        model = Role

    workspace = SubFactory(WorkspaceFactory)
    name = Sequence(lambda n: f"role_{n}")
    title = LazyAttribute(lambda role: role.name.replace("_", " ").capitalize())


RoleFactory: Any = _Role


class _Membership(ServiceFactory):
    """A person in a role, granted by hand; ``MembershipFactory(role=role)`` makes the person."""

    class Meta:
        model = Membership

    role = SubFactory(RoleFactory)
    person = SubFactory(PersonFactory, workspace=SelfAttribute("..role.workspace"))

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Membership:
        role: Role = kwargs["role"]
        return grant_role(
            actor=ACTOR, workspace=role.workspace, role=role.name, person=kwargs["person"]
        )


MembershipFactory: Any = _Membership


class _Agent(ServiceFactory):
    """An agent; without an owner it gets one."""

    class Meta:
        model = Agent

    workspace = SubFactory(WorkspaceFactory)
    name = Sequence(lambda n: f"agent-{n}")
    owner = SubFactory(PersonFactory, workspace=SelfAttribute("..workspace"))

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Agent:
        return create_agent(actor=ACTOR, **kwargs)


AgentFactory: Any = _Agent


class _Key(ServiceFactory):
    """A key with its text: `agents.services.NewKey` (``.key``, ``.token``)."""

    class Meta:
        model = Key

    agent = SubFactory(AgentFactory)

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Any:
        return create_key(actor=ACTOR, **kwargs)


KeyFactory: Any = _Key


POLICY = """
assentry: 1
fallback: lead
roles:
  lead: {title: Lead}
actions:
  site.publish: {title: Publish}
rules: []
"""


class _Policy(ServiceFactory):
    """The version that is active once ``text`` was applied; roles without ``members`` by default."""

    class Meta:
        model = PolicyVersion

    workspace = SubFactory(WorkspaceFactory)
    text = POLICY

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> PolicyVersion:
        return apply(actor=ACTOR, **kwargs).version


PolicyFactory: Any = _Policy


def bearer(token: str) -> dict[str, str]:
    """The header that presents a key."""
    return {"Authorization": f"Bearer {token}"}


def user_of(person: Person) -> User:
    """The user behind a person, as the database has it now."""
    return User.objects.get(id=person.user_id)
