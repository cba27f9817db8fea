"""Where the server is and who asks: from arguments, else from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from assentry.errors import SettingsError

_KEY = re.compile(r"[\x21-\x7e]+")
_PREFIX = "/api/v1"


class Secret:
    """A text that shows itself to nobody by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True)
class Settings:
    """How to reach the server.

    Attributes:
        url: its address, without ``/api/v1``.
        key: an agent's key, or a tool's.
    """

    url: str
    key: Secret = field(repr=False)

    @property
    def api(self) -> str:
        """The base of every endpoint."""
        return self.url + _PREFIX


def settings(
    url: str | None = None,
    key: str | None = None,
    environment: Mapping[str, str] | None = None,
    variable: str = "ASSENTRY_KEY",
) -> Settings:
    """Settings from arguments, else from ``ASSENTRY_URL`` and the variable that holds the key.

    Raises:
        SettingsError: for what is missing or cannot be.
    """
    known = os.environ if environment is None else environment
    url = url or known.get("ASSENTRY_URL", "")
    key = (key or known.get(variable, "")).strip()
    if not url:
        raise SettingsError("Where is the server? Give url=, or set ASSENTRY_URL.")
    if not key:
        raise SettingsError(f"Who asks? Give key=, or set {variable}.")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError("The server's address begins with http:// or https:// and a host.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError("The server's address holds no user, query or fragment.")
    if not _KEY.fullmatch(key):
        raise SettingsError("The key holds characters that no key has.")
    return Settings(url.rstrip("/").removesuffix(_PREFIX), Secret(key))
