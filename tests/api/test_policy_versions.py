"""The versions of the policy by API: listed, read, compared, and applied over the one that was expected."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.db import connections

from people.permissions import grant_permission
from policies.models import PolicyVersion
from tests.factories import ACTOR
from tests.policies.test_work import Desk
from tests.server import Live
from tests.together import together


@pytest.fixture
def desk(server: Live) -> Desk:
    found = Desk(server)
    grant_permission(actor=ACTOR, workspace=found.workspace, person=found.one, permission="administer")  # fmt: skip
    return found


def applied(desk: Desk, text: str, **more: Any) -> Any:
    return desk.editor.call("POST", "/policies", json={"text": text} | more)


def test_versions_are_listed_read_and_compared(desk: Desk) -> None:
    done = applied(desk, desk.edited(("n > 1000", "n > 500")), comment=" Less. ", expected=2)
    assert (done.status_code, done.json()["comment"], done.json()["active"]) == (201, "Less.", True)
    first = desk.editor.call("GET", "/policies?limit=2").json()
    assert [(one["number"], one["active"], one["comment"]) for one in first["results"]] == [
        (3, True, "Less."),
        (2, False, ""),
    ]
    assert "text" not in first["results"][0]
    rest = desk.editor.call("GET", first["next"].partition("/api/v1")[2]).json()
    assert [one["number"] for one in rest["results"]] == [1]
    assert desk.editor.call("GET", "/policies/2").json()["text"] == desk.text
    found = desk.editor.call("GET", "/policies/3/diff?against=2").json()
    assert (found["against"], [one["leans"] for one in found["changes"]]) == (2, ["depends"])
    back = desk.editor.call("GET", "/policies/2/diff").json()
    assert back["changes"][0]["text"] == "Rule “Large”: when payload.n > 500 → payload.n > 1000."
    for path in ("/policies/9", "/policies/9/diff", "/policies/2/diff?against=9", "/policies/99999999999999999999"):  # fmt: skip
        assert desk.editor.call("GET", path).status_code == 404, path
    assert desk.editor.call("GET", "/policies/2/diff?against=x").status_code == 422


def test_documents_are_for_who_edits_and_words_for_who_views_as_well(desk: Desk) -> None:
    for path in ("/policies", "/policies/2", "/policies/2/diff?against=1"):
        assert desk.person(desk.two).call("GET", path).status_code == 403
    grant_permission(actor=ACTOR, workspace=desk.workspace, person=desk.two, permission="view")
    viewer = desk.person(desk.two)
    assert viewer.call("GET", "/policies").status_code == 200
    assert viewer.call("GET", "/policies/2/diff?against=1").status_code == 200
    assert viewer.call("GET", "/policies/2").status_code == 403
    assert viewer.call("GET", "/policies/active").status_code == 403


def test_a_version_of_another_release_is_not_compared_and_it_says_what_to_do(desk: Desk) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            """ALTER TABLE policies_policyversion DISABLE TRIGGER policy_version_immutable;
               UPDATE policies_policyversion SET text = 'assentry: 0' WHERE workspace_id = %s AND number = 1;
               ALTER TABLE policies_policyversion ENABLE ALWAYS TRIGGER policy_version_immutable""",
            [desk.workspace.id],
        )
    refused = desk.editor.call("GET", "/policies/2/diff?against=1")
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "policy_not_accepted")  # fmt: skip
    assert refused.json()["detail"] == (
        "Version 1 of the policy was saved by another release, and this one does not accept it. "
        "Compare with a later version, or apply a new document."
    )


def test_what_is_applied_over_another_version_than_expected_is_refused(desk: Desk) -> None:
    text = desk.edited(("n > 1000", "n > 500"))
    late = applied(desk, text, expected=1)
    assert (late.status_code, late.json()["type"].rpartition(":")[2]) == (409, "policy_changed")
    assert late.json()["active"] == 2
    assert applied(desk, text, comment="x" * 1_001).status_code == 422
    both = together(
        [partial(applied, desk, text, expected=2), partial(applied, desk, text + "#", expected=2)]
    )
    assert sorted(one.status_code for one in both) == [201, 409]
    assert PolicyVersion.objects.filter(workspace=desk.workspace).count() == 3
    won = next(one for one in both if one.status_code == 201).json()
    # Sent again after its answer was lost, it is no conflict: it is active already.
    assert applied(desk, won["text"], expected=2).status_code == 200
