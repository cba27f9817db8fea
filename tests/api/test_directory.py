"""People looked after over HTTP: who may, what is refused, what each call leaves behind."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from core import ids
from people import links
from people.models import AccountLink, Membership, Role, User
from people.models import Person as Row
from people.permissions import grant_permission, permissions_of
from people.services import create_person, deactivate_person
from tests.api.desk import code, faults
from tests.api.tenant import Person, Tenant
from tests.api.test_openapi import check
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, PASSWORD, PersonFactory, user_of


def id_of(who: Any) -> str:
    return ids.encode("per", getattr(who, "person", who).id)


def address() -> str:
    return f"new-{secrets.token_hex(4)}@one.example"


@pytest.fixture
def boss(tenant: Tenant) -> Person:
    tenant.administrator()
    return tenant.person(tenant.owner)


@pytest.fixture
def ana(tenant: Tenant) -> Person:
    return tenant.person()


def call(who: Person, method: str, path: str, told: str = "", **options: Any) -> Any:
    """One call, whose answer is checked against the document."""
    answer = who.call(method, path, **options)
    check(method.lower(), f"/api/v1{told or path}", answer)
    return answer


def one(
    who: Person, method: str, person: Any, rest: str = "", told: str = "", **options: Any
) -> Any:
    path = f"/people/{id_of(person)}{rest}"
    return call(who, method, path, f"/people/{{id}}{told or rest}", **options)


def test_somebody_is_invited_with_a_link_to_hand_over(tenant: Tenant, boss: Person) -> None:
    email = address()
    body = {"email": email, "name": "Nia", "roles": ["reviewers"], "permissions": ["view", "edit"]}
    made = call(boss, "POST", "/people", json=body)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    shown = made.json()
    assert (shown["email"], shown["name"], shown["active"], shown["notice"]) == (
        email,
        "Nia",
        True,
        False,
    )
    assert [(role["name"], role["source"]) for role in shown["roles"]] == [("reviewers", "manual")]
    assert shown["permissions"] == ["view", "edit"]
    assert shown["link"]["mailed"] is False
    token = shown["link"]["link"].rpartition("/")[2]
    row = Row.objects.get(user__email=email)
    assert token == links.token_of(AccountLink.objects.get(person=row).id, user_of(row))
    seen = one(boss, "GET", row).json()
    assert "link" not in seen
    assert (seen["invitation"]["mail"], seen["last_sign_in"]) == ("none", None)
    listed = call(boss, "GET", "/people", params={"which": "invited"}).json()["results"]
    assert [each["id"] for each in listed] == [shown["id"]]
    again = one(boss, "POST", row, "/invitation")
    assert again.json()["link"] != shown["link"]["link"]
    assert one(boss, "DELETE", row, "/invitation").status_code == 204
    assert code(one(boss, "DELETE", row, "/invitation")) == "409 not_invited"
    assert code(one(boss, "POST", row, "/invitation")) == "409 not_invited"
    assert code(one(boss, "POST", row, "/reset")) == "409 person_inactive"
    assert faults(call(boss, "POST", "/people", json={"email": boss.person.user.email})) == [
        ("/email", "person_exists")
    ]
    assert faults(call(boss, "POST", "/people", json={"email": "no"})) == [("/email", "bad_email")]
    body = {"email": address(), "roles": ["nothing"]}
    assert faults(call(boss, "POST", "/people", json=body)) == [("/roles", "no_such_role")]
    assert not User.objects.filter(email=body["email"]).exists(), "all of it, or nothing"


def test_a_role_of_a_group_of_the_provider_is_not_taken_here(boss: Person) -> None:
    them = PersonFactory(workspace=boss.person.workspace)
    role = Role.objects.create(
        workspace=boss.person.workspace, name="privacy", title="Privacy", idp_group="privacy-team"
    )
    Membership.objects.create(workspace=boss.person.workspace, role=role, person=them, source="idp")
    assert (
        code(one(boss, "DELETE", them, "/roles/privacy", "/roles/{name}")) == "409 role_from_group"
    )
    assert code(one(boss, "PUT", them, "/roles/x%00", "/roles/{name}")) == "404 not_found"


NOT_ASSIGNED = [
    *("id", "workspace", "tenant", "user", "state", "is_superuser", "is_staff", "is_active"),
    *("password", "session_generation", "created_at", "expires_at", "last_login", "erased_at"),
    *("permissions__administer", "user__is_superuser", "_method", "_connector", "proven"),
]


@pytest.mark.parametrize("field", NOT_ASSIGNED)
def test_what_is_not_to_be_set_is_refused_by_name(tenant: Tenant, boss: Person, field: str) -> None:
    before = User.objects.filter(id=tenant.one.user_id).values().get()
    calls = [
        (call(boss, "POST", "/people", json={"email": address(), field: True})),
        one(boss, "PATCH", tenant.one, json={"name": "Changed", field: True}),
        one(boss, "POST", tenant.one, "/reset", json={field: True}),
        one(boss, "POST", tenant.one, "/invitation", json={field: True}),
    ]
    for answer in calls:
        assert answer.status_code == 422
        assert answer.json()["errors"], answer.text
    assert User.objects.filter(id=tenant.one.user_id).values().get() == before


def test_forms_and_other_methods_set_nothing(tenant: Tenant, boss: Person) -> None:
    path = f"/people/{id_of(tenant.one)}"
    assert boss.call("PATCH", path, data={"name": "Changed"}).status_code == 415
    assert boss.call("PATCH", path, files={"name": "Changed"}).status_code == 415
    assert boss.call("PUT", path, json={"name": "Changed"}).status_code == 405
    assert boss.call("POST", f"{path}?_method=PATCH", json={"name": "Changed"}).status_code == 405
    assert user_of(tenant.one).name != "Changed"
    for query in ("user__password__regex", "_connector", "workspace", "which__in"):
        listed = boss.call("GET", "/people", params={query: ".*"}).json()["results"]
        assert len(listed) == 3, "what is no parameter narrows and opens nothing"


def test_roles_are_given_and_taken_by_hand(tenant: Tenant, boss: Person) -> None:
    role = "/roles/reviewers"
    given = one(boss, "PUT", tenant.owner, role, "/roles/{name}")
    assert given.status_code == 200
    [held] = given.json()["roles"]
    assert (held["name"], held["source"]) == ("reviewers", "manual")
    assert one(boss, "PUT", tenant.owner, role, "/roles/{name}").status_code == 200
    granted = [
        event
        for event in events_of(tenant.workspace.id, "role.granted")
        if event["data"]["source"] == "manual"
    ]
    assert len(granted) == 1, "a second time changes nothing"
    assert granted[0]["actor"]["id"] == granted[0]["data"]["person"], "by and to themselves"
    assert one(boss, "DELETE", tenant.owner, role, "/roles/{name}").json()["roles"] == []
    assert code(one(boss, "DELETE", tenant.owner, role, "/roles/{name}")) == "404 not_found"
    assert code(one(boss, "DELETE", tenant.one, role, "/roles/{name}")) == "409 role_from_policy"
    assert code(one(boss, "PUT", tenant.one, "/roles/x", "/roles/{name}")) == "404 not_found"
    [listed] = call(boss, "GET", "/roles").json()["results"]
    assert (listed["name"], listed["declared"], listed["fallback"]) == ("reviewers", True, True)
    assert listed["rules"] == ["Two"]
    assert {member["id"] for member in listed["members"]} == {id_of(tenant.one), id_of(tenant.two)}


def test_permissions_are_given_and_taken_and_one_administrator_stays(
    tenant: Tenant, boss: Person
) -> None:
    def permission(method: str, who: Any, name: str) -> Any:
        return one(boss, method, who, f"/permissions/{name}", "/permissions/{name}")

    for name in ("audit", "approve"):
        assert permission("PUT", tenant.one, name).status_code == 200
    assert permission("PUT", tenant.one, "audit").json()["permissions"] == ["audit", "approve"]
    assert permission("DELETE", tenant.one, "approve").json()["permissions"] == ["audit"]
    for name in ("is_superuser", "decide_fallback", "people.administer"):
        assert (
            boss.call("PUT", f"/people/{id_of(tenant.one)}/permissions/{name}").status_code == 404
        )
    assert code(permission("DELETE", tenant.owner, "administer")) == "409 last_administrator"
    assert (
        code(one(boss, "PATCH", tenant.owner, json={"active": False})) == "409 last_administrator"
    )
    patched = one(boss, "PATCH", tenant.owner, json={"active": False, "name": "Another"})
    assert code(patched) == "409 last_administrator"
    assert user_of(tenant.owner).name != "Another", "all of it, or nothing"
    assert permission("PUT", tenant.one, "administer").status_code == 200
    assert permission("DELETE", tenant.owner, "administer").status_code == 204
    assert boss.call("GET", "/people").status_code == 403
    assert permissions_of(tenant.owner.user, tenant.workspace) == frozenset()


def test_renamed_deactivated_and_back(tenant: Tenant, boss: Person, ana: Person) -> None:
    assert one(boss, "PATCH", ana, json={"name": " Ana B "}).json()["name"] == "Ana B"
    assert faults(one(boss, "PATCH", ana, json={"name": "a\u202eb"})) == [("/name", "bad_text")]
    shown = one(boss, "PATCH", ana, json={"active": False}).json()
    assert (shown["active"], shown["alone_in"], shown["waiting"]) == (False, [], 0)
    assert shown["deactivated_at"] is not None
    assert ana.call("GET", "/me").status_code == 401
    assert code(one(boss, "PUT", ana, "/roles/reviewers", "/roles/{name}")) == "409 person_inactive"
    refused = one(boss, "PUT", ana, "/permissions/view", "/permissions/{name}")
    assert code(refused) == "409 person_inactive"
    assert one(boss, "PATCH", ana, json={"active": True}).json()["active"] is True
    assert one(boss, "PATCH", ana, json={}).status_code == 200
    assert kinds_of(tenant.workspace.id)[-3:] == [
        "person.renamed",
        "person.deactivated",
        "person.reactivated",
    ]
    tenant.person(tenant.one)
    grant_permission(
        actor=ACTOR, workspace=tenant.workspace, person=ana.person, permission="administer"
    )
    assert one(boss, "PATCH", boss, json={"active": False}).status_code == 204


def test_a_reset_link_is_shown_only_of_who_is_nowhere_else(tenant: Tenant, boss: Person) -> None:
    made = one(boss, "POST", tenant.one, "/reset", json={"show_link": True}).json()
    assert made["link"].rpartition("/")[0].endswith("/account")
    create_person(actor=ACTOR, workspace=PersonFactory().workspace, email=tenant.one.user.email)
    assert links.find(made["link"].rpartition("/")[2]) is None
    made = one(boss, "POST", tenant.one, "/reset", json={"show_link": True}).json()
    assert (made["link"], made["mailed"]) == (None, False)
    renamed = one(boss, "PATCH", tenant.one, json={"name": "Taken Over"})
    assert faults(renamed) == [("/name", "name_is_theirs")]


def test_who_may_look_sees_less_and_others_nothing(
    tenant: Tenant, boss: Person, ana: Person
) -> None:
    for path in ("/people", "/roles"):
        refused = call(ana, "GET", path)
        assert code(refused) == "403 not_administrator"
    grant_permission(actor=ACTOR, workspace=tenant.workspace, person=tenant.two, permission="audit")
    auditor = tenant.person(tenant.two)
    listed = call(auditor, "GET", "/people").json()["results"]
    assert (
        {each["last_sign_in"] for each in listed} == {each["browsers"] for each in listed} == {None}
    )
    assert call(auditor, "GET", "/roles").status_code == 200
    for who in (ana, auditor):
        for method, rest, told in (
            ("GET", "", ""),
            ("PATCH", "", ""),
            ("POST", "/reset", ""),
            ("POST", "/invitation", ""),
            ("DELETE", "/invitation", ""),
            ("PUT", "/roles/reviewers", "/roles/{name}"),
            ("DELETE", "/permissions/audit", "/permissions/{name}"),
        ):
            options: dict[str, Any] = {"json": {}} if method in ("PATCH", "POST") else {}
            assert code(one(who, method, boss, rest, told, **options)) == "403 not_administrator"
        assert (
            code(call(who, "POST", "/people", json={"email": address()})) == "403 not_administrator"
        )
    assert tenant.call("GET", "/people").status_code == 403, "keys are no people"


def test_nothing_crosses_a_workspace(tenant: Tenant, boss: Person) -> None:
    stranger = PersonFactory()
    before = kinds_of(stranger.workspace_id)
    for method, rest in (
        ("GET", ""),
        ("PATCH", ""),
        ("POST", "/reset"),
        ("POST", "/invitation"),
        ("DELETE", "/invitation"),
        ("PUT", "/roles/reviewers"),
        ("PUT", "/permissions/administer"),
    ):
        options: dict[str, Any] = {"json": {}} if method in ("PATCH", "POST") else {}
        answer = boss.call(method, f"/people/{id_of(stranger)}{rest}", **options)
        assert answer.status_code == 404, (method, rest)
    assert kinds_of(stranger.workspace_id) == before
    assert stranger.user.email not in boss.call("GET", "/people?which=all").text


def test_people_are_paged_and_found(tenant: Tenant, boss: Person) -> None:
    for name in ("Ángel Á", "angel b", "Zoë", "zed"):
        PersonFactory(workspace=tenant.workspace, name=name, password=PASSWORD)
    seen: list[str] = []
    page: dict[str, Any] = {"next": "/people?limit=2"}
    while page["next"]:
        page = boss.call("GET", page["next"].rpartition("/api/v1")[2]).json()
        seen += [each["id"] for each in page["results"]]
    assert len(seen) == len(set(seen)) == 7
    back = boss.call("GET", page["previous"].rpartition("/api/v1")[2]).json()
    assert [each["id"] for each in back["results"]] == seen[-3:-1]
    found = call(boss, "GET", "/people", params={"q": "ANGEL"}).json()["results"]
    assert [each["name"] for each in found] == ["angel b"]
    gone = Row.objects.get(user__name="zed", workspace=tenant.workspace)
    deactivate_person(actor=ACTOR, person=gone)
    found = call(boss, "GET", "/people", params={"which": "inactive"}).json()["results"]
    assert [each["name"] for each in found] == ["zed"]
    for params in ({"which": "x"}, {"limit": "0"}, {"cursor": "x"}, {"q": "x" * 201}):
        assert call(boss, "GET", "/people", params=params).status_code == 422
