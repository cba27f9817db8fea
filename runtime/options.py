"""What `./up` is asked to run, from the environment."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from runtime.errors import Refused

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8750
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LOOPBACK_NETWORKS = "127.0.0.0/8,::1/128"
BACKLOG = 1024


@dataclass(frozen=True)
class Options:
    """One instance: where it listens, where its data lies, which services it is given."""

    host: str
    port: int
    data: Path
    base_url: str
    database_url: str | None = field(repr=False)
    owner_url: str | None = field(repr=False)

    @property
    def loopback(self) -> bool:
        """True when only this machine can connect."""
        return self.host in LOOPBACK

    @property
    def development(self) -> bool:
        """True when nobody elsewhere is served, also not through a proxy in front of us."""
        parts = urlsplit(self.base_url)
        return self.loopback and parts.scheme == "http" and parts.hostname in LOOPBACK

    def environment(self) -> dict[str, str]:
        """The environment for every process of this instance."""
        own = {
            "ASSENTRY_HOST": self.host,
            "ASSENTRY_PORT": str(self.port),
            "ASSENTRY_DATA": str(self.data),
            "ASSENTRY_BASE_URL": self.base_url,
        }
        switch = os.environ.get("ASSENTRY_DEV", "1") if self.development else "0"
        given = {**os.environ, **own, "ASSENTRY_DEV": switch}
        if self.development:  # somebody who tries it has their receiver on this machine
            given.setdefault("ASSENTRY_EGRESS_ALLOW", LOOPBACK_NETWORKS)
        return given


def read() -> Options:
    """Read the environment; raises `Refused` for what cannot work."""
    host = os.environ.get("ASSENTRY_HOST") or DEFAULT_HOST
    text = os.environ.get("ASSENTRY_PORT") or str(DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise Refused(f"ASSENTRY_PORT={text} is not a port: use a number from 1 to 65535.")
    data = Path(os.environ.get("ASSENTRY_DATA") or ROOT / ".data").expanduser().absolute()
    shown = f"[{host}]" if ":" in host else host
    base_url = (os.environ.get("ASSENTRY_BASE_URL") or f"http://{shown}:{text}").rstrip("/")
    parts = urlsplit(base_url)
    plain_allowed = os.environ.get("ASSENTRY_ALLOW_PLAIN_HTTP") == "1"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and not plain_allowed:
        raise Refused(
            f"{base_url} is not https, and passwords would travel in the clear: put TLS in front "
            "and set ASSENTRY_BASE_URL to the https address (or ASSENTRY_ALLOW_PLAIN_HTTP=1 to "
            "accept it)."
        )
    return Options(
        host,
        int(text),
        data,
        base_url,
        os.environ.get("DATABASE_URL") or None,
        os.environ.get("ASSENTRY_OWNER_URL") or None,
    )


def listen(options: Options) -> socket.socket:
    """The one listening socket, which the web processes share.

    It listens from here on, so that the first callers wait for the start instead of failing.
    """
    host, port = options.host, options.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise Refused(f"ASSENTRY_HOST={host} is no address of this machine ({error}).") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except PermissionError as error:
        listener.close()
        raise Refused(f"Port {port} needs root here: try ASSENTRY_PORT=8750 ./up") from error
    except OSError as error:
        listener.close()
        raise Refused(
            f"Port {port} on {host} cannot be used ({error.strerror}): "
            f"try ASSENTRY_PORT={_free_port(host, family)} ./up"
        ) from error
    return listener


def _free_port(host: str, family: socket.AddressFamily) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return DEFAULT_PORT
        return int(probe.getsockname()[1])
