"""The search of the inbox as its form and its chips show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from approvals.filters import OUTCOMES, PAST, WAITING, Filters
from approvals.row import Row
from pages.choice import LABELS, Choice
from pages.visitor import Visitor
from people.models import Role
from policies.schema import RISKS

_PAST_VIEWS: Final = (
    ("all", "All I may see"),
    ("mine", "I said something"),
    ("roles", "Asked my roles"),
    ("watching", "I watch"),
)
_WAITING_VIEWS: Final = (
    ("mine", "Mine"),
    ("roles", "My roles"),
    ("watching", "Watching"),
    ("all", "All"),
)
_STATES: Final = tuple((one, one) for one in OUTCOMES)
_DUE: Final = (("15m", "15 minutes"), ("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day"))
_ENDED: Final = (("1d", "a day"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))
_CLAIMED: Final = (("nobody", "nobody"), ("me", "me"), ("others", "somebody else"))
_SAID: Final = {
    **{("due", code): f"at most {said}" for code, said in _DUE},
    **{("ended", code): f"in the last {said.removeprefix('a ')}" for code, said in _ENDED},
    **{("claimed", code): f"by {said}" for code, said in _CLAIMED},
}


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter that holds, and the address without it."""

    label: str
    said: str
    url: str


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a field."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Everything `templates/parts/search.html` writes."""

    q: str
    chips: tuple[Chip, ...]
    clear_url: str
    wrong: tuple[str, ...]
    past: bool
    views: tuple[Option, ...]
    order: str
    #: Outcomes: none chosen means any.
    states: tuple[Option, ...]
    risks: tuple[Option, ...]
    roles: tuple[Option, ...]
    many_roles: bool
    dues: tuple[Option, ...]
    endeds: tuple[Option, ...]
    claims: tuple[Option, ...]
    agent: str
    action: str
    #: What stands in the list, offered while typing.
    agents: tuple[str, ...]
    actions: tuple[str, ...]
    #: The query under which it may be saved; empty where there is nothing to save.
    spelled: str


def search(visitor: Visitor, choice: Choice, rows: Iterable[Row], *, is_saved: bool) -> Search:
    """The form as it stands."""
    chosen = choice.chosen
    rows = list(rows)
    past = chosen.past
    return Search(
        q=chosen.q,
        chips=tuple(chips(choice)),
        clear_url=_clear(choice).url("inbox"),
        wrong=choice.wrong,
        past=past,
        views=_options(_PAST_VIEWS if past else _WAITING_VIEWS, (choice.view,)),
        order=choice.order if choice.order != next(iter(choice.orders)) else "",
        states=_options(_STATES, (one for one in chosen.state if one in OUTCOMES)),
        risks=_options([(one, one) for one in reversed(RISKS)], chosen.risk),
        roles=_roles(visitor, chosen),
        many_roles=len(chosen.role) > 1,
        dues=_options(_DUE, (chosen.due,)),
        endeds=_options(_ENDED, (chosen.ended,)),
        claims=_options(_CLAIMED, (chosen.claimed,)),
        agent=", ".join(chosen.agent),
        action=", ".join(chosen.action),
        agents=tuple(sorted({row.agent_name for row in rows})),
        actions=tuple(sorted({row.action for row in rows})),
        spelled=choice.spelled if choice.narrowed and not is_saved else "",
    )


def _clear(choice: Choice) -> Choice:
    bare = Filters(state=(PAST,)) if choice.chosen.past else Filters()
    return replace(choice, cursor="", said=True, chosen=bare, wrong=())


def chips(choice: Choice) -> Iterable[Chip]:
    """The filters of a choice, each with the address of the inbox without it."""
    chosen = choice.chosen
    for name, value in chosen.pairs():
        if (name, value) in (("state", PAST), ("state", WAITING)):
            continue
        held = getattr(chosen, name)
        left = tuple(one for one in held if one != value) if isinstance(held, tuple) else ""
        if name == "state" and not left:
            left = (PAST,)
        url = choice.but(**{name: left}).url("inbox")
        yield Chip(LABELS[name], _SAID.get((name, value), value), url)


def _roles(visitor: Visitor, chosen: Filters) -> tuple[Option, ...]:
    known = Role.objects.filter(workspace_id=visitor.reader.workspace_id).order_by("title", "name")
    return _options([(role.name, role.title or role.name) for role in known], chosen.role)


def _options(known: Iterable[tuple[str, str]], chosen: Iterable[str]) -> tuple[Option, ...]:
    """The choices; one that holds and is none of them stands last."""
    chosen = [one for one in chosen if one]
    listed = [(code, label) for code, label in known]
    listed += [(one, one) for one in chosen if one not in dict(listed)]
    return tuple(Option(code, label, code in chosen) for code, label in listed)
