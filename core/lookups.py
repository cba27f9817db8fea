"""Name lookups with a deadline: `getaddrinfo` has none, so it runs where it can be left behind."""

from __future__ import annotations

import os
import socket
import threading
import time
from ipaddress import ip_address
from typing import Final

from core.addresses import Address

#: Lookups at the same time, those included that nobody waits for any more.
MOST: Final = 64


class Unresolved(Exception):
    """The name has no addresses, or they were not found in time."""


class _Lookup:
    def __init__(self, name: str) -> None:
        self.name = name
        self.done = False
        self.found: tuple[Address, ...] = ()


class Lookups:
    """Asks the system's resolver; one question per name at a time, whoever asks for it."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what runs: a forked child has no such threads."""
        self._changed = threading.Condition()
        self._running: dict[str, _Lookup] = {}

    def addresses(self, name: str, until: float) -> tuple[Address, ...]:
        """Return all addresses of `name`, by `until` (monotonic); Unresolved."""
        with self._changed:
            # A silent name server holds one place per name; with all taken, the rest wait here.
            free = self._changed.wait_for(
                lambda: name in self._running or len(self._running) < MOST,
                max(0.0, until - time.monotonic()),
            )
            if not free:
                raise Unresolved
            lookup = self._running.get(name) or self._begin(name)
            self._changed.wait_for(lambda: lookup.done, max(0.0, until - time.monotonic()))
            if not lookup.found:
                raise Unresolved
            return lookup.found

    def _begin(self, name: str) -> _Lookup:
        lookup = self._running[name] = _Lookup(name)
        try:
            threading.Thread(target=self._run, args=(lookup,), name="lookup", daemon=True).start()
        except RuntimeError as error:  # no more threads
            del self._running[name]
            raise Unresolved from error
        return lookup

    def _run(self, lookup: _Lookup) -> None:
        found: tuple[Address, ...] = ()
        try:
            rows = socket.getaddrinfo(lookup.name, None, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(ip_address(row[4][0]) for row in rows))
        except (OSError, ValueError):
            pass  # nothing was found, whatever the reason
        finally:
            with self._changed:
                lookup.found, lookup.done = found, True
                self._running.pop(lookup.name, None)
                self._changed.notify_all()


lookups: Final = Lookups()

os.register_at_fork(after_in_child=lookups.begin_anew)
