"""People as the pages of administrators show them, and the form that invites somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from core import ids
from oversight.people import PERMISSIONS, Name, RoleStanding, Standing
from people.directory import WHICH, Held, Which
from people.errors import Refusal
from people.links import Made

SOURCES: Final[Mapping[str, str]] = {
    "policy": "by the policy",
    "manual": "by hand",
    "idp": "by the identity provider",
}
_LISTS: Final[Mapping[Which, str]] = {
    "active": "Active",
    "invited": "Invited",
    "inactive": "Inactive",
    "all": "All",
}
#: What is wrong where none of the form's own fields is at fault.
_FIELDS: Final = frozenset({"email", "name", "role"})


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role of somebody: why they are in it, and whether a page can take it back."""

    name: str
    title: str
    why: str
    since: object
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody in the list; `dot` repeats in colour what ``state`` says."""

    id: str
    of: Standing
    dot: str
    state: str
    roles: str
    permissions: str


@dataclass(frozen=True, slots=True)
class Permit:
    """A permission that is given and taken here."""

    name: Name
    opens: str
    held: bool


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a role."""

    id: str
    name: str
    came: bool
    why: str


@dataclass(frozen=True, slots=True)
class RoleCard:
    """A role with its members, one line each however many reasons they have."""

    of: RoleStanding
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """The form that invites, empty or as somebody typed it before it was refused."""

    email: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    permissions: tuple[Name, ...] = ()
    show: bool = False
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: QueryDict) -> Typed:
        """The fields as they came; permissions that are none are left out."""
        return cls(
            form.get("email", "").strip(),
            form.get("name", "").strip(),
            tuple(form.getlist("roles")),
            tuple(name for name in PERMISSIONS if name in form.getlist("permissions")),
            "show" in form,
        )

    def refused(self, refusal: Refusal) -> Typed:
        """The same, with what is wrong by its field."""
        at = refusal.argument if refusal.argument in _FIELDS else "form"
        return replace(self, errors={at: str(refusal)})


def line(one: Standing) -> Line:
    """Somebody for the list."""
    dot, state = _state(one)
    titles = dict.fromkeys(held.title for held in one.entry.roles)
    return Line(
        ids.encode("per", one.entry.id),
        one,
        dot,
        state,
        ", ".join(titles),
        ", ".join(one.permissions),
    )


def _state(one: Standing) -> tuple[str, str]:
    entry = one.entry
    if entry.erased_at is not None:
        return "void", "erased"
    if not entry.acts:
        return "nay", "inactive"
    if entry.invitation is not None:
        return "void", "invited; the invitation is over" if entry.invitation.over else "invited"
    if entry.away is not None:
        return "back", "away"
    return "yes", "active"


def role_lines(held: Sequence[Held]) -> list[RoleLine]:
    """The roles of somebody."""
    return [
        RoleLine(
            one.name,
            one.title,
            SOURCES.get(one.source, one.source),
            one.since,
            one.source == "manual",
        )
        for one in held
    ]


def permits(one: Standing) -> list[Permit]:
    """Every permission, and whether they have it."""
    return [
        Permit(name, opens, name in one.entry.permissions) for name, opens in PERMISSIONS.items()
    ]


def role_card(one: RoleStanding) -> RoleCard:
    """A role for its page."""
    members: dict[str, Member] = {}
    for person, name, came, source, _since in one.entry.members:
        shown, why = ids.encode("per", person), SOURCES.get(source, source)
        if shown in members:
            why = f"{members[shown].why}, {why}"
        members[shown] = Member(shown, name, came, why)
    return RoleCard(one, tuple(members.values()))


def lists(counts: Mapping[Which, int], chosen: Which, search: str) -> list[tuple[str, str, bool]]:
    """The filters: (address, words, whether it is the one that is looked at)."""
    return [
        (turn(which, search), f"{_LISTS[which]} {counts[which]:,}", which == chosen)
        for which in WHICH
    ]


def turn(which: Which, search: str, cursor: str | None = "") -> str:
    """The address of a list, or of a page of it."""
    usual = "" if which == "active" else which
    wanted = {"which": usual, "q": search, "cursor": cursor or ""}
    wanted = {name: text for name, text in wanted.items() if text}
    return reverse("people") + (f"?{urlencode(wanted)}" if wanted else "")


def said_of(made: Made, name: str) -> str:
    """How somebody hears of a link, in one sentence."""
    if made.mailed and made.url:
        return f"A mail with the link is on its way to {name}; below it is shown to you as well."
    if made.mailed:
        return f"A mail is on its way to {name}."
    if made.url:
        return f"This server sends no mail: hand the link below to {name}."
    return (
        f"This server sends no mail, and {name} is in other workspaces too, so no link is shown here:"
        " let whoever runs the server print one (person_reset)."
    )
