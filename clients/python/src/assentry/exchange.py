"""One call that is repeated where that is safe, and a problem that becomes an exception."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assentry.effects import Answer, Call, Flow, Lost, Pause
from assentry.errors import ApiError, Suspended, Unreachable

_PROBLEM = "urn:assentry:problem:"
_AGAIN = frozenset({429, 502, 503, 504})
_jitter = random.Random()  # noqa: S311 - it spreads retries, it hides nothing


@dataclass(frozen=True)
class Retry:
    """How often a call that may be repeated is.

    Attributes:
        attempts: how often at most in all.
        first_s: the pause before the second attempt; it doubles, and varies by a half.
        most_s: the longest such pause.
        obeyed_s: the longest ``Retry-After`` that is waited for; a longer one is the caller's.
        patience_s: how long a *wait* goes on while the server cannot be reached.
    """

    attempts: int = 5
    first_s: float = 0.2
    most_s: float = 10.0
    obeyed_s: float = 90.0
    patience_s: float = 600.0

    def pause(self, attempt: int) -> float:
        """Seconds before the attempt after this one (counted from 1)."""
        full = min(self.most_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        return full * _jitter.uniform(0.5, 1.0)


def exchange(call: Call, retry: Retry, *, until: float | None = None) -> Flow[Answer]:
    """The answer to a call, 2xx.

    Repeated is what cannot have reached the server, and an idempotent call whose answer was lost or
    says: later.  ``until`` (of `time.monotonic`) takes the place of the number of attempts.

    Raises:
        ApiError: the server refused.
        Unreachable: no answer came.
    """
    attempt = 0
    while True:
        attempt += 1
        error: ApiError | Unreachable
        try:
            answer: Answer = yield call
        except Lost as lost:
            again = call.idempotent or not lost.sent
            error = Unreachable(f"The server gave no answer: {lost}")
        else:
            if answer.status // 100 == 2:
                return answer
            error = problem(answer)
            again = call.idempotent and _may_repeat(error, retry)
        pause = max(retry.pause(attempt), getattr(error, "retry_after", None) or 0.0)
        over = attempt >= retry.attempts if until is None else time.monotonic() + pause > until
        if not again or over:
            raise error from None
        yield Pause(pause)


def _may_repeat(error: ApiError, retry: Retry) -> bool:
    if (error.retry_after or 0.0) > retry.obeyed_s:
        return False
    return error.status in _AGAIN or error.code == "idempotency_in_flight"


def problem(answer: Answer) -> ApiError:
    """An answer that is not 2xx, as an exception."""
    found = answer.json()
    body: Mapping[str, Any] = found if isinstance(found, dict) else {}
    kind = str(body.get("type") or "")
    code = kind.removeprefix(_PROBLEM) if kind.startswith(_PROBLEM) else f"http_{answer.status}"
    known = Suspended if code == "agent_suspended" else ApiError
    return known(
        answer.status,
        code,
        str(body.get("detail") or body.get("title") or "The answer is none of this server's."),
        errors=[one for one in body.get("errors") or () if isinstance(one, dict)],
        retry_after=_seconds(answer.headers.get("retry-after")),
        problem=body,
    )


def _seconds(text: str | None) -> float | None:
    """``Retry-After`` in seconds; its date form, which this server never sends, is not obeyed."""
    return float(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else None
