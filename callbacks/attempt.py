"""One attempt to deliver one callback: signed now, sent once, never a redirect."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final, Protocol

from callbacks import schedule
from callbacks.loading import Job
from callbacks.recording import Outcome
from core import failpoints, http, ids
from signing import signatures

#: Connect, headers and body together.
DEADLINE_S: Final = 15.0
MOST_BYTES: Final = 64 * 1024
#: A successful answer is read so far that its connection can be used again, and kept so far.
FIXED: Final = {"content-type": "application/json", "accept": "*/*"}


class Sender(Protocol):
    """What sends (`core.http.Client`)."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: bytes,
        deadline_s: float,
        most_bytes: int,
        plain: bool,
        certificate: tuple[bytes, bytes] | None,
    ) -> http.Answer:
        """Send one request.  Raises `core.http.Failed`."""


def attempt(sender: Sender, job: Job, now: datetime) -> Outcome:
    """Send a callback once.

    Args:
        now: the database's clock: a host's own may be an hour off, and receivers look at it.
    """
    assert job.body is not None  # noqa: S101  # made before anything is sent
    signed = signatures.headers(
        ids.encode("cbk", job.id), int(now.timestamp()), job.body, job.pairs
    )
    failpoints.hit("callback_before_send")
    began = time.monotonic()
    outcome = Outcome(job, now, 0)
    try:
        answer = sender.send(
            "POST",
            job.url,
            headers={**job.headers, **FIXED, **signed},
            body=job.body,
            deadline_s=DEADLINE_S,
            most_bytes=MOST_BYTES,
            plain=job.plain,
            certificate=job.certificate,
        )
    except http.Failed as failed:
        # One word for a name that leads nowhere and one that leads where it may not: the difference
        # would tell which names there are inside.
        outcome.failure = "blocked" if failed.kind == "resolve" else failed.kind
        outcome.detail = failed.detail
    else:
        outcome.status, outcome.response = answer.status, answer.body
        outcome.said = answer.headers.get("webhook-delivery", "")
        if answer.status in schedule.THROTTLED:
            outcome.retry_after = schedule.retry_after(answer.headers.get("retry-after"), now)
    outcome.milliseconds = round((time.monotonic() - began) * 1000)
    outcome.at = now + timedelta(milliseconds=outcome.milliseconds)
    failpoints.hit("callback_after_send_before_record")
    return outcome
