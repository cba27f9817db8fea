"""What services refuse, as a page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from core.problems import Problem
from pages.visitor import Visitor

P = ParamSpec("P")
R = TypeVar("R", bound=HttpResponseBase)
View = Callable[Concatenate[HttpRequest, Visitor, P], R]


def told(view: View[P, R]) -> View[P, R | HttpResponse]:
    """Turn a `Problem` that a view did not handle itself into a page of its own."""

    @wraps(view)
    def telling(
        request: HttpRequest, visitor: Visitor, /, *args: P.args, **kwargs: P.kwargs
    ) -> R | HttpResponse:
        try:
            return view(request, visitor, *args, **kwargs)
        except Problem as problem:
            return problem_page(request, visitor, problem)

    return telling


def problem_page(request: HttpRequest, visitor: Visitor, problem: Problem) -> HttpResponse:
    """The whole page for a problem; absent and not yours look the same."""
    template = "404.html" if problem.status == 404 else "pages/problem.html"
    context = {"shell": visitor.shell, "problem": problem}
    response = render(request, template, context, status=problem.status)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response
