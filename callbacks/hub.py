"""Everybody in this process who waits for something to change, and the one connection that tells.

Notifications are hints.  What is delivered was read after the waiter subscribed; every parked
request is read again every ten seconds, and all of them after the connection was lost, so a hint that
never came (its sender was killed) costs seconds, not the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from uuid import UUID

import psycopg

from core.db import conninfo
from core.nudge import WAKE_CHANNEL

logger = logging.getLogger(__name__)

#: Every parked request is read again within this time; one share of them each second.
ROUND_S: Final = 10
#: Requests read by one statement.  More, and the first of a thousand waiters would wait for the last.
BATCH: Final = 200
#: Pauses between attempts to listen again.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class Position(Protocol):
    """How far a request has come."""

    @property
    def sequence(self) -> int: ...
    @property
    def status(self) -> str: ...


class Snapshot(Position, Protocol):
    """A request as it stands, with its JSON."""

    @property
    def rendered(self) -> bytes: ...


class Sign(Enum):
    """Why a waiter stopped waiting, where no change was the reason."""

    TIME_UP = "time is up"
    CLOSING = "the server ends"
    LEFT = "the caller left"
    KEY_DEAD = "the key was revoked or has expired"


Key = TypeVar("Key")
Member = TypeVar("Member")
Outcome: TypeAlias = Sign | Mapping[UUID, Snapshot]
Session: TypeAlias = tuple[str, UUID]
#: A request, and the person who looks at it.
Sight: TypeAlias = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the hub asks; each is called in a thread, with everything that is waited for at once."""

    #: The requests with these ids as they stand, rendered for their agent.
    snapshots: Callable[[list[UUID]], Mapping[UUID, Snapshot]]
    #: The same without the rendering, for the rounds.
    positions: Callable[[list[UUID]], Mapping[UUID, Position]]
    #: Of these keys, those that are still valid.
    live_keys: Callable[[Sequence[UUID]], set[UUID]]
    #: Of these (session key, person) pairs, those of whom both are still good.
    live_sessions: Callable[[Sequence[Session]], set[Session]]
    #: Of these (request, person) pairs, those in which the person may still see the request.
    visible: Callable[[Sequence[Sight]], set[Sight]]


@dataclass(slots=True, eq=False)
class Waiter:
    """One parked call."""

    ids: tuple[UUID, ...]
    future: asyncio.Future[Outcome]
    key_id: UUID | None = None
    seen: Mapping[UUID, int] = field(default_factory=dict)
    until_end: bool = False
    #: A hint came before `seen` was known.
    touched: bool = False

    def concerns(self, request_id: UUID, at: Position) -> bool:
        """Whether this is news for the waiter."""
        if at.status != "pending":
            return True
        return not self.until_end and at.sequence > self.seen.get(request_id, at.sequence)

    def end(self, outcome: Outcome) -> None:
        """Wake it, once."""
        if not self.future.done():
            self.future.set_result(outcome)


class Ended(Enum):
    """Why a stream ends, in the word that its listener is told."""

    CLOSING = "restarting"
    LEFT = "left"
    CREDENTIAL = "signed_out"
    SIGHT = "not_visible"


@dataclass(slots=True, eq=False)
class Stream:
    """One open event stream: of a workspace's inbox, or of one request."""

    #: What it hears of, as `core.nudge` writes topics.
    topic: str
    #: Whose it is: a key, or a person in a session.
    key_id: UUID | None = None
    session: Session | None = None
    request_id: UUID | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: Ended | None = None

    @property
    def sight(self) -> Sight | None:
        """What of it must stay visible to whom, where a person looks at one request."""
        if self.request_id is None or self.session is None:
            return None
        return self.request_id, self.session[1]

    def over(self) -> Ended | None:
        """Why it is to close, or None: asked again after everything that takes time."""
        return self.ended

    def end(self, why: Ended) -> None:
        """Tell the stream to close."""
        if self.ended is None:
            self.ended = why
        self.changed.set()


