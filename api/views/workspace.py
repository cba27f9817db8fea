"""The settings of a workspace over HTTP, for administrators."""

from __future__ import annotations

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.doors import PeopleDoor, Signed, answer, body_of, signed
from api.workspace_messages import (
    AnchorShown,
    SigningKeyShown,
    WorkspacePatch,
    WorkspaceShown,
)
from approvals.present import instant
from core import ids
from oversight import settings
from oversight.access import must_administer
from oversight.settings import Wanted


class WorkspaceDoor(PeopleDoor):
    """``/workspace``"""

    def get(self, request: Request) -> HttpResponse:
        """The settings as they are."""
        return answer(request, _shown(signed(request)))

    def patch(self, request: Request) -> HttpResponse:
        """Change some of them."""
        who = signed(request)
        must_administer(who.reader)
        body = body_of(request, WorkspacePatch)
        wanted = Wanted(**msgspec.structs.asdict(body))
        settings.change(actor=who.actor, workspace=who.reader.workspace_id, wanted=wanted)
        return answer(request, _shown(who))


def _shown(who: Signed) -> WorkspaceShown:
    found = settings.read(reader=who.reader)
    workspace = found.workspace
    return WorkspaceShown(
        id=ids.encode("wsp", workspace.id),
        slug=workspace.slug,
        name=workspace.name,
        created_at=instant(workspace.created_at),
        plain_http=workspace.plain_http,
        retention_days=found.retention_days,
        holds=list(found.holds),
        anchors=[
            AnchorShown(
                kind=one.kind,
                where=one.where,
                level=one.level,
                size=one.size,
                at=None if one.at is None else instant(one.at),
                error=one.error if one.failures else "",
            )
            for one in found.anchors.targets
        ],
        signing_keys=[
            SigningKeyShown(purpose=one.purpose, kid=one.kid, since=instant(one.since))
            for one in found.signs
        ],
    )
