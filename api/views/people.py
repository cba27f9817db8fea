"""The calls of people: who am I, what waits for me, my verdict."""

from __future__ import annotations

from dataclasses import replace

from django.db.models import Q
from django.http import HttpResponse
from rest_framework.request import Request

from agents.authentication import KeyContext
from api.answers import Answer
from api.doors import (
    CHANNEL,
    AnyDoor,
    PeopleDoor,
    Signed,
    agent_of,
    answer,
    body_of,
    limit_of,
    listing,
    signed,
)
from api.errors import respond
from api.front import ADMITTED
from api.hot import request_uuid
from api.messages import (
    AgentMe,
    DecisionBody,
    KeyMe,
    NoBody,
    OwnerRef,
    PersonMe,
    RoleHeld,
    WorkspaceRef,
    WorkspaceSlug,
)
from api.proving import proven
from api.streams import Admission, InboxAdmission, last_event_id
from approvals import filters, inbox, read
from approvals.choices import choice
from approvals.decide import decide
from approvals.filters import Filters
from approvals.present import render
from approvals.shown import row_digest
from core import ids
from core.clock import ClockTimestamp
from people.models import Role
from people.own_sessions import proves
from people.passkeys import DECIDE

#: What a page hears where Django is served without the front: look once, and connect again later.
POLL_INSTEAD = b"retry: 5000\nevent: inbox\ndata: {}\n\n"


class Me(AnyDoor):
    """``/me``"""

    def get(self, request: Request) -> HttpResponse:
        """The agent behind the key, or the person behind the session."""
        caller = agent_of(request)
        if caller is not None:
            return answer(request, agent_me(caller))
        return answer(request, person_me(signed(request)))


def agent_me(caller: KeyContext) -> AgentMe:
    """What an agent may know of itself."""
    return AgentMe(
        kind="agent",
        id=ids.encode("agt", caller.agent_id),
        name=caller.agent_name,
        owner=OwnerRef(ids.encode("per", caller.agent_owner_id), caller.agent_owner_name),
        workspace=WorkspaceSlug(ids.encode("wsp", caller.workspace_id), caller.workspace_slug),
        state=caller.agent_state,
        stop=caller.agent_state != "active",
        key=KeyMe(ids.encode("key", caller.key_id), list(caller.scopes), caller.rate_limit),
    )


def person_me(who: Signed) -> PersonMe:
    """What a person may know of themselves."""
    return PersonMe(
        kind="person",
        id=ids.encode("per", who.here.person_id),
        name=who.reader.name,
        email=who.user.email,
        workspace=WorkspaceRef(
            ids.encode("wsp", who.here.workspace_id), who.here.slug, who.here.workspace_name
        ),
        roles=[RoleHeld(role.name, role.title) for role in roles_of(who)],
        permissions=sorted(who.reader.permissions),
    )


def roles_of(who: Signed) -> list[Role]:
    """The roles that the person holds now."""
    now = ClockTimestamp()
    ends_later = Q(membership__valid_until=None) | Q(membership__valid_until__gt=now)
    held = Role.objects.filter(
        ends_later, membership__person_id=who.here.person_id, membership__valid_from__lte=now
    )
    return list(held.distinct().order_by("name"))


class Inbox(PeopleDoor):
    """``/inbox``"""

    def get(self, request: Request) -> HttpResponse:
        """Requests that this person may see: those that wait, or past ones."""
        query = request.query_params
        page = inbox.find(
            reader=signed(request).reader,
            view=query.get("view", "all"),
            order=query.get("order", ""),
            chosen=Filters.of({name: query.getlist(name) for name in filters.NAMES}),
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        items = [render(row, for_person=True) for row in page.items]
        return listing(request, items, page.next, page.previous)


class InboxEvents(PeopleDoor):
    """``/inbox/events``: lets a person in; the raw front holds the stream."""

    def get(self, request: Request) -> HttpResponse:
        """Leave for the front whose stream it is; without a front, tell the page to ask again."""
        # A browser's EventSource cannot send headers.
        who = signed(request, request.query_params.get("workspace"))
        admitted: list[Admission] | None = request.META.get(ADMITTED)
        if admitted is None:
            return respond(
                Answer(200, POLL_INSTEAD, content_type="text/event-stream"), request._request
            )
        session = request._request.session.session_key or ""
        resumes = last_event_id(request.headers.get("Last-Event-ID")) is not None
        admitted.append(
            InboxAdmission(who.here.workspace_id, (session, who.here.person_id), resumes)
        )
        return HttpResponse(status=204)


class Decisions(PeopleDoor):
    """``/requests/{id}/decisions``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """One person's verdict on exactly what they looked at."""
        who, subject = signed(request), request_uuid(request_id)
        body = body_of(request, DecisionBody)
        looked_at = read.for_person(reader=who.reader, request_id=subject)
        chosen = choice(
            verdict=body.verdict,
            stage=body.stage,
            payload_digest=body.payload_digest,
            comment=body.comment,
            channel=CHANNEL,
            assurance=proves(request._request),
            shown_digest=row_digest(looked_at, CHANNEL),
            edits=body.edits,
            answer=body.answer,
        )
        shown = proven(request, who, looked_at, body.code, DECIDE)
        chosen = replace(chosen, assurance=shown.assurance, revision=shown.revision)
        done = decide(actor=who.actor, reader=who.reader, request_id=subject, chosen=chosen)
        return answer(request, done)


class Sensitive(PeopleDoor):
    """``/requests/{id}/sensitive``"""

    def post(self, request: Request, request_id: str) -> HttpResponse:
        """The whole payload; that this person looked is an event."""
        who, subject = signed(request), request_uuid(request_id)
        body_of(request, NoBody)
        payload = read.show_sensitive(actor=who.actor, reader=who.reader, request_id=subject)
        return answer(request, b'{"payload":%b}' % payload)
