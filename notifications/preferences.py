"""How a person wants to be told: which channel first, when not at all, what gathered, what of outcomes."""

from __future__ import annotations

import re
from datetime import time
from functools import cache
from typing import Annotated, Final, get_args
from zoneinfo import available_timezones

from django.db import transaction
from msgspec import Meta, Struct

from audit import kinds
from audit.actor import Actor
from audit.log import record
from core.clock import ClockTimestamp
from core.problems import FieldError, clip, invalid
from notifications.models import Preference
from notifications.routes import Channel
from people.models import Person

#: What a person may choose among.
CHOICES: Final[tuple[str, ...]] = get_args(Channel)
DIGESTS: Final[tuple[str, ...]] = tuple(Preference.Digest.values)
_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
#: Files beside the time zones that name no place.
_NO_ZONES: Final = frozenset({"localtime", "Factory", "posixrules"})


class Preferences(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a person set for themselves in a workspace, whole; what is left out is as nobody set it."""

    channels: Annotated[
        list[str] | None,
        Meta(
            description="`slack`, `email`, `push`, what is preferred first; null: as my roles say"
        ),
    ] = None
    quiet_from: Annotated[
        str | None, Meta(description="A time of day there, `22:00`; null: no quiet hours")
    ] = None
    quiet_until: Annotated[str | None, Meta(description="`07:00`; may be the next day")] = None
    timezone: Annotated[str, Meta(description="As IANA names it, `Europe/Berlin`")] = "UTC"
    digest: Annotated[
        str, Meta(description="How low risk is mailed: `none` (one by one), `hourly`, `daily`")
    ] = "none"
    outcomes: Annotated[
        bool, Meta(description="Whether I hear how requests of my agents ended")
    ] = True


@cache
def zones() -> tuple[str, ...]:
    """The names of all time zones there are, sorted."""
    return tuple(sorted(available_timezones() - _NO_ZONES))


def read(*, person: Person) -> Preferences:
    """What a person set; the defaults where they set nothing."""
    found = Preference.objects.filter(person=person).first()
    return Preferences() if found is None else _shown(found)


def set_(*, actor: Actor, person: Person, wanted: Preferences) -> Preferences:
    """Tell this person so from now on; what was lined up already stays as it is.

    Raises:
        Problem: 422 naming every field that does not fit; then nothing is changed.
    """
    faults = [
        *_channel_faults(wanted.channels),
        *_quiet_faults(wanted.quiet_from, wanted.quiet_until),
        *_word_faults(wanted),
    ]
    if faults:
        raise invalid(faults)
    with transaction.atomic():
        # One change of a person at a time: what the event says is what stands afterwards.
        Person.objects.select_for_update(no_key=True).get(id=person.id)
        if read(person=person) == wanted:
            return wanted
        Preference.objects.update_or_create(
            person=person,
            defaults={
                "workspace_id": person.workspace_id,
                "channels": wanted.channels,
                "quiet_from": _clock(wanted.quiet_from),
                "quiet_until": _clock(wanted.quiet_until),
                "timezone": wanted.timezone,
                "digest": wanted.digest,
                "outcomes": wanted.outcomes,
                "changed_at": ClockTimestamp(),
            },
        )
        record(
            actor=actor,
            workspace=person.workspace_id,
            subject=("per", person.id),
            data=kinds.PreferenceSet(
                channels=wanted.channels,
                digest=wanted.digest,
                quiet=wanted.quiet_from is not None,
                outcomes=wanted.outcomes,
            ),
        )
    return wanted


def _shown(row: Preference) -> Preferences:
    return Preferences(
        channels=None if row.channels is None else list(row.channels),
        quiet_from=None if row.quiet_from is None else row.quiet_from.strftime("%H:%M"),
        quiet_until=None if row.quiet_until is None else row.quiet_until.strftime("%H:%M"),
        timezone=row.timezone,
        digest=row.digest,
        outcomes=row.outcomes,
    )


def _channel_faults(channels: list[str] | None) -> list[FieldError]:
    if channels is None:
        return []
    if not channels:
        said = "Name at least one channel, or null: as your roles say."
        return [FieldError("/channels", "missing", said)]
    faults = []
    for index, name in enumerate(channels[: len(CHOICES) + 1]):
        if name not in CHOICES:
            said = f"“{clip(name)}” is no channel: choose among {', '.join(CHOICES)}."
            faults.append(FieldError(f"/channels/{index}", "unknown_channel", said))
        elif name in channels[:index]:
            said = f"“{name}” stands there already: name each channel once."
            faults.append(FieldError(f"/channels/{index}", "named_twice", said))
    return faults


def _quiet_faults(begin: str | None, end: str | None) -> list[FieldError]:
    if begin is None and end is None:
        return []
    faults = []
    for name, text in (("quiet_from", begin), ("quiet_until", end)):
        if text is None:
            said = "Quiet hours have a beginning and an end: set both, or neither."
            faults.append(FieldError(f"/{name}", "missing", said))
        elif not _CLOCK.fullmatch(text):
            said = "Write the time of day as 22:00, from 00:00 to 23:59."
            faults.append(FieldError(f"/{name}", "malformed", said))
    if not faults and begin == end:
        said = "Quiet hours must end at another time than they begin."
        faults.append(FieldError("/quiet_until", "same_time", said))
    return faults


def _word_faults(wanted: Preferences) -> list[FieldError]:
    faults = []
    if wanted.timezone not in zones():
        said = f"“{clip(wanted.timezone)}” is no time zone: write one as Europe/Berlin, or UTC."
        faults.append(FieldError("/timezone", "unknown_timezone", said))
    if wanted.digest not in DIGESTS:
        said = f"“{clip(wanted.digest)}” is not among {', '.join(DIGESTS)}."
        faults.append(FieldError("/digest", "unknown_digest", said))
    return faults


def _clock(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)
