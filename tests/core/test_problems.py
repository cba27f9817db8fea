"""Problem details: their members, their bounds, and the small constructors."""

from __future__ import annotations

import json

import pytest

from core import problems
from core.problems import FieldError, Problem


def test_body_has_the_members_of_rfc_9457() -> None:
    problem = Problem(
        422, "invalid_input", "Invalid input", "Look.", [FieldError("/a/0", "required", "Add it.")]
    )
    assert json.loads(problem.body("/api/v1/requests")) == {
        "type": "urn:assentry:problem:invalid_input",
        "title": "Invalid input",
        "status": 422,
        "detail": "Look.",
        "instance": "/api/v1/requests",
        "errors": [{"pointer": "/a/0", "code": "required", "detail": "Add it."}],
    }


def test_instance_and_errors_appear_only_when_there_are() -> None:
    assert set(json.loads(problems.not_found().body())) == {"type", "title", "status", "detail"}


def test_extra_members_cannot_replace_the_standard_ones() -> None:
    problem = problems.conflict("ended", "Over.", extra={"request": {"id": "req_1"}, "status": 200})
    body = json.loads(problem.body())
    assert body["request"] == {"id": "req_1"}
    assert body["status"] == 409


def test_nothing_comes_back_unbounded_or_unencodable() -> None:
    flood = "\ud800é" * 100_000
    errors = [FieldError(flood, "bad", flood)] * 1_000
    body = problems.invalid(errors, detail=flood).body(flood)
    assert len(body) < 60_000
    shown = json.loads(body)
    assert len(shown["errors"]) == problems.MAX_ERRORS
    assert len(shown["detail"]) == problems.MAX_DETAIL
    assert len(shown["instance"]) == problems.MAX_POINTER


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a\udfffb", 9, "a?b"), ("é😀", 2, "é😀"), ("", 1, "")],
)
def test_clip(text: str, limit: int, shown: str) -> None:
    assert problems.clip(text, limit) == shown


@pytest.mark.parametrize(
    ("problem", "status", "code", "headers"),
    [
        (problems.bad_request("empty_body", "x"), 400, "empty_body", {}),
        (problems.unauthorized(), 401, "unauthorized", {"WWW-Authenticate": "Bearer"}),
        (problems.forbidden(), 403, "forbidden", {}),
        (problems.not_found(), 404, "not_found", {}),
        (
            problems.method_not_allowed(["GET", "POST"]),
            405,
            "method_not_allowed",
            {"Allow": "GET, POST"},
        ),
        (problems.conflict("ended", "x"), 409, "ended", {}),
        (problems.conflict("busy", "x", retry_after_s=0.2), 409, "busy", {"Retry-After": "1"}),
        (problems.gone("expired", "x"), 410, "expired", {}),
        (problems.too_large(1024), 413, "body_too_large", {}),
        (
            problems.unsupported_media_type(),
            415,
            "unsupported_media_type",
            {"Accept": "application/json"},
        ),
        (problems.invalid([]), 422, "invalid_input", {}),
        (problems.too_many("x", retry_after_s=1.2), 429, "too_many_requests", {"Retry-After": "2"}),
        (problems.unavailable("x"), 503, "unavailable", {"Retry-After": "1"}),
    ],
    ids=lambda part: part.code if isinstance(part, Problem) else "",
)
def test_constructors(problem: Problem, status: int, code: str, headers: dict[str, str]) -> None:
    assert (problem.status, problem.code, problem.headers) == (status, code, headers)
    body = json.loads(problem.body())
    assert body["status"] == status
    assert body["type"].endswith(":" + code)
    assert body["title"]
    assert body["detail"]


def test_two_problems_share_nothing() -> None:
    first, second = problems.not_found(), problems.not_found()
    first.headers["X"] = "1"
    first.errors.append(FieldError("", "x", "x"))
    assert second.headers == {}
    assert second.errors == []
