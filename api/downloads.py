"""Long bodies over HTTP, piece by piece: a slow reader costs one piece of memory, and no thread."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from api.threads import Threads
from api.wire import Left, Receive, Send
from api.wsgi_bridge import RawHeaders, Whole
from core.problems import unavailable

logger = logging.getLogger(__name__)

#: Downloads that one process serves at once.
MOST: Final = 20
#: A reader that takes no piece for so long is gone.
SLOW_S: Final = 60.0


class Downloads:
    """The downloads of one process."""

    def __init__(self, threads: Threads) -> None:
        """`threads` make the pieces."""
        self._threads = threads
        self.open = 0

    async def serve(self, whole: Whole, headers: RawHeaders, receive: Receive, send: Send) -> None:
        """Send an answer with its pieces; end when the reader leaves, or does not read.

        Raises:
            Problem: 503 when too many are under way; nothing was sent then.
        """
        if self.open >= MOST:
            raise unavailable("Too many downloads at once: try again later.", retry_after_s=10)
        self.open += 1
        try:
            await self._serve(whole, headers, receive, send)
        finally:
            self.open -= 1

    async def _serve(self, whole: Whole, headers: RawHeaders, receive: Receive, send: Send) -> None:
        assert whole.pieces is not None  # noqa: S101  # whoever calls looked
        # The first piece is made before anything is said: what fails at once is told as it should be.
        piece = await self._threads.call(_next, whole.pieces)
        left = asyncio.ensure_future(_left(receive))
        sending = asyncio.ensure_future(self._send(whole, piece, headers, send))
        try:
            await asyncio.wait({left, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for each in (left, sending):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await sending  # a thread may be at a piece: nobody closes what it works at

    async def _send(
        self, whole: Whole, piece: bytes | None, headers: RawHeaders, send: Send
    ) -> None:
        await send({"type": "http.response.start", "status": whole.status, "headers": headers})
        try:
            while piece is not None:
                async with asyncio.timeout(SLOW_S):
                    message = {"type": "http.response.body", "body": piece, "more_body": True}
                    await send(message)
                piece = await self._threads.call(_next, whole.pieces)
        except TimeoutError:
            logger.info("a download was given up: its reader does not read")
            raise Left from None
        except Exception as error:
            # The status is said: all that can be done is to end the connection before the body's end.
            logger.exception("a download broke off")
            raise Left from error
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
