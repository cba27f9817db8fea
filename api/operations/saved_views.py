"""The views of the inbox that people save."""

from __future__ import annotations

from typing import Any, Final

from api.operations.terms import READING, WORKSPACE, WRITING, Operation, Success, named_id

_EXAMPLE: Final[dict[str, Any]] = {
    "name": "Urgent refunds",
    "query": "view=mine&risk=high,critical&action=payments.*",
}
_VIEW: Final = named_id("viw", "The view")

SAVED_VIEWS: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/me/views",
        "listMyViews",
        "People",
        "The views of the inbox that one saved",
        "session read",
        {200: Success("In one's own order", "SavedViewList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/me/views",
        "saveMyView",
        "People",
        "Name a part of the inbox",
        "session",
        {201: Success("It comes last", "SavedViewShown")},
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="SavedViewBody",
        example=_EXAMPLE,
        description="At most 20 (else 409 `too_many_views`), each with a name of its own.",
    ),
    Operation(
        "patch",
        "/api/v1/me/views/{id}",
        "changeMyView",
        "People",
        "Rename a view, move it, change what it shows, or open the inbox with it",
        "session",
        {200: Success("As it is now", "SavedViewShown")},
        (*WRITING, "NotFound", "Conflict"),
        (_VIEW, WORKSPACE),
        body="SavedViewPatch",
        example={"default": True, "position": 0},
    ),
    Operation(
        "delete",
        "/api/v1/me/views/{id}",
        "deleteMyView",
        "People",
        "Delete a view",
        "session",
        {204: Success("Deleted")},
        (*READING, "NotFound"),
        (_VIEW, WORKSPACE),
    ),
)
