"""Outbound HTTP to addresses that somebody typed: the only place of the server that does any.

Every call looks the name up, judges every address behind it (`core.targets`), and connects to one
that was judged; the name stays for TLS and `Host`. Nothing of the environment is obeyed (proxies,
netrc), redirects are answers like others, cookies end with their answer, and one deadline covers
everything from the lookup to the last byte (`core.wire`).
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import requests
from requests_hardened.ip_filter_adapter import IPFilterAdapter
from urllib3 import Retry
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from core import wire
from core.addresses import Address
from core.targets import NotFound, Refused, Target, addresses_of, check, origin, parse
from core.tls import BadCertificate, Certificate, Contexts
from core.wire import Limits

__all__ = ["Answer", "Client", "Failed", "Refused", "check", "origin"]

Kind: TypeAlias = Literal["blocked", "resolve", "connect", "tls", "timeout", "protocol"]

DEADLINE_S: Final = 15.0
MOST_BYTES: Final = 65_536
POOLS: Final = 128
KEPT_IN_A_POOL: Final = 16
#: Addresses of one name that are tried.
MOST_TRIES: Final = 4
#: One that is silent leaves time for the others.
CONNECT_S: Final = 3.0
#: What chunks and trailers may add to a body.
FRAMING_BYTES: Final = 65_536

#: Headers that frame the request or speak to the next hop.
_OURS: Final = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "accept-encoding", "expect"),
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"),
    }
)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: What OpenSSL writes before the name of an alert (RFC 8446, 6).
_VERSION: Final = re.compile(r"^(?:tlsv1|tlsv13|sslv3)_alert_")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

# It would log addresses with their paths, which may be secrets, and whatever strange peers send.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class Failed(Exception):
    """There is no answer. `detail` is for people, and names no address of ours."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind: Kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` have lower-case names, `truncated` bodies went on."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    seconds: float


