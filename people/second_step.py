"""The second step of a sign-in, as a stage of django-allauth's: whatever the first one was.

Until it is done there is no session: what is remembered is who passed the first step, in a session of
nobody, for as long as `ACCOUNT_LOGIN_TIMEOUT`.
"""

from __future__ import annotations

from typing import Any, Final

from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import LoginStage, LoginStageController
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from people import factors
from people.models import User
from people.sign_in import BY, Proof, may_sign_in

KEY: Final = "second_factor"
#: The page that asks for it, by its name.
URL_NAME: Final = "second_factor"
#: In `HttpRequest.META`: how the user proved who they are, for `people.account_adapter`.
PROOF: Final = "assentry.proof"
_HASH: Final = "hash"


class SecondFactorStage(LoginStage):  # type: ignore[misc]  # allauth carries no types
    """Asks whoever has a factor for it; a passkey that was the whole sign-in is one already."""

    key = KEY
    urlname = URL_NAME

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """Where to go, or on at once."""
        user, by = self.login.user, _by(self.login)
        self.request.META[PROOF] = Proof(by)
        if by == "passkey" or not factors.has_any(user.id):
            return None, True
        # Nothing of before goes along: no id that somebody planted, nobody who was signed in.
        if isinstance(self.request.user, User):
            self.request.session.flush()
        else:
            self.request.session.cycle_key()
        self.login.state[_HASH] = user.get_session_auth_hash()
        return HttpResponseRedirect(reverse(URL_NAME)), True


def waiting(request: HttpRequest) -> SecondFactorStage | None:
    """The stage at which somebody waits in this session; none: nobody does, or no longer may.

    A password that was changed, or a person who was deactivated, in between, ends it.
    """
    stage = LoginStageController.enter(request, KEY)
    if not isinstance(stage, SecondFactorStage):
        return None
    user = stage.login.user
    known = stage.login.state.get(_HASH, "")
    if not constant_time_compare(known, user.get_session_auth_hash()) or not may_sign_in(user):
        clear_login(request)
        return None
    return stage


def passed(request: HttpRequest, stage: SecondFactorStage, factor: str) -> HttpResponse:
    """Go on, now that the factor was right: the session is opened."""
    request.META[PROOF] = Proof(_by(stage.login), factor)
    answer: HttpResponse = stage.exit()
    return answer


def _by(login: Any) -> str:
    return str(login.state.get(BY, "single_sign_on"))
