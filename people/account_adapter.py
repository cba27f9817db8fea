"""What django-allauth asks of us about signing in (`ACCOUNT_ADAPTER` names this module)."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from people.models import User
from people.second_step import PROOF
from people.sign_in import Proof, may_sign_in, open_session


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth carries no types
    """Every sign-in takes the same steps, and ends in the same session."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves: somebody of the workspace adds people."""
        return False

    def get_login_stages(self) -> list[str]:
        """What stands between a right password, or a provider's word, and a session."""
        return ["people.second_step.SecondFactorStage"]

    def pre_login(self, request: HttpRequest, user: User, **hints: Any) -> HttpResponse | None:
        """Send away whoever is nowhere active."""
        if may_sign_in(user):
            return None
        return HttpResponseRedirect(reverse("sign_in"))

    def login(self, request: HttpRequest, user: User) -> None:
        """Open the session."""
        proof = request.META.pop(PROOF, Proof("single_sign_on"))
        open_session(request, user, proof, address=request.META.get("REMOTE_ADDR", ""))
