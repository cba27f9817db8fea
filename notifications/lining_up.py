"""Comparing a request as it stands with what people were told of it: what is missing, and what is over.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from core.due import Promise
from notifications import routes
from notifications.routes import Reach, Tried
from notifications.sql import TELL


@dataclass(frozen=True, slots=True)
class Words:
    """One message of the conversation, with whose words they are."""

    id: UUID
    text: str
    by_agent: bool


@dataclass(frozen=True, slots=True)
class Told:
    """One request as it stands, for those who are to hear of it.

    Attributes:
        asked: who can decide now and has not, with the roles they are asked in; empty unless it waits
            for people.
        away: who does not see to it although they were told, as they are away now.
        places: role names with the Slack channels of their own.
        owner: who is told how it ended; None while it waits, and where they are not to be told.
        said: the conversation, which stands under cards in channels; the agent's part under all.
    """

    request: UUID
    workspace: UUID
    sequence: int
    risk: str
    revision: int
    stage: int
    pending: bool
    expires_at: datetime
    asked: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict)
    away: frozenset[UUID] = frozenset()
    roles: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    owner: UUID | None = None
    said: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A notification there is."""

    id: UUID
    request: UUID
    kind: str
    channel: str
    person: UUID | None
    role: str
    revision: int
    stage: int
    state: str
    failing_since: datetime | None
    lane: UUID | None
    other: UUID | None
    wanted: int
    digest: bool
    under: UUID | None
    message: UUID | None
    pager: UUID | None = None
    step: UUID | None = None


@dataclass(slots=True)
class New:
    """A notification that is to be sent."""

    told: Told
    kind: str
    channel: str
    due_at: datetime
    person: UUID | None = None
    role: str = ""
    #: (installation, address) in Slack.
    slack: tuple[UUID, str] | None = None
    other: UUID | None = None
    digest: bool = False
    #: Words under a card that stands in a lane.
    lane: UUID | None = None
    under: UUID | None = None
    message: UUID | None = None
    text: str = ""
    pager: UUID | None = None
    #: The step of an escalation that it belongs to.
    step: UUID | None = None


@dataclass(slots=True)
class Changes:
    """What a batch comes to, before it is written."""

    new: list[New] = field(default_factory=list)
    withdrawn: list[UUID] = field(default_factory=list)
    again: list[Promise] = field(default_factory=list)
    unreached: list[Told] = field(default_factory=list)
    over: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """What there is to tell people by, in the workspaces of a batch.

    ``installations`` are those that work; ``connected`` has the workspaces with any, broken or not.
    """

    reach: Mapping[UUID, Reach]
    installations: Mapping[UUID, list[tuple[UUID, str]]]
    connected: frozenset[UUID]
    others: Mapping[tuple[UUID, str], list[UUID]]
    defaults: Mapping[UUID, Mapping[str, Sequence[str]]]
    now: datetime


def line_up(told: Told, sent: Sequence[Sent], world: World, changes: Changes) -> None:
    """Compare one request with what was sent of it."""
    now = [one for one in sent if (one.revision, one.stage) == (told.revision, told.stage)]
    for one in sent:
        stale = not told.pending or (one.revision, one.stage) != (told.revision, told.stage)
        gone = one.person is not None and one.person not in told.asked
        over = {"asked": stale or gone, "reminder": stale or gone, "notice": not told.pending}
        if one.state == "pending" and over.get(one.kind, False):
            changes.withdrawn.append(one.id)
    _say_under(told, sent, world, changes)
    if not told.pending:
        changes.over.append(told.request)
        _end_pages(told, sent, world, changes)
        _tell_owner(told, sent, world, changes)
        return
    asked = [one for one in now if one.kind == "asked"]
    _tell_places(told, asked, world, changes)
    for person, roles in told.asked.items():
        _tell_person(told, person, roles, asked, world, changes)
    _look_for_silence(told, asked, world, changes)


def _say_under(told: Told, sent: Sequence[Sent], world: World, changes: Changes) -> None:
    """Put what was said under the cards that stand in Slack, once each.

    People among themselves talk in a role's channel; that the agent has answered, everybody hears.
    """
    stands = {(one.under, one.message) for one in sent if one.kind == "reply"}
    for card in sent:
        if (card.kind, card.channel, card.state) != ("asked", "slack", "sent"):
            continue
        for words in told.said:
            heard = words.by_agent or card.person is None
            if heard and (card.id, words.id) not in stands:
                reply = New(told, "reply", "slack", world.now, role=card.role, lane=card.lane)
                reply.under, reply.message, reply.text = card.id, words.id, words.text
                changes.new.append(reply)


