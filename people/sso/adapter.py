"""What django-allauth may do with providers: nothing by itself.

Its own client of OpenID Connect takes a token from the provider's answer without looking at signature or
nonce, lets the query add scopes and parameters, and calls out past `core.http`.  So the protocol is spoken
by `people.sso.client` and `people.sso.tokens`, and what allauth does is what it does well: the steps of a
sign-in, once somebody is known (`people.sso.flow`).
"""

from __future__ import annotations

from typing import Any, NoReturn

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # the library ships no types
    """`SOCIALACCOUNT_ADAPTER`: allauth knows of no provider, calls nobody, and signs nobody up."""

    def list_apps(self, request: HttpRequest | None, **_: Any) -> list[Any]:
        """None: what the operator set is in `settings.OIDC`, and rows of allauth's tables do not count."""
        return []

    def get_requests_session(self) -> NoReturn:
        """Outbound HTTP goes through `core.http`."""
        raise RuntimeError("allauth calls nobody: see people/sso/client.py")

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """People are added by operators, or by `people.sso.identities`."""
        return False