class Hub:
    """Topics and their waiters; lives on one event loop."""

    def __init__(self, sources: Sources, call: Callable[..., asyncio.Future[Any]]) -> None:
        """`call(function, *args)` runs blocking work in a thread."""
        self._sources = sources
        self._call = call
        self._waiters: dict[UUID, set[Waiter]] = defaultdict(set)
        self._keys: dict[UUID, set[Waiter]] = defaultdict(set)
        self._streams: set[Stream] = set()
        self._topics: dict[str, set[Stream]] = defaultdict(set)
        self._dirty: dict[UUID, None] = {}
        self._readers: list[tuple[tuple[UUID, ...], asyncio.Future[Mapping[UUID, Snapshot]]]] = []
        self._wanted = asyncio.Event()
        self._check_now = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.closing = False
        self.listening = False

    # -- life --------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin to listen, to read and to check."""
        self._tasks = [
            asyncio.create_task(body, name=f"hub-{name}")
            for name, body in (
                ("listen", self._listen()),
                ("read", self._read()),
                ("check", self._check()),
            )
        ]

    def drain(self) -> None:
        """Wake everybody with what is known now; whoever comes later is not parked any more."""
        self.closing = True
        for waiters in list(self._waiters.values()):
            for waiter in list(waiters):
                waiter.end(Sign.CLOSING)
        for stream in self._streams:
            stream.end(Ended.CLOSING)

    async def close(self) -> None:
        """End the tasks."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def parked(self) -> int:
        """How many parked calls and open streams there are."""
        return len({waiter for waiters in self._waiters.values() for waiter in waiters}) + len(
            self._streams
        )

    # -- waiters -----------------------------------------------------------------------------------
    def subscribe(self, ids: tuple[UUID, ...]) -> Waiter:
        """A waiter for these requests.  Subscribe before reading them, else `park` reads again."""
        waiter = Waiter(ids, asyncio.get_running_loop().create_future())
        for request_id in ids:
            self._waiters[request_id].add(waiter)
        return waiter

    def park(
        self,
        waiter: Waiter,
        *,
        key_id: UUID,
        seen: Mapping[UUID, int],
        until_end: bool,
        read_again: bool,
    ) -> None:
        """Say what the waiter has seen, and whose key it is; from now on news wakes it."""
        waiter.key_id, waiter.seen, waiter.until_end = key_id, seen, until_end
        self._keys[key_id].add(waiter)
        if self.closing:
            waiter.end(Sign.CLOSING)
        elif read_again or waiter.touched:
            self._mark(waiter.ids)

    def leave(self, waiter: Waiter) -> None:
        """Forget a waiter."""
        for request_id in waiter.ids:
            _discard(self._waiters, request_id, waiter)
        if waiter.key_id is not None:
            _discard(self._keys, waiter.key_id, waiter)

    async def read(self, ids: tuple[UUID, ...]) -> Mapping[UUID, Snapshot]:
        """The requests as they stand, read together with what others want at this moment.

        Raises whatever the reading raised.
        """
        future: asyncio.Future[Mapping[UUID, Snapshot]] = asyncio.get_running_loop().create_future()
        self._readers.append((ids, future))
        self._wanted.set()
        return await future

    # -- streams -----------------------------------------------------------------------------------
    def open_stream(self, stream: Stream) -> None:
        """Let a stream hear of its topic."""
        self._streams.add(stream)
        self._topics[stream.topic].add(stream)
        if self.closing:
            stream.end(Ended.CLOSING)

    def close_stream(self, stream: Stream) -> None:
        """Forget a stream."""
        self._streams.discard(stream)
        _discard(self._topics, stream.topic, stream)

    def streams_of(self, holder: UUID) -> int:
        """How many streams a key, or a person, has open in this process."""
        return sum(
            holder == (stream.session[1] if stream.session else stream.key_id)
            for stream in self._streams
        )

    # -- hearing -----------------------------------------------------------------------------------
    async def _listen(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    conninfo(), autocommit=True
                ) as conn:
                    await conn.execute(f"LISTEN {WAKE_CHANNEL}")
                    self.listening, pause = True, FIRST_PAUSE_S
                    self._everything_may_have_changed()
                    async for notification in conn.notifies():
                        self.hear(notification.payload)
            except psycopg.Error as error:
                logger.warning("not listening, trying again: %s", error)
            self.listening = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def hear(self, payload: str) -> None:
        """Take one notification: topics joined by commas (`core.nudge`)."""
        for topic in payload.split(","):
            kind, _, rest = topic.partition(":")
            if kind in ("k", "p", "s"):
                self._check_now.set()
            elif kind in ("r", "w"):
                with contextlib.suppress(ValueError):
                    self._touch(kind, UUID(hex=rest))

    def _touch(self, kind: str, subject: UUID) -> None:
        if kind == "r":
            self._mark((subject,))
        for stream in self._topics.get(f"{kind}:{subject.hex}", ()):
            stream.changed.set()

    def _everything_may_have_changed(self) -> None:
        self._mark(self._waiters)
        for stream in self._streams:
            stream.changed.set()

    def _mark(self, ids: Iterable[UUID]) -> None:
        for request_id in ids:
            waiters = self._waiters.get(request_id)
            if not waiters:
                continue
            for waiter in waiters:
                waiter.touched = True
            self._dirty[request_id] = None
        if self._dirty:
            self._wanted.set()

    # -- reading -----------------------------------------------------------------------------------
    async def _read(self) -> None:
        """One statement at a time: whatever is asked meanwhile goes into the next."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            readers, self._readers = self._readers, []
            ids = dict.fromkeys(request_id for asked, _ in readers for request_id in asked)
            while self._dirty and len(ids) < BATCH:
                ids[self._dirty.popitem()[0]] = None
            if self._dirty:
                self._wanted.set()
            try:
                found = await self._call(self._sources.snapshots, list(ids))
            except Exception as error:  # noqa: BLE001 - readers are told; waiters are read again in a round
                logger.warning("%d waited-for requests could not be read: %s", len(ids), error)
                _fail(readers, error)
                continue
            for _, future in readers:
                if not future.done():
                    future.set_result(found)
            self._deliver(found)

    def _deliver(self, found: Mapping[UUID, Snapshot]) -> None:
        for request_id, snapshot in found.items():
            for waiter in list(self._waiters.get(request_id, ())):
                if waiter.key_id is not None and waiter.concerns(request_id, snapshot):
                    waiter.end(found)

    # -- checking ----------------------------------------------------------------------------------
    async def _check(self) -> None:
        """Each second: whose key or session is still good, and a share of the round over all requests."""
        rounds: list[UUID] = []
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._check_now.wait()
            self._check_now.clear()
            try:
                await self._check_credentials()
                rounds = await self._continue_round(rounds)
            except Exception as error:  # noqa: BLE001 - the database may be away; the next second asks again
                logger.warning("waiting calls could not be checked: %s", error)

    async def _check_credentials(self) -> None:
        streams = list(self._streams)
        keys = {*self._keys, *(s.key_id for s in streams if s.key_id is not None)}
        if keys:
            live = await self._call(self._sources.live_keys, list(keys))
            for key_id in keys - live:
                for waiter in list(self._keys.get(key_id, ())):
                    waiter.end(Sign.KEY_DEAD)
            _end(streams, lambda s: s.key_id is None or s.key_id in live, Ended.CREDENTIAL)
        sessions = {stream.session for stream in streams if stream.session is not None}
        if sessions:
            good = await self._call(self._sources.live_sessions, list(sessions))
            _end(streams, lambda s: s.session is None or s.session in good, Ended.CREDENTIAL)
        sights = {stream.sight for stream in streams if stream.sight is not None}
        if sights:
            seen = await self._call(self._sources.visible, list(sights))
            _end(streams, lambda s: s.sight is None or s.sight in seen, Ended.SIGHT)

    async def _continue_round(self, left: list[UUID]) -> list[UUID]:
        """Read one share of the parked requests; return those that the round has still to visit."""
        if not left:
            left = list(self._waiters)
        share = max(1, -(-len(self._waiters) // ROUND_S))
        now, left = left[:share], left[share:]
        ids = [request_id for request_id in now if request_id in self._waiters]
        if ids:
            found = await self._call(self._sources.positions, ids)
            self._mark(
                request_id
                for request_id, at in found.items()
                if any(
                    waiter.concerns(request_id, at) for waiter in self._waiters.get(request_id, ())
                )
            )
        return left


def _discard(index: dict[Key, set[Member]], key: Key, member: Member) -> None:
    found = index.get(key)
    if found is not None:
        found.discard(member)
        if not found:
            del index[key]


def _end(streams: Iterable[Stream], good: Callable[[Stream], bool], why: Ended) -> None:
    for stream in streams:
        if not good(stream):
            stream.end(why)


def _fail(
    readers: list[tuple[tuple[UUID, ...], asyncio.Future[Mapping[UUID, Snapshot]]]],
    error: Exception,
) -> None:
    for _, future in readers:
        if not future.done():
            future.set_exception(error)
