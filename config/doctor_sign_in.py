"""Whether people can sign in at the identity provider."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from config.findings import Connection, Finding
from people.sso.client import client
from people.sso.flow import configured
from people.sso.tokens import ALGORITHMS
from people.sso.trouble import Trouble

_WORKSPACE: Final = "SELECT 1 FROM people_workspace WHERE slug = %s"


def single_sign_on() -> Iterator[Finding]:
    """Whether the provider answers, and signs in a way that is accepted."""
    provider = configured()
    if provider is None:
        yield Finding("single sign-on", "ok", "not set up: people sign in with passwords")
        return
    try:
        client.metadata(provider, afresh=True)
        keys = client.keys(provider, afresh=True)
    except Trouble as trouble:
        yield Finding(
            "single sign-on",
            "failed",
            f"{provider.issuer}, {trouble.detail}",
            "mend ASSENTRY_OIDC_ISSUER or the provider; a private address must stand in "
            "ASSENTRY_EGRESS_ALLOW",
        )
        return
    if not any(key.get("kty") in {kind for kind, _ in ALGORITHMS.values()} for key in keys):
        todo = f"let it sign with one of {', '.join(ALGORITHMS)}"
        yield Finding("single sign-on", "failed", f"{provider.issuer} shows no usable key", todo)
    else:
        only = ", and nobody signs in with a password" if provider.only else ""
        yield Finding("single sign-on", "ok", f"{provider.issuer} answers{only}")


def people_are_made(conn: Connection) -> Iterator[Finding]:
    """Whether the workspace is there in which the provider's people become persons."""
    provider = configured()
    if provider is None or provider.workspace is None:
        return
    if conn.execute(_WORKSPACE, (provider.workspace,)).fetchone() is None:
        yield Finding(
            "people",
            "failed",
            f"ASSENTRY_OIDC_WORKSPACE names {provider.workspace}, which is not there",
            "make it with workspace_create, or correct the name: nobody new can sign in",
        )
    else:
        yield Finding("people", "ok", f"who is new signs in to {provider.workspace}")
