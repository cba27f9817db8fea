"""What the API reads and tells of people and roles, for whoever looks after them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from approvals.shape import AgentOwner
from oversight.people import Name


class InviteBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``POST /people``."""

    email: Annotated[str, Meta(max_length=254)]
    name: Annotated[
        str, Meta(max_length=120, description="Who is a user of the server already keeps theirs")
    ] = ""
    roles: Annotated[list[str], Meta(max_length=100)] = []
    permissions: Annotated[list[Name], Meta(max_length=10)] = []
    show_link: Annotated[
        bool, Meta(description="Answer with the link as well, where it may be shown")
    ] = False


class PersonPatch(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of ``PATCH /people/{id}``: what is to be another."""

    name: Annotated[str, Meta(max_length=120)] | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class LinkBody(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The body of calls that make a link."""

    show_link: bool = False


class LinkShown(Struct, frozen=True, kw_only=True):
    """How somebody hears of a link."""

    mailed: Annotated[bool, Meta(description="A mail is on its way")]
    link: Annotated[
        str | None,
        Meta(description="To hand over, this once; null: it is shown to nobody, or there is none"),
    ]
    expires_at: Annotated[str | None, Meta(description="null: a notice, which has no link")]


class RoleOf(Struct, frozen=True, kw_only=True):
    """A role that somebody holds."""

    name: str
    title: str
    source: Annotated[str, Meta(description="`policy`, `manual` or `idp`: why they hold it")]
    since: str


class InvitationShown(Struct, frozen=True, kw_only=True):
    """An invitation that nobody accepted."""

    created_at: str
    expires_at: str
    mail: Annotated[
        Literal["none", "pending", "sent", "failed"], Meta(description="What became of the mail")
    ]
    reason: Annotated[str, Meta(description="Why the last try to mail it failed")]


class AwayShown(Struct, frozen=True, kw_only=True):
    """That somebody is away now."""

    until: str
    stand_in: AgentOwner | None


class PersonListed(Struct, frozen=True, kw_only=True):
    """Somebody in the list; the last four are for administrators, and null for others."""

    id: str
    name: str
    email: str
    active: bool
    roles: list[RoleOf]
    permissions: list[str]
    away: AwayShown | None
    last_sign_in: str | None
    invitation: InvitationShown | None
    slack_users: int | None
    browsers: int | None


class PersonShown(PersonListed, frozen=True, kw_only=True):
    """Somebody, for administrators."""

    created_at: str
    deactivated_at: str | None
    erased_at: str | None
    elsewhere: Annotated[
        bool, Meta(description="Whether they are, or were, in another workspace of the server")
    ]
    proven: Annotated[
        bool, Meta(description="Whether a link that went to the address by mail alone was used")
    ]
    agents: Annotated[list[AgentOwner], Meta(description="The agents that they own")]
    waiting: Annotated[int, Meta(description="How many requests wait for them")]
    alone_in: Annotated[list[str], Meta(description="Titles of roles that nobody else is in")]


class PersonInvited(PersonShown, frozen=True, kw_only=True):
    """Who was invited, and how they hear of it."""

    notice: Annotated[
        bool, Meta(description="They are a user already, and keep name and password: no link")
    ]
    link: LinkShown


class PersonList(Struct, frozen=True, kw_only=True):
    """One page of people, by name."""

    results: list[PersonListed]
    next: str | None
    previous: str | None


class MemberShown(Struct, frozen=True, kw_only=True):
    """Somebody in a role."""

    id: str
    name: str
    source: str
    since: str
    came: Annotated[bool, Meta(description="Whether they have a way to sign in yet")]


class RoleShown(Struct, frozen=True, kw_only=True):
    """A role, who is in it and may act, and what the active policy gives it."""

    name: str
    title: str
    declared: Annotated[bool, Meta(description="Whether the active policy declares it")]
    schedule: str | None
    members: Annotated[
        list[MemberShown], Meta(description="One for each reason; empty: nobody is asked")
    ]
    rules: Annotated[list[str], Meta(description="The rules that ask it")]
    actions: Annotated[list[str], Meta(description="The actions that it owns")]
    fallback: Annotated[bool, Meta(description="It is asked where no rule says anything")]


class RoleList(Struct, frozen=True, kw_only=True):
    """Every role by name."""

    results: list[RoleShown]
