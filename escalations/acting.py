"""What each step does, for many requests at once, in the transaction that takes the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from approvals import announcing, deadline, escalating
from approvals.announcing import Placed
from approvals.frozen import TELLS
from core import durations, ids
from escalations.records import Taking
from notifications import nudging
from notifications.lining_up import Told
from notifications.nudging import Nudge, Ring
from notifications.pagers import registry
from people import absences
from people.schedules import duty
from people.sql import IS_ACTIVE, MEMBERS_OF

#: Why a step told nobody where nothing tells anybody: people look at their pages, and nothing follows.
NO_CHANNEL: Final = "no channel is set up"
_PERSON: Final = f"SELECT {IS_ACTIVE.format(person='%(person)s')}"


@dataclass(frozen=True, slots=True)
class Scene:
    """What steps need to know besides their requests."""

    told: Mapping[UUID, Told]
    placed: Placed
    pagers: Mapping[tuple[UUID, str], UUID]


def act(conn: Connection[Any], taken: Sequence[Taking]) -> None:
    """Do what these steps say; those that could do nothing are marked as skipped, with the reason.

    The requests are locked.  Steps of one request stand in their order.
    """
    acting = [one for one in taken if one.state == "fired"]
    if not acting:
        return
    scene = _scene(conn, acting)
    sends = [made for one in acting for made in _send(conn, one, scene)]
    nudges = [made for made in sends if isinstance(made, Nudge)]
    rings = [made for made in sends if isinstance(made, Ring)]
    wrote = nudging.write(conn, nudges, rings, defaults=scene.placed.defaults)
    for one in acting:
        one.told = wrote.by_step.get(one.id, 0)
        if one.state == "fired" and one.does in TELLS and not one.told:
            one.skip(NO_CHANNEL if one.id in wrote.mute else "none of them can be reached")
    expiring = [one.open.request for one in acting if one.does == "expire"]
    if expiring:
        deadline.meet(conn, expiring)


def _send(conn: Connection[Any], one: Taking, scene: Scene) -> Sequence[Nudge | Ring]:
    """Do what a step does here and now; what it is to send is returned."""
    match one.open.plan.escalation[one.number].does:
        case "remind":
            return _remind(one, scene)
        case "notify":
            return _notify(conn, one, scene)
        case "page":
            return _page(one, scene)
        case "widen":
            _widen(conn, one)
        case "expire":
            escalating.meet_now(conn, one.open)
    return ()


def _scene(conn: Connection[Any], acting: Sequence[Taking]) -> Scene:
    requests = list({one.open.request for one in acting})
    tells = any(one.does in TELLS for one in acting)
    told = announcing.told(conn, requests) if tells else []
    placed = announcing.placing(conn, told)
    pages = {one.open.workspace for one in acting if one.does == "page"}
    pagers = registry.named(conn, pages) if pages else {}
    return Scene({one.request: one for one in placed.told}, placed, pagers)


def _remind(one: Taking, scene: Scene) -> list[Nudge]:
    told = scene.told[one.open.request]
    # Who says that the others be reminded knows of it.
    people = {person: roles for person, roles in told.asked.items() if person != one.by}
    if not people:
        one.skip("nobody is asked who has not decided")
        return []
    left = durations.span(one.open.expires_at - one.open.now)
    text = f"Reminder: this waits for a decision, {left} left."
    step = one.open.plan.escalation[one.number]
    return [Nudge(one.id, told, "reminder", people, text, told.roles, step.via)]


def _notify(conn: Connection[Any], one: Taking, scene: Scene) -> list[Nudge]:
    step, told = one.open.plan.escalation[one.number], scene.told[one.open.request]
    kind, _, name = step.target.partition(":")
    people: Mapping[UUID, tuple[str, ...]] = {}
    roles: tuple[str, ...] = ()
    if kind == "role":
        people = {} if step.role is None else _members(conn, step.role.id)
        roles = (name,)
    elif kind == "person":
        people = _person(conn, name)
    elif kind == "schedule":
        on = duty.on_duty(conn, one.open.workspace, [name], one.open.now)
        people = dict.fromkeys(on.get(name, ()), ())
    if not people and not roles:
        nobody = "nobody is on duty" if kind == "schedule" else "there is nobody of that name"
        one.skip(nobody)
        return []
    if people:
        people = _present(conn, one, people)
        if not people and not roles:
            one.skip("whom it names is away")
            return []
    if people:
        escalating.let_see(conn, one.open, list(people))
    since = durations.span(one.open.now - one.open.began_at)
    left = durations.span(one.open.expires_at - one.open.now)
    text = (
        f"Nobody has decided this for {since}; {left} left. You are told so that you can see to it."
    )
    placed = scene.placed.place(told, roles)
    return [Nudge(one.id, placed, "notice", people, text, roles, step.via)]


def _members(conn: Connection[Any], role: UUID) -> dict[UUID, tuple[str, ...]]:
    rows = conn.execute(MEMBERS_OF, {"roles": [role]}).fetchall()
    return {person: tuple(names) for person, names in rows}


def _present(
    conn: Connection[Any], one: Taking, people: Mapping[UUID, tuple[str, ...]]
) -> dict[UUID, tuple[str, ...]]:
    """Those who are not away; in the place of who is, who stands in."""
    away = absences.absent_now(conn, one.open.workspace)
    found: dict[UUID, tuple[str, ...]] = {}
    for person, roles in people.items():
        for there in absences.present([person], away):
            found[there] = found.get(there, ()) + roles
    return found


def _person(conn: Connection[Any], name: str) -> dict[UUID, tuple[str, ...]]:
    if not name:
        return {}
    person = ids.decode("per", name)
    found = conn.execute(_PERSON, {"person": person}).fetchone()
    return {person: ()} if found is not None and found[0] else {}


def _widen(conn: Connection[Any], one: Taking) -> None:
    role = one.open.plan.escalation[one.number].role
    if role is None:
        one.skip("there is no such role any more")
    elif one.open.confirm is not None:
        one.skip("somebody must confirm it, whom nobody stands in for")
    elif not escalating.widen(conn, one.open, role.id):
        one.skip("this role is asked already")


def _page(one: Taking, scene: Scene) -> list[Ring]:
    pager = scene.pagers.get((one.open.workspace, one.target))
    if pager is None:
        one.skip("there is no pager of that name")
        return []
    return [Ring(one.id, scene.told[one.open.request], pager)]
