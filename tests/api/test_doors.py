"""What comes in at the doors: keys, bodies, methods, headers; each refused clearly, none with a 5xx."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from typing import Any

import msgspec
import psycopg
import pytest
import requests
import yaml
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from agents.services import revoke_key
from approvals.shape import RequestObject
from approvals.shown import shown_digest
from core import ids
from core.problems import TYPE_PREFIX
from people.here import here
from people.permissions import permissions_of
from people.services import create_person
from policies.services import apply
from tests.api.tenant import POLICY, Person, Tenant
from tests.clock import looks_older
from tests.factories import ACTOR, KeyFactory, bearer
from tests.server import Live

GOOD = {"action": "mail.send", "payload": {"to": "ana@example.com"}}


def refused(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == TYPE_PREFIX + code
    assert body["status"] == status
    assert body["instance"].endswith(answer.headers["X-Request-Id"])
    return body


def raw(server: Live, data: bytes, *, half_close: bool = False) -> bytes:
    """What the server says to these bytes, until it closes or is silent."""
    with socket.create_connection(server.address, timeout=3) as conn:
        conn.sendall(data)
        if half_close:
            conn.shutdown(socket.SHUT_WR)
        heard = b""
        try:
            while chunk := conn.recv(65536):
                heard += chunk
        except TimeoutError:
            pass
    return heard


# -- keys ------------------------------------------------------------------------------------------


def test_without_a_key_nothing_is_told(server: Live) -> None:
    for method, path in (
        ("POST", "/requests"),
        ("POST", "/requests/wait"),
        ("POST", "/requests/preview"),
        ("GET", "/requests"),
        ("GET", "/requests/req_00000000000000000000000000"),
        ("GET", "/me"),
        ("GET", "/inbox"),
        ("GET", "/inbox/events"),
    ):
        options: dict[str, Any] = {"json": {}} if method == "POST" else {}
        answer = server.call(method, path, **options)
        refused(answer, 401, "unauthorized")
        assert "WWW-Authenticate" in answer.headers


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer x",
        "Bearer assentry_agt_1_2",
        "Basic YTpi",
        "Token abc",
        "Bearer " + "a" * 5000,
    ],
)
def test_a_header_that_is_no_key(server: Live, header: str) -> None:
    for method, path in (
        ("POST", "/requests"),
        ("GET", "/requests/req_00000000000000000000000000"),
    ):
        answer = server.call(method, path, headers={"Authorization": header}, json=GOOD)
        assert answer.status_code == 401


def test_a_wrong_revoked_expired_and_foreign_key(tenant: Tenant, server: Live) -> None:
    request = tenant.submit()
    other = Tenant(server)
    refused(other.call("GET", f"/requests/{request['id']}"), 404, "not_found")
    refused(other.call("GET", f"/requests/{request['id']}?wait=5"), 404, "not_found")
    refused(other.call("POST", "/requests/wait", json={"ids": [request["id"]]}), 404, "not_found")
    refused(other.call("POST", f"/requests/{request['id']}/cancel"), 404, "not_found")
    token = tenant.key.token
    wrong = token[:-9] + ("a" if token[-9] != "a" else "b") + token[-8:]
    refused(server.call("GET", "/me", headers=bearer(wrong)), 401, "invalid_key")
    revoke_key(actor=ACTOR, workspace=tenant.workspace, key_id=tenant.key.key.id)
    refused(tenant.call("GET", f"/requests/{request['id']}"), 401, "key_revoked")
    refused(tenant.call("POST", "/requests", json=GOOD), 401, "key_revoked")


def test_a_key_without_the_scope(tenant: Tenant) -> None:
    reading = KeyFactory(agent=tenant.agent, scopes=["requests:read"])
    answer = tenant.server.call("POST", "/requests", json=GOOD, headers=bearer(reading.token))
    refused(answer, 403, "insufficient_scope")
    writing = KeyFactory(agent=tenant.agent, scopes=["requests:submit"])
    for path in ("/requests", f"/requests/{tenant.submit()['id']}"):
        answer = tenant.server.call("GET", path, headers=bearer(writing.token))
        refused(answer, 403, "insufficient_scope")


def test_a_limited_key(tenant: Tenant) -> None:
    key = KeyFactory(agent=tenant.agent, rate_limit=3)
    answers = [tenant.server.call("GET", "/requests", headers=bearer(key.token)) for _ in range(5)]
    assert [answer.status_code for answer in answers].count(429) >= 1
    last = answers[-1]
    refused(last, 429, "rate_limited")
    assert int(last.headers["Retry-After"]) >= 1
    fresh = KeyFactory(agent=tenant.agent, rate_limit=3)
    body = {"action": "mail.send", "payload": {"to": "ana@example.com"}}
    sent = tenant.server.call("POST", "/requests", json=body, headers=bearer(fresh.token))
    assert (sent.status_code, sent.headers["RateLimit"][:9]) == (201, '"key";r=2')


def test_a_key_counts_and_the_cookie_beside_it_does_not(tenant: Tenant) -> None:
    reviewer = tenant.person()
    answer = reviewer.call("GET", "/me", headers=tenant.headers)
    assert answer.json()["kind"] == "agent"
    refused(reviewer.call("GET", "/inbox", headers=tenant.headers), 403, "people_only")
    request = tenant.submit()
    assert (
        "payload"
        in reviewer.call("GET", f"/requests/{request['id']}", headers=tenant.headers).json()
    )


# -- bodies ----------------------------------------------------------------------------------------

HOSTILE = {
    "duplicate": (b'{"action":"a","action":"b","payload":{}}', "duplicate_key"),
    "nan": (b'{"action":"mail.send","payload":{"size":NaN}}', "number_not_finite"),
    "infinity": (b'{"action":"mail.send","payload":{"size":1e999}}', "number_too_large"),
    "big": (b'{"action":"mail.send","payload":{"size":9007199254740993}}', "number_too_large"),
    "surrogate": (b'{"action":"mail.send","payload":{"to":"\\ud800"}}', "lone_surrogate"),
    "nul": (b'{"action":"mail.send","payload":{"to":"\\u0000"}}', "nul_character"),
    "nul key": (b'{"action":"mail.send","payload":{"\\u0000":"x"}}', "nul_character"),
    "deep": (b'{"action":"a","payload":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}", "too_deep"),
    "deeper": (b"[" * 200_000 + b"]" * 200_000, "too_deep"),
    "not utf-8": (b'{"action":"\xff"}', "not_utf8"),
    "mark": (b'\xef\xbb\xbf{"action":"a"}', "byte_order_mark"),
    "empty": (b"", "empty_body"),
    "half": (b'{"action":', "invalid_json"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", ["/requests", "/requests/preview", "/requests/wait"])
def test_hostile_json(tenant: Tenant, path: str, name: str) -> None:
    body, code = HOSTILE[name]
    answer = tenant.call("POST", path, data=body, headers={"Content-Type": "application/json"})
    refused(answer, 400, code)


def test_too_large_by_one_byte_and_not_by_none(tenant: Tenant) -> None:
    def body(size: int) -> bytes:
        start, end = b'{"action":"mail.none","payload":{},"summary":"', b'"}'
        return start + b"x" * (size - len(start) - len(end)) + end

    headers = {"Content-Type": "application/json"}
    answer = tenant.call("POST", "/requests", data=body(1024 * 1024 + 1), headers=headers)
    refused(answer, 413, "body_too_large")
    answer = tenant.call("POST", "/requests", data=iter([body(1024 * 1024 + 1)]), headers=headers)
    refused(answer, 413, "body_too_large")
    answer = tenant.call("POST", "/requests", data=body(1024 * 1024), headers=headers)
    assert answer.status_code == 422
    reviewer = tenant.person()
    answer = reviewer.call("POST", "/policies", data=body(1024 * 1024 + 1), headers=headers)
    refused(answer, 413, "body_too_large")


def test_a_length_that_lies_runs_nothing(tenant: Tenant) -> None:
    body = json.dumps(GOOD).encode()
    head = (
        f"POST /api/v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    before = len(tenant.call("GET", "/requests").json()["results"])
    heard = raw(tenant.server, head + b"Content-Length: 5000\r\n\r\n" + body, half_close=True)
    assert heard == b""
    heard = raw(tenant.server, head + b"Content-Length: 9000000000\r\nExpect: 100-continue\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 413")
    heard = raw(tenant.server, head + b"Content-Length: x\r\n\r\n" + body)
    assert heard.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in heard
    heard = raw(tenant.server, head + b"\r\n", half_close=False)
    assert heard.startswith(b"HTTP/1.1 400")
    assert b"empty_body" in heard
    assert len(tenant.call("GET", "/requests").json()["results"]) == before


def test_chunked_and_pipelined(tenant: Tenant) -> None:
    body = json.dumps(GOOD).encode()
    head = (
        f"POST /api/v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {tenant.headers['Authorization']}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, body[at : at + 1]) for at in range(len(body)))
    one = head + chunks + b"0\r\n\r\n"
    heard = raw(
        tenant.server, one * 3 + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    assert heard.count(b"HTTP/1.1 201") == 3
    assert heard.count(b"HTTP/1.1 200") == 1


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=utf-16",
        "application/jsonp",
    ],
)
def test_other_content_types(tenant: Tenant, kind: str) -> None:
    body = json.dumps(GOOD)
    refused(
        tenant.call("POST", "/requests", data=body, headers={"Content-Type": kind}),
        415,
        "unsupported_media_type",
    )
    reviewer = tenant.person()
    request = tenant.submit()
    for path in (f"/requests/{request['id']}/decisions", "/session"):
        answer = reviewer.call("POST", path, data=body, headers={"Content-Type": kind})
        refused(answer, 415, "unsupported_media_type")


def test_json_by_any_of_its_spellings(tenant: Tenant) -> None:
    for kind in ("application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'):
        answer = tenant.call(
            "POST", "/requests", data=json.dumps(GOOD), headers={"Content-Type": kind}
        )
        assert answer.status_code == 201


def test_off_the_schema_and_unknown(tenant: Tenant) -> None:
    found = refused(
        tenant.call("POST", "/requests", json={**GOOD, "action": "no.such"}), 422, "unknown_action"
    )
    assert found["errors"][0]["pointer"] == "/action"
    bad = {"action": "mail.send", "payload": {"to": 5}}
    found = refused(tenant.call("POST", "/requests", json=bad), 422, "payload_off_schema")
    assert found["errors"][0]["pointer"] == "/payload/to"
    for extra in ("status", "tenant", "approved_by", "risk", "id", "created_at", "expires_at"):
        refused(tenant.call("POST", "/requests", json={**GOOD, extra: "x"}), 422, "invalid_input")
    for body in ("[]", '"x"', "5", "null", "{}", "true"):
        answer = tenant.call(
            "POST", "/requests", data=body, headers={"Content-Type": "application/json"}
        )
        refused(answer, 422, "invalid_input")


# -- methods and paths -----------------------------------------------------------------------------


def test_methods_there_are_not(tenant: Tenant) -> None:
    request = tenant.submit()
    for path in (
        "/requests",
        "/requests/wait",
        "/requests/preview",
        f"/requests/{request['id']}",
        "/me",
    ):
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
            answer = tenant.call(method, path)
            refused(answer, 405, "method_not_allowed")
            assert "OPTIONS" in answer.headers["Allow"]
    refused(tenant.call("GET", "/requests/wait"), 405, "method_not_allowed")
    answer = tenant.call("OPTIONS", "/requests")
    assert answer.status_code == 204
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_head_says_what_get_would_and_does_not_wait(tenant: Tenant) -> None:
    request = tenant.submit()
    began = time.monotonic()
    answer = tenant.call("HEAD", f"/requests/{request['id']}?wait=30")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["Content-Length"]) > 100
    assert time.monotonic() - began < 5
    assert requests.head(f"{tenant.server.url}/healthz", timeout=5).status_code == 200
    refused(requests.post(f"{tenant.server.url}/healthz", timeout=5), 405, "method_not_allowed")


def test_paths_there_are_not(tenant: Tenant) -> None:
    for path in (
        "/nothing",
        "/requests/x/y/z",
        "/requests/req_1",
        "/requests/%00",
        "/requests/",
    ):
        refused(tenant.call("GET", path), 404, "not_found")
    refused(tenant.server.call("POST", "/nothing", json={}), 404, "not_found")


def test_headers_of_every_answer(tenant: Tenant) -> None:
    request = tenant.submit()
    for path in ("/requests", f"/requests/{request['id']}", "/me", "/nothing", "/openapi.json"):
        answer = tenant.call("GET", path, headers={"X-Request-Id": "my-own.id_1"})
        assert answer.headers["X-Request-Id"] == "my-own.id_1"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Server" not in answer.headers
    answer = tenant.call("GET", "/me", headers={"X-Request-Id": "<script>"})
    assert answer.headers["X-Request-Id"] != "<script>"


# -- idempotency -----------------------------------------------------------------------------------


def test_one_key_one_request(tenant: Tenant) -> None:
    key = secrets.token_hex(8)
    first = tenant.call("POST", "/requests", json=GOOD, headers={"Idempotency-Key": f'"{key}"'})
    again = tenant.call("POST", "/requests", json=GOOD, headers={"Idempotency-Key": key})
    assert first.status_code == again.status_code == 201
    assert first.json()["id"] == again.json()["id"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = {**GOOD, "summary": "another"}
    answer = tenant.call("POST", "/requests", json=other, headers={"Idempotency-Key": key})
    refused(answer, 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"' + "x" * 256 + '"', '"open', "a\tb", "ä"])
def test_keys_that_are_none(tenant: Tenant, key: str) -> None:
    headers: Any = {"Idempotency-Key": key.encode()}
    answer = tenant.call("POST", "/requests", json=GOOD, headers=headers)
    refused(answer, 400, "invalid_idempotency_key")


def test_many_at_once_with_one_key_make_one_request(tenant: Tenant) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8)}
    waits = [tenant.later("POST", "/requests", json=GOOD, headers=headers) for _ in range(16)]
    answers = [wait.result(30) for wait in waits]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert len(tenant.call("GET", "/requests").json()["results"]) == 1


# -- faults ----------------------------------------------------------------------------------------


def test_a_slow_page_does_not_starve_agents(tenant: Tenant) -> None:
    """Failed sign-ins sleep on purpose; more of them than Django has threads."""
    body = {"email": "nobody@example.com", "password": "x"}
    tries = [
        threading.Thread(target=lambda: tenant.server.call("POST", "/session", json=body))
        for _ in range(12)
    ]
    for one in tries:
        one.start()
    began = time.monotonic()
    tenant.submit()
    assert time.monotonic() - began < 2.0
    for one in tries:
        one.join()


def test_what_nobody_foresaw_is_logged_and_not_told(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("api.hot.submitting.submit", fail)
    monkeypatch.setattr("approvals.lists.list_for_agent", fail)
    for method, options in (("POST", {"json": GOOD}), ("GET", {})):
        answer = tenant.call(method, "/requests", **options)
        found = refused(answer, 500, "internal")
        assert "secret" not in answer.text
        assert found["instance"].rsplit(":", 1)[1] in caplog.text


def test_a_database_that_is_away(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr("approvals.read.for_agent", away)
    monkeypatch.setattr("approvals.lists.list_for_agent", away)
    for path in ("/requests", f"/requests/{tenant.submit()['id']}"):
        answer = tenant.call("GET", path)
        refused(answer, 503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1


# -- people ----------------------------------------------------------------------------------------


def test_sessions_want_their_token(tenant: Tenant) -> None:
    reviewer = tenant.person()
    request = tenant.submit()
    del reviewer.http.headers["X-CSRFToken"]
    refused(reviewer.decide(request), 403, "csrf_failed")
    refused(reviewer.call("DELETE", "/session"), 403, "csrf_failed")
    reviewer.http.headers["X-CSRFToken"] = reviewer.http.cookies["csrftoken"]
    evil = {"Origin": "https://evil.example"}
    refused(
        reviewer.call("POST", f"/requests/{request['id']}/decisions", headers=evil, json={}),
        403,
        "csrf_failed",
    )
    assert reviewer.call("DELETE", "/session").status_code == 204
    refused(reviewer.call("GET", "/me"), 401, "unauthorized")


def test_signing_in_from_another_site(tenant: Tenant) -> None:
    body = {"email": tenant.one.user.email, "password": "x"}
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        refused(
            tenant.server.call("POST", "/session", json=body, headers=headers), 403, "wrong_origin"
        )
    refused(tenant.server.call("POST", "/session", json=body), 401, "sign_in_failed")


def test_a_person_decides_once_and_reads_masked(tenant: Tenant) -> None:
    request = tenant.submit(payload={"to": "x", "secret": "hunter2"})
    reviewer = tenant.person()
    seen = reviewer.call("GET", f"/requests/{request['id']}").json()
    assert seen["payload"]["secret"] != "hunter2"
    opened = reviewer.call("POST", f"/requests/{request['id']}/sensitive")
    assert opened.json()["payload"]["secret"] == "hunter2"
    assert reviewer.decide(seen).json()["status"] == "approved"
    found = refused(reviewer.decide(seen), 409, "request_ended")
    assert found["request"]["status"] == "approved"
    assert tenant.call("GET", f"/requests/{request['id']}").json()["payload"]["secret"] == "hunter2"


def test_a_vote_keeps_the_digest_of_what_was_read(tenant: Tenant) -> None:
    reviewer, request = tenant.person(), tenant.submit(payload={"to": "x", "secret": "hunter2"})
    read = reviewer.call("GET", f"/requests/{request['id']}")
    digest = shown_digest(msgspec.json.decode(read.content, type=RequestObject), "web").hex()
    done = reviewer.decide(read.json()).json()
    assert [vote["shown_digest"] for vote in done["decisions"]] == [f"sha256:{digest}"]


def test_a_request_is_read_before_a_yes_where_policy_asks_for_a_look(tenant: Tenant) -> None:
    document = yaml.safe_load(POLICY.format(one=tenant.one.user.email, two=tenant.two.user.email))
    terms = {"stages": [{"any_of": [document["fallback"]]}], "dwell": "30s"}
    rule = {"name": "Read it", "action": "mail.send", "effect": "ask", "ask": terms}
    text = json.dumps(document | {"rules": [rule]})
    apply(actor=ACTOR, workspace=tenant.workspace, text=text)
    request = tenant.submit()
    reviewer, subject = tenant.person(), ids.decode("req", request["id"])
    [listed] = reviewer.call("GET", "/inbox?view=mine").json()["results"]
    assert listed["plan"]["dwell_s"] == 30
    reviewer.http.head(f"{tenant.server.api}/requests/{request['id']}", timeout=10)
    tenant.call("GET", f"/requests/{request['id']}")
    refused(reviewer.decide(listed), 409, "not_opened")
    seen = reviewer.call("GET", f"/requests/{request['id']}").json()
    answer = reviewer.decide(seen)
    refused(answer, 409, "too_soon")
    assert 0 < int(answer.headers["Retry-After"]) <= 30
    assert answer.json()["request"]["status"] == "pending"
    looks_older(subject, seconds=30)
    assert reviewer.decide(seen).json()["status"] == "approved"


def test_a_session_decides_only_what_is_decided_on_the_web(tenant: Tenant) -> None:
    text = POLICY.format(one=tenant.one.user.email, two=tenant.two.user.email)
    document = yaml.safe_load(text)
    terms = {"stages": [{"any_of": [document["fallback"]]}], "channels": ["slack"]}
    rule = {"name": "Slack", "action": "mail.send", "effect": "ask", "ask": terms}
    document["rules"] = [rule, *document.get("rules", ())]
    apply(actor=ACTOR, workspace=tenant.workspace, text=json.dumps(document))
    reviewer, request = tenant.person(), tenant.submit()
    for verdict in ("approve", "reject", "return"):
        found = refused(reviewer.decide(request, verdict), 403, "channel_not_allowed")
        assert found["detail"] == (
            "This is not decided on its page, but in Slack. Nothing was decided."
        )
    assert reviewer.call("GET", f"/requests/{request['id']}").json() == request


def test_cancelling_by_agent_and_by_owner(tenant: Tenant) -> None:
    one, two = tenant.submit(), tenant.submit()
    done = tenant.call("POST", f"/requests/{one['id']}/cancel")
    assert (done.json()["status"], done.json()["basis"]) == ("cancelled", "agent")
    refused(
        tenant.call("POST", f"/requests/{one['id']}/cancel", json={"reason": "x"}),
        409,
        "request_ended",
    )
    refused(tenant.person().call("POST", f"/requests/{two['id']}/cancel"), 403, "not_the_owner")
    done = tenant.person(tenant.owner).call("POST", f"/requests/{two['id']}/cancel", json={})
    assert (done.json()["status"], done.json()["basis"]) == ("cancelled", "owner")


def test_policies_by_api(tenant: Tenant) -> None:
    owner = tenant.person(tenant.owner)
    refused(owner.call("GET", "/policies/active"), 403, "forbidden")
    tenant.administrator()
    active = owner.call("GET", "/policies/active").json()
    assert active["number"] == 1
    assert owner.call("POST", "/policies", json={"text": active["text"]}).status_code == 200
    done = owner.call("POST", "/policies", json={"text": active["text"] + "\n# changed\n"})
    assert (done.status_code, done.json()["number"]) == (201, 2)
    found = refused(
        owner.call("POST", "/policies", json={"text": "assentry: 2"}), 422, "invalid_policy"
    )
    assert found["errors"]


def test_a_user_of_two_workspaces_says_which(server: Live) -> None:

    one, two = Tenant(server), Tenant(server)
    create_person(actor=ACTOR, workspace=two.workspace, email=one.one.user.email)
    person = Person(server, one.one)
    refused(person.call("GET", "/inbox"), 400, "workspace_required")
    for tenant in (one, two):
        me = person.call("GET", "/me", headers={"Assentry-Workspace": tenant.workspace.slug}).json()
        assert me["workspace"]["slug"] == tenant.workspace.slug
    for slug in (Tenant(server).workspace.slug, "no-such"):
        refused(
            person.call("GET", "/inbox", headers={"Assentry-Workspace": slug}), 404, "not_found"
        )


def test_lists_page_both_ways(tenant: Tenant) -> None:
    made = [tenant.submit()["id"] for _ in range(5)]
    seen: list[str] = []
    last: dict[str, Any] = {}
    url = "/requests?limit=2&action=mail.send"
    while url:
        page = tenant.call("GET", url.removeprefix(tenant.server.api)).json()
        seen += [item["id"] for item in page["results"]]
        last, url = page, page["next"] or ""
    assert seen == made[::-1]
    before = tenant.call("GET", last["previous"].removeprefix(tenant.server.api)).json()
    assert [item["id"] for item in before["results"]] == made[1:3][::-1]
    for bad in ("limit=0", "limit=201", "limit=x", "limit=1e9"):
        refused(tenant.call("GET", f"/requests?{bad}"), 422, "invalid_query")
    for bad in ("cursor=zzz", "status=done"):
        refused(tenant.call("GET", f"/requests?{bad}"), 422, "invalid_query")


def test_permissions_are_read_as_guardian_reads_them(tenant: Tenant) -> None:
    tenant.administrator()
    group = Group.objects.create(name=secrets.token_hex(8))
    tenant.owner.user.groups.add(group)
    assign_perm("people.view", group, tenant.workspace)
    for person in (tenant.owner, tenant.one):
        (found,) = here(person.user_id)
        assert found.permissions == permissions_of(person.user, tenant.workspace)
    assert {"administer", "view"} == here(tenant.owner.user_id)[0].permissions


def test_an_empty_list_or_null_is_no_empty_object(tenant: Tenant) -> None:
    request = tenant.submit()
    for body in (b"[]", b"null", b"0", b'""', b"false"):
        answer = tenant.call(
            "POST",
            f"/requests/{request['id']}/cancel",
            data=body,
            headers={"Content-Type": "application/json"},
        )
        refused(answer, 422, "invalid_input")
    assert tenant.call("GET", f"/requests/{request['id']}").json()["status"] == "pending"
    done = tenant.call("POST", f"/requests/{request['id']}/cancel")
    assert (done.status_code, done.json()["status"]) == (200, "cancelled")
