"""Which address leads where, and who speaks when none does."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import defaults
from django.views.decorators.http import require_safe

from api import errors
from api.answers import problem_answer, told
from api.views import slack
from api.views.metrics import metrics
from api.views.permits import KeySet
from config import health
from core.problems import method_not_allowed

Handler = Callable[..., HttpResponse]


def health_view(look: Callable[[], tuple[int, dict[str, object]]]) -> Handler:
    """A health function for deployments that serve Django without the front."""
    ask = told(look)

    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            refusal = method_not_allowed(["GET", "HEAD"])
            return errors.respond(problem_answer(refusal, errors.id_of(request)), request)
        return errors.respond(ask(), request)

    return view


urlpatterns = [
    path("healthz", health_view(health.alive)),
    path("readyz", health_view(health.ready)),
    path("metrics", metrics, name="metrics"),
    path(".well-known/jwks.json", KeySet.as_view(), name="jwks"),
    path("api/", include("api.urls")),
    path("slack/interactions", slack.interactions, name="slack_interactions"),
    path("slack/events", slack.events, name="slack_events"),
    path("slack/commands", slack.commands, name="slack_commands"),
    path("", include("pages.urls")),
]


def by_path(of_api: Handler, of_pages: Handler) -> Handler:
    """One handler for both: the API answers in JSON, pages in HTML."""

    def handler(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        chosen = of_api if request.path_info.startswith(("/api/", "/.well-known/")) else of_pages
        return chosen(request, *args, **kwargs)

    return handler


handler400 = by_path(errors.bad_request, defaults.bad_request)
handler403 = by_path(errors.denied, defaults.permission_denied)
handler404 = by_path(errors.not_found, defaults.page_not_found)
handler500 = by_path(errors.failed, defaults.server_error)
