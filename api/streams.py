"""Server-sent events without a thread: of an inbox, and of one request.

A stream carries the present state, not a history: whoever comes back with ``Last-Event-ID`` is told
what holds now, if that is another state than the one they know.  So nothing is kept for a listener,
and a slow one costs nothing but its own delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

from api.errors import known_problem
from api.wire import Left, Receive, Send
from callbacks.hub import Ended, Hub, Session, Stream
from core.problems import too_many

logger = logging.getLogger(__name__)

#: Between two events of one stream, so that a busy inbox does not make every page reload at once.
EVENT_PAUSE_S: Final = 0.25
#: Without news an inbox's event is sent anyway: it keeps proxies awake and covers a hint that was lost.
EVENT_ANYWAY_S: Final = 20.0
#: So often a request is looked at without a hint.
LOOK_ANYWAY_S: Final = 10.0
#: So soon after the database could not be asked.
LOOK_AGAIN_S: Final = 1.0
#: How long a listener may take for one event before it is given up.
SLOW_S: Final = 10.0
#: How long a browser waits before it connects again.
RETRY_MS: Final = 2_000
#: Streams that one key, or one person, may have open in a process.
MAX_STREAMS: Final = 100

SSE_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(frozen=True, slots=True)
class State:
    """A request as a listener sees it."""

    sequence: int
    status: str
    waiting_on: str | None
    rendered: bytes

    @property
    def event(self) -> str:
        """The name of the event that tells of this state: an end by its kind in the log."""
        if self.status != "pending":
            return f"request.{self.status}"
        return "request.returned" if self.waiting_on == "agent" else "request.pending"

    def written(self) -> str:
        """The event, as it goes over the wire; JSON has no line breaks of its own."""
        data = self.rendered.decode()
        return f"id: {self.sequence}\nevent: {self.event}\ndata: {data}\n\n"


@dataclass(frozen=True, slots=True)
class InboxAdmission:
    """Somebody who may hear that the inbox of a workspace changed."""

    workspace_id: UUID
    session: Session
    #: They were connected before: what they missed is told at once.
    resumes: bool


@dataclass(frozen=True, slots=True)
class RequestAdmission:
    """Somebody who may follow one request, and how it is read for them."""

    request_id: UUID
    key_id: UUID | None
    session: Session | None
    #: Reads it in a thread; raises Problem 404 once they may not see it.
    look: Callable[[], State]
    #: The sequence they know.
    known: int | None


Admission: TypeAlias = InboxAdmission | RequestAdmission


def last_event_id(header: str | None) -> int | None:
    """The number in ``Last-Event-ID``; anything else is as good as none."""
    text = (header or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def stream_of(admission: Admission) -> Stream:
    """The stream that an admission opens."""
    if isinstance(admission, InboxAdmission):
        return Stream(f"w:{admission.workspace_id.hex}", session=admission.session)
    return Stream(
        f"r:{admission.request_id.hex}",
        key_id=admission.key_id,
        session=admission.session,
        request_id=admission.request_id,
    )


async def serve(
    hub: Hub,
    admission: Admission,
    call: Callable[[Callable[[], State]], Awaitable[State]],
    receive: Receive,
    send: Send,
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Hold a stream until its listener leaves, may not listen any more, or has heard the end.

    Args:
        call: runs blocking work in a thread.

    Raises:
        Problem: 429 where they have too many streams open; nothing was sent then.
    """
    stream = stream_of(admission)
    holder = stream.session[1] if stream.session else stream.key_id
    if holder is not None and hub.streams_of(holder) >= MAX_STREAMS:
        raise too_many(
            f"At most {MAX_STREAMS} streams at once: close those that nobody reads.",
            retry_after_s=5,
            code="too_many_streams",
        )
    hub.open_stream(stream)
    left = asyncio.ensure_future(_left(receive, stream))
    try:
        start = {"type": "http.response.start", "status": 200}
        await send({**start, "headers": [*SSE_HEADERS, *headers]})
        if isinstance(admission, InboxAdmission):
            reason = await _inbox(stream, admission, send)
        else:
            reason = await _request(stream, admission, call, send)
        if reason != Ended.LEFT.value:
            await _say(send, f"event: end\ndata: {json.dumps({'reason': reason})}\n\n", more=False)
    except TimeoutError:
        raise Left from None
    except Exception:
        # The answer has begun, so nothing else can be answered: it breaks off, and they come again.
        logger.exception("a stream broke off")
        raise Left from None
    finally:
        left.cancel()
        hub.close_stream(stream)


async def _inbox(stream: Stream, admission: InboxAdmission, send: Send) -> str:
    """Events carry no content: what a person may see is asked again with their own credentials."""
    # With an id from the start: also whoever heard nothing yet says on return that they were here.
    await _say(send, f"retry: {RETRY_MS}\nid: 0\nevent: ready\ndata: {{}}\n\n")
    number = 0
    if admission.resumes:
        stream.changed.set()
    while True:
        await _news(stream, EVENT_ANYWAY_S)
        if (why := stream.over()) is not None:
            return why.value
        stream.changed.clear()
        number += 1
        await _say(send, f'id: {number}\nevent: inbox\ndata: {{"number":{number}}}\n\n')
        await asyncio.sleep(EVENT_PAUSE_S)


async def _request(
    stream: Stream,
    admission: RequestAdmission,
    call: Callable[[Callable[[], State]], Awaitable[State]],
    send: Send,
) -> str:
    await _say(send, f"retry: {RETRY_MS}\n\n")
    known = admission.known
    while True:
        stream.changed.clear()
        if (why := stream.over()) is not None:
            return why.value
        try:
            state = await call(admission.look)
        except Exception as error:
            problem = known_problem(error)
            if problem is None or problem.status not in (404, 503):
                raise
            if problem.status == 404:
                return Ended.SIGHT.value
            logger.warning("a followed request could not be read, trying again: %s", error)
            await _news(stream, LOOK_AGAIN_S)
            continue
        # While it was read, the listener may have lost the right to hear it.
        if (why := stream.over()) is not None:
            return why.value
        if state.sequence != known:
            await _say(send, state.written())
            known = state.sequence
        if state.status != "pending":
            return "outcome"
        if not await _news(stream, LOOK_ANYWAY_S):
            await _say(send, ": still here\n\n")


async def _news(stream: Stream, seconds: float) -> bool:
    """Whether something was heard within this time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stream.changed.wait()
    return stream.changed.is_set()


async def _left(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end(Ended.LEFT)


async def _say(send: Send, text: str, *, more: bool = True) -> None:
    """Send one piece; TimeoutError where the listener does not take it."""
    async with asyncio.timeout(SLOW_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": more})
