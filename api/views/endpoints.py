"""Endpoints and deliveries over HTTP: for administrators, and for owners about their own agents."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from agents.models import Agent
from api.doors import PeopleDoor, Signed, answer, body_of, limit_of, listing, signed
from api.endpoint_messages import (
    AttemptShown,
    CallbackShown,
    EndpointBody,
    EndpointList,
    EndpointPatch,
    EndpointSecret,
    EndpointShown,
    ReplayBody,
    Replayed,
)
from api.messages import NoBody
from approvals.present import instant
from audit.actor import Actor
from callbacks import endpoints, lines, lists
from callbacks.endpoints import Wanted
from callbacks.lists import EndpointRow
from callbacks.models import Callback, Endpoint
from core import ids
from core.problems import bad_query, not_found
from oversight import endpoints as access


class Endpoints(PeopleDoor):
    """``/endpoints``"""

    def get(self, request: Request) -> HttpResponse:
        """Those that the person manages, the newest first."""
        who = signed(request)
        text = request.query_params.get("agent")
        try:
            agent = None if text is None else ids.decode("agt", text)
        except ids.BadId as error:
            raise bad_query("agent", "The id of an agent.") from error
        rows = access.listed(reader=who.reader, agent=agent)
        return answer(request, EndpointList([shown(row) for row in rows]))

    def post(self, request: Request) -> HttpResponse:
        """Register an address of an agent."""
        who, body = signed(request), body_of(request, EndpointBody)
        made = endpoints.create(
            actor=who.actor, agent=_agent(who, body.agent), wanted=_wanted(body)
        )
        return _with_secret(request, who, made, 201)


class EndpointDetail(PeopleDoor):
    """``/endpoints/{id}``"""

    def get(self, request: Request, endpoint_id: str) -> HttpResponse:
        """One endpoint, without its secrets."""
        who = signed(request)
        return answer(request, shown(row_of(who, endpoint_id)))

    def patch(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Change it; ``state`` switches it off and on."""
        who = signed(request)
        endpoint = managed(who, endpoint_id)
        body = body_of(request, EndpointPatch)
        endpoints.change(actor=who.actor, endpoint=endpoint, wanted=_wanted(body))
        if body.state is not None:
            switch(who.actor, endpoint.id, body.state)
        return answer(request, shown(row_of(who, endpoint_id)))

    def delete(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Take it away."""
        who = signed(request)
        endpoints.delete(actor=who.actor, endpoint=managed(who, endpoint_id))
        return HttpResponse(status=204)


class Rotate(PeopleDoor):
    """``/endpoints/{id}/rotate``"""

    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """A new secret; the old one signs as well for a day."""
        who = signed(request)
        body_of(request, NoBody)
        made = endpoints.rotate(actor=who.actor, endpoint=managed(who, endpoint_id))
        return _with_secret(request, who, made, 200)


class Test(PeopleDoor):
    """``/endpoints/{id}/test``"""

    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Send it something to try."""
        who = signed(request)
        body_of(request, NoBody)
        endpoint = managed(who, endpoint_id)
        callback = lines.test(endpoint=endpoint.id)
        return answer(request, told(Callback.objects.get(id=callback)), 202)


class Deliveries(PeopleDoor):
    """``/endpoints/{id}/deliveries``"""

    def get(self, request: Request, endpoint_id: str) -> HttpResponse:
        """What was to be delivered there, the newest first."""
        who, query = signed(request), request.query_params
        page = lists.callbacks(
            endpoint=managed(who, endpoint_id),
            state=query.get("state"),
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        items = [msgspec.json.encode(told(one)) for one in page.items]
        return listing(request, items, page.next, page.previous)


class ReplayAll(PeopleDoor):
    """``/endpoints/{id}/replay``"""

    def post(self, request: Request, endpoint_id: str) -> HttpResponse:
        """Send again what failed, or what was never tried."""
        who = signed(request)
        endpoint, body = managed(who, endpoint_id), body_of(request, ReplayBody)
        count = lines.replay_all(
            actor=who.actor, endpoint=endpoint.id, which=body.which, since=body.since
        )
        return answer(request, Replayed(count), 202)


class CallbackDetail(PeopleDoor):
    """``/callbacks/{id}``"""

    def get(self, request: Request, callback_id: str) -> HttpResponse:
        """One callback with its bytes and every attempt."""
        callback = callback_of(signed(request), callback_id)
        return answer(request, told(callback, whole=True))


class Replay(PeopleDoor):
    """``/callbacks/{id}/replay``"""

    def post(self, request: Request, callback_id: str) -> HttpResponse:
        """Send it again, under its own id."""
        who = signed(request)
        body_of(request, NoBody)
        callback = callback_of(who, callback_id)
        lines.replay_one(actor=who.actor, endpoint=callback.endpoint_id, callback=callback.id)
        callback.refresh_from_db()
        return answer(request, told(callback), 202)


def managed(who: Signed, endpoint_id: str) -> Endpoint:
    """An endpoint that the person manages; Problem 404 for every other."""
    return access.managed(reader=who.reader, endpoint=_decoded("end", endpoint_id))


def row_of(who: Signed, endpoint_id: str) -> EndpointRow:
    """The same as a row with what people see."""
    return access.row_of(reader=who.reader, endpoint=_decoded("end", endpoint_id))


def callback_of(who: Signed, callback_id: str) -> Callback:
    """A callback of an endpoint that the person manages; Problem 404 for every other."""
    return access.callback_of(reader=who.reader, callback=_decoded("cbk", callback_id))


def switch(actor: Actor, endpoint: UUID, state: str) -> None:
    """Enable or disable an endpoint."""
    if state == "active":
        lines.enable(actor=actor, endpoint=endpoint)
    else:
        lines.disable(actor=actor, endpoint=endpoint)


def shown(row: EndpointRow) -> EndpointShown:
    """An endpoint as it is answered."""

    return EndpointShown(
        id=ids.encode("end", row.id),
        agent=ids.encode("agt", row.agent_id),
        agent_name=row.agent_name,
        url=row.url,
        events=list(row.events),
        state=row.state,
        reason=row.reason,
        secret="whsec_•••",
        public_keys=row.public_keys,
        has_headers=row.has_headers,
        has_certificate=row.has_certificate,
        failures=row.failures,
        failing_since=_at(row.failing_since),
        open_until=_at(row.open_until),
        last_success_at=_at(row.last_success_at),
        last_failure_at=_at(row.last_failure_at),
        old_secret_until=_at(row.old_until),
        waiting=row.waiting,
        created_at=instant(row.created_at),
    )


def told(callback: Callback, *, whole: bool = False) -> CallbackShown:
    """A callback as it is answered; `whole` with its bytes and attempts."""
    tries = lists.attempts(callback) if whole else []
    body = bytes(callback.body).decode() if whole and callback.body is not None else None
    return CallbackShown(
        id=ids.encode("cbk", callback.id),
        endpoint=ids.encode("end", callback.endpoint_id),
        request=None if callback.request_id is None else ids.encode("req", callback.request_id),
        type=callback.type,
        url=callback.url,
        state=callback.state,
        attempts=callback.attempts,
        last=callback.last,
        created_at=instant(callback.created_at),
        next_at=_at(callback.next_at),
        last_at=_at(callback.last_at),
        body=body,
        tries=[
            AttemptShown(
                number=one.number,
                at=instant(one.at),
                milliseconds=one.milliseconds,
                status=one.status,
                failure=one.failure,
                detail=one.detail,
                response=one.response,
            )
            for one in tries
        ],
    )


def _at(at: object) -> str | None:
    return None if at is None else instant(at)  # type: ignore[arg-type]  # a datetime or None


def _with_secret(
    request: Request, who: Signed, made: endpoints.Secret, status: int
) -> HttpResponse:
    row = row_of(who, ids.encode("end", made.endpoint.id))
    told = msgspec.structs.asdict(shown(row)) | {"secret": made.secret}
    return answer(request, EndpointSecret(**told), status)


def _agent(who: Signed, text: str) -> Agent:
    try:
        agent = ids.decode("agt", text)
    except ids.BadId as error:
        raise access.unknown_agent() from error
    return access.agent_of(reader=who.reader, agent=agent)


def _wanted(body: EndpointBody | EndpointPatch) -> Wanted:
    certificate = None
    if body.certificate is not None or body.certificate_key is not None:
        certificate = (body.certificate or "", body.certificate_key or "")
    return Wanted(body.url, body.events, body.headers, certificate)


def _decoded(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId as error:
        raise not_found() from error