class Client:
    """Sends requests from any thread, and keeps connections for the next; one per process."""

    def __init__(self, *, user_agent: str = "Assentry") -> None:
        self._user_agent = user_agent
        self._adapter = _Adapter()
        self._contexts = Contexts(wire.TlsSocket)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        deadline_s: float = DEADLINE_S,
        most_bytes: int = MOST_BYTES,
        plain: bool = False,
        certificate: Certificate | None = None,
    ) -> Answer:
        """Send one request and read at most `most_bytes` of the answer's body; Failed.

        It may be sent twice when a kept connection ends without a byte of answer. `certificate` is
        (certificate chain, private key) in PEM, shown to this address only.
        """
        begun = time.monotonic()
        until = begun + deadline_s
        target, addresses = _judged(url, plain, until)
        request = _Pinned(target, method, self._headers(target, method, headers, body), body)
        try:
            if target.scheme == "https":
                request.context = self._contexts.of(certificate)
            status, found, content = self._send(request, addresses, until, most_bytes)
        except BadCertificate as error:
            raise Failed("tls", "The client certificate or its key cannot be used.") from error
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise _failed(error) from error  # ValueError: numbers in chunks that are none
        return Answer(
            status=status,
            headers=found,
            body=content[:most_bytes],
            truncated=len(content) > most_bytes,
            seconds=time.monotonic() - begun,
        )

    def close(self) -> None:
        """Close the connections that rest."""
        self._adapter.close()

    def _headers(
        self, target: Target, method: str, given: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        """Return all headers of the request; those that frame it are ours alone."""
        made = {"Host": target.authority, "Accept-Encoding": "identity"}
        if body or method in _WITH_BODY:
            made["Content-Length"] = str(len(body))
        agent = {"User-Agent": self._user_agent}
        for name, value in given.items():
            if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
                raise Failed("protocol", "A header of the request cannot be sent.")
            if name.lower() == "user-agent":
                agent = {}
            if name.lower() not in _OURS:
                made[name] = value
        return made | agent

    def _send(
        self, request: _Pinned, addresses: tuple[Address, ...], until: float, most_bytes: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Try the addresses in turn until one takes a connection."""
        tries = addresses[:MOST_TRIES]
        for left, request.address in zip(range(len(tries), 0, -1), tries, strict=True):
            limits = Limits(until)
            if left > 1:
                now = time.monotonic()
                limits.connect_until = now + min(CONNECT_S, (until - now) / left)
            try:
                return self._exchange(request, limits, most_bytes)
            except (NewConnectionError, ConnectTimeoutError):
                if left == 1:
                    raise
        raise AssertionError("a name without addresses is not found")

    def _exchange(
        self, request: _Pinned, limits: Limits, most_bytes: int
    ) -> tuple[int, dict[str, str], bytes]:
        try:
            return self._adapter.exchange(request, limits, most_bytes)
        except (requests.RequestException, HTTPError, OSError):
            if not limits.reused or limits.heard or time.monotonic() >= limits.until:
                raise
        # The peer had closed a connection that rested: that says nothing of the request. Once more.
        again = Limits(limits.until)
        again.afresh = True
        return self._adapter.exchange(request, again, most_bytes)


class _Pinned(requests.PreparedRequest):
    """A request to one of the addresses that were judged."""

    address: Address
    context: ssl.SSLContext | None = None

    def __init__(self, target: Target, method: str, headers: dict[str, str], body: bytes) -> None:
        super().__init__()
        self.target = target
        self.method = method
        self.url = target.url
        self.headers = headers  # type: ignore[assignment]  # nobody looks for one in another case
        self.body = body or None


class _Adapter(IPFilterAdapter):  # type: ignore[misc]  # the library ships no types
    """Connects to where the request is pinned; the library's own filter knows no networks."""

    def __init__(self) -> None:
        super().__init__(is_https_proto=True)
        self.max_retries = Retry(False)

    def init_poolmanager(self, *_: Any, **__: Any) -> None:
        self.poolmanager = wire.pools(POOLS, kept_in_each=KEPT_IN_A_POOL)

    def exchange(
        self, request: _Pinned, limits: Limits, most_bytes: int
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers, and up to one byte more than `most_bytes` of the body."""
        raw = self.send(request, stream=True, timeout=limits).raw
        whole = False
        try:
            if raw.status < 200 or limits.ended:
                raise ProtocolError("An interim answer is none, nor is half a head.")
            limits.bytes_left = most_bytes + FRAMING_BYTES
            content: bytes = raw.read(most_bytes + 1, decode_content=False)
            if raw.length_remaining and len(content) <= most_bytes:
                raise ProtocolError("The body is shorter than was said.")
            whole = len(content) <= most_bytes
        finally:
            if not whole:
                raw.close()
        return raw.status, {name.lower(): raw.headers[name] for name in raw.headers}, content

    def get_connection_with_tls_context(
        self, request: _Pinned, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        # The name is in the key also without TLS: a connection serves one name only.
        name = request.target.name
        return self.poolmanager.connection_from_host(
            str(request.address),
            request.target.port,
            request.target.scheme,
            {"ssl_context": request.context, "server_hostname": name},
        )

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context says what is trusted."""

    def request_url(self, request: _Pinned, proxies: Any) -> str:
        return request.target.path

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Return the bare answer: no jar takes its cookies."""
        response = requests.Response()
        response.raw = resp
        return response


def _judged(url: str, plain: bool, until: float) -> tuple[Target, tuple[Address, ...]]:
    try:
        target = parse(url)
        return target, addresses_of(target, plain=plain, until=until)
    except NotFound as error:
        raise Failed("resolve", str(error)) from error
    except Refused as error:
        raise Failed("blocked", str(error)) from error


def _failed(error: Exception) -> Failed:
    """Return what to tell of an error of sockets, TLS, urllib3 or requests."""
    causes = tuple(_causes(error))
    for cause in causes:
        if isinstance(cause, ConnectTimeoutError | NewConnectionError):
            return Failed("connect", "No connection could be made.")
        if isinstance(cause, ReadTimeoutError | TimeoutError):
            return Failed("timeout", "There was no complete answer in time.")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Failed("tls", f"The certificate is not valid: {cause.verify_message}.")
        if isinstance(cause, ssl.SSLError):
            return Failed("tls", f"TLS failed: {_alert(cause)}.")
    if any(isinstance(cause, wire.TooMuch) for cause in causes):
        return Failed("protocol", "The answer has too many headers.")
    return Failed("protocol", "The connection ended without a complete answer in HTTP.")


def _alert(error: ssl.SSLError) -> str:
    """Return why TLS failed, in words.

    What the other side says of our certificate is lost where it hangs up before we have read it.
    """
    if not error.reason:
        return "the other side hung up; it may want a client certificate, or another one"
    return _VERSION.sub("", error.reason.lower()).replace("_", " ")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Return the error and those inside, which libraries pass on as arguments."""
    yield error
    for inner in (*error.args, error.__cause__):
        if isinstance(inner, BaseException):
            yield from _causes(inner)
