"""Connections that keep to limits: one deadline and a number of bytes for all that is received.

urllib3 applies its timeouts to each read, so a peer that sends a byte now and then is never late.
Here every read and write gets what remains, and the address is the one that was judged: nothing
in this file looks up a name.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any, Final

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import Timeout

#: Status line and headers, with those of interim answers.
HEAD_BYTES: Final = 32_768
#: A connection that rested longer may be gone without a word.
IDLE_S: Final = 30.0


class TooMuch(OSError):
    """The peer sends more than an answer may have around its body."""


class Limits(Timeout):
    """What one attempt may use, and what is known of it; goes where urllib3 wants a timeout."""

    def __init__(self, until: float) -> None:
        super().__init__()
        self.until = until
        self.connect_until = until
        self.bytes_left = HEAD_BYTES
        #: Whether the attempt must not use a connection that rested.
        self.afresh = False
        self.reused = False
        self.heard = False
        self.ended = False

    def left(self) -> float:
        """Return the seconds that remain; TimeoutError when none do."""
        return _until(self.until)

    def received(self, count: int) -> int:
        self.heard = self.heard or count > 0
        self.ended = self.ended or count == 0
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise TooMuch
        return count

    @property
    def connect_timeout(self) -> float:
        return _until(self.connect_until)

    @property
    def read_timeout(self) -> float:
        return self.left()

    def start_connect(self) -> float:
        return time.monotonic()

    def clone(self) -> Limits:
        return self  # one attempt, however often urllib3 copies


def _until(moment: float) -> float:
    left = moment - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _PlainSocket(socket.socket):
    limits: Limits

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.limits.left())
        return self.limits.received(super().recv_into(*args))

    def sendall(self, *args: Any) -> None:
        self.settimeout(self.limits.left())
        super().sendall(*args)


class TlsSocket(ssl.SSLSocket):
    limits: Limits

    def recv_into(self, *args: Any) -> int:
        self.settimeout(self.limits.left())
        return self.limits.received(super().recv_into(*args))

    def send(self, *args: Any) -> int:  # sendall calls it until all is sent
        self.settimeout(self.limits.left())
        return super().send(*args)


class _Limited(HTTPConnection):
    """A connection to an IP address, under the limits of the attempt that uses it."""

    sock: _PlainSocket | TlsSocket | None
    limits: Limits
    used_at = 0.0

    def begin(self, limits: Limits) -> None:
        """Take over for an attempt: as it is, or to be connected anew."""
        if self.sock is not None and (limits.afresh or time.monotonic() - self.used_at > IDLE_S):
            self.close()
        self.limits = limits
        limits.reused = self.sock is not None
        if self.sock is not None:
            self.sock.limits = limits

    def _new_conn(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        sock = _PlainSocket(family, socket.SOCK_STREAM)
        sock.limits = self.limits
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self.limits.connect_timeout)
            sock.connect((self.host, self.port))
            sock.settimeout(self.limits.left())
        except TimeoutError as error:
            sock.close()
            raise ConnectTimeoutError(self, "Too late.") from error
        except OSError as error:
            sock.close()
            raise NewConnectionError(self, "No connection.") from error
        except BaseException:
            sock.close()
            raise
        return sock

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3
        sock = self.sock
        try:
            return super().getresponse()
        except BaseException:
            # The socket may belong to an answer already, which nobody gets and could close.
            self.close()
            descriptor = -1 if sock is None else sock.detach()
            if descriptor >= 0:
                os.close(descriptor)
            raise


class _HttpConnection(_Limited):
    pass


class _HttpsConnection(_Limited, HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        if isinstance(self.sock, TlsSocket):
            self.sock.limits = self.limits


class _BeginsAttempts(HTTPConnectionPool):
    def _make_request(self, conn: Any, *args: Any, **kwargs: Any) -> Any:
        conn.begin(kwargs["timeout"])
        try:
            return super()._make_request(conn, *args, **kwargs)
        finally:
            conn.used_at = time.monotonic()


class _HttpPool(_BeginsAttempts):
    ConnectionCls = _HttpConnection


class _HttpsPool(_BeginsAttempts, HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def pools(number: int, *, kept_in_each: int) -> PoolManager:
    """Return an empty manager; the least recently used pool makes room for a new one."""
    manager = PoolManager(num_pools=number, maxsize=kept_in_each, block=False)
    manager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return manager
