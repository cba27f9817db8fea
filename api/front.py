"""The door everything comes through: a raw ASGI application in front of Django.

Calls that carry a key and are made often are plain functions in a few threads (`api.hot`), waiting
calls and event streams cost no thread at all (`api.waiting`), and everything else is Django's, in
threads of its own so that a slow page cannot starve an agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django.db import connections
from django.urls import get_resolver

from api import answers, hot, streams, waiting
from api.answers import Answer, Call, Hot
from api.downloads import Downloads
from api.errors import answer_to
from api.threads import Threads
from api.wire import Left, Receive, Send, encoded, header_map, read_body, send_whole
from api.wsgi_bridge import Wsgi, environ_of
from api.wsgi_bridge import run as run_wsgi
from callbacks.hub import Hub, Sources, Waiter
from core import db
from core.bodies import LEFT_OUT
from core.nudge import nudger
from core.problems import Problem, method_not_allowed

logger = logging.getLogger(__name__)

#: The database pool of the hot calls has as many connections.
HOT_THREADS: Final = 8
DJANGO_THREADS: Final = 8
#: What waits is read by one statement at a time, keys and sessions by another.
HUB_THREADS: Final = 2
#: Pieces of downloads that are made at once: each borrows a connection of the pool for a moment.
DOWNLOAD_THREADS: Final = 2
READ_PREFIX: Final = "/api/v1/requests/"
#: How the paths of event streams end.
EVENTS: Final = "/events"
#: The environ's list in which a view of events leaves the `api.streams.Admission` of whom it lets in.
ADMITTED: Final = "assentry.admitted"


@dataclass(slots=True)
class Parts:
    """What the front works with while the server runs."""

    hot: Threads
    django: Threads
    reading: Threads
    making: Threads
    downloads: Downloads
    hub: Hub


class Front:
    """The ASGI application of one web process."""

    def __init__(
        self,
        django: Wsgi,
        sources: Sources,
        health: Mapping[str, Callable[[], Answer]],
        *,
        prefix: str = "",
    ) -> None:
        """An application that is not started yet.

        Args:
            health: maps paths to functions that look at this process and what it needs.
            prefix: the path of the base address, ``/assentry``; empty at the root of a host.
        """
        self._prefix = prefix
        self._django = django
        self._sources = sources
        self._health = health
        self._parts: Parts | None = None
        self._headers = encoded(answers.security_headers())

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            with contextlib.suppress(Left):
                await self._serve(below(scope, self._prefix), receive, send)

    # -- life --------------------------------------------------------------------------------------
    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def start(self) -> None:
        """Make threads and hub, and open the pool of the hot calls.  Call it on the event loop."""
        loop = asyncio.get_running_loop()
        reading = Threads(HUB_THREADS, "hub", loop)
        hub = Hub(self._sources, reading.call)
        django = Threads(DJANGO_THREADS, "django", loop)
        making = Threads(DOWNLOAD_THREADS, "downloads", loop)
        hot_threads = Threads(HOT_THREADS, "hot", loop)
        self._parts = Parts(hot_threads, django, reading, making, Downloads(making), hub)
        hub.start()
        db.pool()
        django.call(warm)

    def drain(self) -> None:
        """Answer everybody who waits with what is known now.  Call it on the event loop."""
        if self._parts is not None:
            self._parts.hub.drain()

    async def stop(self) -> None:
        """End everything that `start` began, and the connections of this process."""
        parts, self._parts = self._parts, None
        if parts is not None:
            await parts.hub.close()
            for threads in (parts.hot, parts.django, parts.reading, parts.making):
                threads.close()
        nudger.close()
        db.close()
        connections["default"].close_pool()  # type: ignore[attr-defined]  # of the PostgreSQL backend

    @property
    def hub(self) -> Hub:
        """Who waits in this process."""
        return self._running.hub

    @property
    def _running(self) -> Parts:
        if self._parts is None:
            raise RuntimeError("the front serves only between start and stop")
        return self._parts

    # -- one call ----------------------------------------------------------------------------------
    async def _serve(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = header_map(scope["headers"])
        request_id = answers.request_id(headers.get("x-request-id"))
        marks = [*self._headers, (b"x-request-id", request_id.encode())]
        try:
            answer = await self._answer(scope, headers, receive, send, marks)
        except Left:
            raise
        except Exception as error:  # noqa: BLE001 - what nobody foresaw is logged, and not told
            answer = answer_to(error, request_id)
        if answer is not None:
            about = encoded([("content-type", answer.content_type), *answer.headers.items()])
            await send_whole(send, answer.status, about + marks, answer.body)

    async def _answer(
        self,
        scope: Any,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
        marks: list[tuple[bytes, bytes]],
    ) -> Answer | None:
        """The answer; None when it was sent already, or nobody is there to hear it."""
        path, method = scope["path"], scope["method"]
        known = hot.CALLS.get((method, path))
        if known is not None:
            body = await read_body(headers, receive)
            return await self._hot(known, Call(headers, query_of(scope), body), receive)
        about = hot.about_one(method, path)
        if about is not None and carries_key(headers):
            body = await read_body(headers, receive)
            return await self._hot(
                about[0], Call(headers, query_of(scope), body, about[1]), receive
            )
        if method == "GET" and path.startswith(READ_PREFIX) and carries_key(headers):
            subject = path[len(READ_PREFIX) :]
            if "/" not in subject and subject not in hot.NOT_IDS:
                await read_body(headers, receive)
                return await self._read_one(Call(headers, query_of(scope), b"", subject), receive)
        if path in self._health:
            if method not in ("GET", "HEAD"):
                raise method_not_allowed(["GET", "HEAD"])
            return await self._running.reading.call(self._health[path])
        if method == "GET" and path.startswith("/api/v1/") and path.endswith(EVENTS):
            await self._events(scope, headers, receive, send, marks)
        else:
            await self._to_django(scope, headers, receive, send, marks)
        return None

    async def _to_django(
        self,
        scope: Any,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
        marks: list[tuple[bytes, bytes]],
    ) -> None:
        """Hand a call on with its whole body; a form with a file that is too large, without it.

        The page that the form stands on says so: people do not read problem documents.
        """
        body, left_out = b"", False
        try:
            body = await read_body(headers, receive)
        except Problem as problem:
            if problem.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or not with_a_file(
                scope, headers
            ):
                raise
            left_out = True
        environ = environ_of(scope, body, marks[-1][1].decode())
        if left_out:
            environ[LEFT_OUT] = True
        await self._django_answers(environ, receive, send, marks)

    async def _hot(
        self, function: Hot, call: Call, receive: Receive, waiter: Waiter | None = None
    ) -> Answer | None:
        """Run a hot call in a thread; where it may wait, wait here."""
        parts = self._running
        try:
            answer = await parts.hot.call(function, call)
            if answer.park is None:
                return answer
            park = answer.park
            del answer, call  # a parked call keeps neither its body nor the answer of now
            if waiter is None:
                waiter = parts.hub.subscribe(park.ids)
                park.read_again = True
            return await waiting.parked(parts.hub, waiter, park, receive)
        finally:
            if waiter is not None:
                parts.hub.leave(waiter)

    async def _read_one(self, call: Call, receive: Receive) -> Answer | None:
        """Read one request; one who wants to wait listens before the reading."""
        waiter = None
        if call.query:
            with contextlib.suppress(Problem):  # one who has no key must not learn that first
                waiter = self._running.hub.subscribe((hot.request_uuid(call.subject),))
        return await self._hot(hot.read_one, call, receive, waiter)

    async def _django_answers(
        self,
        environ: dict[str, Any],
        receive: Receive,
        send: Send,
        marks: list[tuple[bytes, bytes]],
    ) -> None:
        whole = await self._running.django.call(run_wsgi, self._django, environ)
        headers = [*whole.headers, marks[-1]]
        if LEFT_OUT in environ:
            headers.append((b"connection", b"close"))  # the rest of the body may still come
        if whole.pieces is None:
            await send_whole(send, whole.status, headers, whole.body)
        elif environ["REQUEST_METHOD"] == "HEAD":
            await send({"type": "http.response.start", "status": whole.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._running.downloads.serve(whole, headers, receive, send)

    async def _events(
        self,
        scope: Any,
        headers: dict[str, str],
        receive: Receive,
        send: Send,
        marks: list[tuple[bytes, bytes]],
    ) -> None:
        """An event stream, for whoever Django's own view of the same path lets in."""
        await read_body(headers, receive)
        admitted: list[streams.Admission] = []
        environ = environ_of(scope, b"", marks[-1][1].decode())
        environ[ADMITTED] = admitted
        parts = self._running
        whole = await parts.django.call(run_wsgi, self._django, environ)
        if not admitted:
            await send_whole(send, whole.status, [*whole.headers, marks[-1]], whole.body)
            return
        await streams.serve(parts.hub, admitted[0], parts.reading.call, receive, send, marks)


