"""TLS contexts of outbound calls: whom they trust, and which certificate of ours they show."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
import threading
from collections import OrderedDict
from typing import Final, TypeAlias

import certifi

#: Certificate chain and private key, in PEM.
Certificate: TypeAlias = tuple[bytes, bytes]

#: Each holds a copy of all certificates of authorities.
MOST: Final = 64


class BadCertificate(Exception):
    """The client certificate or its key cannot be read, or they do not belong together."""


class Contexts:
    """One context per client certificate, and one without: connections are kept by context."""

    def __init__(self, sockets: type[ssl.SSLSocket]) -> None:
        self._sockets = sockets
        self._lock = threading.Lock()
        self._made: OrderedDict[bytes, ssl.SSLContext] = OrderedDict()

    def of(self, certificate: Certificate | None) -> ssl.SSLContext:
        """Return the context that shows `certificate`; BadCertificate."""
        key = b"" if certificate is None else _digest(certificate)
        with self._lock:
            found = self._made.get(key)
            if found is None:
                found = self._make(certificate)
                self._made[key] = found
            self._made.move_to_end(key)
            if len(self._made) > MOST:
                self._made.popitem(last=False)
            return found

    def _make(self, certificate: Certificate | None) -> ssl.SSLContext:
        """Return TLS 1.2 or newer that verifies names."""
        made = ssl.create_default_context(cafile=_authorities())
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.sslsocket_class = self._sockets
        if certificate is not None:
            _load(made, certificate)
        return made


def _digest(certificate: Certificate) -> bytes:
    return b"".join(hashlib.sha256(part).digest() for part in certificate)


def _load(context: ssl.SSLContext, certificate: Certificate) -> None:
    """Give the context a client certificate. OpenSSL reads files only: one of ours, for a moment."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(certificate))
        file.flush()
        try:
            context.load_cert_chain(file.name, password=b"")  # else it would ask the terminal
        except (ssl.SSLError, ValueError) as error:
            raise BadCertificate from error


def _authorities() -> str | None:
    """Return a file of certificates to trust where the system has none of its own."""
    paths = ssl.get_default_verify_paths()
    return None if paths.cafile or paths.capath else certifi.where()
