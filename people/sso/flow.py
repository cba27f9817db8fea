"""Signing in at the provider, from the button to the session.

What waits for the provider's answer (state, nonce, PKCE verifier) lies signed in a cookie of the browser
that began, for ten minutes: it makes no row until somebody is known, and an answer that another browser
brings finds nothing.  The session is opened by django-allauth's own sign-in, with its further steps.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode, urlsplit

import msgspec
from allauth.account.internal.flows.login import (
    get_authentication_records,
    perform_login,
    record_authentication,
)
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth import logout
from django.core import signing
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from core.db import pool
from people import throttle
from people.models import User
from people.sign_in import BY, record_failure
from people.sso import identities
from people.sso.client import client
from people.sso.settings import Provider
from people.sso.tokens import Claims, claims_of
from people.sso.trouble import Trouble

#: How long somebody may take at the provider.
WAITS_S: Final = 600
#: Tabs in which one browser may have begun; the oldest is forgotten.
MOST_BEGUN: Final = 4
#: A longer address is not kept: the cookie has its limits.
MOST_THERE: Final = 500
#: How allauth calls it, in what a session knows of how it was opened.
METHOD: Final = "socialaccount"
_SALT: Final = "people.sso.flow"
#: Errors of the provider (OpenID Connect Core 1.0, 3.1.2.6) by which it, or the person, says no.
_REFUSALS: Final = frozenset({"access_denied", "login_required", "consent_required"})


class Begun(msgspec.Struct, frozen=True):
    """One sign-in that waits for the provider.

    ``there`` is where to go afterwards, a path of ours; ``user`` is the id of the one who is signed in
    and wants to be linked, empty where somebody signs in.
    """

    state: str
    nonce: str
    verifier: str
    there: str
    at: float
    user: str = ""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where the browser goes, and the cookie that it takes along."""

    url: str
    cookie: str


def begin(
    provider: Provider,
    *,
    redirect_uri: str,
    there: str,
    cookie: str,
    user: User | None = None,
    again: bool = False,
) -> Leaving:
    """Begin a sign-in, or with `user` the linking of somebody who is signed in.

    Args:
        there: the path of ours to go to afterwards.
        cookie: what the browser brought of earlier ones.
        again: whether the provider is to ask who it is although it knows; not all do.

    Raises:
        Trouble: the provider does not answer.
    """
    _let_go()
    metadata = client.metadata(provider)
    one = Begun(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        there=there if len(there) <= MOST_THERE else "",
        at=_now(),
        user=str(user.id) if user else "",
    )
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": one.state,
        "nonce": one.nonce,
        "code_challenge": _challenge(one.verifier),
        "code_challenge_method": "S256",
    }
    if again:
        asked["prompt"] = "login"
    url = _with(metadata.authorization_endpoint, asked)
    return Leaving(url, _signed([*_begun(cookie)[1 - MOST_BEGUN :], one]))


@dataclass(frozen=True, slots=True)
class Taken:
    """The sign-in that an answer is of, if this browser began it, and the cookie without it."""

    begun: Begun | None
    cookie: str


def take(query: Mapping[str, str], *, cookie: str) -> Taken:
    """Match the provider's answer with what this browser began; whatever comes of it, it is begun no more."""
    state = query.get("state", "").encode()
    waiting = _begun(cookie)
    found = next(
        (one for one in waiting if secrets.compare_digest(one.state.encode(), state)), None
    )
    if found is None:
        return Taken(None, cookie)
    rest = [one for one in waiting if one is not found]
    return Taken(found, _signed(rest) if rest else "")


