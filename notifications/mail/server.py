"""Which mail server mails go through, as one address says it, and whom they come from."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit

import idna

from core import visible

Security: TypeAlias = Literal["none", "starttls", "tls"]

FORMS: Final = "smtp://[user:password@]host[:port], smtp+starttls://… or smtps://…"
SCHEMES: Final[dict[str, Security]] = {
    "smtp": "none",
    "smtp+starttls": "starttls",
    "smtps": "tls",
}
PORTS: Final[dict[Security, int]] = {"none": 25, "starttls": 587, "tls": 465}
_LOCAL: Final = r"[^\s\x00-\x1f\x7f@<>(),:;\"\[\]\\]{1,64}"
_DOMAIN: Final = r"[^\s\x00-\x1f\x7f@<>(),:;\"\[\]\\]{1,255}|\[[0-9A-Za-z.:]{2,50}\]"
#: One address as it stands in an envelope: nothing that ends it, begins another, or needs quotes.
ADDRESS: Final = re.compile(rf"{_LOCAL}@(?:{_DOMAIN})")
_NAMED: Final = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")
_QUOTED: Final = re.compile(r'"(?P<name>[^"\\]*)"')


class BadServer(ValueError):
    """The address of a mail server is none, or would give a password away; the text says what to write."""


class BadSender(ValueError):
    """What mails should come from is not one address; the text says what to write."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server; `user` and `password` are both empty where it asks for none."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """For people: never with the user's name or the password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = next(name for name, each in SCHEMES.items() if each == self.security)
        return f"{scheme}://{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host)


def in_ascii(address: str) -> str:
    """The address with its domain in ASCII, as far as it can be."""
    local, _, domain = address.rpartition("@")
    try:
        name = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return address
    return f"{local}@{name}"


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def parse_server(url: str, *, password: str = "") -> Server:
    """The server of an address; `password` is one that is kept elsewhere.

    Raises:
        BadServer: the address is none, or a password would travel in the clear.
    """
    if re.search(r"[\x00-\x20\x7f]", url):  # urlsplit would leave some of them out
        raise BadServer(f"has a blank or a line break in it: write {FORMS}")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise BadServer(f"is no address ({error}): write {FORMS}") from error
    if parts.scheme not in SCHEMES:
        raise BadServer(f"begins with no scheme for mail: write {FORMS}")
    if not host or not host.isascii() or port == 0:
        raise BadServer(f"names no host in ASCII (xn--…), or no port: write {FORMS}")
    if parts.path not in {"", "/"} or parts.fragment:
        raise BadServer(f"has something after the host: write {FORMS}")
    security = _security(SCHEMES[parts.scheme], parts.query)
    user, written = (unquote(each or "") for each in (parts.username, parts.password))
    if written and password:
        raise BadServer("has a password, and a file holds another: keep one of them")
    server = Server(host, port or PORTS[security], security, user, written or password)
    if re.fullmatch(r"[\x20-\x7e]*", server.user + server.password) is None:
        raise BadServer(
            "has a character in its user or password that no mail server takes: ASCII only"
        )
    if bool(server.user) != bool(server.password):
        lacks = "a user" if server.password else "a password (or a file that holds it)"
        raise BadServer(f"lacks {lacks}: a login needs both")
    if server.password and security == "none" and not server.loopback:
        raise BadServer(
            f"would send the password to {host} in the clear: add ?starttls=1, or write smtps://…"
        )
    return server


def _security(scheme: Security, query: str) -> Security:
    wanted = dict(parse_qsl(query, keep_blank_values=True))
    starttls = wanted.pop("starttls", "0")
    if wanted or starttls not in {"0", "1"}:
        raise BadServer("has an unknown parameter: only ?starttls=1 is known")
    if starttls == "1" and scheme == "tls":
        raise BadServer("asks for TLS twice: write smtps://… without ?starttls=1")
    return "starttls" if starttls == "1" else scheme


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom mails come from: a display name, which may be empty, and an address in ASCII."""

    name: str
    address: str


def parse_sender(text: str) -> Sender:
    """The one address of ``an@address`` or ``Name <an@address>``.

    Raises:
        BadSender: it is none, several, not ASCII, or there is something that does not show.
    """
    if any(piece.kind == "hidden" for piece in visible.segments(text, one_line=True)):
        raise BadSender("has a line break or a character that does not show: write it in one line")
    found = _NAMED.fullmatch(text.strip())
    name, address = (found["name"], found["address"]) if found else ("", text.strip())
    if quoted := _QUOTED.fullmatch(name):
        name = quoted["name"]
    if ADDRESS.fullmatch(address) is None or not address.isascii() or '"' in name:
        raise BadSender("is not one address: write an@address, or Name <an@address>, in ASCII")
    return Sender(name.strip(), address)


def default_sender(host: str) -> str:
    """What mails come from where nobody said: `host` is the product's own."""
    if is_loopback(host):
        host = "localhost"
    else:
        try:
            address = ipaddress.ip_address(host)
            host = f"[{'IPv6:' * (address.version == 6)}{address}]"
        except ValueError:
            pass
    return f"Assentry <assentry@{host}>"
