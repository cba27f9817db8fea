"""What would happen if nobody answered: the timeline of a request, as the clock would write it.  Pure.

Steps are chosen by the very functions that take them in earnest (`escalations.ladder`,
`escalations.stepping.times_of`); who is told is said by `escalations.cast`.  Messages are taken to arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from approvals.frozen import TELLS, FrozenPlan, FrozenRole, FrozenStep
from core import ids
from escalations.acting import NO_CHANNEL
from escalations.cast import Cast, Informed, Place
from escalations.ladder import Taken, look
from escalations.stepping import UNREACHED_AGAIN, times_of

What = Literal[
    "asked",
    "handover",
    "remind",
    "notify",
    "widen",
    "page",
    "expire",
    "one_more",
    "stands_still",
    "expired",
    "allowed",
    "allowed_by_policy",
    "refused_by_policy",
]
#: So many moments are told; a ladder of two stages with all its handovers has far fewer.
MOST: Final = 300

NOBODY_ASKED: Final = "nobody is asked who has not decided"
NOBODY_NAMED: Final = "there is nobody of that name"
NOBODY_ON_DUTY: Final = "nobody is on duty"
AWAY: Final = "whom it names is away"
NOBODY_REACHED: Final = "none of them can be reached"
NO_ROLE: Final = "there is no such role any more"
CONFIRMS: Final = "somebody must confirm it, whom nobody stands in for"
ASKED_ALREADY: Final = "this role is asked already"
NO_PAGER: Final = "there is no pager of that name"


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that would happen.

    Attributes:
        stage: at which stage of the plan.
        step: the number of the step of its escalation, where one is taken.
        people: who would be told then.
        places: channels of roles' own that would be told.
        roles: who is asked from then on (``asked``, ``one_more``), or besides (``widen``), or is told (``notify``);
            the titles.
        target: whom or what a step is about, as the plan says.
        skipped: why a step would do nothing; the next one is taken at once then.
        sooner: it is taken before its time, because nobody would have heard.
    """

    at: datetime
    what: What
    stage: int
    step: int | None = None
    people: tuple[Informed, ...] = ()
    places: tuple[Place, ...] = ()
    roles: tuple[str, ...] = ()
    target: str = ""
    skipped: str = ""
    sooner: bool = False


@dataclass(frozen=True, slots=True)
class Play:
    """A request as the rehearsal begins.

    Attributes:
        roles: that the open stage asks, those that it was widened by included.
        began_at: when the clock of the stage began, as if it had never stood still.
        done: the steps taken before, by number: what each does, and whether in vain.
        decided: who has voted at the open stage.
        told: who was told at it already.
        for_people: whether it waits for them; else it is the agent's turn.
    """

    begin: datetime
    expires_at: datetime
    began_at: datetime
    plan: FrozenPlan
    risk: str
    stage: int
    roles: tuple[FrozenRole, ...]
    confirm: str | None
    owner: UUID
    initiator: UUID | None
    done: Mapping[int, tuple[str, bool]] = field(default_factory=dict)
    decided: frozenset[UUID] = frozenset()
    told: frozenset[UUID] = frozenset()
    stands_still: bool = False
    for_people: bool = True

    @property
    def until(self) -> datetime:
        """When it is over at the latest."""
        more = self.plan.after_deadline is not None and self.stage < len(self.plan.stages)
        return self.expires_at + (self.plan.life(None) if more else timedelta(0))


def rehearse(play: Play, cast: Cast) -> tuple[Moment, ...]:
    """The moments of a request from `play.begin` on, in the order of time, the end being the last."""
    if play.plan.effect != "ask":
        allows = play.plan.effect == "allow"
        what: What = "allowed_by_policy" if allows else "refused_by_policy"
        return (Moment(play.begin, what, play.stage),)
    return tuple(_Rehearsal(play, cast).run())


