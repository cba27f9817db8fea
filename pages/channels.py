"""How channels read on their page: states in words, and what to do about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from core import ids
from core.problems import Problem
from notifications.channels import Failures, SlackApp
from notifications.slack import manifest
from notifications.slack.advice import todo
from notifications.slack.installs import Wanted
from notifications.trials import Trial
from oversight.channels import Overview, RoleChannel

CHANNELS: Final = {"slack": "Slack", "email": "Mail", "push": "Browser", "other": "Other service"}
_DOTS: Final = {"active": "yes", "broken": "nay", "removed": "void"}
_ROLE_STATES: Final = {
    "works": ("yes", "takes posts"),
    "untried": ("", "nothing was posted there yet"),
    "broken": ("nay", "takes no posts"),
    "no_app": ("nay", "no app of this team is connected"),
}
_TRIAL_STATES: Final = {"pending": ("back", "is on its way"), "sent": ("yes", "arrived")}
_SECRETS: Final = frozenset({"bot_token", "signing_secret", "app_token"})
#: What the forms of this page let people type; the others only have a button.
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "connect": _SECRETS,
    "secrets": _SECRETS,
    "test": frozenset({"channel"}),
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role's channel, in words."""

    title: str
    channel: str
    dot: str
    state: str
    reason: str
    todo: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class App:
    """An app in Slack, in words."""

    id: str
    name: str
    team: str
    dot: str
    state: str
    reason: str
    todo: str
    bound: int
    sockets: bool
    old_secret_until: datetime | None
    changed_at: datetime
    roles: tuple[Role, ...]

    @property
    def removed(self) -> bool:
        """Whether it was taken out."""
        return self.state == "removed"

    @property
    def place(self) -> str:
        """The channel that a test is offered for: the first role's, without its team."""
        return self.roles[0].channel.rpartition("/")[2] if self.roles else ""


@dataclass(frozen=True, slots=True)
class Tried:
    """A test, and what came of it, in a sentence."""

    dot: str
    said: str
    todo: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Silent:
    """A request that told nobody; no title where this reader may not see it."""

    url: str
    title: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Failed:
    """Messages that could not be sent, by why."""

    said: str
    reason: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Typed:
    """What was wrong in a form of this page; secrets that were typed are never shown again."""

    form: str = ""
    said: str = ""
    errors: Mapping[str, str] | None = None
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an app is created from: as text to copy, and where."""

    text: str
    create_url: str
    sockets: bool
    #: Slack has no way to this server's address.
    must: bool


def app_lines(found: Overview) -> list[App]:
    """The apps in Slack, those that were taken out last."""
    return [_app(app, found.roles) for app in found.standing.apps]


def unplaced(found: Overview) -> list[Role]:
    """Role channels that no connected app can post in."""
    return [_role(one) for one in found.roles if one.installation is None]


def _app(app: SlackApp, roles: tuple[RoleChannel, ...]) -> App:
    return App(
        id=ids.encode("sla", app.id),
        name=app.name,
        team=app.team or app.enterprise,
        dot=_DOTS[app.state],
        state=app.state,
        reason=app.reason,
        todo=todo(app.reason),
        bound=app.bound,
        sockets=app.has_app_token,
        old_secret_until=app.earlier_secret_until,
        changed_at=app.changed_at,
        roles=tuple(_role(one) for one in roles if one.installation == app.id),
    )


def _role(one: RoleChannel) -> Role:
    dot, state = _ROLE_STATES[one.state]
    return Role(one.title, one.channel, dot, state, one.reason, one.todo, one.since)


def trial_lines(found: Overview) -> list[Tried]:
    """The latest tests."""
    return [_tried(one) for one in found.trials]


def _tried(one: Trial) -> Tried:
    dot, state = _TRIAL_STATES.get(one.state, ("nay", "did not arrive"))
    where = f"in {one.place}" if one.channel == "slack" else one.place and f"at {one.place}"
    said = " ".join(part for part in (f"{CHANNELS[one.channel]}: the test", where, state) if part)
    if one.state == "pending" and one.reason:
        said += f"; tried {one.tries} times, the last: {one.reason}"
    elif one.state == "failed":
        said += f": {one.reason}"
    advice = todo(one.reason) if one.channel == "slack" and one.state == "failed" else ""
    return Tried(dot, f"{said}.", advice, one.sent_at or one.created_at)


def silent_lines(found: Overview, titles: Mapping[UUID, str]) -> list[Silent]:
    """Requests that told nobody."""
    return [
        Silent(
            url=reverse("request", args=[ids.encode("req", one)]) if one in titles else "",
            title=titles.get(one, ids.encode("req", one)),
            since=at,
        )
        for one, at in found.standing.unreached
    ]


def failed_lines(found: Overview) -> list[Failed]:
    """Failures of the last day."""
    return [_failed(one) for one in found.standing.failures]


def _failed(one: Failures) -> Failed:
    return Failed(CHANNELS[one.channel], one.reason or "no reason", one.count, one.newest_at)


def manifest_of(wanted: str) -> Manifest:
    """The manifest as it is shown; `wanted` is ``sockets``, ``http`` or empty."""
    must = manifest.needs_socket_mode(settings.BASE_URL)
    sockets = wanted == "sockets" or (must and wanted != "http")
    found = manifest.manifest(settings.BASE_URL, socket_mode=sockets)
    return Manifest(json.dumps(found, indent=2), manifest.create_url(found), sockets, must)


def wanted_of(form: QueryDict, *, change: bool) -> Wanted:
    """The secrets that were typed; with `change`, an empty field leaves what there is."""
    typed = {name: form.get(name, "").strip() for name in ("bot_token", "signing_secret")}
    app_token = form.get("app_token", "").strip() or None
    if change:
        if form.get("no_app_token") == "yes":
            app_token = ""
        return Wanted(typed["bot_token"] or None, typed["signing_secret"] or None, app_token)
    return Wanted(typed["bot_token"], typed["signing_secret"], app_token)


def faults(problem: Problem, form: str, channel: str = "") -> Typed:
    """What was refused, by field where the form has it."""
    fields = _FIELDS.get(form.partition(" ")[0], frozenset())
    told = {one.pointer.removeprefix("/"): one.detail for one in problem.errors}
    errors = {name: detail for name, detail in told.items() if name in fields}
    said = "" if errors else " ".join(told.values()) or problem.detail
    return Typed(form, said, errors, channel)
