"""Agents and keys over HTTP: administrators change them, others see what is theirs to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from agents import keys as written
from agents import services
from agents.authentication import SCOPES
from agents.errors import AgentRetired
from agents.lists import KeyRow, Version
from agents.models import Agent
from agents.rotation import rotate_key
from agents.services import NewKey
from api.doors import PeopleDoor, Signed, answer, body_of, limit_of, listing, signed
from api.key_messages import (
    AgentBody,
    AgentDetail,
    AgentKeyBody,
    AgentOwnerShown,
    AgentPatch,
    AgentShown,
    AskedShown,
    KeyBody,
    KeyRotated,
    KeySecret,
    KeyShown,
    RotateBody,
    VersionShown,
)
from approvals.by_agent import DAYS
from approvals.present import instant
from core import durations, ids
from core.problems import FieldError, conflict, invalid, not_found
from oversight import agents as access
from oversight.access import must_administer
from oversight.agents import AgentLine
from people.errors import Refusal
from people.models import Workspace

#: What services call otherwise, as commands do.
_FIELDS: Final = {"scope": "scopes", "rate-limit": "rate_limit", "action": "actions"}


class Agents(PeopleDoor):
    """``/agents``"""

    def get(self, request: Request) -> HttpResponse:
        """Those that the person sees, by name."""
        who, query = signed(request), request.query_params
        page = access.listed(
            reader=who.reader,
            search=query.get("search", "").strip(),
            state=query.get("state"),
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        items = [msgspec.json.encode(shown(one)) for one in page.items]
        return listing(request, items, page.next, page.previous)

    def post(self, request: Request) -> HttpResponse:
        """Register one."""
        who = signed(request)
        must_administer(who.reader)
        body, workspace = body_of(request, AgentBody), _workspace(who)
        owner = access.person_of(workspace=workspace.id, named=body.owner)
        made = services.create_agent(
            actor=who.actor, workspace=workspace, name=body.name, owner=owner
        )
        return answer(request, _detail(who, made.id), 201)


class AgentDoor(PeopleDoor):
    """``/agents/{id}``"""

    def get(self, request: Request, agent_id: str) -> HttpResponse:
        """One agent with its versions."""
        return answer(request, _detail(signed(request), _decoded("agt", agent_id)))

    def patch(self, request: Request, agent_id: str) -> HttpResponse:
        """Give it another owner, or another state."""
        who = signed(request)
        agent = access.managed(reader=who.reader, agent=_decoded("agt", agent_id))
        body = body_of(request, AgentPatch)
        owner = None
        if body.owner is not None:
            owner = access.person_of(workspace=agent.workspace_id, named=body.owner)
        state = None if body.state is None else Agent.State(body.state)
        with _fields():
            access.change(actor=who.actor, agent=agent, owner=owner, state=state)
        return answer(request, _detail(who, agent.id))


class AgentKeys(PeopleDoor):
    """``/agents/{id}/keys``"""

    def get(self, request: Request, agent_id: str) -> HttpResponse:
        """Its keys, the newest first."""
        return _keys(request, _decoded("agt", agent_id))

    def post(self, request: Request, agent_id: str) -> HttpResponse:
        """Another key."""
        who = signed(request)
        agent = access.managed(reader=who.reader, agent=_decoded("agt", agent_id))
        body = body_of(request, AgentKeyBody)
        with _fields():
            made = services.create_key(
                actor=who.actor,
                agent=agent,
                scopes=SCOPES if body.scopes is None else body.scopes,
                expires_in=_duration("/expires_in", body.expires_in),
                rate_limit=body.rate_limit,
            )
        return answer(request, KeySecret(**_members(who, made)), 201)


class Keys(PeopleDoor):
    """``/keys``"""

    def get(self, request: Request) -> HttpResponse:
        """Those of tools and auditors, the newest first."""
        return _keys(request, None)

    def post(self, request: Request) -> HttpResponse:
        """Another key of a tool or an auditor."""
        who = signed(request)
        must_administer(who.reader)
        body = body_of(request, KeyBody)
        with _fields():
            made = access.create_named_key(
                actor=who.actor,
                workspace=_workspace(who),
                kind=body.kind,
                name=body.name,
                actions=body.actions,
                expires_in=_duration("/expires_in", body.expires_in),
            )
        return answer(request, KeySecret(**_members(who, made)), 201)


class KeyDoor(PeopleDoor):
    """``/keys/{id}``"""

    def get(self, request: Request, key_id: str) -> HttpResponse:
        """One key, without its secret."""
        row = access.key_of(reader=signed(request).reader, key=_decoded("key", key_id))
        return answer(request, key_shown(row))

    def delete(self, request: Request, key_id: str) -> HttpResponse:
        """End it for good."""
        who = signed(request)
        row = access.key_of(reader=who.reader, key=_decoded("key", key_id))
        access.must_revoke(who.reader, row)
        services.revoke_key(actor=who.actor, workspace=_workspace(who), key_id=row.id)
        return HttpResponse(status=204)


class Rotate(PeopleDoor):
    """``/keys/{id}/rotate``"""

    def post(self, request: Request, key_id: str) -> HttpResponse:
        """A new key in its place; the old one goes on for a while."""
        who = signed(request)
        row = access.key_of(reader=who.reader, key=_decoded("key", key_id))
        must_administer(who.reader)
        body = body_of(request, RotateBody)
        with _fields():
            done = rotate_key(
                actor=who.actor,
                workspace=_workspace(who),
                key_id=row.id,
                overlap=_duration("/overlap", body.overlap) or timedelta(),
                expires_in=_duration("/expires_in", body.expires_in),
            )
        told = KeyRotated(**_members(who, done.made), old_until=instant(done.old_until))
        return answer(request, told, 201)


def shown(line: AgentLine) -> AgentShown:
    """An agent as it is answered."""
    row, asked = line.row, line.asked
    return AgentShown(
        id=ids.encode("agt", row.id),
        name=row.name,
        owner=AgentOwnerShown(
            ids.encode("per", row.owner_id), row.owner_name, active=row.owner_active
        ),
        state=row.state,
        stopped_at=_at(line.stopped_at),
        created_at=instant(row.created_at),
        last_seen_at=_at(row.last_seen_at),
        version=row.version or None,
        keys=row.keys,
        requests=AskedShown(
            days=DAYS,
            asked=asked.asked,
            approved=asked.approved,
            rejected=asked.rejected,
            edited=asked.edited,
        ),
        waiting=asked.waiting,
    )


def key_shown(row: KeyRow) -> KeyShown:
    """A key as it is answered, without its secret."""
    return KeyShown(
        id=ids.encode("key", row.id),
        kind=row.kind,
        prefix=written.prefix(row.kind, row.id),
        agent=None if row.agent_id is None else ids.encode("agt", row.agent_id),
        agent_name=row.agent_name,
        name=row.name or None,
        scopes=list(row.scopes),
        actions=list(row.actions),
        rate_limit=row.rate_limit,
        state=row.state,
        created_at=instant(row.created_at),
        expires_at=_at(row.expires_at),
        revoked_at=_at(row.revoked_at),
        last_used_at=_at(row.last_used_at),
        replaces=None if row.replaces_id is None else ids.encode("key", row.replaces_id),
        replaced_by=None if row.replaced_by_id is None else ids.encode("key", row.replaced_by_id),
    )


def _detail(who: Signed, agent: UUID) -> AgentDetail:
    line = access.one(reader=who.reader, agent=agent)
    versions = [_version(one) for one in access.versions(line)]
    return AgentDetail(**msgspec.structs.asdict(shown(line)), versions=versions)


def _version(one: Version) -> VersionShown:
    return VersionShown(
        version=one.name,
        first_seen_at=instant(one.first_seen_at),
        last_seen_at=instant(one.last_seen_at),
    )


def _keys(request: Request, agent: UUID | None) -> HttpResponse:
    who, query = signed(request), request.query_params
    page = access.keys(
        reader=who.reader,
        agent=agent,
        kind=query.get("kind") if agent is None else None,
        cursor=query.get("cursor"),
        limit=limit_of(request),
    )
    items = [msgspec.json.encode(key_shown(row)) for row in page.items]
    return listing(request, items, page.next, page.previous)


def _members(who: Signed, made: NewKey) -> dict[str, Any]:
    row = access.key_of(reader=who.reader, key=made.key.id)
    return msgspec.structs.asdict(key_shown(row)) | {"key": made.token}


def _workspace(who: Signed) -> Workspace:
    return Workspace.objects.get(id=who.reader.workspace_id)


@contextmanager
def _fields() -> Iterator[None]:
    """What a service refuses, at the field of the body; an agent that is retired is a conflict."""
    try:
        yield
    except AgentRetired as error:
        raise conflict("agent_retired", str(error)) from error
    except Refusal as error:
        field = _FIELDS.get(error.argument, error.argument)
        raise invalid([FieldError(f"/{field}", error.code, str(error))]) from error


def _duration(pointer: str, text: str | None) -> timedelta | None:
    try:
        return None if text is None else durations.parse(text)
    except durations.DurationError as error:
        raise invalid([FieldError(pointer, "bad_duration", str(error))]) from error


def _at(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _decoded(prefix: str, text: str) -> UUID:
    try:
        return ids.decode(prefix, text)
    except ids.BadId as error:
        raise not_found() from error
