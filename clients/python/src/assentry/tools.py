"""The tool's side: run only what a permit allows, and use each permit once.

A gate around the agent's function is a convenience; this is what holds against the agent: the tool, or
whoever holds its credentials, does nothing without consuming a permit for exactly that.
"""

from __future__ import annotations

import functools
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Literal, Self, TypeVar, Unpack

from assentry import toolcalls
from assentry.consumed import Uses
from assentry.driver import AsyncDriver, Driver
from assentry.effects import Flow
from assentry.errors import AlreadyConsumed, PermitDead, PermitRefused, SettingsError
from assentry.exchange import Retry
from assentry.guard import Desk, Guard, Options
from assentry.idempotency import fresh
from assentry.journal import Journal
from assentry.permits import KeySet, Permit
from assentry.settings import settings

__all__ = [
    "AlreadyConsumed",
    "AsyncToolClient",
    "KeySet",
    "Permit",
    "PermitDead",
    "PermitRefused",
    "ToolClient",
]

R = TypeVar("R")
T = TypeVar("T")
Awaited = Coroutine[Any, Any, R]
Payload = Mapping[str, Any] | str | bytes
Status = Literal["succeeded", "failed", "unknown"]

_WORKSPACES: Final = "/workspaces/"


class ToolState(ABC):
    """Settings of a tool's client.

    Args:
        url: the server; else ``ASSENTRY_URL``.
        key: the tool's key; else ``ASSENTRY_TOOL_KEY``.  Shown and logged nowhere.
        audience: the workspace's address, such as ``https://assentry.example/workspaces/shop``; else
            ``ASSENTRY_AUDIENCE``.  Permits for another one are refused.
        issuer: who signs permits; else what stands before ``/workspaces/`` in the audience.
        keys: the keys that permits are signed with; else those of the server, fetched when needed.
        retry: how often calls are repeated.
        journal: a file for what guards have begun; else ``ASSENTRY_JOURNAL``; else there is none.

    Raises:
        SettingsError: an address, a key or a journal that cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        keys: KeySet | None = None,
        retry: Retry | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
    ) -> None:
        self._settings = settings(url, key, variable="ASSENTRY_TOOL_KEY")
        self.audience = audience or os.environ.get("ASSENTRY_AUDIENCE", "")
        if not self.audience:
            raise SettingsError(
                "Of which workspace are the permits? Give audience=, or set ASSENTRY_AUDIENCE: its "
                f"address, such as {self._settings.url}{_WORKSPACES}shop"
            )
        self.issuer = issuer or self.audience.rpartition(_WORKSPACES)[0] or self._settings.url
        self._keys = keys or KeySet()
        self._retry = retry or Retry()
        self._journal = Journal.of(journal)
        uses = None if self._journal is None else Uses(self._journal)
        self._desk = Desk(self._retry, self._reading, uses)
        self._connect()

    @abstractmethod
    def _connect(self) -> None:
        """Make the driver that sends its calls."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.audience}>"

    def _reading(self, token: str) -> Flow[Permit]:
        return toolcalls.reading(self._retry, self._keys, token, self.issuer, self.audience)

    def _consuming(self, permit: Permit, payload: Payload) -> Flow[None]:
        found = permit.verify_payload(payload)
        return toolcalls.consume(self._retry, permit.jti, found, fresh())

    def _guard(self, function: Callable[..., Any], action: str, options: Options) -> Guard:
        return Guard(function, action, self._desk, **options)


