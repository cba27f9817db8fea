"""Who is looking: the signed-in person in the workspace they have chosen.

Read once per request.  Pages have no other way to a `Reader`, and a view without `signed_in` shows
nothing of any workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from itertools import chain
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from approvals.access import Reader
from audit.actor import Actor
from core.problems import Problem, not_found
from oversight.access import may_administer, may_audit, may_stop_any
from oversight.agents import sees_any
from oversight.numbers.access import may_read as may_count
from oversight.policy import rights
from people.models import Person, User
from people.permissions import permissions_of

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=HttpResponseBase)

#: The slug of the workspace a person last chose.
CHOSEN = "workspace"
#: Every decision made here says so.
CHANNEL = "web"


@dataclass(frozen=True, slots=True)
class Shell:
    """What the frame around every page shows of the person."""

    name: str
    email: str
    workspace: str
    workspace_name: str
    workspaces: tuple[tuple[str, str], ...]
    #: Whether there is anything that they may stop.
    may_stop: bool = False
    #: Whether the frame leads to the log.
    audits: bool = False
    #: Whether it leads to the channels.
    administers: bool = False
    #: Whether it leads to the numbers.
    counts: bool = False
    #: Whether there is any agent that they see.
    sees_agents: bool = False
    #: Whether it leads to the policy.
    reads_policy: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in person in one workspace, and who they are in others."""

    user: User
    person: Person
    people: tuple[Person, ...]
    reader: Reader
    shell: Shell

    @property
    def actor(self) -> Actor:
        """The person, as services want to be told."""
        return Actor.person(self.person.id, channel=CHANNEL)

    def elsewhere(self) -> Iterator[Visitor]:
        """The same user in their other workspaces, one at a time as they are needed."""
        for person in self.people:
            if person.id != self.person.id:
                yield visitor(self.user, person, self.people)


def people_of(user: User) -> tuple[Person, ...]:
    """The user's active persons, by workspace name."""
    found = Person.objects.filter(user=user, active=True).select_related("workspace", "user")
    return tuple(found.order_by("workspace__name", "workspace__slug"))


def visitor(user: User, person: Person, people: tuple[Person, ...]) -> Visitor:
    """One of a user's persons, as pages know them."""
    workspace = person.workspace
    reader = Reader(
        workspace_id=workspace.id,
        person_id=person.id,
        user_id=user.id,
        name=person.name,
        permissions=permissions_of(user, workspace),
    )
    around = replace(
        shell(user, person, people),
        may_stop=may_stop_any(reader),
        audits=may_audit(reader),
        administers=may_administer(reader),
        sees_agents=sees_any(reader),
        counts=may_count(reader),
        reads_policy=rights(reader).reads,
    )
    return Visitor(user, person, people, reader, around)


def shell(user: User, person: Person | None, people: tuple[Person, ...]) -> Shell:
    """The frame for this user; without a person there is no workspace in it."""
    return Shell(
        name=str(user),
        email=user.email,
        workspace=person.workspace.slug if person else "",
        workspace_name=person.workspace.name if person else "",
        workspaces=tuple((each.workspace.slug, each.workspace.name) for each in people),
    )


def choose(request: HttpRequest, person: Person) -> None:
    """Remember the workspace this session looks at."""
    if request.session.get(CHOSEN) != person.workspace.slug:
        request.session[CHOSEN] = person.workspace.slug


def whichever(
    request: HttpRequest, visitor: Visitor, find: Callable[[Reader], T]
) -> tuple[Visitor, T]:
    """What `find` reads in the visitor's workspace, or in another of theirs, which is then looked at.

    Raises:
        Problem: 404, whether it is absent or somebody else's.
    """
    for each in chain([visitor], visitor.elsewhere()):
        try:
            found = find(each.reader)
        except Problem as problem:
            if problem.status != 404:
                raise
        else:
            choose(request, each.person)
            return each, found
    raise not_found()


def signed_in(
    view: Callable[Concatenate[HttpRequest, Visitor, P], R],
) -> Callable[Concatenate[HttpRequest, P], R | HttpResponse]:
    """Give a view its visitor; send everybody else to sign in first, and back."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> R | HttpResponse:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return _to_sign_in(request)
        people = people_of(user)
        if not people:
            context = {"shell": shell(user, None, ())}
            return render(request, "pages/no_workspace.html", context, status=403)
        wanted = request.session.get(CHOSEN)
        person = next((each for each in people if each.workspace.slug == wanted), people[0])
        return view(request, visitor(user, person, people), *args, **kwargs)

    return guarded


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith("/fragments/"):
        return HttpResponse("Sign in again.", status=401, content_type="text/plain")
    if request.method == "POST":
        # What was posted is not kept: after signing in they look again, and decide again.
        return HttpResponseRedirect(reverse("sign_in"))
    there = urlencode({"next": request.get_full_path()}) if request.path_info != "/" else ""
    return HttpResponseRedirect(reverse("sign_in") + (f"?{there}" if there else ""))
