"""Socket Mode: what people do reaches the app over a websocket that the app opened.

In a module of its own, since only tests need it, and the `websockets` library with it.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
import time
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from demo.slack.api import Api
from demo.slack.delivery import PATIENCE_S
from demo.slack.state import Team

#: Seconds for which Slack says a connection will live.
LIFE_S: Final = 18_060


class _Waiting:
    """An envelope that nobody acknowledged yet."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.payload = ""


class Sockets:
    """Websockets for the workspaces of a double that were added with ``socket=True``.

    Sockets(double)            # before the product connects
    ...
    double.links.disconnect("T0ACME", "refresh_requested")
    """

    def __init__(self, api: Api, host: str = "127.0.0.1") -> None:
        #: Seconds for which an acknowledgement is waited for.
        self.patience = PATIENCE_S
        #: Every envelope sent, in order.
        self.envelopes: list[dict[str, Any]] = []
        self._tickets: dict[str, Team] = {}
        self._open: dict[str, list[ServerConnection]] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._turn = itertools.count()
        self._lock = threading.Lock()
        self._server = serve(self._serve, host, 0, close_timeout=1)
        self._base = f"ws://{host}:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        api.links = self

    def address(self, team: Team) -> str:
        """Where to connect, once."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._tickets[ticket] = team
        return f"{self._base}/link/?ticket={ticket}&app_id={team.app_id}"

    def connected(self, team: Team | str) -> int:
        """How many connections of a workspace are open."""
        with self._lock:
            return len(self._open.get(team.id if isinstance(team, Team) else team, []))

    def deliver(self, team: Team, envelope: dict[str, Any]) -> str | None:
        """Send an envelope to one of the connections; None where none takes it in time."""
        with self._lock:
            there = self._open.get(team.id, [])
            if not there:
                return None
            connection = there[next(self._turn) % len(there)]
            waiting = self._waiting[envelope["envelope_id"]] = _Waiting()
            self.envelopes.append(envelope)
        try:
            connection.send(json.dumps(envelope))
            came = waiting.over.wait(self.patience)
        except ConnectionClosed:
            came = False
        with self._lock:
            self._waiting.pop(envelope["envelope_id"], None)
        return waiting.payload if came else None

    def disconnect(self, team: Team | str, reason: str = "refresh_requested") -> None:
        """Ask every connection of a workspace to come anew, and close it; `warning` only asks."""
        name = team.id if isinstance(team, Team) else team
        told = {"type": "disconnect", "reason": reason, "debug_info": _debug()}
        with self._lock:
            there = list(self._open.get(name, []))
            if reason != "warning":
                self._open[name] = []  # no envelope goes to one that is on its way out
        for connection in there:
            with suppress(ConnectionClosed):
                connection.send(json.dumps(told))
            if reason != "warning":
                connection.close()

    def close(self) -> None:
        """Close every connection, and listen no longer."""
        self._server.shutdown()
        with self._lock:
            there = [one for several in self._open.values() for one in several]
        for connection in there:
            connection.close()

    def _serve(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request else ""
        [ticket] = parse_qs(urlsplit(path).query).get("ticket", [""])
        with self._lock:
            team = self._tickets.pop(ticket, None)
            there = self._open.setdefault(team.id, []) if team else []
            there.append(connection)
            number = len(there)
        if team is None:
            connection.close(4001, "the ticket is not one, or was used")
            return
        hello = {"type": "hello", "num_connections": number, "debug_info": _debug()}
        hello["connection_info"] = {"app_id": team.app_id}
        try:
            connection.send(json.dumps(hello))
            for text in connection:
                self._acknowledged(text)
        except ConnectionClosed:
            pass
        finally:
            with self._lock, suppress(ValueError):
                self._open[team.id].remove(connection)

    def _acknowledged(self, text: str | bytes) -> None:
        try:
            told = json.loads(text)
        except ValueError:
            return
        if not isinstance(told, dict):
            return
        with self._lock:
            waiting = self._waiting.get(str(told.get("envelope_id")))
        if waiting:
            waiting.payload = json.dumps(told["payload"]) if told.get("payload") else ""
            waiting.over.set()


def _debug() -> dict[str, Any]:
    started = time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime())
    told = {"host": "applink-1", "build_number": 1, "started": started}
    return {**told, "approximate_connection_time": LIFE_S}
