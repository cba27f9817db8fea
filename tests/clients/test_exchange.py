"""What is repeated, how often and after how long: the flow alone, fed with answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from assentry import ApiError, Retry, Unreachable
from assentry.effects import Answer, Call, Flow, Lost, Pause
from assentry.exchange import exchange, problem

RETRY = Retry(attempts=3, first_s=1, most_s=4, obeyed_s=60)
READ = Call("GET", "/me", idempotent=True)
CHANGE = Call("POST", "/requests/req_x/messages", {}, idempotent=False)
OK = Answer(200, {}, b"{}")


def told(status: int, code: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, b'{"type": "urn:assentry:problem:%b"}' % code.encode())


def drive(flow: Flow[Any], answers: list[Answer | Lost]) -> tuple[Any, list[float], int]:
    """What the flow comes to, the pauses it made, and the calls."""
    feed: Iterator[Answer | Lost] = iter(answers)
    pauses: list[float] = []
    made = 0
    effect = next(flow)
    try:
        while True:
            if isinstance(effect, Pause):
                pauses.append(effect.seconds)
                effect = flow.send(None)
                continue
            made += 1
            answer = next(feed)
            effect = flow.throw(answer) if isinstance(answer, Lost) else flow.send(answer)
    except StopIteration as end:
        return end.value, pauses, made
    except (ApiError, Unreachable) as error:
        return error, pauses, made


LOST = Lost("ReadError", sent=True)
NEVER_SENT = Lost("ConnectError", sent=False)


@pytest.mark.parametrize(
    ("call", "first", "again"),
    [
        (READ, LOST, True),
        (READ, NEVER_SENT, True),
        (READ, told(429, "rate_limited", retry_after="7"), True),
        (READ, told(502, "x"), True),
        (READ, told(503, "overloaded", retry_after="1"), True),
        (READ, told(504, "x"), True),
        (READ, told(409, "idempotency_in_flight", retry_after="1"), True),
        (READ, told(409, "request_ended"), False),
        (READ, told(500, "internal"), False),
        (READ, told(404, "not_found"), False),
        (READ, told(302, "x"), False),
        (READ, told(429, "rate_limited", retry_after="61"), False),
        (CHANGE, NEVER_SENT, True),
        (CHANGE, LOST, False),
        (CHANGE, told(503, "overloaded", retry_after="1"), False),
        (CHANGE, told(429, "rate_limited", retry_after="1"), False),
    ],
)
def test_what_is_repeated(call: Call, first: Answer | Lost, again: bool) -> None:
    came_to, _, made = drive(exchange(call, RETRY), [first, OK])
    assert made == (2 if again else 1)
    assert (came_to is OK) is again


def test_attempts_are_counted_and_the_last_reason_is_raised() -> None:
    answers: list[Answer | Lost] = [LOST, told(503, "overloaded"), told(503, "overloaded")]
    came_to, pauses, made = drive(exchange(READ, RETRY), [*answers, OK])
    assert isinstance(came_to, ApiError)
    assert (came_to.status, came_to.code, made) == (503, "overloaded", 3)
    assert 0.5 <= pauses[0] <= 1
    assert 1 <= pauses[1] <= 2
    came_to, _, _ = drive(exchange(READ, RETRY), [LOST] * 3)
    assert isinstance(came_to, Unreachable)


def test_the_server_says_how_long() -> None:
    _, pauses, _ = drive(exchange(READ, RETRY), [told(429, "rate_limited", retry_after="7"), OK])
    assert pauses == [7]


def test_pauses_grow_to_a_limit_and_differ() -> None:
    assert all(2 <= RETRY.pause(attempt) <= 4 for attempt in (3, 4, 50, 5000))
    assert len({RETRY.pause(3) for _ in range(20)}) > 1


def test_answers_of_others_are_problems_too() -> None:
    error = problem(Answer(503, {"retry-after": "soon"}, b"<html>"))
    assert (error.status, error.code, error.retry_after) == (503, "http_503", None)
    error = problem(Answer(400, {}, b'["x"]'))
    assert (error.code, error.errors) == ("http_400", [])
