"""``/metrics``: numbers of all workspaces, for the operator's Prometheus and nobody else."""

from __future__ import annotations

import secrets
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from api import errors
from api.answers import Answer, problem_answer
from core.problems import method_not_allowed, not_found
from oversight.metrics.collecting import CONTENT_TYPE, counted

SCHEME: Final = "Bearer "


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    """The numbers, for who knows the token; 404 for all others, as if there were nothing."""
    own_id = errors.id_of(request)
    if not may_read(request.headers.get("Authorization", "")):
        return errors.respond(problem_answer(not_found(), own_id), request)
    if request.method not in ("GET", "HEAD"):
        refusal = method_not_allowed(["GET", "HEAD"])
        return errors.respond(problem_answer(refusal, own_id), request)
    try:
        return errors.respond(Answer(200, counted.text(), content_type=CONTENT_TYPE), request)
    except Exception as error:  # noqa: BLE001 - told as every call's errors are
        return errors.respond(errors.answer_to(error, own_id), request)


def may_read(authorization: str) -> bool:
    """Whether this header holds the operator's token, compared in constant time; false where none is set."""
    token = settings.METRICS_TOKEN
    if not token or not authorization.startswith(SCHEME):
        return False
    sent = authorization.removeprefix(SCHEME).strip()
    return secrets.compare_digest(sent.encode(), token.encode())
