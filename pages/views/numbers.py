"""The numbers of a workspace, for people who may see all of it, audit or administer: as a page, and as CSV."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.problems import Problem, bad_query
from notifications import preferences
from oversight.numbers.access import must_read
from oversight.numbers.answering import Numbers, numbers
from oversight.numbers.period import Period, now, period
from pages import numbers as shown
from pages import numbers_csv
from pages.numbers import Form
from pages.views.problems import told
from pages.visitor import Visitor, signed_in

_TABLE: Final = "Choose `roles` or `hours`."


@require_safe
@signed_in
@told
def numbers_page(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """How the requests of some days were answered."""
    must_read(visitor.reader)
    form = _form(request, visitor)
    try:
        of, found = _counted(visitor, form)
    except Problem as problem:
        return _refused(request, visitor, form, problem)
    return _page(request, visitor, form, of, found)


@require_safe
@signed_in
@told
def numbers_csv_view(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The same for a spreadsheet: by role, or by hour; what does not fit is said on the page."""
    must_read(visitor.reader)
    form, name = _form(request, visitor), request.GET.get("table", "roles")
    try:
        if name not in numbers_csv.TABLES:
            raise bad_query("table", _TABLE)
        _, found = _counted(visitor, form)
    except Problem as problem:
        return _refused(request, visitor, form, problem)
    response = HttpResponse(numbers_csv.TABLES[name](found), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="numbers-{name}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _form(request: HttpRequest, visitor: Visitor) -> Form:
    zone = preferences.read(person=visitor.person).timezone
    return shown.form_of(request.GET, zone=zone, now=now())


def _counted(visitor: Visitor, form: Form) -> tuple[Period, Numbers]:
    of = period(form.since or None, form.until or None, form.timezone)
    return of, numbers(workspace=visitor.reader.workspace_id, of=of)


def _refused(request: HttpRequest, visitor: Visitor, form: Form, problem: Problem) -> HttpResponse:
    """The page with what does not fit at its field, and nothing counted."""
    if not problem.errors:
        raise problem
    return _page(request, visitor, replace(form, errors=shown.faults(problem)))


def _page(
    request: HttpRequest,
    visitor: Visitor,
    form: Form,
    of: Period | None = None,
    found: Numbers | None = None,
) -> HttpResponse:
    context = {
        "shell": visitor.shell,
        "here": "numbers",
        "form": form,
        "presets": shown.presets(form, now()),
        "zones": preferences.zones(),
    }
    if of is not None and found is not None:
        context |= {
            "found": found,
            "ends": shown.ends(of),
            "nobody": found.submitted - found.total.asked,
            "lines": shown.lines(found) if found.total.asked else [],
            "heats": shown.heats(found),
            "weekdays": shown.WEEKDAYS,
        }
    status = 422 if form.errors else 200
    return render(request, "pages/numbers.html", context, status=status)
