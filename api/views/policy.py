"""The policy of a workspace, and what describes this server to programs."""

from __future__ import annotations

from typing import Final

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.answers import Answer
from api.doors import OpenDoor, PeopleDoor, Signed, answer, body_of, limit_of, listing, signed
from api.errors import respond
from api.policy_messages import (
    EffectShown,
    PolicyApplied,
    PolicyApplyBody,
    PolicyChangeShown,
    PolicyCompared,
    PolicyVersionLine,
    PolicyVersionShown,
)
from approvals.present import instant
from core import ids
from core.canonical import show_digest
from core.problems import FieldError, bad_query, conflict, forbidden, invalid, not_found
from oversight.policy import rights
from people.models import Workspace
from policies import comparing, outlook, services, versions
from policies.active import active_version
from policies.errors import PolicyErrors
from policies.models import PolicyVersion
from policies.schema import POLICY_SCHEMA
from policies.versions import Version

_SCHEMA: Final = msgspec.json.encode(POLICY_SCHEMA)


def must_open(request: Request) -> Signed:
    """Who calls, if they may have the documents.

    Raises:
        Problem: 403.
    """
    who = signed(request)
    if not rights(who.reader).opens:
        raise forbidden("Reading the policy's documents takes its permission edit or approve.")
    return who


def must_read(request: Request) -> Signed:
    """Who calls, if they may read what the policy says.

    Raises:
        Problem: 403.
    """
    who = signed(request)
    if not rights(who.reader).reads:
        raise forbidden("The policy is for who may edit, apply, view or audit it.")
    return who


class PolicySchema(OpenDoor):
    """``/policy.schema.json``"""

    def get(self, request: Request) -> HttpResponse:
        """The JSON Schema of a policy document."""
        found = Answer(200, _SCHEMA, content_type="application/schema+json")
        return respond(found, request._request)


class ActivePolicy(PeopleDoor):
    """``/policies/active``"""

    def get(self, request: Request) -> HttpResponse:
        """The version that plans new requests."""
        who = must_open(request)
        version = active_version(who.here.workspace_id)
        if version is None:
            raise not_found()
        return answer(request, shown(version))


class Policies(PeopleDoor):
    """``/policies``"""

    def get(self, request: Request) -> HttpResponse:
        """Every version there was, the newest first."""
        who = must_read(request)
        found = versions.versions(
            workspace=who.here.workspace_id,
            limit=limit_of(request),
            cursor=request.query_params.get("cursor"),
        )
        lines = [msgspec.json.encode(_line(one)) for one in found.items]
        return listing(request, lines, found.next, found.previous)

    def post(self, request: Request) -> HttpResponse:
        """Check a document, save it as a version and make it active: 201, or 200 when it is that already."""
        who = signed(request)
        if not rights(who.reader).applies:
            raise forbidden("Making a policy active takes its permission approve.")
        body = body_of(request, PolicyApplyBody)
        workspace = Workspace.objects.get(id=who.here.workspace_id)
        try:
            applied = services.apply(
                actor=who.actor,
                workspace=workspace,
                text=body.text,
                comment=body.comment.strip(),
                expected=body.expected,
            )
        except services.Changed as changed:
            raise conflict(
                "policy_changed", str(changed), extra={"active": changed.active}
            ) from changed
        except services.BadComment as error:
            raise invalid([FieldError("/comment", "malformed", str(error))]) from error
        except PolicyErrors as error:
            raise invalid(
                [
                    FieldError(f"/text:{one.line}:{one.column}", "invalid_policy", str(one))
                    for one in error.errors
                ],
                code="invalid_policy",
                detail="The document has faults; `errors` names each with line and column.",
            ) from error
        version = applied.version
        version.refresh_from_db(fields=["created_at"])
        told = PolicyApplied(
            **msgspec.structs.asdict(shown(version)),
            warnings=outlook.warnings(workspace=workspace, document=applied.document),
        )
        return answer(request, told, 201 if applied.is_new else 200)


class PolicyVersionDetail(PeopleDoor):
    """``/policies/{number}``"""

    def get(self, request: Request, number: int) -> HttpResponse:
        """One version with its document."""
        return answer(request, shown(_found(must_open(request), number)))


class PolicyVersionDiff(PeopleDoor):
    """``/policies/{number}/diff``"""

    def get(self, request: Request, number: int) -> HttpResponse:
        """What a version changes against another one, or against the active one."""
        who = must_read(request)
        after = _found(who, number)
        text = request.query_params.get("against")
        if text is None:
            before = active_version(who.here.workspace_id)
        elif text.isascii() and text.isdecimal() and len(text) < 10:
            before = _found(who, int(text))
        else:
            raise bad_query("against", "The number of a version.")
        try:
            found = comparing.compare_versions(before=before, after=after)
        except comparing.NotAccepted as refused:
            raise conflict("policy_not_accepted", str(refused)) from refused
        return answer(request, compared(found))


def _found(who: Signed, number: int) -> PolicyVersion:
    version = versions.version(workspace=who.here.workspace_id, number=number)
    if version is None:
        raise not_found()
    return version


def compared(found: comparing.Comparison) -> PolicyCompared:
    """A comparison as the API shows it."""
    changed = [
        PolicyChangeShown(one.what, one.name, one.change, one.text, one.leans)
        for one in found.changes
    ]
    effects = [
        EffectShown(one.action, one.case, one.before, one.after, one.text, one.leans)
        for one in found.effects
    ]
    return PolicyCompared(True, [], found.against, changed, effects)


def _line(one: Version) -> PolicyVersionLine:
    return PolicyVersionLine(
        id=ids.encode("pol", one.id),
        number=one.number,
        digest=show_digest(one.digest),
        created_at=instant(one.at),
        created_by=ids.encode("per", one.author) if one.author else None,
        comment=one.comment,
        active=one.is_active,
    )


def shown(version: PolicyVersion) -> PolicyVersionShown:
    """A version as the API shows it."""
    [told] = versions.described(version.workspace_id, [version])
    return PolicyVersionShown(**msgspec.structs.asdict(_line(told)), text=version.text)
