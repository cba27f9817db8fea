"""What holds for every page, also for those that errors make: never stored, nothing powerful allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.bodies import LEFT_OUT

POWERS = ("camera", "geolocation", "microphone", "payment", "usb")
_SAYS: Final = "says_left_out"
View = TypeVar("View", bound=Callable[..., Any])
PERMISSIONS_POLICY = ", ".join(f"{power}=()" for power in POWERS)


class PageHeaders:
    """Adds what the other middleware does not set to every HTML answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """One request on its way through."""
        response = self._get_response(request)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Cache-Control"] = "no-store"
            response.headers["Permissions-Policy"] = PERMISSIONS_POLICY
            response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class BodiesLeftOut:
    """Says that a form was too large (`core.bodies`), before its token is asked for: it has none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """One request on its way through."""
        return self._get_response(request)

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> HttpResponse | None:
        """Answer in place of the view, which never sees such a form."""
        if LEFT_OUT not in request.META:
            return None
        says = vars(view).get(_SAYS)
        if says is None:
            return render(request, "413.html", status=413)
        response: HttpResponse = says(request, *args, **kwargs)
        return response


def left_out(says: Callable[..., HttpResponse]) -> Callable[[View], View]:
    """Let `says` answer where the form of a view was too large; it changes nothing, and asks for no token."""

    def marked(view: View) -> View:
        vars(view)[_SAYS] = says
        return view

    return marked
