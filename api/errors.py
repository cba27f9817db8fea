"""Every error of the API as problem details (RFC 9457): DRF's, Django's, ours and the unforeseen."""

from __future__ import annotations

from typing import Any

import psycopg
from django import db
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions

from api.answers import Answer, failure, problem_answer, request_id, security_headers
from core import problems
from core.db import Unavailable
from core.problems import FieldError, Problem
from core.strict_json import MAX_BYTES
from people.errors import Refusal


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """DRF's exception handler: every error becomes an answer, the unforeseen a logged 500."""
    request = context["request"]
    return respond(answer_to(error, id_of(request)), request)


def answer_to(error: Exception, own_id: str) -> Answer:
    """The answer to an error; call it in the except block."""
    known = known_problem(error)
    return failure(own_id) if known is None else problem_answer(known, own_id)


def known_problem(error: Exception) -> Problem | None:
    """The problem that an error stands for, None for one that nobody foresaw."""
    match error:
        case Problem():
            return error
        case Http404() | exceptions.NotFound():
            return problems.not_found()
        case Refusal():
            return problems.invalid([FieldError(f"/{error.argument}", error.code, str(error))])
        case RequestDataTooBig():
            return problems.too_large(MAX_BYTES)
        case PermissionDenied():
            return problems.forbidden()
        case SuspiciousOperation():
            return problems.bad_request("bad_request", "The call is malformed.")
        case db.OperationalError() | db.InterfaceError() | psycopg.OperationalError():
            return Unavailable()
        case exceptions.APIException():
            return _of_drf(error)
        case _:
            return None


def _of_drf(error: exceptions.APIException) -> Problem | None:
    match error:
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return problems.unauthorized(
                "Sign in with POST /api/v1/session, or send a key where the endpoint takes one.",
                challenge=str(getattr(error, "auth_header", "Session")),
            )
        case exceptions.PermissionDenied():
            code = "csrf_failed" if "CSRF" in str(error.detail) else "forbidden"
            return problems.forbidden(str(error.detail), code=code)
        case exceptions.UnsupportedMediaType():
            return problems.unsupported_media_type()
        case exceptions.ParseError():
            return problems.bad_request("invalid_body", "The body cannot be read.")
        case exceptions.Throttled():
            return problems.too_many("Too many calls.", retry_after_s=60)
        case _:
            return None


def respond(answer: Answer, request: HttpRequest | None = None) -> HttpResponse:
    """An answer as Django sends it, with the headers that the raw front gives its own."""
    response = HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)
    for name, value in [*answer.headers.items(), *security_headers()]:
        response.headers[name] = value
    if request is not None:
        response.headers["X-Request-Id"] = id_of(request)
    return response


def id_of(request: Any) -> str:
    """The id of a call: the front's, or one made here where Django is served without it."""
    meta = request.META
    own = request_id(meta.get("HTTP_X_REQUEST_ID"))
    meta["HTTP_X_REQUEST_ID"] = own
    return own


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404 for paths of the API."""
    return respond(problem_answer(problems.not_found(), id_of(request)), request)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400 for paths of the API."""
    problem = problems.bad_request("bad_request", "The call is malformed.")
    return respond(problem_answer(problem, id_of(request)), request)


def denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler403 for paths of the API."""
    return respond(problem_answer(problems.forbidden(), id_of(request)), request)


def failed(request: HttpRequest) -> HttpResponse:
    """Django's handler500 for paths of the API; Django has logged the cause, and calls it in the except."""
    return respond(failure(id_of(request)), request)
