"""A TCP proxy on loopback that cuts connections, refuses them, or counts them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self


class Proxy:
    """Carries bytes to a server until it is told otherwise.

    Attributes:
        connections: how many were made to it.
        lose_answers: how many answers to swallow: the server sees the call, the caller no answer.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.lose_answers = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # closing alone would let one more caller in
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.cut()

    def away(self) -> socket.socket:
        """Go away; the socket that is returned keeps the port from whoever else would answer there."""
        port = self._listener.getsockname()[1]
        self.__exit__()
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        return held

    def cut(self) -> None:
        """Reset every connection that is open."""
        with self._lock:
            open_now, self._open = self._open, []
        for one in open_now:
            with contextlib.suppress(OSError):
                # RST instead of FIN: what a machine that went away looks like.
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def until_connections(self, count: int, timeout: float = 10) -> None:
        """Wait until so many were made."""
        until = time.monotonic() + timeout
        while self.connections < count:
            assert time.monotonic() < until, f"{self.connections} connections, not {count}"
            time.sleep(0.01)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                loses = self.lose_answers > 0
                self.lose_answers -= loses
            server = socket.create_connection(self._target)
            with self._lock:
                self._open += [caller, server]
            threading.Thread(target=self._carry, args=(caller, server), daemon=True).start()
            back = self._swallow if loses else self._carry
            threading.Thread(target=back, args=(server, caller), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _swallow(self, server: socket.socket, caller: socket.socket) -> None:
        """Cut the caller off once the server has begun to answer."""
        with contextlib.suppress(OSError):
            server.recv(65536)
        for one in (caller, server):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
