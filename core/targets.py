"""From an address that somebody typed to IP addresses that may be called.

Two steps: what the text shows is judged first and told plainly. What stands behind the name is
judged after the lookup, and every refusal sounds alike, so that nobody learns our network from it.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

import idna

from core.addresses import Address, allowed_networks, is_allowed, is_refused
from core.lookups import Unresolved, lookups

MOST_CHARACTERS: Final = 2_048
#: How long a lookup may take while somebody waits for the form.
CHECK_S: Final = 4.0

TOO_LONG: Final = f"The address is longer than {MOST_CHARACTERS:,} characters."
CHARACTERS: Final = "The address contains a character that no address may contain."
SCHEME: Final = "The address must begin with https://."
FRAGMENT: Final = "The address must not contain a fragment (#)."
USER: Final = "The address must not contain a user name or password."
NO_HOST: Final = "The address names no host."
PORT: Final = "The address must use port 443, or port 80 with http."
HOST: Final = "The host of the address is not found, or may not be called."

_PORTS: Final = {"https": 443, "http": 80}
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: The resolver would read such a name as an IPv4 address (decimal, octal, hex, with parts left out).
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_SAFE: Final = "!$%&'()*+,/:;=?@[]~"
_METADATA_NAMES: Final = frozenset({"metadata.google.internal", "metadata.goog"})


class Refused(ValueError):
    """The address may not be called; the text is for whoever typed it."""


class NotFound(Refused):
    """The name has no addresses; reads as any other refused host."""

    def __init__(self) -> None:
        super().__init__(HOST)


@dataclass(frozen=True, slots=True)
class Target:
    """What the text of an address says."""

    scheme: str
    #: Lower case and punycode, without a dot at its end; IPv6 without brackets.
    name: str
    port: int
    #: Path and query, as they go into the request line.
    path: str
    literal: Address | None

    @property
    def host(self) -> str:
        """The name as addresses write it."""
        return f"[{self.name}]" if isinstance(self.literal, IPv6Address) else self.name

    @property
    def authority(self) -> str:
        """The `Host` header: with the port, unless it is the scheme's own."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def check(url: str, *, plain: bool = False) -> str:
    """Return `url` in its normal form if it may be called now; Refused. With `plain`, http may be.

    Asks the resolver, and takes up to four seconds. Sending judges again.
    """
    target = parse(url)
    addresses_of(target, plain=plain, until=time.monotonic() + CHECK_S)
    return target.url


def origin(url: str) -> str:
    """Return `scheme://host:port` in its normal form, always with the port; Refused for its text."""
    target = parse(url)
    return f"{target.scheme}://{target.host}:{target.port}"


def parse(url: str) -> Target:
    """Read an address; Refused for what is wrong with its text."""
    if len(url) > MOST_CHARACTERS:
        raise Refused(TOO_LONG)
    if _UNFIT.search(url):
        raise Refused(CHARACTERS)
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _PORTS:
        raise Refused(SCHEME)
    if "#" in rest:
        raise Refused(FRAGMENT)
    end = re.search(r"[/?]", rest)
    netloc, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    if "@" in netloc:
        raise Refused(USER)
    host, port = _split(netloc)
    name, literal = _host(host)
    return Target(
        scheme=scheme,
        name=name,
        port=_port(port) or _PORTS[scheme],
        path=quote(path if path.startswith("/") else f"/{path}", safe=_SAFE),
        literal=literal,
    )


def _split(netloc: str) -> tuple[str, str]:
    """Return host, with its brackets, and what follows the colon."""
    if netloc.startswith("["):
        host, bracket, rest = netloc.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise Refused(NO_HOST)
        return f"{host}]", rest[1:]
    host, _, port = netloc.partition(":")
    return host, port


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65_536):
        raise Refused(PORT)
    return int(text)


def _host(host: str) -> tuple[str, Address | None]:
    """Return the name in its normal form, and the address when it is one."""
    if "%" in host:  # a zone, or an encoded character
        raise Refused(HOST)
    if host.startswith("["):
        try:
            six = IPv6Address(host[1:-1])
        except AddressValueError as error:
            raise Refused(HOST) from error
        return str(six), six
    if not host:
        raise Refused(NO_HOST)
    name = _name(host)
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(HOST)
    if not _NUMBER.fullmatch(labels[-1]):
        return name, None
    try:
        return name, IPv4Address(name)
    except AddressValueError as error:
        raise Refused(HOST) from error


def _name(host: str) -> str:
    """Return the host in punycode and lower case, without a dot at its end."""
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise Refused(HOST) from error
    return name.lower().removesuffix(".")


def addresses_of(target: Target, *, plain: bool, until: float) -> tuple[Address, ...]:
    """Return the addresses to call, every one of them judged, by `until` (monotonic); Refused."""
    wrong = _wrong_with_text(target, plain=plain)
    if wrong and not allowed_networks():
        raise Refused(wrong)  # no address could lift it
    found = (target.literal,) if target.literal else _look_up(target.name, until)
    if wrong and not all(map(is_allowed, found)):
        raise Refused(wrong)
    if any(getattr(address, "scope_id", None) or is_refused(address) for address in found):
        raise Refused(HOST)
    return found


def _look_up(name: str, until: float) -> tuple[Address, ...]:
    if name in _METADATA_NAMES:
        raise Refused(HOST)
    try:
        return lookups.addresses(name, until)
    except Unresolved as error:
        raise NotFound from error


def _wrong_with_text(target: Target, *, plain: bool) -> str | None:
    """Return what is wrong with scheme or port, unless the operator lists where it leads."""
    if target.scheme == "http" and not plain:
        return SCHEME
    if target.port != _PORTS[target.scheme]:
        return PORT
    return None
