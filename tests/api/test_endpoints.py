"""Endpoints over HTTP: every member of every body, what is refused, and who sees what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from callbacks.models import Callback, Endpoint, EndpointKey
from callbacks.sql import DELIVER
from core import due, ids
from tests.api.desk import ELSEWHERE, MASKED, Desk, code, faults
from tests.api.tenant import Person, Tenant
from tests.core.certificates import Authority
from tests.events import events_of, side_of
from tests.factories import AgentFactory


@pytest.fixture(scope="module")
def pem() -> tuple[str, str]:
    """A client certificate and its key."""
    certificate, key = Authority("An authority").issue("client-1")
    return certificate.decode(), key.decode()


class TestCreate:
    def test_it_shows_its_secret_once_and_never_again(self, desk: Desk) -> None:
        made = desk.create(events=["request.rejected", "request.approved", "request.rejected"])
        secret = made["secret"]
        assert secret.startswith("whsec_")
        [public] = made["public_keys"]
        assert public.startswith("whpk_")
        assert made | {"id": "", "created_at": "", "secret": "", "public_keys": []} == {
            "id": "",
            "agent": desk.agent,
            "agent_name": desk.tenant.agent.name,
            "url": desk.receiver.url,
            "events": ["request.approved", "request.rejected"],
            "state": "active",
            "reason": None,
            "secret": "",
            "public_keys": [],
            "has_headers": False,
            "has_certificate": False,
            "failures": 0,
            "failing_since": None,
            "open_until": None,
            "last_success_at": None,
            "last_failure_at": None,
            "old_secret_until": None,
            "waiting": 0,
            "created_at": "",
        }
        seen = [desk.call("GET", made), desk.owner.call("GET", "/endpoints")]
        seen += [desk.call("PATCH", made, events=[]), desk.call("GET", made, "/deliveries")]
        assert [answer.status_code for answer in seen] == [200] * 4
        assert not any(secret in answer.text for answer in seen)
        assert seen[0].json() == made | {"secret": MASKED}
        assert not any(secret in str(event) for event in events_of(desk.workspace))
        [key] = EndpointKey.objects.filter(endpoint=desk.row(made))
        assert secret.encode() not in bytes(key.secret) + bytes(key.private)
        [event] = events_of(desk.workspace, "endpoint.created")
        assert event["actor"]["id"] == ids.encode("per", desk.tenant.owner.id)
        assert event["data"] == {"agent": desk.agent, "events": made["events"]}
        assert side_of(event, "url") == desk.receiver.url.encode()

    def test_what_is_sent_with_it_is_kept_sealed_and_not_shown(
        self, desk: Desk, pem: tuple[str, str]
    ) -> None:
        certificate, key = pem
        made = desk.create(
            headers={"X-Tenant": "open-sesame"}, certificate=certificate, certificate_key=key
        )
        assert (made["has_headers"], made["has_certificate"]) == (True, True)
        text = json.dumps(made)
        assert "open-sesame" not in text
        assert "PRIVATE" not in text
        row = desk.row(made)
        assert b"open-sesame" not in bytes(row.headers or b"")
        assert b"PRIVATE" not in bytes(row.certificate or b"")

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ({"agent": "agt_01h455vb4pex5vsknk084sn02q"}, [("/agent", "unknown_agent")]),
            ({"agent": "billing-bot"}, [("/agent", "unknown_agent")]),
            ({"agent": 7}, [("/agent", "wrong_shape")]),
            ({"url": ""}, [("/url", "wrong_shape")]),
            ({"url": "x" * 2_001}, [("/url", "wrong_shape")]),
            ({"url": "ftp://example.com/"}, [("/url", "address_refused")]),
            ({"url": "http://93.184.216.34/"}, [("/url", "address_refused")]),
            ({"url": "https://10.0.0.1/hook"}, [("/url", "address_refused")]),
            ({"url": "https://169.254.169.254/latest"}, [("/url", "address_refused")]),
            ({"url": "https://ana:secret@93.184.216.34/"}, [("/url", "address_refused")]),
            ({"url": "https://93.184.216.34:8443/"}, [("/url", "address_refused")]),
            ({"events": ["request.done"]}, [("/events", "unknown_type")]),
            ({"events": ["endpoint.test"]}, [("/events", "unknown_type")]),
            ({"events": ["request.approved", 7]}, [("/events/1", "wrong_shape")]),
            ({"headers": {"Host": "x"}}, [("/headers/Host", "reserved_header")]),
            ({"headers": {"webhook-id": "x"}}, [("/headers/webhook-id", "reserved_header")]),
            ({"headers": {"a/b~c": "x"}}, [("/headers/a~1b~0c", "invalid_header")]),
            ({"headers": {"X-A": "1\r\nX-B: 2"}}, [("/headers/X-A", "invalid_header")]),
            ({"headers": {f"X-{n}": "1" for n in range(11)}}, [("/headers", "too_many")]),
            ({"certificate": "none"}, [("/certificate", "invalid_certificate")]),
            ({"certificate_key": "none"}, [("/certificate", "invalid_certificate")]),
            ({"state": "disabled"}, [("", "wrong_shape")]),
            (
                {"url": "https://10.0.0.1/", "events": ["x"], "headers": {"Cookie": "a=b"}},
                [
                    ("/url", "address_refused"),
                    ("/events", "unknown_type"),
                    ("/headers/Cookie", "reserved_header"),
                ],
            ),
        ],
        ids=str,
    )
    def test_an_error_names_its_place_and_makes_nothing(
        self, desk: Desk, body: dict[str, Any], found: list[tuple[str, str]]
    ) -> None:
        assert faults(desk.post(**body)) == found
        assert not Endpoint.objects.filter(workspace_id=desk.workspace).exists()
        assert desk.kinds() == []

    def test_a_key_that_is_another_s_or_missing(self, desk: Desk, pem: tuple[str, str]) -> None:
        other = Authority("Another").issue("client-1")[1].decode()
        for key, wrong in (("", "invalid_key"), (other, "other_key")):
            answer = desk.post(certificate=pem[0], certificate_key=key)
            assert faults(answer) == [("/certificate_key", wrong)]
        answer = desk.post(certificate=pem[0])
        assert faults(answer) == [("/certificate_key", "invalid_key")]
        assert desk.kinds() == []

    def test_what_is_missing_is_named(self, desk: Desk) -> None:
        for name, body in (("url", {"agent": desk.agent}), ("agent", {"url": ELSEWHERE})):
            answer = desk.owner.call("POST", "/endpoints", json=body)
            assert faults(answer) == [("", "wrong_shape")]
            assert f"`{name}`" in answer.json()["errors"][0]["detail"]

    def test_an_address_is_registered_once_and_an_agent_has_ten(self, desk: Desk) -> None:
        for number in range(10):
            desk.create(url=f"{ELSEWHERE}/{number}")
        assert code(desk.post(url=ELSEWHERE)) == "409 too_many_endpoints"
        first = desk.owner.call("GET", "/endpoints").json()["results"][-1]
        assert desk.call("DELETE", first).status_code == 204
        assert code(desk.post(url=f"{ELSEWHERE}/5")) == "409 endpoint_exists"
        desk.create(url=f"{ELSEWHERE}/0")
        assert desk.kinds().count("endpoint.created") == 11

    def test_owners_register_for_their_own_agents_only(self, desk: Desk) -> None:
        theirs = AgentFactory(workspace=desk.tenant.workspace)
        body = {"agent": ids.encode("agt", theirs.id)}
        assert faults(desk.post(**body)) == [("/agent", "unknown_agent")]
        assert desk.post(desk.administrator(), **body).status_code == 201
        stranger = Tenant(desk.server)
        stranger.administrator()
        assert faults(desk.post(stranger.person(stranger.owner), **body)) == [
            ("/agent", "unknown_agent")
        ]


class TestList:
    def test_each_sees_what_they_manage_the_newest_first(self, desk: Desk) -> None:
        admin = desk.administrator()
        theirs = ids.encode("agt", AgentFactory(workspace=desk.tenant.workspace).id)
        made = [desk.create()["id"], desk.create(url=ELSEWHERE)["id"]]
        made.append(desk.post(admin, agent=theirs).json()["id"])

        def listed(who: Person, query: str = "") -> list[str]:
            found = who.call("GET", f"/endpoints{query}").json()["results"]
            assert {one["secret"] for one in found} <= {MASKED}
            return [one["id"] for one in found]

        assert listed(admin) == made[::-1]
        assert listed(admin, f"?agent={theirs}") == made[2:]
        assert listed(desk.owner) == made[1::-1]
        assert listed(desk.owner, f"?agent={theirs}") == []
        assert listed(desk.tenant.person()) == []
        assert faults(admin.call("GET", "/endpoints?agent=bot")) == [("?agent", "invalid_query")]


class TestChange:
    def test_what_is_left_out_stays(self, desk: Desk, pem: tuple[str, str]) -> None:
        made = desk.create(events=["request.approved"], headers={"X-A": "1"})
        seen = desk.seen(made)
        changes: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
            ({"url": ELSEWHERE}, {"url": ELSEWHERE}, ["url"]),
            ({"events": []}, {"events": []}, ["events"]),
            ({"headers": {}}, {"has_headers": False}, ["headers"]),
            ({"headers": {"X-B": "2"}}, {"has_headers": True}, ["headers"]),
            (
                {"certificate": pem[0], "certificate_key": pem[1]},
                {"has_certificate": True},
                ["certificate"],
            ),
            ({"certificate": ""}, {"has_certificate": False}, ["certificate"]),
        ]
        for body, change, _ in changes:
            seen |= change
            answer = desk.call("PATCH", made, **body)
            assert (answer.status_code, answer.json()) == (200, seen)
        events = events_of(desk.workspace, "endpoint.changed")
        assert [event["data"]["changed"] for event in events] == [named for *_, named in changes]
        assert side_of(events[0], "url") == ELSEWHERE.encode()
        assert desk.owner.call("PATCH", f"/endpoints/{made['id']}", json={}).json() == seen
        assert len(events_of(desk.workspace, "endpoint.changed")) == len(changes)
        # What was signed before is signed still.
        [key] = EndpointKey.objects.filter(endpoint=desk.row(made))
        assert key.until is None

    @pytest.mark.parametrize(
        ("body", "found"),
        [
            ({"url": "https://10.0.0.1/"}, [("/url", "address_refused")]),
            ({"events": ["x"]}, [("/events", "unknown_type")]),
            ({"headers": {"TE": "x"}}, [("/headers/TE", "reserved_header")]),
            ({"certificate": "x"}, [("/certificate", "invalid_certificate")]),
            ({"state": "deleted"}, [("/state", "wrong_shape")]),
            ({"agent": "agt_01h455vb4pex5vsknk084sn02q"}, [("", "wrong_shape")]),
            ({"secret": "whsec_" + "A" * 32}, [("", "wrong_shape")]),
        ],
        ids=str,
    )
    def test_an_error_names_its_place_and_changes_nothing(
        self, desk: Desk, body: dict[str, Any], found: list[tuple[str, str]]
    ) -> None:
        made = desk.create()
        before = desk.seen(made)
        body = {"state": "disabled", "events": ["request.expired"], "url": ELSEWHERE} | body
        assert faults(desk.call("PATCH", made, **body)) == found
        assert desk.seen(made) == before
        assert desk.kinds() == ["endpoint.created"]

    def test_an_address_that_another_has_changes_nothing(self, desk: Desk) -> None:
        made = desk.create()
        desk.create(url=ELSEWHERE)
        answer = desk.call(
            "PATCH", made, url=ELSEWHERE, events=["request.expired"], state="disabled"
        )
        assert code(answer) == "409 endpoint_exists"
        assert desk.seen(made) == made | {"secret": MASKED}
        assert desk.kinds() == ["endpoint.created"] * 2

    def test_switched_off_it_is_not_called_and_what_was_missed_is_sent_on_request(
        self, desk: Desk
    ) -> None:
        made = desk.create()
        desk.ended(1)
        assert desk.seen(made)["waiting"] == 1
        for _ in range(2):
            off = desk.call("PATCH", made, state="disabled").json()
            assert (off["state"], off["reason"], off["waiting"]) == ("disabled", "by_hand", 0)
        desk.ended(1)
        due.run(DELIVER, desk.deliverer.take)
        states = {one.state for one in Callback.objects.filter(endpoint=desk.row(made))}
        assert states == {"held"}
        for _ in range(2):
            on = desk.call("PATCH", made, state="active").json()
            assert (on["state"], on["reason"]) == ("active", None)
        assert desk.receiver.arrived == []
        assert desk.call("POST", made, "/replay", which="missing").json() == {"count": 2}
        desk.deliver(2)
        assert len(desk.receiver.until(2)) == 2
        assert desk.kinds() == [
            *("endpoint.created", "endpoint.disabled", "endpoint.enabled", "callbacks.replayed"),
        ]


class TestRotate:
    def test_the_new_secret_is_shown_once_and_the_old_one_signs_for_a_day(self, desk: Desk) -> None:
        made = desk.create()
        answer = desk.call("POST", made, "/rotate")
        assert answer.status_code == 200
        new = answer.json()
        assert new["secret"].startswith("whsec_")
        assert new["secret"] != made["secret"]
        assert new["public_keys"][1:] == made["public_keys"]
        left = datetime.fromisoformat(new["old_secret_until"]) - datetime.now(UTC)
        assert timedelta(hours=23, minutes=55) < left <= timedelta(hours=24, minutes=5)
        seen = desk.call("GET", made)
        assert seen.json() == new | {"secret": MASKED}
        [event] = events_of(desk.workspace, "endpoint.key_rotated")
        assert event["data"] == {"until": new["old_secret_until"]}
        for secret in (made["secret"], new["secret"]):
            assert secret not in seen.text + str(events_of(desk.workspace))
        desk.ended(1)
        desk.deliver(1)
        [arrived] = desk.receiver.until(1)
        for secret in (made["secret"], new["secret"]):
            assert Webhook(secret).verify(arrived.body, arrived.headers)

    def test_a_secret_is_not_chosen(self, desk: Desk) -> None:
        made = desk.create()
        answer = desk.call("POST", made, "/rotate", secret="whsec_" + "A" * 32)
        assert faults(answer) == [("", "wrong_shape")]
        assert desk.kinds() == ["endpoint.created"]


class TestDelete:
    def test_it_is_gone_and_what_stood_in_line_is_not_sent(self, desk: Desk) -> None:
        made = desk.create(headers={"X-A": "1"})
        desk.ended(1)
        [waiting] = desk.call("GET", made, "/deliveries").json()["results"]
        assert desk.call("DELETE", made).status_code == 204
        due.run(DELIVER, desk.deliverer.take)
        assert desk.receiver.arrived == []
        assert Callback.objects.get(id=ids.decode("cbk", waiting["id"])).state == "held"
        row = desk.row(made)
        assert (row.state, row.headers) == ("deleted", None)
        assert not EndpointKey.objects.filter(endpoint=row).exists()
        assert desk.owner.call("GET", "/endpoints").json() == {"results": []}
        for method, rest in ROUTES:
            assert desk.call(method, made, rest).status_code == 404
        assert desk.owner.call("GET", f"/callbacks/{waiting['id']}").status_code == 404
        assert desk.kinds() == ["endpoint.created", "endpoint.deleted"]


ROUTES = [
    *(("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")),
    *(("GET", "/deliveries"), ("POST", "/replay")),
]


def test_nobody_else_sees_or_touches_it(desk: Desk) -> None:
    """Not another workspace's administrator, not a colleague, not the agent."""
    made = desk.create()
    desk.ended(1)
    [callback] = desk.call("GET", made, "/deliveries").json()["results"]
    before, kinds = desk.seen(made), desk.kinds()
    stranger = Tenant(desk.server)
    stranger.administrator()
    bodies = {"/replay": {"which": "missing"}, "": {"state": "disabled"}}
    for who in (stranger.person(stranger.owner), desk.tenant.person()):
        for method, rest in ROUTES:
            body = {} if method == "GET" else {"json": bodies.get(rest, {})}
            answer = who.call(method, f"/endpoints/{made['id']}{rest}", **body)
            unknown = who.call(method, f"/endpoints/end_01h455vb4pex5vsknk084sn02q{rest}", **body)
            assert code(answer) == code(unknown) == "404 not_found"
            assert answer.json()["detail"] == unknown.json()["detail"]
        for method, rest in (("GET", ""), ("POST", "/replay")):
            answer = who.call(method, f"/callbacks/{callback['id']}{rest}")
            assert code(answer) == "404 not_found"
    for method, rest in ROUTES:
        path = f"/endpoints/{made['id']}{rest}"
        assert desk.tenant.call(method, path).status_code in (401, 403)
    assert desk.tenant.call("GET", f"/callbacks/{callback['id']}").status_code in (401, 403)
    assert (desk.seen(made), desk.kinds()) == (before, kinds)
