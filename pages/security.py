"""What the page of one's sign-in shows: factors, sessions, and what was just tried."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpRequest

from core import ids
from core.problems import Problem
from pages import kept
from people import factors, own_sessions, passkeys
from people.models import User

#: The secret of an app that is being set up, and recovery codes that are shown on the next page.
SETTING_UP: Final = "totp_secret"
CODES: Final = "recovery_codes"

_BY: Final = {"password": "password", "passkey": "passkey", "single_sign_on": "single sign-on"}
_AND: Final = {"totp": "app code", "passkey": "passkey", "recovery_code": "recovery code"}


@dataclass(frozen=True, slots=True)
class Refused:
    """What is wrong, by the field of the form where it stands."""

    form: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: str, problem: Problem) -> Refused:
        """From what a service refused."""
        errors: dict[str, str] = {}
        for fault in problem.errors:
            name = fault.pointer.strip("/")
            errors[name] = f"{errors[name]} {fault.detail}" if name in errors else fault.detail
        return cls(form, errors or {"form": problem.detail})


def shown(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the page is written with."""
    return {
        "held": factors.held(user),
        "home": passkeys.home().origin,
        "name_limit": factors.MAX_NAME,
        "has_password": user.has_usable_password(),
        "sessions": [
            {
                "id": ids.encode("ses", one.id),
                "this": one.this,
                "browser": one.browser,
                "how": _how(one),
                "since": one.since,
                "seen": one.last_seen,
                "address": one.address,
            }
            for one in own_sessions.sessions(user=user, current=own_sessions.standing(request))
        ],
    }


def setting_up(request: HttpRequest, user: User) -> dict[str, Any]:
    """The secret that the visitor's app shall take: the same until it is set up."""
    secret = kept.look(request, SETTING_UP)
    if not isinstance(secret, str):
        secret = factors.new_secret()
        kept.keep(request, SETTING_UP, secret)
    url = factors.app_url(user, secret)
    picture = base64.b64encode(factors.app_picture(url).encode()).decode()
    return {
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "url": url,
        "picture": f"data:image/svg+xml;base64,{picture}",
    }


def _how(one: own_sessions.Shown) -> str:
    by = _BY.get(one.by, one.by)
    return f"{by} and {_AND.get(one.factor, one.factor)}" if one.factor else by
