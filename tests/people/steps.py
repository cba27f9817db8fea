"""Second factors for tests: apps whose code is known for any instant, and time that is moved by rows."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from datetime import timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db.models import F

from people import factors
from people.models import Challenge, CodeFailure, User, UserSession


@dataclass
class App:
    """An authenticator app that is set up for a user; each code it shows is one it has not shown before."""

    user: User
    secret: str = field(default_factory=factors.new_secret)
    codes: list[str] = field(default_factory=list)
    #: The time step that `at` counts from: a code stays the same one when half a minute ends meanwhile.
    now: int = 0

    def set_up(self) -> App:
        """As the page does it."""
        self.now = _step()
        self.codes = factors.add_totp(user=self.user, secret=self.secret, code=self.at(0)) or []
        return self

    def at(self, step: int) -> str:
        """The code of this time step: 0 is when it was set up, or last forgot."""
        self.now = self.now or _step()
        return str(format_hotp_value(hotp_value(self.secret, self.now + step)))

    def fresh(self) -> str:
        """The code of now, as if those of before had been used long ago."""
        self.forget()
        return self.at(0)

    def forget(self) -> None:
        """Half a minute passes: a code that was used now is one of before."""
        self.now = _step()
        found = Authenticator.objects.get(user=self.user, type="totp")
        found.data["counter"] = min(found.data["counter"], self.now - 2)
        found.save(update_fields=["data"])


def _step() -> int:
    return int(time.time()) // 30


def wrong_codes(app: App) -> itertools.filterfalse[str]:
    """Codes that are none of the app's, without end."""
    right = {app.at(step) for step in range(-3, 6)}
    return itertools.filterfalse(
        right.__contains__, (f"{n:06}" for n in itertools.cycle(range(999_999)))
    )


def sessions_older(user: User, **by: float) -> None:
    """Let time pass for the sessions of a user."""
    moved = timedelta(**by)
    UserSession.objects.filter(user=user).update(
        signed_in_at=F("signed_in_at") - moved,
        proved_at=F("proved_at") - moved,
        last_seen_at=F("last_seen_at") - moved,
    )


def challenges_older(**by: float) -> None:
    """Let time pass for every challenge."""
    Challenge.objects.update(expires_at=F("expires_at") - timedelta(**by))


def failures_older(user: User, **by: float) -> None:
    """Let time pass for a user's wrong codes."""
    CodeFailure.objects.filter(user=user).update(at=F("at") - timedelta(**by))
