"""Which part of the inbox is looked at; kept in every link, so that nothing jumps back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from django.http import QueryDict
from django.urls import reverse

from approvals import filters, saved_views
from approvals.filters import PAST, Filters
from core.problems import Problem

VIEWS: Final = {"mine": "Mine", "roles": "My roles", "watching": "Watching", "all": "All"}
#: The usual order first; what each is called, and where it leads from.
WAITING_ORDERS: Final = {"urgency": "most urgent first", "created": "newest first"}
PAST_ORDERS: Final = {"ended": "last ended first", "created": "newest first"}
SHORT: Final = {"urgency": "Urgent", "created": "Newest", "ended": "Last ended"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A view, what it is narrowed by, its order, and the page of it."""

    view: str = "mine"
    sort: str = ""
    cursor: str = ""
    chosen: Filters = field(default_factory=Filters)
    #: Whether the address names the view: without, the person's own default may stand there.
    said: bool = False
    #: What of the address was left out since it does not fit, in sentences.
    wrong: tuple[str, ...] = ()

    @classmethod
    def of(cls, query: QueryDict) -> Choice:
        """What the address says; anything unknown is the default, and a filter that does not fit is said."""
        said = {name: query.getlist(name) for name in filters.NAMES if name in query}
        chosen, wrong = _fitting(said)
        view = query.get("view", "mine")
        return cls(
            view if view in VIEWS else "mine",
            query.get("order", ""),
            query.get("cursor", ""),
            chosen,
            said=bool(query.keys() & {"view", *filters.NAMES}),
            wrong=wrong,
        )

    @classmethod
    def saved(cls, query: str) -> Choice:
        """What a saved view says."""
        found = QueryDict(mutable=True)
        for name, values in parse_qs(query).items():
            found.setlist(name, values)
        return cls.of(found)

    @property
    def orders(self) -> Mapping[str, str]:
        """The orders there are here, the usual one first."""
        return PAST_ORDERS if self.chosen.past else WAITING_ORDERS

    @property
    def order(self) -> str:
        """The one that holds."""
        return self.sort if self.sort in self.orders else next(iter(self.orders))

    @property
    def other_order(self) -> str:
        """The other one."""
        return next(one for one in self.orders if one != self.order)

    @property
    def narrowed(self) -> bool:
        """Whether anything is filtered, beyond past ones being looked at."""
        return self.chosen not in (Filters(), Filters(state=(PAST,)))

    @property
    def spelled(self) -> str:
        """The same as a saved view says it."""
        return saved_views.spelled(self.view, self.order, self.chosen)

    def first(self) -> Choice:
        """The first page of the same."""
        return replace(self, cursor="")

    def but(self, **other: Any) -> Choice:
        """The first page of the same with other filters."""
        return replace(self, cursor="", said=True, chosen=replace(self.chosen, **other))

    def pairs(self) -> list[tuple[str, str]]:
        """What an address has to say of it; what goes without saying is left out."""
        said: list[tuple[str, str]] = []
        if self.view != "mine" or self.said:
            said.append(("view", self.view))
        if self.order != next(iter(self.orders)):
            said.append(("order", self.order))
        said += self.chosen.pairs()
        return [*said, ("cursor", self.cursor)] if self.cursor else said

    def url(self, name: str, *args: str, **extra: str) -> str:
        """A page's address that keeps this choice."""
        query = urlencode([*self.pairs(), *((key, value) for key, value in extra.items() if value)])
        return reverse(name, args=args) + (f"?{query}" if query else "")


def _fitting(said: dict[str, list[str]]) -> tuple[Filters, tuple[str, ...]]:
    """The filters that fit, and what is wrong with each other one."""
    wrong: list[str] = []
    while True:
        try:
            return Filters.of(said), tuple(wrong)
        except Problem as problem:
            fault = problem.errors[0]
            name = fault.pointer.removeprefix("?")
            typed = ", ".join(said.pop(name, []))
            wrong.append(f"{LABELS[name]} “{typed}” was left out. {fault.detail}")


LABELS: Final = {
    "q": "Search",
    "state": "State",
    "risk": "Risk",
    "agent": "Agent",
    "action": "Action",
    "role": "Role",
    "due": "Time left",
    "ended": "Ended",
    "claimed": "Looked into",
}
