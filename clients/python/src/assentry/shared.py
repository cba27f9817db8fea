"""What the sync and the async client have in common: everything but waiting for a socket."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any

from assentry.exchange import Retry
from assentry.journal import Journal
from assentry.objects import Request
from assentry.running import RunState, current
from assentry.settings import Settings, settings


class HandleState:
    """A request that was submitted, and its latest known state.

    Attributes:
        request: as the server showed it last.
    """

    request: Request

    def __init__(self, request: Request) -> None:
        self.request = request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def status(self) -> str:
        """As last known; `refresh` asks again."""
        return self.request.status

    @property
    def payload(self) -> Any:
        """As last known."""
        return self.request.payload


class ClientState(ABC):
    """Settings of a client.

    Args:
        url: the server; else ``ASSENTRY_URL``.
        key: the agent's key; else ``ASSENTRY_KEY``.  Shown and logged nowhere.
        retry: how often calls are repeated.
        journal: a file for the journal of gates; else ``ASSENTRY_JOURNAL``; else there is none.

    Raises:
        SettingsError: an address, a key or a journal that cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        retry: Retry | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
    ) -> None:
        self._settings: Settings = settings(url, key)
        self._retry = retry or Retry()
        self._journal = Journal.of(journal)
        self._connect()

    @abstractmethod
    def _connect(self) -> None:
        """Make the driver that sends its calls."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._settings.url}>"

    def _running(self, given: RunState | None) -> RunState | None:
        """The run of a gated call: what was given, else the block the program is in, if it is ours."""
        found = given or current.get()
        return found if found is None or given is not None or found.owner is self else None
