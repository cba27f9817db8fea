"""Errors as clients see them: RFC 9457 problem details.

A `Problem` may be raised anywhere below a door; the doors (views, the raw front) turn it into an
answer with `status`, `headers` and `body(instance)`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec

CONTENT_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:assentry:problem:"

#: How much text one member of a problem may carry: nothing a client sent comes back unbounded.
MAX_DETAIL: Final = 1_000
MAX_POINTER: Final = 200
MAX_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault of the input: where (JSON pointer, "" is the whole body), which, and the fix."""

    pointer: str
    code: str
    detail: str


class Problem(Exception):
    """An error with a status and a stable code that clients may switch on.

    `extra` adds members of its own to the body (RFC 9457, 3.2), such as the present state in a
    409; it must be JSON, and cannot replace the standard members.
    """

    def __init__(
        self,
        status: int,
        code: str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def as_dict(self, instance: str | None = None) -> dict[str, object]:
        """Return the members of the body. `instance` and `errors` appear only when there are."""
        members: dict[str, object] = dict(self.extra)
        members |= {
            "type": TYPE_PREFIX + self.code,
            "title": self.title,
            "status": self.status,
            "detail": clip(self.detail, MAX_DETAIL),
        }
        if instance is not None:
            members["instance"] = clip(instance, MAX_POINTER)
        if self.errors:
            members["errors"] = [
                {
                    "pointer": clip(error.pointer, MAX_POINTER),
                    "code": error.code,
                    "detail": clip(error.detail, MAX_DETAIL),
                }
                for error in self.errors[:MAX_ERRORS]
            ]
        return members

    def body(self, instance: str | None = None) -> bytes:
        """Return the JSON of the answer; `instance` is the path that was asked for."""
        return msgspec.json.encode(self.as_dict(instance))


def clip(text: str, limit: int = 60) -> str:
    """Return `text` in at most `limit` characters that UTF-8 can carry, for error messages."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text if text.isascii() else text.encode(errors="replace").decode()


def bad_request(code: str, detail: str, errors: Sequence[FieldError] = ()) -> Problem:
    """400: the request cannot be read at all."""
    return _problem(HTTPStatus.BAD_REQUEST, code, detail, errors)


def invalid(
    errors: Sequence[FieldError],
    *,
    code: str = "invalid_input",
    detail: str = "The input does not fit; `errors` names each fault and its place.",
) -> Problem:
    """422: the request was read, but its content is not acceptable."""
    return Problem(422, code, "Invalid input", detail, errors)


def bad_query(name: str, detail: str) -> Problem:
    """422 for one parameter of the query, with what it may be."""
    return invalid(
        [FieldError(f"?{name}", "invalid_query", detail)],
        code="invalid_query",
        detail=f"The query parameter {name} does not fit.",
    )


def unauthorized(
    detail: str = "Send a valid key as “Authorization: Bearer assentry_…”.",
    *,
    code: str = "unauthorized",
    challenge: str = "Bearer",
) -> Problem:
    """401, with `WWW-Authenticate: <challenge>`."""
    return _problem(HTTPStatus.UNAUTHORIZED, code, detail, headers={"WWW-Authenticate": challenge})


def forbidden(
    detail: str = "These credentials may not do that.", *, code: str = "forbidden"
) -> Problem:
    """403: known, seen, and not allowed. What the caller may not see is `not_found`."""
    return _problem(HTTPStatus.FORBIDDEN, code, detail)


def not_found() -> Problem:
    """404, in the same words whether the thing is absent or somebody else's."""
    return _problem(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here for you.")


def method_not_allowed(allowed: Sequence[str]) -> Problem:
    """405, with `Allow`."""
    listed = ", ".join(allowed)
    return _problem(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        f"This address answers {listed}.",
        headers={"Allow": listed},
    )


def conflict(
    code: str,
    detail: str,
    *,
    retry_after_s: float | None = None,
    extra: Mapping[str, object] | None = None,
) -> Problem:
    """409: the present state does not allow it; `extra` may carry that state."""
    return _problem(HTTPStatus.CONFLICT, code, detail, headers=_retry(retry_after_s), extra=extra)


def gone(code: str, detail: str) -> Problem:
    """410: it was there, and never will be again."""
    return _problem(HTTPStatus.GONE, code, detail)


def too_large(limit_bytes: int, code: str = "body_too_large") -> Problem:
    """413, naming the limit."""
    return Problem(
        413, code, "Content Too Large", f"The limit is {limit_bytes} bytes: send less, or a link."
    )


def unsupported_media_type() -> Problem:
    """415: the API reads JSON only."""
    return _problem(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "Send JSON with “Content-Type: application/json”.",
        headers={"Accept": "application/json"},
    )


def too_many(detail: str, *, retry_after_s: float, code: str = "too_many_requests") -> Problem:
    """429, with `Retry-After`."""
    return _problem(HTTPStatus.TOO_MANY_REQUESTS, code, detail, headers=_retry(retry_after_s))


def unavailable(detail: str, *, retry_after_s: float = 1, code: str = "unavailable") -> Problem:
    """503, with `Retry-After`: nothing was done, the same call may be repeated."""
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, code, detail, headers=_retry(retry_after_s))


def _problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Problem:
    return Problem(status.value, code, status.phrase, detail, errors, headers, extra)


def _retry(after_s: float | None) -> dict[str, str]:
    # Retry-After counts whole seconds; zero would invite a busy loop.
    return {} if after_s is None else {"Retry-After": str(max(1, math.ceil(after_s)))}