class _Rehearsal:
    """One run through the time of a request."""

    def __init__(self, play: Play, cast: Cast) -> None:
        self.play, self.cast, self.now = play, cast, play.begin
        self.moments: list[Moment] = []
        #: Who was asked at this stage, and who of them by any channel.
        self.told, self.reached = set(play.told), set(play.told)
        self.roles = list(play.roles)
        self.done = dict(play.done)
        self.silent = self.placed = False
        self.scene: Mapping[UUID, tuple[str, ...]] = {}
        self.scene_roles: tuple[str, ...] = ()

    def run(self) -> list[Moment]:
        self._open("asked")
        while len(self.moments) < MOST:
            self._stage()
            if not self._meet_deadline():
                break
        return self.moments

    def _open(self, what: What) -> None:
        """The open stage asks; where it has asked already, whoever is asked now is named."""
        people = self._asked_now()
        shown = tuple(self._ask(person, roles) for person, roles in people.items())
        places = self.cast.places_of(self._names) if people else ()
        self._note(what, people=shown, places=places, roles=tuple(r.title for r in self.roles))
        self._settle(people, shown, places)
        if self.play.stands_still:
            self._note("stands_still")

    def _stage(self) -> None:
        """Everything up to the deadline of the open stage."""
        soon: datetime | None = None
        while self.now < self.play.expires_at and len(self.moments) < MOST:
            taken = [] if self.play.stands_still else self._look()
            if any(moment.what == "expire" for moment in taken):
                return
            if any(moment.skipped for moment in taken):
                continue
            if taken:
                self._tell_new("asked")
                soon = self.now + UNREACHED_AGAIN if self.silent or self._in_vain() else None
            following = [self._next_step(), soon, self.cast.edge_after(self._names, self.now)]
            ahead = [at for at in following if at is not None and at > self.now]
            at = min(ahead, default=self.play.expires_at)
            if at >= self.play.expires_at:
                return
            self.now = at
            self._tell_new("handover")

    def _look(self) -> list[Moment]:
        # What one pass tells is told to those who were asked before it.
        self.scene, self.scene_roles = self._asked_now(), self._names
        hears_nobody = self.silent or self._in_vain()
        seen = look(
            self.play.plan.escalation, self._times(), self.done, self.now, sooner=hears_nobody
        )
        taken = []
        for number, how in seen.take:
            if how is Taken.COLLAPSED:
                self.done[number] = (self.play.plan.escalation[number].does, False)
            else:
                taken.append(self._take(number, sooner=how is Taken.SOONER))
        return taken

    def _take(self, number: int, *, sooner: bool) -> Moment:
        step = self.play.plan.escalation[number]
        moment = replace(
            self._does(step), step=number, target=step.target, sooner=sooner, stage=self.play.stage
        )
        in_vain = moment.skipped not in ("", NO_CHANNEL)
        self.done[number] = (step.does, in_vain)
        self.moments.append(moment)
        return moment

    def _does(self, step: FrozenStep) -> Moment:
        match step.does:
            case "remind":
                if not self.scene:
                    return self._skip(step, NOBODY_ASKED)
                return self._tells(step, self.scene, self.scene_roles)
            case "notify":
                return self._notify(step)
            case "page":
                if step.target not in self.cast.pagers:
                    return self._skip(step, NO_PAGER)
            case "widen":
                return self._widen(step)
            case "expire":
                self.play = replace(self.play, expires_at=self.now)
        return Moment(self.now, step.does, self.play.stage)

    def _notify(self, step: FrozenStep) -> Moment:
        kind, _, name = step.target.partition(":")
        if kind == "role":
            named = set() if step.role is None else self.cast.members(name, self.now)
            there = self.cast.present(named, self.now)
            told = self._tells(step, dict.fromkeys(there, (name,)), (name,))
            return replace(told, roles=() if step.role is None else (step.role.title,))
        if kind == "schedule":
            named = set(self.cast.on_duty(name, self.now))
        else:
            named = {one for one in self.cast.names if ids.encode("per", one) == name}
        if not named:
            return self._skip(step, NOBODY_ON_DUTY if kind == "schedule" else NOBODY_NAMED)
        there = self.cast.present(named, self.now)
        if not there:
            return self._skip(step, AWAY)
        return self._tells(step, dict.fromkeys(there, ()), ())

    def _tells(
        self, step: FrozenStep, people: Mapping[UUID, tuple[str, ...]], roles: Sequence[str]
    ) -> Moment:
        nudged = (
            self.cast.nudge(
                person,
                of,
                step.via,
                risk=self.play.risk,
                expires_at=self.play.expires_at,
                now=self.now,
            )
            for person, of in people.items()
        )
        told = tuple(one for one in nudged if one is not None)
        places = self.cast.places_of(roles, step.via)
        if not told and not places:
            mute = people and not (self.cast.others or self.cast.reaches(list(people)))
            return self._skip(step, NO_CHANNEL if mute else NOBODY_REACHED)
        return Moment(self.now, step.does, self.play.stage, people=_sorted(told), places=places)

    def _widen(self, step: FrozenStep) -> Moment:
        role = step.role
        if role is None:
            return self._skip(step, NO_ROLE)
        if self.play.confirm is not None:
            return self._skip(step, CONFIRMS)
        if role.id in {one.id for one in self.roles}:
            return self._skip(step, ASKED_ALREADY)
        before = set(self._asked_now())
        self.roles.append(role)
        people = {
            person: roles
            for person, roles in self._asked_now().items()
            if person not in before and person not in self.told
        }
        shown = tuple(self._ask(person, roles) for person, roles in people.items())
        places = self.cast.places_of((role.name,))
        self._settle(self._asked_now(), shown, places)
        return Moment(
            self.now,
            "widen",
            self.play.stage,
            people=_sorted(shown),
            places=places,
            roles=(role.title,),
        )

    def _skip(self, step: FrozenStep, why: str) -> Moment:
        return Moment(self.now, step.does, self.play.stage, skipped=why)

    def _tell_new(self, what: What) -> None:
        """Tell those who are asked by now and were not told at this stage."""
        people = self._asked_now()
        new = {person: roles for person, roles in people.items() if person not in self.told}
        shown = tuple(self._ask(person, roles) for person, roles in new.items())
        if new:
            self._note(what, people=shown)
        self._settle(people, shown, self.cast.places_of(self._names) if people else ())

    def _settle(
        self,
        people: Mapping[UUID, tuple[str, ...]],
        shown: Sequence[Informed],
        places: Sequence[Place],
    ) -> None:
        """Remember who was told, and whether nobody hears of it."""
        asked_before = bool(self.reached) or self.placed
        self.told |= {one.person for one in shown}
        self.reached |= {one.person for one in shown if one.channels}
        self.placed = self.placed or bool(places)
        gone = self.cast.gone(self.now) if self.play.for_people else frozenset()
        heard = self.placed or bool(self.reached - gone)
        self.silent = not heard and (asked_before or self.cast.reaches(list(people)))

    def _meet_deadline(self) -> bool:
        """The deadline; whether another stage is asked then."""
        play = self.play
        self.now = play.expires_at
        after = play.plan.after_deadline
        if after is None or play.stage >= len(play.plan.stages):
            silence_runs = play.plan.on_expiry == "allow" and play.risk == "low"
            self._note("allowed" if silence_runs else "expired")
            return False
        self.play = replace(
            play,
            stage=len(play.plan.stages),
            began_at=self.now,
            expires_at=self.now + play.plan.life(None),
            confirm=after.confirm,
            decided=frozenset(),
            stands_still=False,
        )
        self.roles, self.done = [*after.roles], {}
        self.silent = self.placed = False
        self.told, self.reached = set(), set()
        self._open("one_more")
        return True

    def _asked_now(self) -> dict[UUID, tuple[str, ...]]:
        """Who is told that they are asked, with the roles that make it so."""
        play = self.play
        if not play.for_people:
            return {}
        if play.confirm is not None:
            person = play.owner if play.confirm == "owner" else play.initiator
            there = person in self.cast.names and person not in self.cast.gone(self.now)
            return {person: ()} if person is not None and there else {}
        asked = {
            person: tuple(seats)
            for person, seats in self._could_decide().items()
            if person not in play.decided and not {*seats.values()} <= play.decided
        }
        return self.cast.told_of(asked, self._names, self.now)

    def _could_decide(self) -> dict[UUID, dict[str, UUID | None]]:
        own = [self.play.owner, *([self.play.initiator] if self.play.initiator else [])]
        return self.cast.could_decide(self._names, self.now, own)

    def _ask(self, person: UUID, roles: Sequence[str]) -> Informed:
        play = self.play
        told = self.cast.ask(
            person, roles, risk=play.risk, expires_at=play.expires_at, now=self.now
        )
        seats = self._could_decide().get(person, {})
        seat = next((seats[role] for role in roles if seats.get(role) is not None), None)
        return told if seat is None else replace(told, stands_in_for=self.cast.name(seat))

    def _times(self) -> list[datetime | None]:
        play = self.play
        return times_of(play.plan.escalation, play.began_at, play.expires_at, self.cast.hours)

    def _next_step(self) -> datetime | None:
        if self.play.stands_still:
            return None
        times = self._times()
        later = (
            at for number, at in enumerate(times) if number not in self.done and at is not None
        )
        return min(later, default=None)

    def _in_vain(self) -> bool:
        """Whether the last step that was taken was to tell somebody, and did not."""
        if not self.done:
            return False
        does, in_vain = self.done[max(self.done)]
        return in_vain and does in TELLS

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.roles)

    def _note(
        self,
        what: What,
        *,
        people: Sequence[Informed] = (),
        places: tuple[Place, ...] = (),
        roles: tuple[str, ...] = (),
    ) -> None:
        told = _sorted(people)
        self.moments.append(
            Moment(self.now, what, self.play.stage, people=told, places=places, roles=roles)
        )


def _sorted(people: Sequence[Informed]) -> tuple[Informed, ...]:
    return tuple(sorted(people, key=lambda one: (one.name, one.person)))
