"""The numbers of a workspace: pages of their sections, and as CSV.

They are for people who may see all of it, audit or administer; those of reviewers are for everybody, who
without it see their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from core.db import pool
from core.problems import Problem, bad_query, not_found
from notifications import preferences
from oversight.numbers.access import may_read, may_read_people, must_read
from oversight.numbers.answering import numbers
from oversight.numbers.period import Period, now, period
from oversight.numbers.sections import SECTIONS, TABLES, Section, counted
from pages import number_tables, numbers_csv
from pages import numbers as shown
from pages.numbers import Form
from pages.views.problems import told
from pages.visitor import Visitor, signed_in
from policies import outlook

_NAMES: Final = [*numbers_csv.TABLES, *TABLES]
_TABLE: Final = "Choose one of " + ", ".join(f"`{name}`" for name in _NAMES) + "."


@dataclass(frozen=True, slots=True)
class Tab:
    """A section that is a click away; `here` where it is what is shown."""

    title: str
    url: str
    here: bool


@require_safe
@signed_in
@told
def numbers_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """How the requests of some days were answered."""
    must_read(visitor.reader)

    def filled(of: Period) -> dict[str, Any]:
        found = numbers(workspace=visitor.reader.workspace_id, of=of)
        return {
            "found": found,
            "nobody": found.submitted - found.total.asked,
            "lines": shown.lines(found) if found.total.asked else [],
            "heats": shown.heats(found),
            "weekdays": shown.WEEKDAYS,
            "gaps": _gaps(visitor),
        }

    return _page(request, visitor, None, filled)


@require_safe
@signed_in
@told
def section_page(request: HttpRequest, visitor: Visitor, name: str) -> HttpResponse:
    """What one section of the numbers counts."""
    section = SECTIONS.get(name)
    if section is None:
        raise not_found()
    if not section.personal:
        must_read(visitor.reader)

    def filled(of: Period) -> dict[str, Any]:
        found = counted(section, reader=visitor.reader, of=of)
        return {
            "found": found,
            "tables": number_tables.shown(section, found),
            "left_out": getattr(found, "left_out", 0),
        }

    return _page(request, visitor, section, filled)


@require_safe
@signed_in
@told
def numbers_csv_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """One table for a spreadsheet; what does not fit is said on the page."""
    name = request.GET.get("table", "roles")
    section, table = TABLES.get(name, (None, None))
    if section is None or not section.personal:
        must_read(visitor.reader)
    form = _form(request, visitor)
    try:
        if name not in _NAMES:
            raise bad_query("table", _TABLE)
        of = _period(form)
        if section is not None and table is not None:
            found = counted(section, reader=visitor.reader, of=of)
            content = number_tables.as_csv(table, found)
        else:
            everything = numbers(workspace=visitor.reader.workspace_id, of=of)
            content = numbers_csv.TABLES[name](everything)
    except Problem as problem:
        return _refused(request, visitor, section, form, problem)
    response = HttpResponse(content, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="numbers-{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, visitor: Visitor) -> Form:
    zone = preferences.read(person=visitor.person).timezone
    return shown.form_of(request.GET, zone=zone, now=now())


def _period(form: Form) -> Period:
    return period(form.since or None, form.until or None, form.timezone)


def _gaps(visitor: Visitor) -> list[str]:
    """The roles that have times ahead in which nobody could decide."""
    with pool().connection() as conn:
        _, _, roles = outlook.ahead(conn, visitor.reader.workspace_id)
    return [one.title for one in roles if one.uncovered]


def _page(
    request: HttpRequest,
    visitor: Visitor,
    section: Section | None,
    filled: Callable[[Period], dict[str, Any]],
) -> HttpResponse:
    form = _form(request, visitor)
    try:
        of = _period(form)
        context = {"ends": shown.ends(of), **filled(of)}
    except Problem as problem:
        return _refused(request, visitor, section, form, problem)
    return _rendered(request, visitor, section, form, context)


def _refused(
    request: HttpRequest,
    visitor: Visitor,
    section: Section | None,
    form: Form,
    problem: Problem,
) -> HttpResponse:
    """The page with what does not fit at its field, and nothing counted."""
    if not problem.errors:
        raise problem
    faulty = replace(form, errors=shown.faults(problem))
    return _rendered(request, visitor, section, faulty, {})


def _rendered(
    request: HttpRequest,
    visitor: Visitor,
    section: Section | None,
    form: Form,
    context: dict[str, Any],
) -> HttpResponse:
    url = _url(section)
    around = {
        "shell": visitor.shell,
        "here": "numbers",
        "form": form,
        "url": url,
        "presets": shown.presets(form, now(), url),
        "zones": preferences.zones(),
        "section": section,
        "tabs": _tabs(visitor, section, form),
        "own": section is not None and section.personal and not may_read_people(visitor.reader),
    }
    template = "pages/numbers.html" if section is None else "pages/numbers_section.html"
    status = 422 if form.errors else 200
    return render(request, template, around | context, status=status)


def _tabs(visitor: Visitor, here: Section | None, form: Form) -> list[Tab]:
    """The sections that this person may see."""
    every = [None, *SECTIONS.values()]
    sections = every if may_read(visitor.reader) else [one for one in every if one and one.personal]
    query = "" if form.errors else f"?{form.query}"
    return [
        Tab("Answers" if one is None else one.title, f"{_url(one)}{query}", one is here)
        for one in sections
    ]


def _url(section: Section | None) -> str:
    if section is None:
        return reverse("numbers")
    return reverse("numbers_section", kwargs={"name": section.name})
