"""People and roles, for administrators; who may see the log or every request reads the lists."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, limit_of, listing, signed
from api.person_messages import (
    AwayShown,
    InvitationShown,
    InviteBody,
    LinkBody,
    LinkShown,
    MemberShown,
    PersonInvited,
    PersonListed,
    PersonPatch,
    PersonShown,
    RoleList,
    RoleOf,
    RoleShown,
)
from approvals.present import instant
from approvals.shape import AgentOwner
from core import ids
from core.problems import FieldError, bad_query, conflict, invalid, not_found
from oversight import people as access
from oversight.access import may_administer, must_administer
from oversight.invitations import invite
from oversight.people import RoleStanding, Standing
from people import errors, invitations, resets
from people.absences import Away
from people.directory import WHICH
from people.links import Made
from people.models import Person, Workspace
from people.services import deactivate_person, reactivate_person, rename_person


class People(PeopleDoor):
    """``/people``"""

    def get(self, request: Request) -> HttpResponse:
        """Who is here, by name."""
        who, query = signed(request), request.query_params
        which = query.get("which", "active")
        if which not in WHICH:
            raise bad_query("which", f"One of {', '.join(WHICH)}.")
        found = access.listed(
            reader=who.reader,
            which=which,
            search=query.get("q", ""),
            cursor=query.get("cursor"),
            limit=limit_of(request),
        )
        whole = may_administer(who.reader)
        items = [
            msgspec.json.encode(PersonListed(**_listed(one, whole=whole))) for one in found.items
        ]
        return listing(request, items, found.next, found.previous)

    def post(self, request: Request) -> HttpResponse:
        """Invite somebody."""
        who = _administrator(request)
        body = body_of(request, InviteBody)
        try:
            invited = invite(
                actor=who.actor,
                workspace=Workspace.objects.get(id=who.here.workspace_id),
                email=body.email,
                name=body.name,
                roles=body.roles,
                permissions=body.permissions,
                show=body.show_link,
            )
        except errors.NoSuchRole as error:
            raise invalid([FieldError("/roles", error.code, str(error))]) from error
        shown = _shown(who, invited.person.id)
        made = PersonInvited(**shown, notice=invited.notice, link=_link(invited.made))
        return answer(request, made, 201, **{"Cache-Control": "no-store"})


class PersonDetail(PeopleDoor):
    """``/people/{id}``"""

    def get(self, request: Request, person_id: str) -> HttpResponse:
        """Everything about one person."""
        who = _administrator(request)
        return answer(request, PersonShown(**_shown(who, _uuid(person_id))))

    def patch(self, request: Request, person_id: str) -> HttpResponse:
        """Another name; active, or not any more."""
        who, person = _changed(request, person_id)
        body = body_of(request, PersonPatch)
        try:
            with transaction.atomic():  # all of it, or nothing
                if body.active is not msgspec.UNSET:
                    change = reactivate_person if body.active else deactivate_person
                    change(actor=who.actor, person=person)
                if body.name is not msgspec.UNSET:
                    rename_person(actor=who.actor, person=person, name=body.name)
        except errors.LastAdministrator as error:
            raise conflict("last_administrator", str(error)) from error
        if person.id == who.here.person_id and body.active is False:
            return HttpResponse(status=204)
        return answer(request, PersonShown(**_shown(who, person.id)))


class PersonRole(PeopleDoor):
    """``/people/{id}/roles/{name}``"""

    def put(self, request: Request, person_id: str, name: str) -> HttpResponse:
        """Give the role by hand."""
        return self._set(request, person_id, name, held=True)

    def delete(self, request: Request, person_id: str, name: str) -> HttpResponse:
        """Take back what was given by hand."""
        return self._set(request, person_id, name, held=False)

    def _set(self, request: Request, person_id: str, name: str, *, held: bool) -> HttpResponse:
        who, person = _changed(request, person_id)
        access.set_role(actor=who.actor, reader=who.reader, person=person, role=name, held=held)
        return answer(request, PersonShown(**_shown(who, person.id)))


class PersonPermission(PeopleDoor):
    """``/people/{id}/permissions/{name}``"""

    def put(self, request: Request, person_id: str, name: str) -> HttpResponse:
        """Give the permission."""
        return self._set(request, person_id, name, held=True)

    def delete(self, request: Request, person_id: str, name: str) -> HttpResponse:
        """Take the permission."""
        return self._set(request, person_id, name, held=False)

    def _set(self, request: Request, person_id: str, name: str, *, held: bool) -> HttpResponse:
        who, person = _changed(request, person_id)
        access.set_permission(
            actor=who.actor, reader=who.reader, person=person, permission=name, held=held
        )
        if person.id == who.here.person_id and name == "administer" and not held:
            return HttpResponse(status=204)
        return answer(request, PersonShown(**_shown(who, person.id)))


class PersonReset(PeopleDoor):
    """``/people/{id}/reset``"""

    def post(self, request: Request, person_id: str) -> HttpResponse:
        """Send a link that sets a new password."""
        who, person = _changed(request, person_id)
        body = body_of(request, LinkBody)
        if not person.active:
            error = errors.PersonInactive(email=person.user.email, slug=who.here.slug)
            raise conflict("person_inactive", str(error))
        made = resets.send(actor=who.actor, person=person, show=body.show_link)
        return answer(request, _link(made), 200, **{"Cache-Control": "no-store"})


class PersonInvitation(PeopleDoor):
    """``/people/{id}/invitation``"""

    def post(self, request: Request, person_id: str) -> HttpResponse:
        """Another link in place of the one before."""
        who, person = _changed(request, person_id)
        body = body_of(request, LinkBody)
        try:
            made = invitations.invite_again(actor=who.actor, person=person, show=body.show_link)
        except errors.NotInvited as error:
            raise conflict("not_invited", str(error)) from error
        return answer(request, _link(made), 200, **{"Cache-Control": "no-store"})

    def delete(self, request: Request, person_id: str) -> HttpResponse:
        """Take it back."""
        who, person = _changed(request, person_id)
        try:
            invitations.take_back(actor=who.actor, person=person)
        except errors.NotInvited as error:
            raise conflict("not_invited", str(error)) from error
        return HttpResponse(status=204)


class Roles(PeopleDoor):
    """``/roles``"""

    def get(self, request: Request) -> HttpResponse:
        """Every role with who is in it."""
        found = access.roles(reader=signed(request).reader)
        return answer(request, RoleList(results=[_role(one) for one in found]))


def _administrator(request: Request) -> Signed:
    who = signed(request)
    must_administer(who.reader)
    return who


def _changed(request: Request, person_id: str) -> tuple[Signed, Person]:
    who = _administrator(request)
    return who, access.person_of(reader=who.reader, person=_uuid(person_id))


def _uuid(text: str) -> UUID:
    try:
        return ids.decode("per", text)
    except ids.BadId:
        raise not_found() from None


def _listed(one: Standing, *, whole: bool) -> dict[str, Any]:
    entry = one.entry
    waits = entry.invitation
    shown: dict[str, Any] = {
        "id": ids.encode("per", entry.id),
        "name": entry.name,
        "email": entry.email,
        "active": entry.acts,
        "roles": [
            RoleOf(name=held.name, title=held.title, source=held.source, since=instant(held.since))
            for held in entry.roles
        ],
        "permissions": list(one.permissions),
        "away": _away(entry.away) if entry.away and entry.acts else None,
        "last_sign_in": None,
        "invitation": None,
        "slack_users": one.bound.slack if whole else None,
        "browsers": one.bound.browsers if whole else None,
    }
    if whole and entry.last_sign_in is not None:
        shown["last_sign_in"] = instant(entry.last_sign_in)
    if whole and waits is not None:
        shown["invitation"] = InvitationShown(
            created_at=instant(waits.since),
            expires_at=instant(waits.until),
            mail=waits.mailed,  # type: ignore[arg-type]  # the column's own check
            reason=waits.reason,
        )
    return shown


def _away(away: Away) -> AwayShown:
    stand_in = None
    if away.stand_in is not None:
        stand_in = AgentOwner(ids.encode("per", away.stand_in), away.stand_in_name or "")
    return AwayShown(until=instant(away.ends_at), stand_in=stand_in)


def _shown(who: Signed, person: UUID) -> dict[str, Any]:
    found = access.one(reader=who.reader, person=person)
    hanging = access.hanging(reader=who.reader, found=found)
    entry = found.entry
    return _listed(found, whole=True) | {
        "created_at": instant(entry.created_at),
        "deactivated_at": instant(entry.deactivated_at) if entry.deactivated_at else None,
        "erased_at": instant(entry.erased_at) if entry.erased_at else None,
        "elsewhere": entry.elsewhere,
        "proven": entry.proven,
        "agents": [AgentOwner(ids.encode("agt", one.id), one.name) for one in hanging.agents],
        "waiting": hanging.waiting,
        "alone_in": list(hanging.alone_in),
    }


def _link(made: Made) -> LinkShown:
    ends = None if made.expires_at is None else instant(made.expires_at)
    return LinkShown(mailed=made.mailed, link=made.url, expires_at=ends)


def _role(one: RoleStanding) -> RoleShown:
    entry = one.entry
    return RoleShown(
        name=entry.name,
        title=entry.title,
        declared=one.declared,
        schedule=entry.schedule,
        members=[
            MemberShown(
                id=ids.encode("per", person),
                name=name,
                source=source,
                since=instant(since),
                came=came,
            )
            for person, name, came, source, since in entry.members
        ],
        rules=list(one.rules),
        actions=list(one.actions),
        fallback=one.fallback,
    )
