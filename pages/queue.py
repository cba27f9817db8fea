"""The list beside every request: what waits, for whom, how urgent; or what ended, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from approvals import inbox, lists, saved_views, words
from approvals.filters import PAST, Filters
from approvals.frozen import decode
from approvals.models import SavedView
from approvals.quorum import AGREEING
from approvals.row import Row
from approvals.status import Kind, Status, WaitingOn
from core import ids
from core.problems import Problem
from oversight.stopped import Held, in_force
from pages.choice import SHORT, VIEWS, Choice
from pages.notices import Notices, notices
from pages.searching import Search, search
from pages.visitor import Visitor

_CONFIRMS: Final = {"owner": "owner confirms", "initiator": "initiator confirms"}
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Tab:
    """One view of the queue, as a link with its count."""

    label: str
    url: str
    #: As it is shown; empty where none is counted.
    count: str
    current: bool
    #: Whether the visitor named it.
    saved: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The open step of a request: whom it asks, and how far it has come."""

    roles: tuple[str, ...]
    #: Who alone must confirm; empty where a role is asked.
    confirm: str
    given: int
    needed: int
    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Item:
    """One request in the list."""

    id: str
    url: str
    title: str
    agent: str
    risk: str
    expires: datetime
    question: bool
    with_agent: bool
    claimed_by: str
    #: The one that is open, while it waits.
    step: Step | None
    #: How and when it ended; empty while it waits.
    outcome: str
    tone: str
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """Everything `templates/parts/queue.html` writes."""

    choice: Choice
    tabs: tuple[Tab, ...]
    items: tuple[Item, ...]
    any: bool
    past: bool
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
    elsewhere: tuple[Tab, ...]
    search: Search
    views_url: str
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
        return f"({mine}) Inbox · Assentry" if mine != "0" else "Inbox · Assentry"


def queue(visitor: Visitor, choice: Choice, *, open_id: str = "") -> Queue:
    """What waits, or ended, as this visitor may see it.

    A cursor that leads nowhere any more starts at the beginning again.
    """
    try:
        page = inbox.find(
            reader=visitor.reader,
            view=choice.view,
            order=choice.order,
            chosen=choice.chosen,
            cursor=choice.cursor or None,
            limit=PAGE,
        )
    except Problem as problem:
        if problem.status != 422 or not choice.cursor:
            raise
        return queue(visitor, choice.first(), open_id=open_id)
    counts = inbox.count(reader=visitor.reader)
    saved = saved_views.listed(person=visitor.person)
    tabs = _tabs(choice, counts, saved)
    title, text = _empty(choice, counts)
    return Queue(
        choice=choice,
        tabs=tabs,
        items=tuple(_item(row, choice) for row in page.items),
        any=counts["all"] > 0 or choice.chosen.past or choice.narrowed,
        past=choice.chosen.past,
        label=f"{_label(choice)}, {choice.orders[choice.order]}",
        order_label=choice.orders[choice.order],
        other_order=SHORT[choice.other_order],
        order_url=replace(choice.first(), sort=choice.other_order).url("inbox"),
        next_url=_turn(choice, page.next),
        previous_url=_turn(choice, page.previous),
        back_url=choice.url("inbox"),
        fragment_url=choice.url("queue_fragment", open=open_id),
        empty_title=title,
        empty_text=text,
        elsewhere=_elsewhere(choice, tabs),
        search=search(
            visitor, choice, page.items, is_saved=any(tab.saved and tab.current for tab in tabs)
        ),
        views_url=choice.url("views"),
        unreviewed=lists.count_unreviewed(reader=visitor.reader),
        notices=notices(visitor),
        stopped=tuple(in_force(reader=visitor.reader)) if visitor.shell.may_stop else (),
    )


