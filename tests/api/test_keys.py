"""Agents and keys over HTTP: what is told, what is made once, what is refused, and who sees what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from agents.models import Agent, Key
from agents.services import create_tool_key
from core import ids, paging
from core.paging import Cursor
from oversight.models import Kill
from people.models import Person as Somebody
from people.permissions import grant_permission
from people.services import deactivate_person
from tests.api.desk import code, faults
from tests.api.tenant import Person, Tenant
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, AgentFactory, KeyFactory, PersonFactory, bearer
from tests.together import together

UNKNOWN = "01h455vb4pex5vsknk084sn02q"


def agt(agent: Agent) -> str:
    return ids.encode("agt", agent.id)


def with_permission(tenant: Tenant, permission: Any) -> Person:
    person: Somebody = PersonFactory(workspace=tenant.workspace)
    grant_permission(actor=ACTOR, workspace=tenant.workspace, person=person, permission=permission)
    return tenant.person(person)


@pytest.fixture
def admin(tenant: Tenant) -> Person:
    return with_permission(tenant, "administer")


def me(tenant: Tenant, token: str) -> requests.Response:
    return tenant.server.call("GET", "/me", headers=bearer(token))


def near(text: str, away: timedelta) -> bool:
    """Whether this instant is that far from now, to a few seconds."""
    return abs(datetime.fromisoformat(text) - datetime.now(UTC) - away) < timedelta(seconds=30)


class TestAgents:
    def test_one_is_registered_read_changed_and_retired(
        self, tenant: Tenant, admin: Person
    ) -> None:
        body = {"name": "  refund-bot ", "owner": tenant.one.user.email.upper()}
        made = admin.call("POST", "/agents", json=body)
        assert made.status_code == 201, made.text
        found = made.json()
        assert found | {"id": "", "created_at": ""} == {
            "id": "",
            "name": "refund-bot",
            "owner": {
                "id": ids.encode("per", tenant.one.id),
                "name": tenant.one.name,
                "active": True,
            },
            "state": "active",
            "stopped_at": None,
            "created_at": "",
            "last_seen_at": None,
            "version": None,
            "keys": 0,
            "requests": {"days": 30, "asked": 0, "approved": 0, "rejected": 0, "edited": 0},
            "waiting": 0,
            "versions": [],
        }
        path = f"/agents/{found['id']}"
        assert admin.call("GET", path).json() == found
        two = ids.encode("per", tenant.two.id)
        changed = admin.call("PATCH", path, json={"owner": two, "state": "suspended"})
        assert changed.json() == found | {
            "owner": {"id": two, "name": tenant.two.name, "active": True},
            "state": "suspended",
        }
        assert admin.call("PATCH", path, json={"owner": two}).json() == changed.json()
        assert admin.call("PATCH", path, json={"state": "active"}).json()["state"] == "active"
        assert admin.call("PATCH", path, json={"state": "retired"}).json()["state"] == "retired"
        for state in ("active", "suspended"):
            answer = admin.call("PATCH", path, json={"state": state})
            assert code(answer) == "409 agent_retired"
        answer = admin.call("PATCH", path, json={"owner": tenant.one.user.email})
        assert code(answer) == "409 agent_retired"
        answer = admin.call("POST", f"{path}/keys", json={})
        assert code(answer) == "409 agent_retired"
        own = [event for event in events_of(tenant.workspace.id) if event["subject"] == found["id"]]
        by = {"type": "person", "id": ids.encode("per", admin.person.id), "via": "web"}
        assert [event["actor"] for event in own] == [by] * 5
        assert [(event["kind"], event["data"]) for event in own] == [
            ("agent.created", {"name": "refund-bot", "owner": ids.encode("per", tenant.one.id)}),
            ("agent.owner_changed", {"before": ids.encode("per", tenant.one.id), "after": two}),
            ("agent.state_changed", {"before": "active", "after": "suspended"}),
            ("agent.state_changed", {"before": "suspended", "after": "active"}),
            ("agent.state_changed", {"before": "active", "after": "retired"}),
        ]

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ({"owner": "x@example.com"}, [("", "wrong_shape")]),
            ({"name": "", "owner": "OWNER"}, [("/name", "bad_text")]),
            ({"name": "a\u202eb", "owner": "OWNER"}, [("/name", "bad_text")]),
            ({"name": "x" * 81, "owner": "OWNER"}, [("/name", "bad_text")]),
            ({"name": "TAKEN", "owner": "OWNER"}, [("/name", "agent_taken")]),
            ({"name": "a", "owner": "nobody@example.com"}, [("/owner", "no_such_owner")]),
            ({"name": "a", "owner": f"per_{UNKNOWN}"}, [("/owner", "no_such_owner")]),
            ({"name": "a", "owner": "GONE"}, [("/owner", "no_such_owner")]),
            ({"name": "a", "owner": "FOREIGN"}, [("/owner", "no_such_owner")]),
            ({"name": "a", "owner": "OWNER", "state": "retired"}, [("", "wrong_shape")]),
            ({"name": "a", "owner": "OWNER", "id": f"agt_{UNKNOWN}"}, [("", "wrong_shape")]),
            ({"name": "a", "owner": "OWNER", "workspace": "other"}, [("", "wrong_shape")]),
            ({"name": "a", "owner": {"id": "x"}}, [("/owner", "wrong_shape")]),
        ],
        ids=str,
    )
    def test_what_is_refused(
        self, tenant: Tenant, admin: Person, body: dict[str, Any], found: list[tuple[str, str]]
    ) -> None:
        gone, foreign = PersonFactory(workspace=tenant.workspace), PersonFactory()
        deactivate_person(actor=ACTOR, person=gone)
        named = {
            "OWNER": tenant.owner.user.email,
            "GONE": gone.user.email,
            "FOREIGN": ids.encode("per", foreign.id),
            "TAKEN": tenant.agent.name,
        }
        before = kinds_of(tenant.workspace.id)
        sent = {
            key: named.get(value, value) if isinstance(value, str) else value
            for key, value in body.items()
        }
        assert faults(admin.call("POST", "/agents", json=sent)) == found
        assert Agent.objects.filter(workspace=tenant.workspace).count() == 1
        if "owner" in body and found[0][0] == "/owner" and isinstance(sent["owner"], str):
            answer = admin.call(
                "PATCH", f"/agents/{agt(tenant.agent)}", json={"owner": sent["owner"]}
            )
            assert faults(answer) == found
        for field in ({"id": "x"}, {"name": "b"}, {"workspace": "b"}, {"created_at": "x"}):
            answer = admin.call("PATCH", f"/agents/{agt(tenant.agent)}", json=field)
            assert faults(answer) == [("", "wrong_shape")]
        assert [one for one in kinds_of(tenant.workspace.id) if one != "sign_in.succeeded"] == [
            one for one in before if one != "sign_in.succeeded"
        ]

    def test_a_list_is_searched_narrowed_and_turned(self, tenant: Tenant, admin: Person) -> None:
        names = ["Ärger-Bot", "a_b%c", "billing", "<b>bot</b>", "zebra"]
        for name in names:
            AgentFactory(workspace=tenant.workspace, owner=tenant.one, name=name)
        AgentFactory(name="billing")  # of another workspace
        listed: list[str] = []
        path = "/agents?limit=2"
        while path:
            page = admin.call("GET", path).json()
            listed += [one["name"] for one in page["results"]]
            path = (page["next"] or "").partition("/api/v1")[2]
        assert sorted(listed) == sorted([*names, tenant.agent.name])
        assert len(listed) == 6

        def found(**params: str) -> list[str]:
            answer = admin.call("GET", "/agents", params=params)
            return [one["name"] for one in answer.json()["results"]]

        assert found(search="BILL") == ["billing"]
        assert found(search="_b%") == ["a_b%c"]
        assert found(search="%") == ["a_b%c"]
        assert sorted(found(search="bot")) == ["<b>bot</b>", "Ärger-Bot"]
        assert found(search="nothing") == []
        assert found(search="a\0") == []
        assert found(state="retired") == []
        for key in (["a\0", str(tenant.agent.id)], ["a", "b"]):
            forged = paging.encode(Cursor("name", False, key))
            assert code(admin.call("GET", f"/agents?cursor={forged}")) == "422 invalid_query"
        assert code(admin.call("GET", "/agents?state=gone")) == "422 invalid_query"
        assert code(admin.call("GET", "/agents?cursor=abc")) == "422 invalid_query"
        assert code(admin.call("GET", "/agents?limit=0")) == "422 invalid_query"

    def test_what_is_counted(self, tenant: Tenant, admin: Person) -> None:
        one, two = tenant.person(), tenant.person(tenant.two)
        approved, rejected, waiting = (tenant.submit() for _ in range(3))
        assert one.decide(approved).status_code == 200
        assert two.decide(rejected, "reject").status_code == 200
        for run, version in (("a", "1.0"), ("b", "1.1"), ("c", "1.0"), ("d", "")):
            body = {"external_id": run, "agent_version": version}
            assert tenant.call("POST", "/runs", json=body).status_code == 201
        found = admin.call("GET", f"/agents/{agt(tenant.agent)}").json()
        assert found["requests"] == {
            "days": 30,
            "asked": 3,
            "approved": 1,
            "rejected": 1,
            "edited": 0,
        }
        assert (found["waiting"], found["keys"], found["version"]) == (1, 1, None)
        assert [each["version"] for each in found["versions"]] == ["1.0", "1.1"]
        assert found["versions"][0]["first_seen_at"] < found["versions"][1]["first_seen_at"]
        assert waiting["id"]

    def test_what_the_kill_switch_holds_is_given_back_only_by_it(
        self, tenant: Tenant, admin: Person
    ) -> None:
        path = f"/agents/{agt(tenant.agent)}"
        body = {"scope": "agent", "target": agt(tenant.agent), "reason": "It runs wild."}
        kill = admin.call("POST", "/kill_switch", json=body).json()["id"]
        found = admin.call("GET", path).json()
        assert found["state"] == "suspended"
        assert near(found["stopped_at"], timedelta())
        answer = admin.call("PATCH", path, json={"state": "active", "owner": tenant.one.user.email})
        assert code(answer) == "409 agent_stopped"
        held = Agent.objects.get(id=tenant.agent.id)
        assert (held.state, held.owner_id) == ("suspended", tenant.owner.id)
        assert admin.call("POST", f"/kill_switch/{kill}/undo").status_code == 200
        assert admin.call("GET", path).json()["stopped_at"] is None
        assert admin.call("PATCH", path, json={"state": "suspended"}).status_code == 200
        assert admin.call("PATCH", path, json={"state": "active"}).json()["state"] == "active"
        assert Kill.objects.filter(workspace=tenant.workspace).count() == 1

    def test_a_new_owner_decides_no_more_and_an_earlier_yes_of_theirs_is_void(
        self, tenant: Tenant, admin: Person
    ) -> None:
        request = tenant.submit("mail.pair")
        one, two = tenant.person(), tenant.person(tenant.two)
        assert one.decide(request).json()["status"] == "pending"
        path = f"/agents/{agt(tenant.agent)}"
        assert admin.call("PATCH", path, json={"owner": tenant.one.user.email}).status_code == 200
        after = two.decide(tenant.call("GET", f"/requests/{request['id']}").json())
        assert after.json()["status"] == "pending", "only one yes counts"
        other = tenant.submit()
        assert code(one.decide(other)) == "403 own_agent"


class TestKeys:
    def test_a_key_is_told_once_and_opens_what_it_was_made_for(
        self, tenant: Tenant, admin: Person
    ) -> None:
        path = f"/agents/{agt(tenant.agent)}/keys"
        body = {"scopes": ["requests:read"], "expires_in": "90d", "rate_limit": 600}
        made = admin.call("POST", path, json=body)
        assert made.status_code == 201, made.text
        found = made.json()
        token = found.pop("key")
        assert token.startswith(found["prefix"] + "_")
        assert near(found["expires_at"], timedelta(days=90))
        assert found | {"id": "", "created_at": "", "expires_at": "", "prefix": ""} == {
            "id": "",
            "kind": "agt",
            "prefix": "",
            "agent": agt(tenant.agent),
            "agent_name": tenant.agent.name,
            "name": None,
            "scopes": ["requests:read"],
            "actions": [],
            "rate_limit": 600,
            "state": "active",
            "created_at": "",
            "expires_at": "",
            "revoked_at": None,
            "last_used_at": None,
            "replaces": None,
            "replaced_by": None,
        }
        assert me(tenant, token).status_code == 200
        refused = tenant.server.call("POST", "/requests", json={}, headers=bearer(token))
        assert refused.status_code in (403, 422)
        seen = [admin.call("GET", f"/keys/{found['id']}"), admin.call("GET", path)]
        seen += [admin.call("GET", "/agents"), admin.call("GET", "/keys")]
        assert [answer.status_code for answer in seen] == [200] * 4
        assert not any(token in answer.text for answer in seen)
        assert token not in str(events_of(tenant.workspace.id))
        assert token.encode() not in bytes(Key.objects.get(id=ids.decode("key", found["id"])).hash)
        assert [one["id"] for one in seen[1].json()["results"]] == [
            found["id"],
            ids.encode("key", tenant.key.key.id),
        ]
        assert seen[3].json()["results"] == []

    def test_keys_of_tools_and_auditors(self, tenant: Tenant, admin: Person) -> None:
        tool = admin.call(
            "POST", "/keys", json={"kind": "tool", "name": "Gateway", "actions": ["mail.send"]}
        ).json()
        auditor = admin.call("POST", "/keys", json={"kind": "aud", "name": "Yearly"}).json()
        checkpoint = tenant.server.call("GET", "/audit/events", headers=bearer(auditor.pop("key")))
        assert checkpoint.status_code == 200
        del tool["key"]
        assert (tool["name"], tool["actions"], tool["agent"]) == ("Gateway", ["mail.send"], None)
        listed = admin.call("GET", "/keys").json()["results"]
        assert [one["id"] for one in listed] == [auditor["id"], tool["id"]]
        assert admin.call("GET", "/keys?kind=tool").json()["results"] == [tool]
        assert code(admin.call("GET", "/keys?kind=agt")) == "422 invalid_query"
        first = admin.call("GET", "/keys?limit=1").json()
        following = admin.call("GET", first["next"].partition("/api/v1")[2]).json()
        assert following["results"] == [tool]

    @pytest.mark.parametrize(
        ("path", "body", "found"),
        [
            ("agent", {"scopes": ["requests:decide"]}, [("/scopes", "bad_scope")]),
            ("agent", {"scopes": []}, [("/scopes", "bad_scope")]),
            ("agent", {"rate_limit": 0}, [("/rate_limit", "bad_rate_limit")]),
            ("agent", {"rate_limit": 10**7}, [("/rate_limit", "bad_rate_limit")]),
            ("agent", {"expires_in": "soon"}, [("/expires_in", "bad_duration")]),
            ("agent", {"expires_in": "0s"}, [("/expires_in", "bad_duration")]),
            ("agent", {"kind": "aud"}, [("", "wrong_shape")]),
            ("agent", {"hash": "00"}, [("", "wrong_shape")]),
            ("agent", {"expires_at": "2030-01-01T00:00:00Z"}, [("", "wrong_shape")]),
            ("keys", {"kind": "agt", "name": "x"}, [("/kind", "wrong_shape")]),
            ("keys", {"kind": "tool"}, [("", "wrong_shape")]),
            ("keys", {"kind": "tool", "name": " "}, [("/name", "bad_text")]),
            ("keys", {"kind": "tool", "name": "x", "actions": [""]}, [("/actions", "bad_action")]),
            ("keys", {"kind": "tool", "name": "x", "scopes": []}, [("", "wrong_shape")]),
            (
                "keys",
                {"kind": "aud", "name": "x", "actions": ["a"]},
                [("/actions", "not_of_this_kind")],
            ),
            ("rotate", {"overlap": "31d"}, [("/overlap", "bad_overlap")]),
            ("rotate", {"overlap": "none"}, [("/overlap", "bad_duration")]),
            ("rotate", {"scopes": ["runs:initiator"]}, [("", "wrong_shape")]),
        ],
        ids=str,
    )
    def test_what_is_refused(
        self,
        tenant: Tenant,
        admin: Person,
        path: str,
        body: dict[str, Any],
        found: list[tuple[str, str]],
    ) -> None:
        there = {
            "agent": f"/agents/{agt(tenant.agent)}/keys",
            "keys": "/keys",
            "rotate": f"/keys/{ids.encode('key', tenant.key.key.id)}/rotate",
        }[path]
        assert faults(admin.call("POST", there, json=body)) == found
        assert Key.objects.filter(workspace=tenant.workspace).count() == 1

    def test_revoking_ends_it_at_once(self, tenant: Tenant, admin: Person) -> None:
        key = ids.encode("key", tenant.key.key.id)
        waiting = tenant.later("GET", f"/requests/{tenant.submit()['id']}?wait=30")
        assert admin.call("DELETE", f"/keys/{key}").status_code == 204
        assert code(me(tenant, tenant.key.token)) == "401 key_revoked"
        assert waiting.result(10).status_code == 401
        assert admin.call("DELETE", f"/keys/{key}").status_code == 204
        assert admin.call("GET", f"/keys/{key}").json()["state"] == "revoked"
        assert len(events_of(tenant.workspace.id, "key.revoked")) == 1


class TestRotation:
    def test_the_new_key_may_what_the_old_one_may_which_ends_later(
        self, tenant: Tenant, admin: Person
    ) -> None:
        old = KeyFactory(
            agent=tenant.agent,
            scopes=["requests:read"],
            rate_limit=77,
            expires_in=timedelta(days=90),
        )
        path = f"/keys/{ids.encode('key', old.key.id)}"
        done = admin.call("POST", f"{path}/rotate", json={"overlap": "2h"})
        assert done.status_code == 201, done.text
        found = done.json()
        new = found.pop("key")
        assert near(found.pop("old_until"), timedelta(hours=2))
        assert near(found["expires_at"], timedelta(days=90))
        assert (found["scopes"], found["rate_limit"]) == (["requests:read"], 77)
        assert found["replaces"] == ids.encode("key", old.key.id)
        before = admin.call("GET", path).json()
        assert (before["replaced_by"], before["state"]) == (found["id"], "active")
        assert near(before["expires_at"], timedelta(hours=2))
        assert me(tenant, new).status_code == me(tenant, old.token).status_code == 200
        assert new not in admin.call("GET", f"/agents/{agt(tenant.agent)}/keys").text
        Key.objects.filter(id=old.key.id).update(expires_at=datetime.now(UTC))  # two hours pass
        assert code(me(tenant, old.token)) == "401 key_expired"
        assert me(tenant, new).status_code == 200
        assert code(admin.call("POST", f"{path}/rotate")) == "409 key_over"
        [rotated] = events_of(tenant.workspace.id, "key.rotated")
        assert rotated["subject"] == ids.encode("key", old.key.id)
        assert rotated["data"] == {"after": found["id"], "overlap_s": 7200}
        made = events_of(tenant.workspace.id, "key.created")[-1]
        assert made["subject"] == found["id"]
        assert made["data"]["scopes"] == ["requests:read"]

    def test_what_never_ended_goes_on_for_a_day_and_what_ends_sooner_ends_then(
        self, tenant: Tenant, admin: Person
    ) -> None:
        done = admin.call("POST", f"/keys/{ids.encode('key', tenant.key.key.id)}/rotate").json()
        assert done["expires_at"] is None
        assert near(done["old_until"], timedelta(hours=24))
        soon = create_tool_key(
            actor=ACTOR,
            workspace=tenant.workspace,
            name="Gateway",
            actions=["mail.send"],
            expires_in=timedelta(minutes=5),
        )
        body = {"overlap": "7d", "expires_in": "30d"}
        done = admin.call(
            "POST", f"/keys/{ids.encode('key', soon.key.id)}/rotate", json=body
        ).json()
        assert near(done["old_until"], timedelta(minutes=5))
        assert near(done["expires_at"], timedelta(days=30))
        assert (done["name"], done["actions"], done["kind"]) == ("Gateway", ["mail.send"], "tool")

    def test_twice_at_once_makes_one(self, tenant: Tenant, admin: Person) -> None:
        others = [with_permission(tenant, "administer") for _ in range(2)]
        path = f"/keys/{ids.encode('key', tenant.key.key.id)}/rotate"
        calls = [lambda who=who: who.call("POST", path) for who in (admin, *others)]
        answers = together(calls)
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
        refused = [answer for answer in answers if answer.status_code == 409]
        assert {code(answer) for answer in refused} == {"409 key_rotated"}
        assert Key.objects.filter(replaces_id=tenant.key.key.id).count() == 1
        assert Key.objects.filter(workspace=tenant.workspace).count() == 2
        assert len(events_of(tenant.workspace.id, "key.rotated")) == 1

    def test_with_a_revocation_at_once_the_old_key_is_dead(
        self, tenant: Tenant, admin: Person
    ) -> None:
        other = with_permission(tenant, "administer")
        key = ids.encode("key", tenant.key.key.id)
        rotated, revoked = together(
            [
                lambda: admin.call("POST", f"/keys/{key}/rotate"),
                lambda: other.call("DELETE", f"/keys/{key}"),
            ]
        )
        assert revoked.status_code == 204
        assert code(me(tenant, tenant.key.token)) == "401 key_revoked"
        if rotated.status_code == 201:
            assert me(tenant, rotated.json()["key"]).status_code == 200
        else:
            assert code(rotated) == "409 key_over"

    def test_a_retired_agent_gets_no_key(self, tenant: Tenant, admin: Person) -> None:
        admin.call("PATCH", f"/agents/{agt(tenant.agent)}", json={"state": "retired"})
        answer = admin.call("POST", f"/keys/{ids.encode('key', tenant.key.key.id)}/rotate")
        assert code(answer) == "409 agent_retired"
        assert Key.objects.filter(workspace=tenant.workspace).count() == 1


class TestWho:
    def test_who_sees_and_who_changes(self, tenant: Tenant, admin: Person) -> None:
        tool = create_tool_key(actor=ACTOR, workspace=tenant.workspace, name="Gateway")
        other = AgentFactory(workspace=tenant.workspace, owner=tenant.one)
        readers = [with_permission(tenant, name) for name in ("view", "audit")]
        owner, two = tenant.person(tenant.owner), tenant.person(tenant.two)
        stranger = Tenant(tenant.server)
        stranger.administrator()
        foreign = stranger.person(stranger.owner)
        own, key = f"/agents/{agt(tenant.agent)}", f"/keys/{ids.encode('key', tenant.key.key.id)}"
        others, tools = f"/agents/{agt(other)}", f"/keys/{ids.encode('key', tool.key.id)}"

        def status(who: Person, method: str, path: str, body: Any = None) -> str:
            answer = who.call(method, path, **({} if body is None else {"json": body}))
            return str(answer.status_code) if answer.status_code < 300 else code(answer)

        # (method, path, body): for an administrator, who only reads, the owner, everybody else.
        no, gone = "403 not_administrator", "404 not_found"
        table: list[tuple[str, str, Any, tuple[str, str, str, str]]] = [
            ("GET", own, None, ("200", "200", "200", gone)),
            ("GET", f"{own}/keys", None, ("200", "200", "200", gone)),
            ("GET", others, None, ("200", "200", gone, gone)),
            ("GET", key, None, ("200", "200", "200", gone)),
            ("GET", tools, None, ("200", "200", gone, gone)),
            ("GET", "/keys", None, ("200", "200", gone, gone)),
            ("POST", "/agents", {}, ("422 invalid_input", no, no, no)),
            ("POST", "/keys", {}, ("422 invalid_input", no, no, no)),
            ("PATCH", own, {"state": "active"}, ("200", no, no, gone)),
            ("POST", f"{own}/keys", {"scopes": ["x"]}, ("422 invalid_input", no, no, gone)),
            ("POST", f"{key}/rotate", {"overlap": "x"}, ("422 invalid_input", no, no, gone)),
            ("DELETE", tools, None, ("204", no, gone, gone)),
        ]
        for method, path, body, expected in table:
            for who, said in zip((admin, *readers, owner, two), _spread(expected), strict=True):
                assert status(who, method, path, body) == said, (method, path, said)
            if path.count("_"):
                assert status(foreign, method, path, body) == gone, (method, path)
        listed = {
            name: {one["id"] for one in who.call("GET", "/agents").json()["results"]}
            for name, who in (
                ("admin", admin),
                ("view", readers[0]),
                ("owner", owner),
                ("two", two),
            )
        }
        every = {agt(tenant.agent), agt(other)}
        assert listed == {"admin": every, "view": every, "owner": {agt(tenant.agent)}, "two": set()}
        assert status(two, "DELETE", key) == gone
        assert status(owner, "DELETE", key) == "204", "an owner ends what may have leaked"
        assert code(me(tenant, tenant.key.token)) == "401 key_revoked"

    def test_no_key_opens_any_of_it(self, tenant: Tenant) -> None:
        for method, path in (("GET", "/agents"), ("GET", "/keys"), ("GET", "/workspace")):
            assert tenant.call(method, path).status_code in (401, 403)
        answer = tenant.call("POST", f"/agents/{agt(tenant.agent)}/keys", json={})
        assert answer.status_code in (401, 403)


def _spread(expected: tuple[str, str, str, str]) -> list[str]:
    admin, reads, owner, others = expected
    return [admin, reads, reads, owner, others]
