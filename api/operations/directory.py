"""Looking after people: inviting them, what they hold, and their way in."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import (
    CURSOR,
    LIMIT,
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    named_id,
    query,
)

_PERSON: Final = named_id("per", "The person")
_ADMINISTRATORS: Final = "For administrators."
_SHOWN: Final = Success("As they stand then", "PersonShown")
_LINK: Final = Success("How they hear of it", "LinkShown")
_GONE: Final = Success("It is so; the caller administers no more")


def _name(said: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": "name",
        "in": "path",
        "required": True,
        "description": said,
        "schema": {"type": "string", **schema},
    }


_ROLE: Final = _name("The role's name")
_PERMISSION: Final = _name(
    "The permission", enum=["administer", "audit", "view", "edit", "approve"]
)

DIRECTORY: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/people",
        "listPeople",
        "People",
        "Who is here, and what they hold",
        "session read",
        {200: Success("One page, by name", "PersonList")},
        (*READING, "NotFound", "Invalid"),
        (
            query("q", "Part of a name or an address", type="string", maxLength=200),
            query(
                "which",
                "Which of them",
                type="string",
                enum=["active", "invited", "inactive", "all"],
                default="active",
            ),
            CURSOR,
            LIMIT,
            WORKSPACE,
        ),
        description="For administrators, auditors and who sees every request.",
    ),
    Operation(
        "post",
        "/api/v1/people",
        "invitePerson",
        "People",
        "Invite somebody",
        "session",
        {201: Success("They are a person of the workspace, and are told", "PersonInvited")},
        (*WRITING, "NotFound"),
        (WORKSPACE,),
        body="InviteBody",
        example={"email": "nia@example.com", "name": "Nia", "roles": ["operators"]},
        description="For administrators. Where no mail is sent, the answer has the link to hand over.",
    ),
    Operation(
        "get",
        "/api/v1/people/{id}",
        "readPerson",
        "People",
        "Everything about one person",
        "session read",
        {200: _SHOWN},
        (*READING, "NotFound"),
        (_PERSON, WORKSPACE),
        description=_ADMINISTRATORS,
    ),
    Operation(
        "patch",
        "/api/v1/people/{id}",
        "changePerson",
        "People",
        "Rename, deactivate or activate somebody",
        "session",
        {200: _SHOWN, 204: _GONE},
        (*WRITING, "NotFound", "Conflict"),
        (_PERSON, WORKSPACE),
        body="PersonPatch",
        example={"active": False},
        description=_ADMINISTRATORS,
    ),
    Operation(
        "put",
        "/api/v1/people/{id}/roles/{name}",
        "giveRole",
        "People",
        "Give a role by hand",
        "session",
        {200: _SHOWN},
        (*READING, "NotFound", "Conflict"),
        (_PERSON, _ROLE, WORKSPACE),
        description=_ADMINISTRATORS,
    ),
    Operation(
        "delete",
        "/api/v1/people/{id}/roles/{name}",
        "takeRole",
        "People",
        "Take back a role that was given by hand",
        "session",
        {200: _SHOWN},
        (*READING, "NotFound", "Conflict"),
        (_PERSON, _ROLE, WORKSPACE),
        description="For administrators. What the policy says is changed there.",
    ),
    Operation(
        "put",
        "/api/v1/people/{id}/permissions/{name}",
        "givePermission",
        "People",
        "Give a permission",
        "session",
        {200: _SHOWN},
        (*READING, "NotFound", "Conflict"),
        (_PERSON, _PERMISSION, WORKSPACE),
        description="For administrators. None of them decides anything.",
    ),
    Operation(
        "delete",
        "/api/v1/people/{id}/permissions/{name}",
        "takePermission",
        "People",
        "Take a permission",
        "session",
        {200: _SHOWN, 204: _GONE},
        (*READING, "NotFound", "Conflict"),
        (_PERSON, _PERMISSION, WORKSPACE),
        description=_ADMINISTRATORS,
    ),
    Operation(
        "post",
        "/api/v1/people/{id}/reset",
        "resetPassword",
        "People",
        "Send a link for a new password",
        "session",
        {200: _LINK},
        (*WRITING, "NotFound", "Conflict"),
        (_PERSON, WORKSPACE),
        body="LinkBody",
        body_required=False,
        description="For administrators. The link is shown only of who is in no other workspace.",
    ),
    Operation(
        "post",
        "/api/v1/people/{id}/invitation",
        "inviteAgain",
        "People",
        "Send an invitation again",
        "session",
        {200: _LINK},
        (*WRITING, "NotFound", "Conflict"),
        (_PERSON, WORKSPACE),
        body="LinkBody",
        body_required=False,
        description="For administrators. The link before it ends.",
    ),
    Operation(
        "delete",
        "/api/v1/people/{id}/invitation",
        "takeInvitationBack",
        "People",
        "Take an invitation back",
        "session",
        {204: Success("Its link opens nothing, and they are active no more")},
        (*READING, "NotFound", "Conflict"),
        (_PERSON, WORKSPACE),
        description=_ADMINISTRATORS,
    ),
    Operation(
        "get",
        "/api/v1/roles",
        "listRoles",
        "People",
        "Every role, who is in it, and what it decides",
        "session read",
        {200: Success("By name", "RoleList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
        description="For administrators, auditors and who sees every request.",
    ),
)
