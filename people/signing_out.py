"""Signing somebody out everywhere, whoever asks for it."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db.models import F

from people.models import User, UserSession


def end_sessions(*, user: User) -> None:
    """Make every session of this user worthless from now on, in the caller's transaction."""
    listed = UserSession.objects.filter(user=user).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(listed)).delete()
    # Those that are not listed, and links that were made before.
    User.objects.filter(id=user.id).update(session_generation=F("session_generation") + 1)