class ToolClient(ToolState):
    """A tool's client for programs with threads, which may share it.  Arguments as of `ToolState`."""

    def _connect(self) -> None:
        self._driver = Driver(self._settings)

    def _do(self, flow: Flow[T]) -> T:
        return self._driver.run(flow)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections, and its journal."""
        self._driver.close()
        if self._journal is not None:
            self._journal.close()

    def permit(self, token: str) -> Permit:
        """The permit in a token, verified without asking the server.  It may have been used already.

        Raises:
            PermitRefused: it is none, or not for here.
            ApiError, Unreachable: the server's keys were needed, and could not be fetched.
        """
        return self._do(self._reading(token))

    def consume(self, permit: Permit, payload: Payload) -> None:
        """Use it for this payload: when this returns, the action may be run, once, by this call.

        A lost answer is asked for again under the same name, so that this never guesses whose use it
        was.  Check the action with `Permit.verify` before.

        Raises:
            AlreadyConsumed: it was used before.
            PermitDead: it expired or was revoked, or its agent was suspended.
            PermitRefused: it is for another payload, or not for this tool.
            Unreachable: whether it was consumed is not known: do not run the action.
        """
        self._do(self._consuming(permit, payload))

    def report(
        self, permit: Permit, status: Status, detail: str | None = None, cost: float | None = None
    ) -> None:
        """Tell what came of it.  The first word stands, but what was ``unknown`` may become known."""
        self._do(toolcalls.report(self._retry, permit.jti, status, detail, cost))

    def recover(self) -> bool:
        """Tell the server of what was begun when a process of this journal died: ``unknown``.

        The first call of a guarded function does it, too.

        Returns:
            Whether nothing is left to tell.
        """
        return self._do(self._desk.recover())

    def guard(
        self, action: str, **options: Unpack[Options]
    ) -> Callable[[Callable[..., R]], Callable[..., R]]:
        """Put a guard around a function; see `assentry.guard.Options` for what it takes.

        It is then called with ``permit=``, the token, beside its own arguments.  It runs where the
        permit allows exactly these, at most once for each permit, and what came of it is reported.  A
        function that has a keyword-only parameter ``permit`` itself is given the `Permit`.

        With a journal, a call that a crash cut off is told as ``unknown`` when the tool is back.
        """

        def around(function: Callable[..., R]) -> Callable[..., R]:
            if inspect.iscoroutinefunction(function):
                raise TypeError(f"{function.__qualname__} is async: guard it with AsyncToolClient")
            guard = self._guard(function, action, options)

            @functools.wraps(function)
            def guarded(*args: Any, **kwargs: Any) -> R:
                value: R = self._do(guard.call(args, kwargs))
                return value

            return guarded

        return around


class AsyncToolClient(ToolState):
    """A tool's client for programs on asyncio.  Arguments as of `ToolState`."""

    def _connect(self) -> None:
        self._driver = AsyncDriver(self._settings)

    async def _do(self, flow: Flow[T]) -> T:
        return await self._driver.run(flow)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections, and its journal."""
        await self._driver.close()
        if self._journal is not None:
            self._journal.close()

    async def permit(self, token: str) -> Permit:
        """As `ToolClient.permit`."""
        return await self._do(self._reading(token))

    async def consume(self, permit: Permit, payload: Payload) -> None:
        """As `ToolClient.consume`."""
        await self._do(self._consuming(permit, payload))

    async def report(
        self, permit: Permit, status: Status, detail: str | None = None, cost: float | None = None
    ) -> None:
        """As `ToolClient.report`."""
        await self._do(toolcalls.report(self._retry, permit.jti, status, detail, cost))

    async def recover(self) -> bool:
        """As `ToolClient.recover`."""
        return await self._do(self._desk.recover())

    def guard(
        self, action: str, **options: Unpack[Options]
    ) -> Callable[[Callable[..., Awaited[R]]], Callable[..., Awaited[R]]]:
        """As `ToolClient.guard`, around an async function."""

        def around(function: Callable[..., Awaited[R]]) -> Callable[..., Awaited[R]]:
            if not inspect.iscoroutinefunction(function):
                raise TypeError(f"{function.__qualname__} is not async: guard it with ToolClient")
            guard = self._guard(function, action, options)

            @functools.wraps(function)
            async def guarded(*args: Any, **kwargs: Any) -> R:
                value: R = await self._do(guard.call(args, kwargs))
                return value

            return guarded

        return around
