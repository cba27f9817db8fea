"""Erasures and legal holds, for administrators."""

from __future__ import annotations

from typing import Final

from api.operations.terms import READING, WORKSPACE, WRITING, Operation, Success, named_id

_HOLD: Final = named_id("hld", "The hold")

ERASURES: Final[tuple[Operation, ...]] = (
    Operation(
        "post",
        "/api/v1/erasures",
        "erase",
        "Administration",
        "Erase what is said of somebody, everywhere it stands",
        "session",
        {
            200: Success("What would be erased, or nothing was there to erase", "ErasureShown"),
            201: Success("What was erased", "ErasureShown"),
        },
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="ErasureBody",
        example={"containing": "customer 4711-09", "dry_run": True},
        description="A request, everything that holds a text, or a person who was deactivated. It cannot "
        "be taken back. `left` names what holds the text and stays, and why.",
    ),
    Operation(
        "get",
        "/api/v1/erasures",
        "listErasures",
        "Administration",
        "The latest erasures",
        "session read",
        {200: Success("The newest first", "ErasureList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/holds",
        "setHold",
        "Administration",
        "Put a legal hold on a request, a person, or the workspace",
        "session",
        {201: Success("The hold", "HoldShown")},
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="HoldBody",
        example={"reason": "Litigation 2026-12"},
        description="What it covers is neither erased nor does it age, until it is lifted.",
    ),
    Operation(
        "get",
        "/api/v1/holds",
        "listHolds",
        "Administration",
        "The legal holds",
        "session read",
        {200: Success("The newest first", "HoldList")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/holds/{id}/lift",
        "liftHold",
        "Administration",
        "Lift a legal hold",
        "session",
        {200: Success("The hold", "HoldShown")},
        (*WRITING, "NotFound", "Conflict"),
        (_HOLD, WORKSPACE),
        body="LiftBody",
        example={"reason": "The case is closed."},
    ),
)
