"""Calls to the provider: what it says of itself, its keys, tokens for a code, and what it says of somebody.

All of them through `core.http`: only to addresses that may be called, following no redirect, reading so
much and no more, and within one deadline each.

django-allauth has a client of OpenID Connect, which is not used: it takes a token from the provider's answer
without looking at signature or nonce, lets the query add scopes and parameters, and calls past `core.http`.
Its steps of a sign-in, once somebody is known, are (`people.sso.flow`).
"""

from __future__ import annotations

import base64
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from core import http
from people.sso.settings import LOOPBACK, Provider
from people.sso.trouble import Trouble

#: Somebody looks at an empty page meanwhile.
DEADLINE_S: Final = 6.0
MOST_BYTES: Final = 262_144
#: How long documents of the provider are believed without looking again.
FRESH_S: Final = 300.0
#: One that does not answer is not asked again so soon: whoever presses the button takes a thread meanwhile.
PAUSE_S: Final = 3.0
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_FORM: Final = "application/x-www-form-urlencoded"

_CODE: Final = re.compile(r"[a-z_]{1,40}")

T = TypeVar("T")


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: list[str] = msgspec.field(
        default_factory=lambda: ["client_secret_basic"]
    )
    authorization_response_iss_parameter_supported: bool = False

    @property
    def basic(self) -> bool:
        """Whether the client's secret goes into a header; else into the form."""
        return "client_secret_post" not in self.token_endpoint_auth_methods_supported


class KeySet(msgspec.Struct, frozen=True):
    """A set of keys (RFC 7517), each as it came."""

    keys: list[dict[str, Any]]


class Tokens(msgspec.Struct, frozen=True):
    """What the provider gives for a code; neither is kept."""

    id_token: str
    access_token: str = ""


class _Failure(msgspec.Struct):
    error: str


@dataclass(slots=True)
class _Known:
    metadata: Metadata | None = None
    metadata_at: float = 0.0
    keys: list[dict[str, Any]] = field(default_factory=list)
    keys_at: float = 0.0
    trouble: Trouble | None = None
    trouble_at: float = 0.0


class Client:
    """Speaks to providers from any thread; one per process."""

    def __init__(self, sender: http.Client) -> None:
        self._sender = sender
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def metadata(self, provider: Provider, *, afresh: bool = False) -> Metadata:
        """What the provider says of itself, read within the last five minutes; Trouble."""
        known = self._of(provider)
        now = time.monotonic()
        if known.metadata is not None and not afresh and now < known.metadata_at + FRESH_S:
            return known.metadata
        if known.trouble is not None and not afresh and now < known.trouble_at + PAUSE_S:
            raise Trouble(known.trouble.reason, known.trouble.detail)
        try:
            known.metadata = self._metadata(provider)
        except Trouble as trouble:
            known.trouble, known.trouble_at = trouble, time.monotonic()
            raise
        known.metadata_at = time.monotonic()
        return known.metadata

    def _metadata(self, provider: Provider) -> Metadata:
        url = provider.issuer.rstrip("/") + _WELL_KNOWN
        found = self._read(provider, url, Metadata, "its configuration")
        if found.issuer != provider.issuer:
            raise Trouble("silent", "its configuration is of another issuer")
        for url in (found.authorization_endpoint, found.end_session_endpoint or provider.issuer):
            if not _may_be_sent_to(provider, url):
                raise Trouble("silent", "its configuration leads to an address that is not https")
        return found

    def keys(self, provider: Provider, *, afresh: bool = False) -> list[dict[str, Any]]:
        """The keys it signs with, read within the last five minutes; Trouble."""
        known = self._of(provider)
        if not known.keys or afresh or time.monotonic() > known.keys_at + FRESH_S:
            found = self._read(provider, self.metadata(provider).jwks_uri, KeySet, "its keys")
            known.keys, known.keys_at = found.keys, time.monotonic()
        return known.keys

    def exchange(
        self, provider: Provider, *, code: str, verifier: str, redirect_uri: str
    ) -> Tokens:
        """The tokens for a code; Trouble."""
        metadata = self.metadata(provider)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        if metadata.basic:  # RFC 6749, 2.3.1: each of them encoded as in a form
            both = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        else:
            form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
        answer = self._send(
            provider, "POST", metadata.token_endpoint, "the code", headers, urlencode(form).encode()
        )
        return _decoded(answer, Tokens, "the code")

    def userinfo(self, provider: Provider, *, access_token: str) -> dict[str, Any]:
        """The claims that the provider gives for an access token; none where it has no such address; Trouble."""
        where = self.metadata(provider).userinfo_endpoint
        if where is None or not access_token:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        answer = self._send(provider, "GET", where, "the person", headers)
        return _decoded(answer, dict[str, Any], "the person")

    def _of(self, provider: Provider) -> _Known:
        with self._lock:
            return self._known.setdefault(provider.issuer, _Known())

    def _read(self, provider: Provider, url: str, kind: type[T], what: str) -> T:
        answer = self._send(provider, "GET", url, what, {"Accept": "application/json"})
        return _decoded(answer, kind, what)

    def _send(
        self,
        provider: Provider,
        method: str,
        url: str,
        what: str,
        headers: dict[str, str],
        body: bytes = b"",
    ) -> http.Answer:
        if not _may_be_sent_to(provider, url):
            raise Trouble("silent", f"asked for {what}: the address is not https")
        try:
            answer = self._sender.send(
                method,
                url,
                headers=headers,
                body=body,
                deadline_s=DEADLINE_S,
                most_bytes=MOST_BYTES,
            )
        except http.Failed as error:
            raise Trouble("silent", f"asked for {what}: {error.detail}") from error
        if answer.status != 200:
            said = f"it answered {answer.status}{_error(answer.body)}"
            raise Trouble("silent", f"asked for {what}: {said}")
        if answer.truncated:
            raise Trouble("silent", f"asked for {what}: it answered more than {MOST_BYTES} bytes")
        return answer


def _may_be_sent_to(provider: Provider, url: str) -> bool:
    """Whether an address that the provider named is no less safe than its own."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme == "http":
        return provider.plain and host in LOOPBACK
    return parts.scheme == "https" and bool(host)


def _error(body: bytes) -> str:
    """The code of an error (RFC 6749, 5.2), for the log; empty where there is none."""
    try:
        found = msgspec.json.decode(body, type=_Failure).error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return f" {found}" if _CODE.fullmatch(found) else ""


def _decoded(answer: http.Answer, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Trouble("silent", f"asked for {what}: the answer is not what it should be") from error


client: Final = Client(http.Client(user_agent="Assentry"))
