"""Performing the effects of flows: over threads, or over asyncio.  The only place with a socket."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any, TypeVar

import httpx2

from assentry.canonical import canonical
from assentry.effects import Answer, Blocking, Call, Do, Effect, Flow, Lost, Pause
from assentry.settings import Settings

T = TypeVar("T")

CONNECT_S = 10.0
#: How long the server may take beyond what it was asked to wait.
READ_S = 30.0
#: Failures before the server can have seen anything.
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=20)


def _headers(settings: Settings) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {settings.key.reveal()}",
        "Accept": "application/json, application/problem+json",
        "User-Agent": "assentry-python",
    }


def _request(settings: Settings, call: Call) -> dict[str, Any]:
    headers, content = dict(call.headers), None
    if call.body is not None:
        content = canonical(call.body)
        headers["Content-Type"] = "application/json"
    timeout = httpx2.Timeout(READ_S, connect=CONNECT_S, read=READ_S + call.wait_s)
    return {
        "method": call.method,
        "url": (settings.url if call.public else settings.api) + call.path,
        "params": dict(call.query) or None,
        "headers": headers,
        "content": content,
        "timeout": timeout,
    }


def _answer(response: httpx2.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content)


def _lost(error: httpx2.RequestError) -> Lost:
    # Only its kind and words: the error itself refers to the request, whose headers hold the key.
    return Lost(
        f"{type(error).__name__}: {error}".rstrip(": "), sent=not isinstance(error, _NOT_SENT)
    )


class Driver:
    """Runs flows in the caller's thread.  May be shared by threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx2.Client(headers=_headers(settings), limits=_LIMITS)

    def run(self, flow: Flow[T]) -> T:
        """The flow's answer, or what it raises."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = self._perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow says what becomes of it
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Call():
                return self._call(effect)
            case Pause(seconds):
                time.sleep(seconds)
                return None
            case Do(function) | Blocking(function):
                return function()

    def _call(self, call: Call) -> Answer:
        try:
            return _answer(self._http.request(**_request(self._settings, call)))
        except httpx2.RequestError as error:
            lost = _lost(error)
        raise lost

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


class AsyncDriver:
    """Runs flows on the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx2.AsyncClient(headers=_headers(settings), limits=_LIMITS)

    async def run(self, flow: Flow[T]) -> T:
        """The flow's answer, or what it raises."""
        try:
            effect = next(flow)
            while True:
                try:
                    result = await self._perform(effect)
                except BaseException as error:  # noqa: BLE001 - the flow says what becomes of it
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as end:
            value: T = end.value
            return value

    async def _perform(self, effect: Effect) -> Any:
        match effect:
            case Call():
                return await self._call(effect)
            case Pause(seconds):
                await asyncio.sleep(seconds)
                return None
            case Do(function):
                value = function()
                return await value if inspect.isawaitable(value) else value
            case Blocking(function):
                return await asyncio.to_thread(function)

    async def _call(self, call: Call) -> Answer:
        try:
            return _answer(await self._http.request(**_request(self._settings, call)))
        except httpx2.RequestError as error:
            lost = _lost(error)
        raise lost

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
