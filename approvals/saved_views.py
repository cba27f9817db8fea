"""Parts of the inbox that a person named: written with their event, listed in the person's own order.

A view holds what the inbox's address says, in one spelling, and nothing of what it finds: whoever opens it sees
what they may see then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlencode
from uuid import UUID

from django.db import transaction

from approvals import filters, inbox
from approvals.filters import Filters
from approvals.models import SavedView
from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, record
from core import ids
from core.canonical import canonical
from core.problems import FieldError, Problem, conflict, invalid, not_found
from people.models import Person

MOST: Final = 20
MAX_NAME: Final = 60
MAX_QUERY: Final = 4_000


def listed(*, person: Person) -> list[SavedView]:
    """A person's views in their own order."""
    return list(SavedView.objects.filter(person=person).order_by("position", "created_at", "id"))


def default_of(*, person: Person) -> str | None:
    """The query of the view that the inbox opens with, where the person has one."""
    found = SavedView.objects.filter(person=person, is_default=True)
    return found.values_list("query", flat=True).first()


@transaction.atomic
def save(
    *, actor: Actor, person: Person, name: str, query: str, default: bool = False
) -> SavedView:
    """Name a part of the inbox; it comes last.

    Args:
        query: as the inbox's address says it: ``view=all&risk=high&risk=critical``.
        default: the inbox opens with it.

    Raises:
        Problem: 422 for a name or query that does not fit; 409 ``view_exists``, ``too_many_views``.
    """
    held = _held(person)
    if len(held) >= MOST:
        detail = f"There are {MOST} views already: delete one first, or change one."
        raise conflict("too_many_views", detail)
    made = SavedView(workspace_id=person.workspace_id, person=person, position=len(held))
    _set(made, held, name=name, query=query)
    made.save(force_insert=True)
    _settle([*held, made], default=made if default else None)
    _tell(actor, made)
    return made


@transaction.atomic
def change(
    *,
    actor: Actor,
    person: Person,
    view: UUID,
    name: str | None = None,
    query: str | None = None,
    default: bool | None = None,
    place: Callable[[int], int] | None = None,
) -> SavedView:
    """Change a view; what is none stays.

    Args:
        place: from its place among the person's views, counted from 0, to the one it is to have.

    Raises:
        Problem: 404 none of theirs; 422 for a name or query that does not fit; 409 ``view_exists``.
    """
    held = _held(person)
    found = _among(held, view)
    before = _said(found, held.index(found))
    _set(found, held, name=name, query=query)
    if default is not None:
        found.is_default = default
    if place is not None:
        wanted = min(max(place(held.index(found)), 0), len(held) - 1)
        held.remove(found)
        held.insert(wanted, found)
    if _said(found, held.index(found)) != before:
        _settle(held, default=found if default else None)
        _tell(actor, found)
    return found


@transaction.atomic
def remove(*, actor: Actor, person: Person, view: UUID) -> None:
    """Delete a view; its requests stay where they are.

    Raises:
        Problem: 404 none of theirs.
    """
    held = _held(person)
    found = _among(held, view)
    SavedView.objects.filter(id=found.id).delete()
    _settle([one for one in held if one.id != found.id])
    record(
        actor=actor,
        workspace=person.workspace_id,
        subject=("per", person.id),
        data=kinds.ViewRemoved(view=ids.encode("viw", found.id)),
    )


def one_spelling(query: str) -> str:
    """What an address of the inbox says, in one order and without what goes without saying.

    Raises:
        Problem: 422 naming ``/query`` and what is wrong with it.
    """
    if len(query) > MAX_QUERY:
        raise _query_fault(f"At most {MAX_QUERY} characters.")
    try:
        said = parse_qs(query.removeprefix("?"), keep_blank_values=False, max_num_fields=200)
    except ValueError:
        raise _query_fault(
            "Write it as an address of the inbox does: view=all&risk=high."
        ) from None
    for name in said:
        if name not in ("view", "order", *filters.NAMES):
            raise _query_fault(f"“{name}” is no filter of the inbox.")
    view, order = said.get("view", ["mine"])[-1], said.get("order", [""])[-1]
    try:
        chosen = Filters.of(said)
        inbox.checked(view, order, chosen)
    except Problem as problem:
        named = problem.errors[0]
        raise _query_fault(f"{named.pointer.removeprefix('?')}: {named.detail}") from None
    return spelled(view, order, chosen)


def spelled(view: str, order: str, chosen: Filters) -> str:
    """The one spelling of a view that fits: its address's query, without the usual order."""
    usual = inbox.usual_order(chosen)
    pairs = [("view", view), *([("order", order)] if order not in ("", usual) else [])]
    return urlencode([*pairs, *chosen.pairs()])


def _query_fault(detail: str) -> Problem:
    return invalid([FieldError("/query", "invalid_query", detail)])


def _held(person: Person) -> list[SavedView]:
    """The person's views, one change of a person at a time."""
    Person.objects.select_for_update(no_key=True).get(id=person.id)
    return listed(person=person)


def _among(held: Sequence[SavedView], view: UUID) -> SavedView:
    found = next((one for one in held if one.id == view), None)
    if found is None:
        raise not_found()
    return found


def _set(one: SavedView, held: Sequence[SavedView], *, name: str | None, query: str | None) -> None:
    if name is not None:
        name = " ".join(name.split())
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            detail = f"Give a name of 1 to {MAX_NAME} visible characters."
            raise invalid([FieldError("/name", "invalid_name", detail)])
        if any(other.name == name and other.id != one.id for other in held):
            raise conflict("view_exists", f"You have a view “{name}” already: choose another name.")
        one.name = name
    if query is not None:
        one.query = one_spelling(query)


def _said(one: SavedView, place: int) -> tuple[object, ...]:
    return one.name, one.query, one.is_default, place


def _settle(held: Sequence[SavedView], *, default: SavedView | None = None) -> None:
    """Write the order as it stands, and leave one default: the new one, where there is one."""
    if default is not None:
        others = [one.id for one in held if one.id != default.id]
        SavedView.objects.filter(id__in=others, is_default=True).update(is_default=False)
        default.is_default = True
    for place, one in enumerate(held):
        one.position = place
        if default is not None and one.id != default.id:
            one.is_default = False
        SavedView.objects.filter(id=one.id).update(
            name=one.name, query=one.query, position=place, is_default=one.is_default
        )


def _tell(actor: Actor, one: SavedView) -> None:
    said = canonical({"name": one.name, "query": one.query})
    record(
        actor=actor,
        workspace=one.workspace_id,
        subject=("per", one.person_id),
        data=kinds.ViewSaved(view=ids.encode("viw", one.id), default=one.is_default),
        commits={"said": Commitment(said)},
    )
