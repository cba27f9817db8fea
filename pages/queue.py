"""The list beside every request: what waits, for whom, how urgent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from approvals import lists
from approvals.frozen import decode
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.status import Kind, WaitingOn
from core import ids
from core.problems import Problem
from oversight.stopped import Held, in_force
from pages.notices import Notices, notices
from pages.visitor import Visitor

VIEWS: Final = {"mine": "Mine", "roles": "My roles", "watching": "Watching", "all": "All"}
ORDERS: Final = {"urgency": "most urgent first", "created": "newest first"}
_OTHER_ORDER: Final = {"urgency": ("created", "Newest"), "created": ("urgency", "Urgent")}
_CONFIRMS: Final = {"owner": "owner confirms", "initiator": "initiator confirms"}
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Tab:
    """One view of the queue, as a link with its count."""

    label: str
    url: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True)
class Item:
    """One waiting request in the list."""

    id: str
    url: str
    title: str
    agent: str
    risk: str
    expires: datetime
    roles: tuple[str, ...]
    #: Who alone must confirm; empty where a role is asked.
    confirm: str
    question: bool
    with_agent: bool
    claimed_by: str
    given: int
    needed: int
    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of the queue is looked at; kept in every link so that nothing jumps back."""

    view: str = "mine"
    order: str = "urgency"
    cursor: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Choice:
        """What the address says; anything unknown is the default."""
        view, order = query.get("view", "mine"), query.get("order", "urgency")
        return cls(
            view if view in VIEWS else "mine",
            order if order in ORDERS else "urgency",
            query.get("cursor", ""),
        )

    def url(self, name: str, *args: str, **extra: str) -> str:
        """A page's address that keeps this choice; defaults are left out."""
        default = Choice()
        said = {"view": self.view, "order": self.order, "cursor": self.cursor}
        kept = {key: value for key, value in said.items() if value != getattr(default, key)}
        query = urlencode(kept | {key: value for key, value in extra.items() if value})
        return reverse(name, args=args) + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Queue:
    """Everything `templates/parts/queue.html` writes."""

    choice: Choice
    tabs: tuple[Tab, ...]
    items: tuple[Item, ...]
    any: bool
    label: str
    order_label: str
    other_order: str
    order_url: str
    next_url: str
    previous_url: str
    back_url: str
    fragment_url: str
    empty_title: str
    empty_text: str
    elsewhere: Tab | None
    #: What was approved past its plan and nobody else has looked at yet.
    unreviewed: int
    #: What the visitor's agents and endpoints came to by themselves.
    notices: Notices
    #: The agents that the kill switch holds, for those who may press it.
    stopped: tuple[Held, ...]

    @property
    def page_title(self) -> str:
        """The title of the page that shows only the list."""
        mine = self.tabs[0].count
        return f"({mine}) Inbox · Assentry" if mine else "Inbox · Assentry"


def queue(visitor: Visitor, choice: Choice, *, open_id: str = "") -> Queue:
    """What waits, as this visitor may see it.

    A cursor that leads nowhere any more starts at the beginning again.
    """
    counts = lists.count_inbox(reader=visitor.reader)
    try:
        page = lists.inbox(
            reader=visitor.reader,
            view=choice.view,
            order=choice.order,
            cursor=choice.cursor or None,
            limit=PAGE,
        )
    except Problem as problem:
        if problem.status != 422 or not choice.cursor:
            raise
        return queue(visitor, Choice(choice.view, choice.order), open_id=open_id)
    tabs = tuple(
        Tab(label, Choice(view, choice.order).url("inbox"), counts[view], view == choice.view)
        for view, label in VIEWS.items()
        if view != "watching" or counts[view] or view == choice.view
    )
    here = Choice(choice.view, choice.order)
    other, other_label = _OTHER_ORDER[choice.order]
    title, text = _empty(choice.view, counts)
    return Queue(
        choice=choice,
        tabs=tabs,
        items=tuple(_item(row, choice) for row in page.items),
        any=counts["all"] > 0,
        label=f"{VIEWS[choice.view]}, {ORDERS[choice.order]}",
        order_label=ORDERS[choice.order],
        other_order=other_label,
        order_url=Choice(choice.view, other).url("inbox"),
        next_url=_turn(here, page.next),
        previous_url=_turn(here, page.previous),
        back_url=choice.url("inbox"),
        fragment_url=choice.url("queue_fragment", open=open_id),
        empty_title=title,
        empty_text=text,
        elsewhere=next((tab for tab in tabs if not tab.current and tab.count), None),
        unreviewed=lists.count_unreviewed(reader=visitor.reader),
        notices=notices(visitor),
        stopped=tuple(in_force(reader=visitor.reader)) if visitor.shell.may_stop else (),
    )


def _turn(here: Choice, cursor: str | None) -> str:
    return Choice(here.view, here.order, cursor).url("inbox") if cursor else ""


def _item(row: Row, choice: Choice) -> Item:
    plan = decode(row.plan)
    index = row.stage or 0
    stage = plan.stage(index)
    request_id = ids.encode("req", row.id)
    return Item(
        id=request_id,
        url=choice.url("request", request_id),
        title=row.title,
        agent=row.agent_name,
        risk=row.risk,
        expires=row.expires_at,
        roles=tuple(role.title or role.name for role in stage.roles),
        confirm=_CONFIRMS.get(stage.confirm or "", ""),
        question=row.kind == Kind.QUESTION,
        with_agent=row.waiting_on == WaitingOn.AGENT,
        claimed_by=row.claimed_by_name or "",
        given=len(
            {
                vote["on_behalf_of_id"] or vote["person_id"]
                for vote in row.decisions or ()
                if vote["verdict"] in AGREEING
                and vote["stage"] == index
                and vote["revision"] == row.revision
                and not vote["void"]
            }
        ),
        needed=stage.approvals,
        step=index + 1,
        steps=max(len(plan.stages), index + 1),
    )


def _empty(view: str, counts: Mapping[str, int]) -> tuple[str, str]:
    if not counts["all"]:
        return "Nothing waits", "New requests appear here by themselves while this page is open."
    if view == "mine":
        return "Nothing waits for you", "Others are asked about what still waits."
    if view == "watching":
        return "You follow nothing that waits", "Open a request and choose Watch to find it here."
    return "Nothing waits for your roles", "Others are asked about what still waits."