def _tabs(choice: Choice, counts: Mapping[str, int], saved: Sequence[SavedView]) -> tuple[Tab, ...]:
    """The fixed ones with what waits there, past ones, and those that the visitor saved."""
    chosen = [one for one in saved if one.query == choice.spelled][:1]
    default = any(one.is_default for one in saved)
    tabs = [
        Tab(
            label,
            Choice(view, choice.sort, said=default).url("inbox"),
            counted(counts[view]),
            view == choice.view and not choice.chosen.past and not chosen,
        )
        for view, label in VIEWS.items()
        if view != "watching" or counts[view] or view == choice.view
    ]
    past = Choice("all", chosen=Filters(state=(PAST,))).url("inbox")
    tabs.append(Tab("Past", past, "", choice.chosen.past and not chosen))
    for one in saved:
        url = Choice.saved(one.query).url("inbox")
        tabs.append(Tab(one.name, url, "", one in chosen, saved=True))
    return tuple(tabs)


def counted(count: int) -> str:
    """A count as it is shown: up to what was counted."""
    return f"{count:,}" if count <= inbox.MOST_COUNTED else f"{inbox.MOST_COUNTED}+"


def _label(choice: Choice) -> str:
    return f"{'Past: ' if choice.chosen.past else ''}{VIEWS[choice.view]}"


def _elsewhere(choice: Choice, tabs: Sequence[Tab]) -> tuple[Tab, ...]:
    """Where to look for what is not found here."""
    if choice.narrowed:
        found = []
        if choice.view != "all":
            wide = replace(choice.first(), view="all")
            found.append(Tab("Look in all that you may see", wide.url("inbox"), "", False))
        if not choice.chosen.past:
            past = replace(choice.chosen, state=(PAST,), due="", claimed="")
            url = Choice("all", chosen=past).url("inbox")
            found.append(Tab("Look among past requests", url, "", False))
        return tuple(found)
    if choice.chosen.past:
        return ()
    return tuple(tab for tab in tabs if not tab.current and tab.count not in ("", "0"))[:1]


def _turn(choice: Choice, cursor: str | None) -> str:
    return replace(choice, cursor=cursor).url("inbox") if cursor else ""


def _item(row: Row, choice: Choice) -> Item:
    request_id = ids.encode("req", row.id)
    outcome, tone = _ended(row)
    return Item(
        id=request_id,
        url=choice.url("request", request_id),
        title=row.title,
        agent=row.agent_name,
        risk=row.risk,
        expires=row.expires_at,
        question=row.kind == Kind.QUESTION,
        with_agent=row.waiting_on == WaitingOn.AGENT,
        claimed_by=row.claimed_by_name or "",
        step=_step(row),
        outcome=outcome,
        tone=tone,
        ended=row.ended_at,
    )


def _step(row: Row) -> Step | None:
    if row.stage is None:
        return None
    plan = decode(row.plan)
    stage = plan.stage(row.stage)
    return Step(
        roles=tuple(role.title or role.name for role in stage.roles),
        confirm=_CONFIRMS.get(stage.confirm or "", ""),
        given=len(
            {
                vote["on_behalf_of_id"] or vote["person_id"]
                for vote in row.decisions or ()
                if vote["verdict"] in AGREEING
                and vote["stage"] == row.stage
                and vote["revision"] == row.revision
                and not vote["void"]
            }
        ),
        needed=stage.approvals,
        number=row.stage + 1,
        of=max(len(plan.stages), row.stage + 1),
    )


def _ended(row: Row) -> tuple[str, str]:
    """How it ended and in which tone; nothing while it waits."""
    if row.status == Status.PENDING:
        return "", ""
    initiator = any(stage.confirm == "initiator" for stage in decode(row.plan).stages)
    outcome = words.outcome(row.status, row.basis, initiator=initiator)[0]
    return outcome, words.TONES.get(row.status, "quiet")


def _empty(choice: Choice, counts: Mapping[str, int]) -> tuple[str, str]:
    if choice.narrowed:
        return "Nothing is like that", "Take a filter away, or look for other words."
    if choice.chosen.past:
        return "Nothing has ended yet", "What was decided, ran out or was withdrawn is found here."
    if not counts["all"]:
        return "Nothing waits", "New requests appear here by themselves while this page is open."
    if choice.view == "mine":
        return "Nothing waits for you", "Others are asked about what still waits."
    if choice.view == "watching":
        return "You follow nothing that waits", "Open a request and choose Watch to find it here."
    return "Nothing waits for your roles", "Others are asked about what still waits."
