"""What a flow asks of the world.

A flow is a generator that yields effects, is sent their results, and returns the answer.  It does no
input or output itself: `assentry.driver` performs the effects, with threads or with asyncio, so that
the sync and the async client are the same flows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One HTTP call.  Performed, it gives an `Answer`, or raises `Lost`.

    Attributes:
        path: below ``/api/v1``; below the server's address where it is ``public``.
        body: a JSON value; None sends none.
        idempotent: whether carrying it out twice is the same as once.
        wait_s: how long the server may take before it begins to answer.
    """

    method: str
    path: str
    body: Any = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    wait_s: float = 0
    public: bool = False


@dataclass(frozen=True)
class Pause:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Do:
    """Call a function of the program's, and await what it returns where that can be awaited."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Blocking:
    """Call a short function that may block, such as one that writes to a disk."""

    function: Callable[[], Any]


@dataclass(frozen=True)
class Answer:
    """What the server answered; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as a value; None where it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


class Lost(Exception):
    """A call got no answer.

    Attributes:
        sent: whether the server may have seen it.
    """

    def __init__(self, why: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(why)


Effect: TypeAlias = Call | Pause | Do | Blocking
Flow: TypeAlias = Generator[Effect, Any, T]
