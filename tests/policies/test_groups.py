"""Roles that a group of the identity provider fills: how they are written, compared, and warned of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from policies import leaning, outlook
from policies.differences import changes
from policies.document import PolicyErrors, parse
from policies.services import apply, check
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory
from tests.people.test_groups import PROVIDER, arrive
from tests.policies.test_document import EDITOR


def text(approvals: int = 1, fallback: str = "lead", **roles: dict[str, Any]) -> str:
    """A policy with these roles, whose one rule asks the role `lead`."""
    ask = {"stages": [{"any_of": ["lead"], "approvals": approvals}], "on_expiry": "ask:lead"}
    return json.dumps(
        {
            "assentry": 1,
            "fallback": fallback,
            "roles": roles,
            "actions": {"mail.send": {}},
            "rules": [{"name": "Ask", "action": "*", "effect": "ask", "ask": ask}],
        }
    )


@pytest.mark.parametrize(
    ("written", "group"),
    [
        ("idp:privacy-team", "privacy-team"),
        ("idp:/Staff/Privacy Team", "/Staff/Privacy Team"),
        ("idp:x", "x"),
        ("idp:grüppe:a", "grüppe:a"),
    ],
)
def test_a_group_is_named_as_the_provider_names_it(written: str, group: str) -> None:
    assert parse(text(lead={"group": written})).roles["lead"].group == group
    EDITOR.validate(json.loads(text(lead={"group": written})))


@pytest.mark.parametrize(
    "written", ["privacy-team", "idp:", "idp: x", "idp:x ", "idp:a\tb", "IDP:x", "idp:" + "x" * 120]
)
def test_what_names_no_group_is_refused_with_its_place(written: str) -> None:
    with pytest.raises(PolicyErrors) as refusal:
        parse(text(lead={"group": written}))
    assert {error.path for error in refusal.value.errors} == {"/roles/lead/group"}
    assert not EDITOR.is_valid(json.loads(text(lead={"group": written})))


def test_a_quorum_that_the_group_may_meet_is_not_refused() -> None:
    one = {"members": ["ana@example.com"]}
    with pytest.raises(PolicyErrors, match="approvals can never be met"):
        parse(text(2, lead=one))
    parse(text(2, lead=one | {"group": "idp:leads"}))
    with pytest.raises(PolicyErrors, match="Nobody is in"):
        parse(text(lead={"members": []}))
    parse(text(lead={"members": [], "group": "idp:leads"}))


def test_what_cannot_be_met_yet_is_said_until_people_have_signed_in(settings: Settings) -> None:
    workspace = WorkspaceFactory()
    ana, ben = (PersonFactory(workspace=workspace, password=None) for _ in range(2))
    written = text(2, lead={"members": [ana.user.email], "group": "idp:leads"})

    def said() -> list[str]:
        found = outlook.warnings(
            workspace=workspace, document=check(workspace=workspace, text=written)
        )
        return [one for one in found if "group" in one or "signed in" in one]

    alone, short = said()
    assert alone.startswith("Lead (lead) is filled by the group leads, and this server has no ide")
    assert short == (
        "The rule “Ask” asks for 2 in stage 1, and one person is in its roles until more people of "
        "leads have signed in."
    )
    settings.OIDC = PROVIDER
    assert len(said()) == 1
    arrive(ben, "leads")  # who was seen counts, although the policy is not applied yet
    assert said() == []
    written = text(lead={"group": "idp:leads"})
    document = check(workspace=workspace, text=written)
    assert outlook.warnings(workspace=workspace, document=document) == []
    written = text(lead={"group": "idp:others"})
    document = check(workspace=workspace, text=written)
    assert (
        "Nobody can decide as Lead" in outlook.warnings(workspace=workspace, document=document)[0]
    )
    apply(actor=ACTOR, workspace=workspace, text=written)


def test_a_group_that_changes_is_told() -> None:
    def told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
        return [one.text for one in changes(parse(text(lead=before)), parse(text(lead=after)))]

    assert told({}, {"group": "idp:new"}) == ["Role “lead”: group none → new."]
    assert told({"group": "idp:old"}, {"group": "idp:new"}) == ["Role “lead”: group old → new."]
    [added] = changes(parse(text(lead={})), parse(text(lead={}, other={"group": "idp:x"})))
    # Whoever administers groups there may let more people decide: that is not counted as neutral.
    plain, grouped = (parse(text(lead=one)).roles["lead"] for one in ({}, {"group": "idp:new"}))
    assert leaning.role(plain, grouped) == "depends"
    assert added.text == "Role “other” is added: the group x."
