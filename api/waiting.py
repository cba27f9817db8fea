"""Waiting without a thread: parked calls, on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from uuid import UUID

from api.answers import Answer, Park
from api.hot import key_died
from api.wire import Receive
from callbacks.hub import Hub, Sign, Snapshot, Waiter


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