def _tell_person(
    told: Told,
    person: UUID,
    roles: Sequence[str],
    asked: Sequence[Sent],
    world: World,
    changes: Changes,
) -> None:
    reach = world.reach.get(person)
    if reach is None:
        return
    defaults = routes.merged(world.defaults.get(told.workspace, {}), roles)
    own = [Tried(s.channel, s.state, s.failing_since) for s in asked if s.person == person]
    for channel in routes.next_channels(reach, defaults, own, world.now):
        at = routes.told_at(
            reach,
            critical=told.risk == "critical",
            expires_at=told.expires_at,
            now=world.now,
        )
        slot = None
        if channel == "email" and not own:
            slot = routes.gathered_at(
                reach, risk=told.risk, expires_at=told.expires_at, now=world.now
            )
        slack = reach.slack[0] if channel == "slack" else None
        changes.new.append(
            New(
                told,
                "asked",
                channel,
                at if slot is None else max(at, slot),
                person=person,
                slack=slack,
                digest=slot is not None,
            )
        )


def _tell_places(told: Told, asked: Sequence[Sent], world: World, changes: Changes) -> None:
    """Role channels in Slack, and what else the operator set for a role."""
    known = {(one.channel, one.role, one.other) for one in asked if one.person is None}
    for role in told.roles:
        place = told.places.get(role)
        installation = installation_of(world.installations.get(told.workspace, ()), place or "")
        if place and installation and ("slack", role, None) not in known:
            slack = (installation, place.rpartition("/")[2])
            changes.new.append(New(told, "asked", "slack", world.now, role=role, slack=slack))
        for other in world.others.get((told.workspace, role), ()):
            if ("other", role, other) not in known:
                changes.new.append(New(told, "asked", "other", world.now, role=role, other=other))


def installation_of(installations: Sequence[tuple[UUID, str]], place: str) -> UUID | None:
    """The installation of a channel: ``TEAM/CHANNEL`` names its team, a channel alone is the first's."""
    team = place.rpartition("/")[0]
    for installation, of in installations:
        if not team or team == of:
            return installation
    return None


def _end_pages(told: Told, sent: Sequence[Sent], world: World, changes: Changes) -> None:
    """Let pagers that rang for it ring no more."""
    ended = {one.pager for one in sent if one.kind == "unpage"}
    rang = [one for one in sent if one.kind == "page" and one.state in ("pending", "sent")]
    for pager in dict.fromkeys(one.pager for one in rang):
        if pager is not None and pager not in ended:
            changes.new.append(New(told, "unpage", "pager", world.now, pager=pager))


def _tell_owner(told: Told, sent: Sequence[Sent], world: World, changes: Changes) -> None:
    if told.owner is None:
        return
    reach = world.reach.get(told.owner)
    if reach is None or not reach.outcomes:
        return
    own = [
        Tried(one.channel, one.state, one.failing_since)
        for one in sent
        if one.kind == "outcome" and one.person == told.owner
    ]
    later = world.now + timedelta(days=2)
    at = routes.told_at(reach, critical=False, expires_at=later, now=world.now)
    for channel in routes.next_channels(reach, (), own, world.now):
        slack = reach.slack[0] if channel == "slack" else None
        changes.new.append(New(told, "outcome", channel, at, person=told.owner, slack=slack))


def _look_for_silence(told: Told, asked: Sequence[Sent], world: World, changes: Changes) -> None:
    """Notice a request of which nobody hears, and look again where something has begun to fail."""
    late = [s for s in asked if s.state == "pending" and s.failing_since is not None]
    if late:
        since = max(s.failing_since for s in late if s.failing_since is not None)
        look = since + routes.TAKEN_OVER_AFTER
        if look > world.now:
            changes.again.append(Promise(TELL, told.workspace, told.request, look))
    if any(new.told is told for new in changes.new) or any(
        Tried(s.channel, s.state, s.failing_since).works(world.now)
        for s in asked
        if s.person not in told.away
    ):
        changes.over.append(told.request)
    elif asked or _could_tell(told, world):
        changes.unreached.append(told)


def _could_tell(told: Told, world: World) -> bool:
    """Whether anybody in this workspace is told by anything: else it looks at its pages, and knows."""
    return bool(
        told.workspace in world.connected
        or any(one.email or one.push for one in world.reach.values())
    )
