"""Servers on loopback that behave as they are told, and remember who came."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from core.addresses import VARIABLE, allowed_networks

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Behaviour = Callable[["Peer"], object]


class Peer:
    """One connection to a receiver."""

    def __init__(self, receiver: Receiver, sock: socket.socket) -> None:
        self.receiver = receiver
        self.sock = sock
        self._unread = b""

    def request(self) -> bytes:
        """Return the next request, head and body, and remember it; EOFError when there is none."""
        while b"\r\n\r\n" not in self._unread:
            self._more()
        head, _, _ = self._unread.partition(b"\r\n\r\n")
        lines = [line.lower().partition(b":") for line in head.split(b"\r\n")]
        size = len(head) + 4 + sum(int(row[2]) for row in lines if row[0] == b"content-length")
        while len(self._unread) < size:
            self._more()
        found, self._unread = self._unread[:size], self._unread[size:]
        self.receiver.requests.append(found)
        return found

    def _more(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise EOFError
        self._unread += data

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Send byte by byte, and the last one for ever."""
        index = 0
        while not self.receiver.over.wait(pause):
            self.sock.sendall(data[index : index + 1])
            index = min(index + 1, len(data) - 1)


def answering(*answers: bytes) -> Behaviour:
    """Answer the requests of a connection in turn, the last answer again and again."""

    def behave(peer: Peer) -> None:
        count = 0
        while True:
            peer.request()
            peer.sock.sendall(answers[min(count, len(answers) - 1)])
            count += 1

    return behave


def silent(peer: Peer) -> None:
    peer.receiver.over.wait()


class Receiver:
    """Listens until its block ends; each connection behaves in a thread of its own."""

    def __init__(self, behave: Behaviour, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        #: Per connection over TLS, what the other side showed.
        self.shown: list[Any] = []
        self.over = threading.Event()
        self._open: list[socket.socket] = []
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server((host, port))
        self.host, self.port = self._listener.getsockname()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str = "/hook", *, scheme: str = "http", name: str | None = None) -> str:
        return f"{scheme}://{name or self.host}:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self.over.is_set():
                sock.close()
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(30)
        with contextlib.suppress(OSError, EOFError), contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            self._open.append(sock)
            if self._tls:
                sock = stack.enter_context(self._tls.wrap_socket(sock, server_side=True))
                self._open.append(sock)
                self.shown.append(sock.getpeercert())
            self._behave(Peer(self, sock))

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # accept returns
        self._threads[0].join(30)
        self._listener.close()
        for sock in self._open:  # else they would wait for a client that keeps its connections
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)


@contextlib.contextmanager
def receiving(
    behave: Behaviour = answering(OK),  # noqa: B008 - it keeps no state
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    receiver = Receiver(behave, host, port, tls)
    try:
        yield receiver
    finally:
        receiver.close()


def allow(monkeypatch: pytest.MonkeyPatch, networks: str) -> None:
    monkeypatch.setenv(VARIABLE, networks)
    allowed_networks.cache_clear()


class Resolver:
    """Plays the name servers: answers for the names it has, and finds no others."""

    def __init__(self) -> None:
        self.names: dict[str, Callable[[], Sequence[str]]] = {}
        self.asked: list[str] = []

    def has(self, name: str, *addresses: str) -> None:
        self.names[name] = lambda: addresses

    def getaddrinfo(self, host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, 0, 0, 0) if ":" in address else (address, 0),
            )
            for address in self.names[host]()
        ]