def finish(
    request: HttpRequest,
    provider: Provider,
    begun: Begun | None,
    query: Mapping[str, str],
    *,
    redirect_uri: str,
    address: str,
) -> HttpResponse:
    """Sign somebody in, or link them, as the provider's answer says; lead to where they wanted to go.

    The session gets a new id.  Where a second factor is due, its page comes first.

    Raises:
        Trouble: nobody is signed in; where it is known whose sign-in it was, their log says so.
        Problem: 429 after too many failures from this address.
    """
    if begun is None or begun.at < _now() - WAITS_S:
        raise Trouble("stale", "nothing in this browser waits for the answer")
    tried = throttle.begin(
        account=f"oidc {sha256(begun.state.encode()).hexdigest()}", address=address
    )
    _let_go()
    try:
        claims = _claims(provider, begun, _code(provider, query), redirect_uri)
        if begun.user:
            user = identities.connect(claims=claims, user=_visitor(request, begun))
        else:
            user = identities.identify(claims=claims, provider=provider)
    except Trouble as trouble:
        if trouble.user is not None:
            record_failure(trouble.user, reason=f"oidc_{trouble.reason}", address=address)
        raise
    throttle.forgive(tried, user.id)
    if begun.user:
        return HttpResponseRedirect(begun.there)
    return _signed_in(request, user, provider, begun.there, address)


def _code(provider: Provider, query: Mapping[str, str]) -> str:
    issuer = query.get("iss")  # RFC 9207
    demanded = client.metadata(provider).authorization_response_iss_parameter_supported
    if issuer != provider.issuer and (issuer is not None or demanded):
        raise Trouble("unproven", "the answer is of another issuer")
    if "error" in query:
        refused = query["error"] in _REFUSALS
        raise Trouble("cancelled" if refused else "silent", "the answer is an error")
    if not query.get("code"):
        raise Trouble("silent", "the answer has no code")
    return query["code"]


def _claims(provider: Provider, begun: Begun, code: str, redirect_uri: str) -> Claims:
    tokens = client.exchange(
        provider, code=code, verifier=begun.verifier, redirect_uri=redirect_uri
    )
    return claims_of(client, provider, tokens, nonce=begun.nonce, now=_now())


def _signed_in(
    request: HttpRequest, user: User, provider: Provider, there: str, address: str
) -> HttpResponse:
    if request.user.is_authenticated:  # whoever it was, the session is another one from here on
        logout(request)
    record_authentication(request, user, METHOD, provider=provider.issuer)
    made = Login(user=user, redirect_url=there, state={BY: "single_sign_on"})
    response: HttpResponse = perform_login(request, made)
    return response


def leaving_url(provider: Provider, *, back: str) -> str | None:
    """Where somebody signs out at the provider, too, and comes `back` from; None where it has none; Trouble."""
    _let_go()
    where = client.metadata(provider).end_session_endpoint
    if where is None:
        return None
    return _with(where, {"client_id": provider.client_id, "post_logout_redirect_uri": back})


def opened(request: HttpRequest) -> bool:
    """Whether the session was opened by way of the provider."""
    records = get_authentication_records(request, request.user)
    return any(one.get("method") == METHOD for one in records)


def configured() -> Provider | None:
    """The provider that the operator set, if any."""
    provider: Provider | None = settings.OIDC
    return provider


def _visitor(request: HttpRequest, begun: Begun) -> User:
    """Whoever began to link, and is signed in still."""
    if isinstance(request.user, User) and str(request.user.id) == begun.user:
        return request.user
    raise Trouble("stale", "whoever began to link is not signed in any more")


def _begun(cookie: str) -> list[Begun]:
    """What a cookie of ours says; nothing where it is none."""
    try:
        raw = signing.Signer(salt=_SALT).unsign_object(cookie)
        return msgspec.convert(raw, list[Begun])
    except (signing.BadSignature, msgspec.MsgspecError, ValueError):
        return []


def _signed(begun: list[Begun]) -> str:
    return signing.Signer(salt=_SALT).sign_object(msgspec.to_builtins(begun))


def _challenge(verifier: str) -> str:
    digest = sha256(verifier.encode()).digest()
    return signing.b64_encode(digest).decode()


def _with(url: str, parameters: Mapping[str, str]) -> str:
    joined = "&" if urlsplit(url).query else "?"
    return f"{url.partition('#')[0]}{joined}{urlencode(parameters)}"


def _now() -> float:
    """Seconds since 1970 by the database's clock."""
    with pool().connection() as conn:
        row = conn.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None  # noqa: S101  # a SELECT without FROM always answers
    return float(row[0])


def _let_go() -> None:
    """Hold no connection while the provider is asked: others wait for it."""
    if not connection.in_atomic_block:
        connection.close()
