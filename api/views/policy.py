"""The policy of a workspace, and what describes this server to programs."""

from __future__ import annotations

from typing import Final

import msgspec
from django.http import HttpResponse
from guardian.shortcuts import get_group_perms, get_user_perms
from rest_framework.request import Request

from api.answers import Answer
from api.doors import OpenDoor, PeopleDoor, Signed, answer, body_of, signed
from api.errors import respond
from api.policy_messages import PolicyApplied, PolicyBody, PolicyVersionShown
from approvals.present import instant
from core import ids
from core.canonical import show_digest
from core.problems import FieldError, forbidden, invalid, not_found
from people.models import Workspace
from policies import outlook, services
from policies.active import active_version
from policies.errors import PolicyErrors
from policies.models import Policy, PolicyVersion
from policies.schema import POLICY_SCHEMA

_SCHEMA: Final = msgspec.json.encode(POLICY_SCHEMA)


def may(who: Signed, permission: str) -> bool:
    """Whether a person has a permission on the policy; who administers the workspace has them all."""
    if "administer" in who.reader.permissions:
        return True
    policy = Policy.objects.filter(workspace_id=who.here.workspace_id).first()
    if policy is None:
        return False
    held = {*get_user_perms(who.user, policy), *get_group_perms(who.user, policy)}
    return permission in held


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
        who = signed(request)
        if not (may(who, "edit") or may(who, "approve")):
            raise forbidden("Reading the policy takes its permission edit or approve.")
        version = active_version(who.here.workspace_id)
        if version is None:
            raise not_found()
        return answer(request, shown(version))


class Policies(PeopleDoor):
    """``/policies``"""

    def post(self, request: Request) -> HttpResponse:
        """Check a document, save it as a version and make it active: 201, or 200 when it is that already."""
        who = signed(request)
        if not may(who, "approve"):
            raise forbidden("Making a policy active takes its permission approve.")
        body = body_of(request, PolicyBody)
        workspace = Workspace.objects.get(id=who.here.workspace_id)
        try:
            applied = services.apply(actor=who.actor, workspace=workspace, text=body.text)
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


def shown(version: PolicyVersion) -> PolicyVersionShown:
    """A version as the API shows it."""
    author = version.created_by_id
    return PolicyVersionShown(
        id=ids.encode("pol", version.id),
        number=version.number,
        digest=show_digest(bytes(version.digest)),
        created_at=instant(version.created_at),
        created_by=ids.encode("per", author) if author else None,
        text=version.text,
    )
