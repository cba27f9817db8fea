"""Which sessions still count: asked each second about everybody who has a stream open."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare

from people.models import Person, User


def alive_sessions(pairs: Sequence[tuple[str, UUID]]) -> set[tuple[str, UUID]]:
    """Of these (session key, person) pairs, those in which both still count.

    A session counts while it is stored, unexpired and matches its user's present password and
    generation; a person while they and their user are active.
    """
    stored = Session.objects.filter(
        session_key__in={session for session, _ in pairs}, expire_date__gt=Now()
    )
    said = {session.session_key: session.get_decoded() for session in stored}
    persons = {
        person.id: person.user
        for person in Person.objects.select_related("user").filter(
            id__in={person for _, person in pairs}, active=True, user__is_active=True
        )
    }
    return {
        (session, person)
        for session, person in pairs
        if session in said and person in persons and _matches(said[session], persons[person])
    }


def _matches(data: dict[str, str], user: User) -> bool:
    if data.get(SESSION_KEY) != str(user.pk):
        return False
    return constant_time_compare(data.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
