"""What a person set for themselves, as the settings page shows it and as its form sends it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from django.conf import settings
from django.db.models import Q
from django.http import QueryDict

from core import ids
from core.clock import ClockTimestamp
from core.db import pool
from core.problems import Problem
from notifications.models import PushSubscription, SlackInstallation
from notifications.preferences import Preferences
from notifications.routes import CHANNELS
from notifications.slack.binding import Connected
from people.models import Person, Role
from policies import active

_TITLES: Final[Mapping[str, str]] = {"slack": "Slack", "email": "mail"}
_FIELDS: Final = frozenset({"channels", "quiet_from", "quiet_until", "timezone", "digest"})
#: Which channel is tried first, and which after it; ``roles``: as the person's roles say.
ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "slack": ("slack", "email"),
    "email": ("email", "slack"),
}
DIGESTS: Final = (
    ("none", "One mail for each"),
    ("hourly", "One mail an hour"),
    ("daily", "One mail a day, at 08:00"),
)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel, and what it means for this person now; `dot` repeats in colour what `said` says.

    ``turn`` says when it is used, beside the others.
    """

    name: str
    said: str
    dot: str
    hint: str = ""
    turn: str = ""


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it stands, or as somebody typed it before it was refused."""

    which: str = "roles"
    push: bool = False
    quiet_from: str = ""
    quiet_until: str = ""
    timezone: str = "UTC"
    digest: str = "none"
    outcomes: bool = True
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def stored(cls, found: Preferences) -> Typed:
        """What the form shows of what is set."""
        which = "roles"
        if found.channels is not None:
            which = next((one for one in found.channels if one in ORDERS), "slack")
        return cls(
            which=which,
            push="push" in (found.channels or ()),
            quiet_from=found.quiet_from or "",
            quiet_until=found.quiet_until or "",
            timezone=found.timezone,
            digest=found.digest,
            outcomes=found.outcomes,
        )

    @classmethod
    def of(cls, form: QueryDict) -> Typed:
        """The fields as they came."""
        which = form.get("which", "")
        return cls(
            which=which if which in ORDERS else "roles",
            push="push" in form,
            quiet_from=form.get("quiet_from", "").strip(),
            quiet_until=form.get("quiet_until", "").strip(),
            timezone=form.get("timezone", "").strip(),
            digest=form.get("digest", ""),
            outcomes="outcomes" in form,
        )

    def wanted(self, before: Preferences) -> Preferences:
        """What is to be set.

        The same choice in other words (a list that the API wrote) is left as it is.
        """
        stood = Typed.stored(before)
        channels = before.channels
        if (self.which, self.push) != (stood.which, stood.push) or self.which == "roles":
            channels = self._channels()
        return Preferences(
            channels=channels,
            quiet_from=self.quiet_from or None,
            quiet_until=self.quiet_until or None,
            timezone=self.timezone,
            digest=self.digest,
            outcomes=self.outcomes,
        )

    def _channels(self) -> list[str] | None:
        if self.which == "roles":
            return None
        return [*ORDERS[self.which], *(["push"] if self.push else [])]

    def refused(self, problem: Problem) -> Typed:
        """The same, with what is wrong by its field."""
        errors: dict[str, str] = {}
        for fault in problem.errors:
            name = fault.pointer.split("/")[1] if fault.pointer else ""
            name = name if name in _FIELDS else "form"
            errors[name] = f"{errors[name]} {fault.detail}" if name in errors else fault.detail
        return replace(self, errors=errors or {"form": problem.detail})


def ways(
    person: Person,
    chosen: Preferences,
    connected: Sequence[Connected],
    browsers: Sequence[PushSubscription],
) -> list[Way]:
    """The channels in the order in which they are tried, browsers last: they are told besides."""
    wanted = chosen.channels or CHANNELS
    order = [one for one in dict.fromkeys((*wanted, *CHANNELS)) if one in ORDERS]
    told = {"slack": _slack(person, connected), "email": _mail(person)}
    first, then = (told[one] for one in order)
    besides = "besides" if "push" in wanted else "if nothing else works"
    return [
        replace(first, turn="first"),
        replace(then, turn="then"),
        replace(_browsers(browsers), turn=besides),
    ]


def _slack(person: Person, connected: Sequence[Connected]) -> Way:
    if connected:
        named = "; ".join(f"{name_of(one)} in {one.place}" for one in connected)
        if any(one.works for one in connected):
            return Way("Slack", f"connected as {named}", "yes")
        return Way("Slack", f"connected as {named}, where the app does not work now", "nay")
    apps = SlackInstallation.objects.filter(workspace_id=person.workspace_id)
    if apps.filter(state=SlackInstallation.State.ACTIVE).exists():
        return Way("Slack", "not connected", "void", "In Slack, type /assentry connect.")
    return Way("Slack", "not connected", "void", "No Slack app is connected to this workspace.")


def name_of(one: Connected) -> str:
    """What Slack calls a user, else the user's id there."""
    return f"@{one.name}" if one.name else one.user


def _mail(person: Person) -> Way:
    if settings.SMTP is None:
        return Way("Mail", person.user.email, "void", "This server sends no mail.")
    return Way("Mail", person.user.email, "yes")


def _browsers(browsers: Sequence[PushSubscription]) -> Way:
    if not browsers:
        hint = "Switch it on below, in the browser itself."
        return Way("Browsers", "none notifies you", "void", hint)
    count = len(browsers)
    return Way("Browsers", "one notifies you" if count == 1 else f"{count} notify you", "yes")


def roles_say(person: Person) -> list[tuple[str, str]]:
    """What each role of the person says of how its members are told; (title, words)."""
    now = ClockTimestamp()
    held = Role.objects.filter(
        Q(membership__valid_until=None) | Q(membership__valid_until__gt=now),
        membership__person=person,
        membership__valid_from__lte=now,
    )
    with pool().connection() as conn:
        document = active.document_of(conn, person.workspace_id)
    told = {} if document is None else {name: one.tell for name, one in document.roles.items()}
    return [
        (role.title, words(told[role.name]))
        for role in held.distinct().order_by("title")
        if told.get(role.name)
    ]


def words(channels: Iterable[str]) -> str:
    """An order of channels as people say it."""
    listed = list(channels)
    first = ", then ".join(_TITLES[one] for one in listed if one in _TITLES)
    if "push" not in listed:
        return first
    return f"{first}, and browsers besides" if first else "browsers"


def shown(browsers: Sequence[PushSubscription]) -> list[dict[str, object]]:
    """The browsers for their list."""
    return [
        {
            "id": ids.encode("psh", one.id),
            "name": one.browser or "A browser",
            "digest": bytes(one.endpoint_hash).hex(),
            "since": one.created_at,
            "last": one.last_success_at,
        }
        for one in browsers
    ]


def is_new(found: Preferences) -> bool:
    """Whether nothing was ever set: then a script may offer the browser's own time zone."""
    return msgspec.structs.asdict(found) == msgspec.structs.asdict(Preferences())
