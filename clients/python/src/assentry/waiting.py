"""Waiting for people: long polls that reconnect until the end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from assentry import calls
from assentry.effects import Call, Do, Flow, Pause
from assentry.errors import Returned, StillPending, Stopped
from assentry.exchange import Retry, exchange
from assentry.objects import Outcome, Request

#: The longest wait of one call (docs/api.md, "Read and wait").
LONGEST_S: Final = 55
MOST_AT_ONCE: Final = 100
#: An answer without news that came sooner than this was not waited for: the server is leaving.
_EARLY_S: Final = 0.5


class Held(Protocol):
    """What holds the latest state of a request."""

    request: Request


#: Called with what holds the request and the words of the person who gave it back.
OnReturn = Callable[[Any, str], Any]


class _Clock:
    """The time that is left of a wait."""

    def __init__(self, timeout: float | None, retry: Retry) -> None:
        self._until = None if timeout is None else time.monotonic() + timeout
        self._retry = retry
        self._early = 0
        self._looked = False

    def seconds(self) -> int | None:
        """For the next call; None when the time is over and there was a look."""
        if not self._looked:
            # The server wakes for what is new to it, not for what is new to us: look before waiting.
            return 0
        if self._until is None:
            return LONGEST_S
        left = self._until - time.monotonic()
        return None if left <= 0 else min(LONGEST_S, math.ceil(left))

    def patience(self) -> float:
        """Until when a server that is away is called again."""
        patient = time.monotonic() + self._retry.patience_s
        return patient if self._until is None else min(patient, self._until)

    def after(self, *, news: bool, took_s: float, asked_s: int) -> float:
        """Seconds to pause before the next call: a server that answers early is not hammered."""
        self._looked = True
        if news or took_s >= min(_EARLY_S, asked_s):
            self._early = 0
            return 0.0
        self._early += 1
        return self._retry.pause(self._early)


def until_ended(
    held: Held, retry: Retry, timeout: float | None, on_return: OnReturn | None
) -> Flow[Outcome]:
    """The outcome of one request.

    Raises:
        StillPending: the time is over.
        Stopped: the agent must not go on, however the request ended.
        Returned: it was given back, and `on_return` is none or did not answer.
        ApiError, Unreachable: as every call.
    """
    clock = _Clock(timeout, retry)
    while held.request.pending or held.request.stop:
        if _asks_the_agent(held):
            yield from _answer_return(held, retry, on_return)
            continue
        yield from _one_look([held], retry, clock, _poll_one)
    return Outcome(held.request.checked())


def news(helds: Sequence[Held], retry: Retry, timeout: float | None) -> Flow[list[int]]:
    """The places of those that have ended or were given back; at least one.

    Raises:
        ValueError: there are none to wait for, or more than a hundred.
        StillPending: the time is over.
        Stopped: the agent must not go on.
    """
    if not 1 <= len(helds) <= MOST_AT_ONCE:
        raise ValueError(f"wait for 1 to {MOST_AT_ONCE} at once")
    clock = _Clock(timeout, retry)
    while True:
        ready = [
            place
            for place, held in enumerate(helds)
            if not held.request.pending or held.request.given_back
        ]
        if ready and not any(held.request.stop for held in helds):
            return ready
        yield from _one_look(helds, retry, clock, _poll_many)


def all_ended(
    helds: Sequence[Held], retry: Retry, timeout: float | None, on_return: OnReturn | None
) -> Flow[list[Outcome]]:
    """The outcomes of all, in their order; raises as `until_ended` does."""
    clock = _Clock(timeout, retry)
    while pending := [held for held in helds if held.request.pending or held.request.stop]:
        back = [held for held in pending if _asks_the_agent(held)]
        for held in back:
            yield from _answer_return(held, retry, on_return)
        if not back:
            yield from _one_look(pending[:MOST_AT_ONCE], retry, clock, _poll_many)
    return [Outcome(held.request.checked()) for held in helds]


def _one_look(
    helds: Sequence[Held],
    retry: Retry,
    clock: _Clock,
    poll: Callable[[Sequence[Held], Retry, int, float], Flow[None]],
) -> Flow[None]:
    seconds = clock.seconds()
    if seconds is None:
        raise StillPending([held.request for held in helds if held.request.pending])
    seen = [held.request.sequence for held in helds]
    began = time.monotonic()
    yield from poll(helds, retry, seconds, clock.patience())
    if any(held.request.stop for held in helds):
        raise Stopped
    changed = seen != [held.request.sequence for held in helds]
    pause = clock.after(news=changed, took_s=time.monotonic() - began, asked_s=seconds)
    if pause:
        yield Pause(pause)


def _poll_one(helds: Sequence[Held], retry: Retry, seconds: int, until: float) -> Flow[None]:
    (held,) = helds
    path, query = f"/requests/{held.request.id}", {"wait": str(seconds)}
    call = Call("GET", path, query=query, idempotent=True, wait_s=seconds)
    answer = yield from exchange(call, retry, until=until)
    held.request = Request(answer.json())


def _poll_many(helds: Sequence[Held], retry: Retry, seconds: int, until: float) -> Flow[None]:
    ids = list(dict.fromkeys(held.request.id for held in helds))
    body = {"ids": ids, "timeout": seconds}
    call = Call("POST", "/requests/wait", body, idempotent=True, wait_s=seconds)
    answer = yield from exchange(call, retry, until=until)
    found = {one["id"]: Request(one) for one in answer.json()["results"]}
    for held in helds:
        held.request = found[held.request.id]


def _asks_the_agent(held: Held) -> bool:
    """Whether it was given back to an agent that may answer."""
    return held.request.given_back and not held.request.stop


def _answer_return(held: Held, retry: Retry, on_return: OnReturn | None) -> Flow[None]:
    """Let the program answer; it is asked once for each return."""
    before = held.request
    if on_return is None:
        raise Returned(before)
    answer, words = on_return, before.returned_with
    yield Do(lambda: answer(held, words))
    if held.request is before:  # perhaps answered by other means than this handle
        held.request = yield from calls.read(retry, before.id)
    if held.request.given_back and held.request.return_id == before.return_id:
        raise Returned(held.request)
