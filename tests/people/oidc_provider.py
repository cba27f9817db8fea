"""An OpenID provider on loopback: it checks what it is sent, and misbehaves where a test says so."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from core import addresses
from people.sso.settings import Provider

SECRET = "the client's own secret"
CLIENT = "assentry"
#: Made once: each takes a while.
RSA_KEYS = [RSAKey.generate_key(2048, {"kid": f"rsa{number}", "use": "sig"}) for number in range(2)]
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa0"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OKP = OKPKey.generate_key("Ed25519", {"kid": "okp"})


class Oidc:
    """The provider; ``person`` is who is signed in there, as claims.

    Switches: ``claims`` overrides those of the next tokens (None takes one out), ``header`` and ``key``
    say how they are signed, ``metadata`` overrides its configuration, ``broken`` names an address that
    answers with what stands there instead.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.person: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "rsa0"}
        self.key: Any = RSA_KEYS[0]
        self.published: list[Any] = [RSA_KEYS[0]]
        self.metadata: dict[str, Any] = {}
        self.broken: dict[str, tuple[int, dict[str, str], bytes] | str] = {}
        self.error: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.access: dict[str, dict[str, Any]] = {}
        #: Paths that were asked for, what people's browsers asked, and what the token address was sent.
        self.asked: list[str] = []
        self.authorized: list[dict[str, str]] = []
        self.sent: list[dict[str, str]] = []
        self.over = threading.Event()

    def as_provider(self, **more: Any) -> Provider:
        """How an operator would set it."""
        made: dict[str, Any] = {
            "issuer": self.url,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "name": "Example ID",
        }
        return Provider(**(made | more))

    # What it answers

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/leave",
            "response_types_supported": ["code"],
        } | self.metadata

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes from the provider, whose person agreed."""
        self.authorized.append(query)
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        assert len(query["code_challenge"]) == 43
        assert "openid" in query["scope"].split()
        assert query["tenant"] == "1"
        back = {"state": query["state"]}
        if self.error is not None:
            back["error"] = self.error
        else:
            back["code"] = secrets.token_urlsafe(16)
            self.codes[back["code"]] = query | {"person": json.dumps(self.person)}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        self.sent.append(form)
        if authorization.startswith("Basic "):
            name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
            client, secret = unquote_plus(name), unquote_plus(secret)
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (client, secret) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if (
            asked is None
            or form["grant_type"] != "authorization_code"
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(16)
        person = json.loads(asked["person"])
        self.access[access] = person
        return 200, {
            "access_token": access,
            "token_type": "Bearer",
            "id_token": self.id_token(person, asked["nonce"]),
        }

    def id_token(self, person: dict[str, Any], nonce: str) -> str:
        now = int(time.time())
        said = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **person,
            **self.claims,
        }
        claims = {name: value for name, value in said.items() if value is not None}
        if self.header["alg"] == "none":
            parts = (json.dumps(self.header).encode(), json.dumps(claims).encode(), b"")
            return ".".join(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts)
        if self.header["alg"] == "HS256":
            return signed_with_the_public_key(json.dumps(claims).encode())
        return jws.serialize_compact(
            self.header, json.dumps(claims).encode(), self.key, registry=_Registry()
        )


def weak_key() -> RSAKey:
    """One of 1,024 bits, which the library warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return RSAKey.generate_key(1024, {"kid": "weak"})


class _Registry(jws.JWSRegistry):
    """Signs with EdDSA under that name, too, which the library warns of."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def signed_with_the_public_key(claims: bytes) -> str:
    """The classic: HS256, with the public key, which everybody knows, as the secret."""
    header = json.dumps({"alg": "HS256", "kid": "rsa0"}).encode()
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims)]
    mac = hmac.digest(RSA_KEYS[0].as_pem(private=False), b".".join(parts), "sha256")
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        one, parts = self.server.oidc, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        one.asked.append(parts.path)
        told = one.broken.get(parts.path)
        if told == "silent":
            one.over.wait(20)
            self.close_connection = True
        elif told is not None:
            assert not isinstance(told, str)
            self._send(*told)
        else:
            query = {name: value[0] for name, value in parse_qs(parts.query).items()}
            form = {name: value[0] for name, value in parse_qs(body).items()}
            self._usual(one, parts.path, query, form)

    def _usual(self, one: Oidc, path: str, query: dict[str, str], form: dict[str, str]) -> None:
        if path == "/.well-known/openid-configuration":
            self._json(200, one.configuration())
        elif path == "/keys":
            self._json(200, {"keys": [key.as_dict(private=False) for key in one.published]})
        elif path == "/authorize":
            self._send(302, {"Location": one.authorize(query)}, b"")
        elif path == "/token":
            self._json(*one.token(form, self.headers.get("Authorization", "")))
        elif path == "/userinfo":
            person = one.access.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            said = one.userinfo if one.userinfo is not None else person
            self._json(401 if person is None else 200, said or {})
        elif path == "/leave":
            assert query["client_id"] == CLIENT
            self._send(302, {"Location": query["post_logout_redirect_uri"]}, b"")
        else:
            self._send(404, {}, b"")

    def _json(self, status: int, value: Any) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    oidc: Oidc


@contextlib.contextmanager
def providing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Oidc]:
    """A provider at an address of its own, which the product may call meanwhile."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.oidc = Oidc(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    try:
        yield server.oidc
    finally:
        server.oidc.over.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
        monkeypatch.undo()
        addresses.allowed_networks.cache_clear()
