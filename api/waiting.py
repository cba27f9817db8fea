"""Waiting without a thread: parked calls and the inbox's event stream, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from api.answers import Answer, Park
from api.hot import key_died
from api.wire import Receive, Send
from callbacks.hub import Hub, Sign, Snapshot, Stream, Waiter

#: Between two events of one stream, so that a busy inbox does not make every page reload at once.
EVENT_PAUSE_S: Final = 0.25
#: Without news an event is sent anyway: it keeps proxies awake and covers a hint that was lost.
EVENT_ANYWAY_S: Final = 20.0
#: How long a browser waits before it connects again.
RETRY_MS: Final = 2_000

SSE_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),
]


async def parked(hub: Hub, waiter: Waiter, park: Park, receive: Receive) -> Answer | None:
    """Wait for news of the park's requests; None when the caller left.

    Raises:
        Problem: 401 when the key died meanwhile, 503 when the end could not be read.
    """
    loop = asyncio.get_running_loop()
    hub.park(
        waiter,
        key_id=park.key_id,
        seen=park.seen,
        until_end=park.until_end,
        read_again=park.read_again,
    )
    clock = loop.call_later(park.seconds, waiter.end, Sign.TIME_UP)
    gone = loop.create_task(_watch(receive, waiter))
    try:
        outcome = await waiter.future
    finally:
        clock.cancel()
        gone.cancel()
    match outcome:
        case Sign.LEFT:
            return None
        case Sign.KEY_DEAD:
            raise key_died()
        case Sign():
            found: Mapping[UUID, Snapshot] = await hub.read(park.ids)
        case _:
            found = outcome
            if any(request_id not in found for request_id in park.ids):
                found = await hub.read(park.ids)
    return park.finish({request_id: at.rendered for request_id, at in found.items()})


async def _watch(receive: Receive, waiter: Waiter) -> None:
    """Wake the waiter when its caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    waiter.end(Sign.LEFT)


async def stream_events(
    hub: Hub, stream: Stream, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]]
) -> None:
    """Tell one page that its inbox changed, until it leaves or may not listen any more.

    Events carry no content: what a person may see is asked again with their own credentials.
    """
    await send({"type": "http.response.start", "status": 200, "headers": [*SSE_HEADERS, *headers]})
    left = asyncio.ensure_future(_left(receive, stream))
    number = 0
    try:
        await _say(send, f"retry: {RETRY_MS}\nevent: ready\ndata: {{}}\n\n")
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVENT_ANYWAY_S):
                    await stream.changed.wait()
            if stream.ended:
                break
            stream.changed.clear()
            number += 1
            await _say(send, f'event: inbox\ndata: {{"number":{number}}}\n\n')
            await asyncio.sleep(EVENT_PAUSE_S)
        await send(
            {"type": "http.response.body", "body": b"event: end\ndata: {}\n\n", "more_body": False}
        )
    finally:
        left.cancel()


async def _left(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _say(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
