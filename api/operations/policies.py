"""The calls about the document that decides who is asked."""

from __future__ import annotations

from typing import Final

from api.operations.terms import (
    CURSOR,
    LIMIT,
    READING,
    WORKSPACE,
    WRITING,
    Operation,
    Success,
    query,
)

_NUMBER: Final = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "The version's number",
    "schema": {"type": "integer", "minimum": 1},
}


def _work(
    name: str, id_: str, summary: str, schema: str, *errors: str, body: str = "PolicyBody"
) -> Operation:
    """A call that looks at a document and saves nothing."""
    return Operation(
        "post",
        f"/api/v1/policies/{name}",
        id_,
        "Policy",
        summary,
        "session",
        {200: Success("What was found; nothing is saved", schema)},
        (*WRITING, "NotFound", *errors),
        (WORKSPACE,),
        body=body,
    )


POLICIES: Final[tuple[Operation, ...]] = (
    Operation(
        "get",
        "/api/v1/policies/active",
        "readPolicy",
        "Policy",
        "The policy that plans new requests",
        "session read",
        {200: Success("The version", "PolicyVersionShown")},
        (*READING, "NotFound"),
        (WORKSPACE,),
    ),
    Operation(
        "post",
        "/api/v1/policies",
        "applyPolicy",
        "Policy",
        "Check a policy and make it active",
        "session",
        {
            200: Success("It was active already", "PolicyApplied"),
            201: Success("The new version", "PolicyApplied"),
        },
        (*WRITING, "NotFound", "Conflict"),
        (WORKSPACE,),
        body="PolicyApplyBody",
    ),
    Operation(
        "get",
        "/api/v1/policies",
        "listPolicies",
        "Policy",
        "Every version of the policy, the newest first",
        "session read",
        {200: Success("A page of them", "PolicyVersionList")},
        (*READING, "NotFound", "Invalid"),
        (WORKSPACE, CURSOR, LIMIT),
    ),
    Operation(
        "get",
        "/api/v1/policies/{id}",
        "readPolicyVersion",
        "Policy",
        "One version of the policy with its document",
        "session read",
        {200: Success("The version", "PolicyVersionShown")},
        (*READING, "NotFound"),
        (_NUMBER, WORKSPACE),
    ),
    Operation(
        "get",
        "/api/v1/policies/{id}/diff",
        "comparePolicyVersions",
        "Policy",
        "Say what a version changes against another one",
        "session read",
        {200: Success("What it would change", "PolicyCompared")},
        (*READING, "NotFound", "Conflict", "Invalid"),
        (
            _NUMBER,
            query("against", "The number of the other; left out: the active one", type="integer"),
            WORKSPACE,
        ),
    ),
    _work("check", "checkPolicy", "Say what is wrong with a policy", "PolicyChecked"),
    _work("diff", "comparePolicy", "Say what a policy would change", "PolicyCompared", "Conflict"),
    _work(
        "test",
        "testPolicy",
        "Run the tests of a policy, and try a submission",
        "PolicyTested",
        body="PolicyTestBody",
    ),
    Operation(
        "get",
        "/api/v1/policy.schema.json",
        "readPolicySchema",
        "Policy",
        "The JSON Schema of a policy document",
        "none",
        {200: Success("JSON Schema 2020-12", "object", "application/schema+json")},
        ("Unavailable",),
    ),
)
