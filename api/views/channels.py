"""Channels over HTTP, for administrators, and what people were told of a request."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from api.channel_messages import (
    ChannelsShown,
    FailuresShown,
    MailShown,
    NotificationList,
    NotificationShown,
    OtherShown,
    PersonTold,
    PushShown,
    RoleChannelShown,
    SlackBody,
    SlackList,
    SlackManifest,
    SlackPatch,
    SlackShown,
    SlackTest,
    TrialShown,
    UnreachedShown,
)
from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.hot import request_uuid
from api.messages import NoBody
from approvals import read
from approvals.present import instant
from core import ids
from core.problems import bad_query, not_found
from notifications import stories
from notifications.channels import SlackApp
from notifications.slack import installs, manifest
from notifications.slack.advice import todo
from notifications.slack.installs import Wanted
from notifications.stories import Message
from notifications.trials import Trial
from oversight import channels
from oversight.access import must_administer
from people.models import Workspace


class Channels(PeopleDoor):
    """``/channels``"""

    def get(self, request: Request) -> HttpResponse:
        """How every channel fares."""
        found = channels.overview(reader=signed(request).reader)
        standing, mail = found.standing, found.mail
        shown = ChannelsShown(
            slack=[slack_shown(app) for app in standing.apps],
            roles=[
                RoleChannelShown(
                    role=one.role,
                    channel=one.channel,
                    installation=ids.encode("sla", one.installation) if one.installation else None,
                    state=one.state,
                    reason=one.reason,
                    since=_at(one.since),
                )
                for one in found.roles
            ],
            email=None if mail is None else MailShown(server=mail.server, sender=mail.sender),
            push=PushShown(people=standing.push_people, browsers=standing.push_browsers),
            others=[
                OtherShown(
                    id=ids.encode("oth", one.id), name=one.name, role=one.role, service=one.service
                )
                for one in standing.others
            ],
            unreached=[
                UnreachedShown(request=ids.encode("req", one), since=instant(at))
                for one, at in standing.unreached
            ],
            failed=[
                FailuresShown(
                    channel=one.channel,
                    reason=one.reason,
                    count=one.count,
                    newest_at=instant(one.newest_at),
                )
                for one in standing.failures
            ],
            tests=[trial_shown(one) for one in found.trials],
        )
        return answer(request, shown)


class SlackApps(PeopleDoor):
    """``/channels/slack``"""

    def get(self, request: Request) -> HttpResponse:
        """The apps in Slack, those that were taken out last."""
        found = channels.overview(reader=signed(request).reader)
        return answer(request, SlackList([slack_shown(app) for app in found.standing.apps]))

    def post(self, request: Request) -> HttpResponse:
        """Connect an app; one that is connected already has its secrets replaced."""
        who = _administrator(request)
        body = body_of(request, SlackBody)
        made = installs.connect(
            actor=who.actor,
            workspace=Workspace.objects.get(id=who.reader.workspace_id),
            wanted=Wanted(body.bot_token, body.signing_secret, body.app_token),
        )
        return answer(request, _shown(who, made.id), 201)


class SlackManifestDoor(PeopleDoor):
    """``/channels/slack/manifest``"""

    def get(self, request: Request) -> HttpResponse:
        """What an app in Slack is created from."""
        _administrator(request)
        wanted = request.query_params.get("socket_mode")
        if wanted not in (None, "true", "false"):
            raise bad_query("socket_mode", "Either true or false.")
        sockets = manifest.needs_socket_mode(settings.BASE_URL)
        if wanted is not None:
            sockets = wanted == "true"
        found = manifest.manifest(settings.BASE_URL, socket_mode=sockets)
        shown = SlackManifest(
            socket_mode=sockets, create_url=manifest.create_url(found), manifest=found
        )
        return answer(request, shown)


class SlackDetail(PeopleDoor):
    """``/channels/slack/{id}``"""

    def patch(self, request: Request, installation_id: str) -> HttpResponse:
        """Replace secrets."""
        who, one = _managed(request, installation_id)
        body = body_of(request, SlackPatch)
        wanted = Wanted(body.bot_token, body.signing_secret, body.app_token)
        installs.change(
            actor=who.actor, workspace=who.reader.workspace_id, installation=one, wanted=wanted
        )
        return answer(request, _shown(who, one))

    def delete(self, request: Request, installation_id: str) -> HttpResponse:
        """Take it out: its secrets go, and nobody is bound to it any more."""
        who, one = _managed(request, installation_id)
        installs.remove(actor=who.actor, workspace=who.reader.workspace_id, installation=one)
        return HttpResponse(status=204)


class SlackTry(PeopleDoor):
    """``/channels/slack/{id}/try``"""

    def post(self, request: Request, installation_id: str) -> HttpResponse:
        """Ask Slack whether it takes the app; one that was broken works again then."""
        who, one = _managed(request, installation_id)
        body_of(request, NoBody)
        installs.try_out(actor=who.actor, workspace=who.reader.workspace_id, installation=one)
        return answer(request, _shown(who, one))


class SlackTestDoor(PeopleDoor):
    """``/channels/slack/{id}/test``"""

    def post(self, request: Request, installation_id: str) -> HttpResponse:
        """Post a test in a channel."""
        who, one = _managed(request, installation_id)
        body = body_of(request, SlackTest)
        tried = channels.try_slack(reader=who.reader, installation=one, channel=body.channel)
        return answer(request, trial_shown(tried), 202)


class Notifications(PeopleDoor):
    """``/requests/{id}/notifications``"""

    def get(self, request: Request, request_id: str) -> HttpResponse:
        """What people were told of it, for everybody who may see it."""
        who, subject = signed(request), request_uuid(request_id)
        row = read.for_person(reader=who.reader, request_id=subject)
        story = stories.of_request(row.id)
        shown = NotificationList(
            results=[message_shown(one) for one in story.messages],
            unreached_since=_at(story.unreached_at),
        )
        return answer(request, shown)


def slack_shown(app: SlackApp) -> SlackShown:
    """An app as it is answered, without its secrets."""
    return SlackShown(
        id=ids.encode("sla", app.id),
        app=app.app,
        team=app.team or None,
        enterprise=app.enterprise or None,
        name=app.name,
        state=app.state,
        reason=app.reason,
        todo=todo(app.reason),
        has_bot_token=app.has_bot_token,
        has_signing_secret=app.has_signing_secret,
        has_app_token=app.has_app_token,
        old_secret_until=_at(app.earlier_secret_until),
        bound=app.bound,
        created_at=instant(app.created_at),
        changed_at=instant(app.changed_at),
    )


def trial_shown(one: Trial) -> TrialShown:
    """A test as it is answered."""
    return TrialShown(
        id=ids.encode("ntf", one.id),
        channel=one.channel,
        place=one.place,
        state=one.state,
        reason=one.reason,
        tries=one.tries,
        created_at=instant(one.created_at),
        sent_at=_at(one.sent_at),
    )


def message_shown(one: Message) -> NotificationShown:
    """A message as it is answered."""
    person = None
    if one.person is not None:
        person = PersonTold(id=ids.encode("per", one.person), name=one.name)
    return NotificationShown(
        id=ids.encode("ntf", one.id),
        kind=one.kind,
        channel=one.channel,
        person=person,
        role=one.role,
        service=one.service,
        state=one.state,
        reason=one.reason,
        tries=one.tries,
        gathered=one.gathered,
        created_at=instant(one.created_at),
        due_at=instant(one.due_at),
        sent_at=_at(one.sent_at),
        viewed_at=_at(one.viewed_at),
        to_send_ms=one.to_send_ms,
        to_view_ms=one.to_view_ms,
    )


def _shown(who: Signed, installation: UUID) -> SlackShown:
    return slack_shown(channels.app_of(reader=who.reader, installation=installation))


def _administrator(request: Request) -> Signed:
    who = signed(request)
    must_administer(who.reader)
    return who


def _managed(request: Request, text: str) -> tuple[Signed, UUID]:
    who = _administrator(request)
    try:
        one = ids.decode("sla", text)
    except ids.BadId as error:
        raise not_found() from error
    channels.app_of(reader=who.reader, installation=one)
    return who, one


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)
