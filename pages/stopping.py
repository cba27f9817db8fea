"""The kill switch in plain words: what there is to stop, what it would come to, what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agents.models import Agent
from approvals import words
from approvals.access import Reader
from approvals.words import plural
from core import ids
from oversight.access import may_undo
from oversight.kill_switch import AgentStopped, KillShown
from people.models import Person, Workspace

#: Agents named in one sentence; the rest is counted.
NAMED = 12


@dataclass(frozen=True, slots=True)
class Group:
    """Choices of one kind: (what the form sends, what people read)."""

    label: str
    choices: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Count:
    """One number of what stops, in a sentence; ``none`` is nothing."""

    text: str
    none: bool


@dataclass(frozen=True, slots=True)
class RanLine:
    """An action that a tool had begun; ``result`` is what was told of it, if anything was."""

    request: str
    action: str
    at: datetime
    result: str | None


@dataclass(frozen=True, slots=True)
class Use:
    """One use of the switch, or what one would come to, as its pages write it."""

    id: str
    what: str
    title: str
    by: str
    reason: str
    at: datetime | None
    undone_at: datetime | None
    agents: tuple[str, ...]
    more_agents: int
    #: Those that stand still although this use was undone.
    still: tuple[str, ...]
    counts: tuple[Count, ...]
    had_run: tuple[RanLine, ...]
    had_run_count: int
    #: Whether this reader sees the requests that had run.
    linked: bool
    may_undo: bool


def groups(agents: Sequence[Agent], reader: Reader, workspace: str) -> list[Group]:
    """What this reader may choose to stop, the narrowest first.

    Args:
        agents: those that they may stop, with their owners, by name.
        workspace: its name.
    """
    if not agents:
        return []
    owners = {agent.owner_id: agent.owner.name for agent in agents}
    counted = {owner: sum(one.owner_id == owner for one in agents) for owner in owners}
    whose = {
        owner: f"{name} (you)" if owner == reader.person_id else name
        for owner, name in owners.items()
    }
    found = [
        Group("One agent", tuple((ids.encode("agt", one.id), _named(one)) for one in agents)),
        Group(
            "All agents of one owner",
            tuple(
                (ids.encode("per", owner), f"{whose[owner]}: {plural(counted[owner], 'agent')}")
                for owner in sorted(owners, key=lambda owner: owners[owner])
            ),
        ),
    ]
    if may_undo(reader):
        everything = (
            ids.encode("wsp", reader.workspace_id),
            f"{workspace}: {plural(len(agents), 'agent')}",
        )
        found.append(Group("The whole workspace", (everything,)))
    return found


def _named(agent: Agent) -> str:
    stopped = ", stopped already" if agent.state == Agent.State.SUSPENDED else ""
    return f"{agent.name} (owner {agent.owner.name}{stopped})"


def _agents(count: int) -> str:
    return "the one agent" if count == 1 else f"all {count} agents" if count else "the agents"


def title(shown: KillShown, workspace: Workspace, who: Mapping[str, str]) -> str:
    """Whom it stops, as it stands in a heading."""
    if shown.scope == "agent":
        return who[shown.target]
    of = workspace.name if shown.scope == "workspace" else who[shown.target]
    return f"{_agents(len(shown.agents))} of {of}"


def names(uses: Sequence[KillShown], workspace: UUID) -> dict[str, str]:
    """Whom these uses stop and who pressed them, by their ids: names of agents and of people."""
    said = {one for shown in uses for one in (shown.target, shown.by) if one}
    wanted = {
        prefix: [ids.decode(prefix, one) for one in said if one.startswith(f"{prefix}_")]
        for prefix in ("agt", "per")
    }
    agents = Agent.objects.filter(workspace_id=workspace, id__in=wanted["agt"])
    people = Person.objects.filter(workspace_id=workspace, id__in=wanted["per"])
    return {ids.encode("agt", one.id): one.name for one in agents} | {
        ids.encode("per", one.id): one.name for one in people.select_related("user")
    }


def use(shown: KillShown, workspace: Workspace, reader: Reader, who: Mapping[str, str]) -> Use:
    """One use, for its reader; ``who`` are the `names` it speaks of."""
    held = [agent.name for agent in shown.agents if agent.state != "active"]
    listed = [agent.name for agent in shown.agents]
    return Use(
        id=shown.id or "",
        what=shown.target,
        title=title(shown, workspace, who),
        by=who[shown.by] if shown.by else "an operator at the machine",
        reason=shown.reason,
        at=words.moment(shown.at) if shown.at else None,
        undone_at=words.moment(shown.undone_at) if shown.undone_at else None,
        agents=tuple(listed[:NAMED]),
        more_agents=max(0, len(listed) - NAMED),
        still=tuple(held) if shown.undone_at else (),
        counts=counts(shown),
        had_run=tuple(
            RanLine(one.request, one.action, words.moment(one.at), one.result)
            for one in shown.had_run
        ),
        had_run_count=shown.had_run_count,
        linked=reader.sees_all or not may_undo(reader),
        may_undo=may_undo(reader) and shown.id is not None and shown.undone_at is None,
    )


def counts(shown: KillShown) -> tuple[Count, ...]:
    """What stops, one sentence each: agents, requests, permits."""
    would, found = shown.mode != "press", shown.agents
    before = sum(agent.state == "suspended" for agent in found) if would else 0
    already = f" ({before} of them stopped already)" if before and len(found) > 1 else ""
    if before and len(found) == 1:
        already = " (it is stopped already)"
    return (
        _count(len(found), "agent", would, "stopped", already),
        _count(shown.cancelled, "pending request", would, "cancelled"),
        _count(shown.revoked, "unused permit", would, "taken back"),
    )


def _count(count: int, thing: str, would: bool, verb: str, more: str = "") -> Count:
    be = "would be" if would else "was" if count <= 1 else "were"
    said = plural(count, thing) if count else f"No {thing}"
    return Count(f"{said} {be} {verb}{more}.", not count)


def seen(shown: KillShown) -> str:
    """The numbers that somebody looked at, as a form carries them."""
    return ".".join(str(number) for number in _numbers(shown))


def read_seen(text: str) -> tuple[int, ...] | None:
    """The numbers that a form carried; none where it carried no such thing."""
    parts = text.split(".")
    if len(parts) != 4 or not all(
        one.isascii() and one.isdecimal() and len(one) < 10 for one in parts
    ):
        return None
    return tuple(int(one) for one in parts)


def pressed(done: KillShown, looked_at: tuple[int, ...]) -> str:
    """What pressing came to, for the next page; and what had changed since somebody looked."""
    said = f"Stopped in {done.milliseconds} ms."
    now = _numbers(done)
    if now == looked_at:
        return said
    return (
        f"{said} The numbers had changed since you looked: you saw {_short(looked_at)}; "
        f"it came to {_short(now)}."
    )


def rehearsed(done: KillShown) -> str:
    """What a drill came to."""
    return (
        f"Rehearsed in {done.milliseconds} ms, and taken back: {_short(_numbers(done))}. "
        "Nothing was stopped; the rehearsal stands in the log."
    )


def undone(done: KillShown) -> str:
    """What undoing came to: who acts again, and whom another use still holds."""
    back = _list([one for one in done.agents if one.state == "active"])
    held = _list([one for one in done.agents if one.state != "active"])
    said = f"{back} may act again. " if back else ""
    still = f"Still stopped, by another use or by hand: {held}. " if held else ""
    return f"{said}{still}What was ended stays ended."


def _list(agents: Sequence[AgentStopped]) -> str:
    named = ", ".join(agent.name for agent in agents[:NAMED])
    return f"{named} and {len(agents) - NAMED} more" if len(agents) > NAMED else named


def _numbers(shown: KillShown) -> tuple[int, ...]:
    return (len(shown.agents), shown.cancelled, shown.revoked, shown.had_run_count)


def _short(numbers: tuple[int, ...]) -> str:
    agents, requests, permits, ran = numbers
    return (
        f"{plural(agents, 'agent')}, {plural(requests, 'request')}, {plural(permits, 'permit')}, "
        f"{plural(ran, 'action')} begun before"
    )
