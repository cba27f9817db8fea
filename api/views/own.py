"""What people set for themselves: how they are told, their Slack users, their browsers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.own_messages import (
    BrowserBody,
    BrowserList,
    BrowserShown,
    SessionList,
    SessionShown,
    SlackUserList,
    SlackUserShown,
)
from approvals.present import instant
from core import ids
from core.problems import not_found
from notifications import preferences
from notifications.models import PushSubscription
from notifications.preferences import Preferences
from notifications.push import subscriptions
from notifications.slack import binding
from notifications.slack.binding import Connected
from people import own_sessions
from people.models import Person


class MyPreferences(PeopleDoor):
    """``/me/preferences``"""

    def get(self, request: Request) -> HttpResponse:
        """How this person is told."""
        return answer(request, preferences.read(person=_person(signed(request))))

    def put(self, request: Request) -> HttpResponse:
        """Say it anew, whole: what is left out is as if nobody had set it."""
        who, wanted = signed(request), body_of(request, Preferences)
        done = preferences.set_(actor=who.actor, person=_person(who), wanted=wanted)
        return answer(request, done)


class MySessions(PeopleDoor):
    """``/me/sessions``"""

    def get(self, request: Request) -> HttpResponse:
        """Where this user is signed in."""
        found = own_sessions.sessions(
            user=signed(request).user, current=own_sessions.standing(request._request)
        )
        return answer(request, SessionList([_session(one) for one in found]))

    def delete(self, request: Request) -> HttpResponse:
        """Sign out everywhere but here."""
        own_sessions.end_others(
            user=signed(request).user, current=own_sessions.standing(request._request)
        )
        return HttpResponse(status=204)


class MySession(PeopleDoor):
    """``/me/sessions/{id}``"""

    def delete(self, request: Request, session_id: str) -> HttpResponse:
        """Sign out there."""
        own_sessions.end(user=signed(request).user, session=_uuid("ses", session_id))
        return HttpResponse(status=204)


class MySlack(PeopleDoor):
    """``/me/slack``"""

    def get(self, request: Request) -> HttpResponse:
        """The Slack users that this person connected."""
        found = binding.connected(person=_person(signed(request)))
        return answer(request, SlackUserList([_slack(one) for one in found]))


class MySlackUser(PeopleDoor):
    """``/me/slack/{id}``"""

    def delete(self, request: Request, binding_id: str) -> HttpResponse:
        """Let this Slack user decide as this person no more."""
        who = signed(request)
        binding.unbind(actor=who.actor, person=_person(who), binding=_uuid("slu", binding_id))
        return HttpResponse(status=204)


class MyBrowsers(PeopleDoor):
    """``/me/browsers``"""

    def get(self, request: Request) -> HttpResponse:
        """The browsers in which this person is notified."""
        found = subscriptions.subscriptions(person=_person(signed(request)))
        shown = BrowserList(
            public_key=subscriptions.public_key(), results=[_browser(one) for one in found]
        )
        return answer(request, shown)

    def post(self, request: Request) -> HttpResponse:
        """Notify another one."""
        who, body = signed(request), body_of(request, BrowserBody)
        made = subscriptions.subscribe(
            actor=who.actor,
            person=_person(who),
            endpoint=body.endpoint,
            key=body.keys.p256dh,
            secret=body.keys.auth,
            browser=body.browser,
        )
        made.refresh_from_db()
        return answer(request, _browser(made), 201)


class MyBrowser(PeopleDoor):
    """``/me/browsers/{id}``"""

    def delete(self, request: Request, browser_id: str) -> HttpResponse:
        """Notify this one no more."""
        who, subscription = signed(request), _uuid("psh", browser_id)
        subscriptions.unsubscribe(actor=who.actor, person=_person(who), subscription=subscription)
        return HttpResponse(status=204)


def _person(who: Signed) -> Person:
    return Person.objects.get(id=who.here.person_id)


def _uuid(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId:
        raise not_found() from None


def _session(one: own_sessions.Shown) -> SessionShown:
    return SessionShown(
        id=ids.encode("ses", one.id),
        this=one.this,
        by=one.by,
        factor=one.factor or None,
        signed_in_at=instant(one.since),
        last_seen_at=instant(one.last_seen),
        address=one.address,
        browser=one.browser,
    )


def _slack(one: Connected) -> SlackUserShown:
    return SlackUserShown(
        id=ids.encode("slu", one.id),
        place=one.place,
        team_id=one.team,
        user_id=one.user,
        name=one.name,
        works=one.works,
        connected_at=instant(one.since),
    )


def _browser(one: PushSubscription) -> BrowserShown:
    last = one.last_success_at
    return BrowserShown(
        id=ids.encode("psh", one.id),
        browser=one.browser,
        endpoint_sha256=bytes(one.endpoint_hash).hex(),
        created_at=instant(one.created_at),
        last_success_at=None if last is None else instant(last),
    )
