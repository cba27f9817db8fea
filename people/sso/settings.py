"""Which identity provider people sign in at, as the operator sets it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

#: Hosts whose provider may speak plain http: nothing of it leaves the machine.
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
DEFAULT_SCOPES: Final = "openid email profile"
DEFAULT_GROUPS_CLAIM: Final = "groups"
MOST_CHARACTERS: Final = 200
MOST_OF_NAME: Final = 40
#: RFC 6749, 3.3.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


class BadProvider(ValueError):
    """What is set cannot be used; the text follows the variable's name."""

    def __init__(self, variable: str, said: str) -> None:
        super().__init__(f"{variable} {said}")


@dataclass(frozen=True, slots=True)
class Provider:
    """One OpenID provider.

    Attributes:
        issuer: exactly as its tokens name it, a slash at the end included.
        name: what the button calls it.
        groups_claim: the claim that lists a person's groups.
        workspace: the slug of the workspace in which somebody unknown becomes a person; None: nobody does.
        only: whether nobody signs in with a password.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = tuple(DEFAULT_SCOPES.split())
    name: str = "single sign-on"
    groups_claim: str = DEFAULT_GROUPS_CLAIM
    workspace: str | None = None
    only: bool = False

    def __post_init__(self) -> None:
        self._check_issuer()
        if not self.client_id or len(self.client_id) > MOST_CHARACTERS:
            raise BadProvider("ASSENTRY_OIDC_CLIENT_ID", "must be the id the provider gave us")
        if not self.client_secret:
            raise BadProvider(
                "ASSENTRY_OIDC_CLIENT_SECRET",
                "or ASSENTRY_OIDC_CLIENT_SECRET_FILE must hold the client's secret",
            )
        if "openid" not in self.scopes:
            raise BadProvider("ASSENTRY_OIDC_SCOPES", "must have openid among them")
        if not all(map(_SCOPE.fullmatch, self.scopes)):
            raise BadProvider("ASSENTRY_OIDC_SCOPES", "must be scopes with blanks between them")
        if not (0 < len(self.name) <= MOST_OF_NAME and self.name.isprintable()):
            raise BadProvider("ASSENTRY_OIDC_NAME", f"must have 1 to {MOST_OF_NAME} characters")
        if not (0 < len(self.groups_claim) <= MOST_CHARACTERS and self.groups_claim.isprintable()):
            raise BadProvider("ASSENTRY_OIDC_GROUPS_CLAIM", "must name one claim")

    @property
    def plain(self) -> bool:
        """Whether it speaks http, which only one on this machine may."""
        return self.issuer.startswith("http://")

    def _check_issuer(self) -> None:
        variable = "ASSENTRY_OIDC_ISSUER"
        try:
            parts = urlsplit(self.issuer)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or port == 0:
            raise BadProvider(variable, "must be the provider's address, https://login.example.org")
        if parts.scheme == "http" and host not in LOOPBACK:
            raise BadProvider(variable, "must be https: what it says of people must not be changed")
        if parts.query or parts.fragment or parts.username is not None:
            raise BadProvider(variable, "must have no user name, query or fragment")
        if len(self.issuer) > MOST_CHARACTERS or not self.issuer.isascii():
            raise BadProvider(variable, f"must have at most {MOST_CHARACTERS} ASCII characters")