def with_a_file(scope: Any, headers: Mapping[str, str]) -> bool:
    """Whether this is a form of a page that carries a file."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "multipart/form-data" and not scope["path"].startswith("/api/")


def warm() -> None:
    """Load what the first page would have to wait for."""
    _ = get_resolver().url_patterns
    gc.collect()
    gc.freeze()  # what was loaded stays: the collector need not look at it again


def below(scope: Any, prefix: str) -> Any:
    """The scope as if the product stood at the root, whether or not a proxy took the prefix off already.

    No path of ours begins with the prefix (`config.checks`), so what does has not lost it yet.
    """
    # The prefix is plain ASCII (`config.environment`): written otherwise, it is none.
    raw, begin = scope["raw_path"], prefix.encode()
    if not prefix or not (raw == begin or raw.startswith(begin + b"/")):
        return scope
    path = scope["path"][len(prefix) :]
    return {**scope, "path": path or "/", "raw_path": raw[len(begin) :] or b"/"}


def carries_key(headers: dict[str, str]) -> bool:
    """Whether a call speaks for an agent.  Then its cookies do not count."""
    return headers.get("authorization", "")[:7].lower() == "bearer "


def query_of(scope: Any) -> str:
    """The query string of a scope, as it came."""
    query: str = scope["query_string"].decode("latin-1")
    return query
