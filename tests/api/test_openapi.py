"""The OpenAPI document is true: to the URL map, to real answers, and sound by its own rules."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
import requests
from django.urls import URLPattern, URLResolver, get_resolver

from api.openapi import document
from tests.api.tenant import Tenant
from tests.openapi_lint import faults


def routes() -> set[tuple[str, str]]:
    """(method, path) of everything that Django serves below /api/v1."""
    found: set[tuple[str, str]] = set()

    def walk(patterns: list[Any], prefix: str) -> None:
        for pattern in patterns:
            here = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, here)
            elif isinstance(pattern, URLPattern) and here.startswith("api/v1/"):
                path = "/" + re.sub(r"<(?:\w+:)?\w+>", "{id}", here.replace("<str:name>", "{name}"))
                view: Any = getattr(pattern.callback, "view_class")  # noqa: B009 - Django sets it
                found.update(
                    (method, path)
                    for method in ("get", "post", "put", "patch", "delete")
                    if hasattr(view, method)
                )

    walk(get_resolver().url_patterns, "")
    return found


def test_it_is_sound() -> None:
    assert list(faults(document())) == []


def test_it_holds_every_route_and_no_other() -> None:
    told = {
        (method, path)
        for path, item in document()["paths"].items()
        for method in item
        if path.startswith("/api/v1/")
    }
    assert told == routes()


def closed(schema: Any) -> Any:
    """The same schema, with no member beyond those it names: answers say nothing undocumented."""
    if isinstance(schema, dict):
        found = {key: closed(value) for key, value in schema.items()}
        if "properties" in found and "additionalProperties" not in found:
            found["additionalProperties"] = False
        return found
    return [closed(one) for one in schema] if isinstance(schema, list) else schema


def check(method: str, path: str, answer: requests.Response) -> None:
    """Check one real answer against what the document says of it."""
    responses = document()["paths"][path][method]["responses"]
    said = responses.get(str(answer.status_code))
    assert said is not None, f"{method} {path} answered {answer.status_code}: {answer.text}"
    if "$ref" in said:
        said = document()["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if "content" not in said:
        assert answer.content == b""
        return
    assert kind in said["content"], f"{method} {path} answered {kind}"
    if not kind.endswith("json"):
        assert said["content"][kind]["schema"] == {"type": "string"}
        return
    schema = closed(
        {
            **said["content"][kind]["schema"],
            "components": {"schemas": document()["components"]["schemas"]},
        }
    )
    schema["components"]["schemas"]["Problem"]["additionalProperties"] = True
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(answer.json())
    if kind == "application/problem+json":
        code = answer.json()["type"].rsplit(":", 1)[1]
        assert f"`{code}`" in said["description"], f"{method} {path} answered {code}"


def test_real_answers_are_what_it_says(tenant: Tenant) -> None:
    tenant.administrator()
    reviewer, owner = tenant.person(), tenant.person(tenant.owner)
    one, two = tenant.submit("mail.pair"), tenant.submit(payload={"to": "x", "secret": "y"})
    assert reviewer.decide(one).status_code == 200
    calls: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("post", "/requests", tenant, {"json": {"action": "mail.read", "payload": {}}}),
        ("post", "/requests", tenant, {"json": {"action": "none", "payload": {}}}),
        ("post", "/requests", tenant, {"data": "{"}),
        ("post", "/requests", tenant, {"data": "{", "headers": {"Content-Type": "application/json"}}),
        ("get", "/requests", tenant, {}),
        ("get", "/requests", tenant, {"params": {"limit": 1}}),
        ("get", "/requests", tenant, {"params": {"limit": "x"}}),
        ("get", "/requests", tenant, {"params": {"status": "x"}}),
        ("post", "/requests/preview", tenant, {"json": {"action": "mail.pair", "payload": {}}}),
        ("post", "/requests/preview", tenant, {"json": {"action": "mail.send", "payload": {}}}),
        ("post", "/requests/wait", tenant, {"json": {"ids": [one["id"]], "timeout": 0}}),
        ("get", "/requests/{id}", tenant, {}),
        ("get", "/requests/{id}", reviewer, {}),
        ("get", "/me", tenant, {}),
        ("get", "/me", reviewer, {}),
        ("get", "/inbox", reviewer, {}),
        ("get", "/inbox", reviewer, {"params": {"view": "mine", "order": "urgency", "limit": 1}}),
        ("get", "/inbox", reviewer, {"params": {"view": "x"}}),
        ("get", "/inbox", tenant, {}),
        ("post", "/requests/{id}/sensitive", reviewer, {}),
        ("post", "/requests/{id}/decisions", reviewer, {"json": {"verdict": "x", "stage": 0, "payload_digest": "y"}}),
        ("post", "/requests/{id}/decisions", owner, {"json": {"verdict": "approve", "stage": 0, "payload_digest": two["payload_digest"]}}),
        ("post", "/requests/{id}/decisions", reviewer, {"json": {"verdict": "approve", "stage": 0, "payload_digest": two["payload_digest"]}}),
        ("post", "/requests/{id}/decisions", reviewer, {"json": {"verdict": "approve", "stage": 0, "payload_digest": two["payload_digest"]}}),
        ("post", "/requests/{id}/cancel", tenant, {}),
        ("post", "/erasures", reviewer, {"json": {"request": one["id"], "reason": "Asked for"}}),
        ("post", "/erasures", owner, {"json": {"containing": "ana@example.com", "dry_run": True}}),
        ("post", "/erasures", owner, {"json": {"request": one["id"], "reason": "Asked for"}}),
        ("post", "/holds", owner, {"json": {"request": two["id"], "reason": "A case"}}),
        ("post", "/holds", owner, {"json": {"request": two["id"], "reason": "A case"}}),
        ("post", "/erasures", owner, {"json": {"request": two["id"], "reason": "Asked for"}}),
        ("get", "/holds", owner, {}),
        ("get", "/requests/{id}", tenant, {}),
        ("get", "/erasures", owner, {}),
        ("get", "/schedules", reviewer, {}),
        ("get", "/schedules", tenant, {}),
        ("get", "/policies/active", owner, {}),
        ("get", "/policies/active", reviewer, {}),
        ("post", "/policies", owner, {"json": {"text": "assentry: 1\n"}}),
        ("post", "/policies/check", owner, {"json": {"text": "assentry: 1\n"}}),
        ("post", "/policies/diff", owner, {"json": {"text": "assentry: 1\n"}}),
        ("post", "/policies/test", owner, {"json": {"text": "assentry: 1\n"}}),
        ("post", "/policies/test", reviewer, {"json": {"text": "assentry: 1\n"}}),
        ("get", "/policy.schema.json", tenant, {}),
        ("get", "/openapi.json", tenant, {}),
        ("post", "/session", reviewer, {"json": {"email": "no@example.com", "password": "x"}}),
        ("delete", "/session", reviewer, {}),
        ("get", "/me", reviewer, {}),
    ]  # fmt: skip
    for method, path, who, options in calls:
        answer = who.call(method.upper(), path.replace("{id}", two["id"]), **options)
        check(method, f"/api/v1{path}", answer)
    for path in ("/healthz", "/readyz"):
        check("get", path, requests.get(tenant.server.url + path, timeout=5))


def _named(path: str, one: str) -> str:
    return path.replace("{id}", one).replace("{name}", one)


def test_every_route_hides_another_workspace(tenant: Tenant) -> None:
    """Generated from the URL map: a new route cannot be forgotten."""
    theirs = Tenant(tenant.server).submit()["id"]
    absent = "req_00000000000000000000000000"
    reviewer = tenant.person()
    slug = {"Assentry-Workspace": Tenant(tenant.server).workspace.slug}
    digest = f"sha256:{'0' * 64}"
    bodies = {
        "decisions": {"verdict": "approve", "stage": 0, "payload_digest": digest},
        "messages": {"text": "More about it"},
        "revise": {"payload": {"to": "ana@example.com"}},
        "comments": {"text": "More about it"},
        "reassign": {"to": "per_01h455vb4pex5vsknk084sn02q"},
        "result": {"status": "succeeded"},
        "break_glass": {"reason": "It burns.", "payload_digest": digest},
        "review": {"comment": "It burned."},
        "consume": {"payload_digest": digest},
        "replay": {"which": "failed"},
        "extend": {"by": "1h", "reason": "It takes longer."},
        "lift": {"reason": "It is over."},
    }
    named = {(method, path) for method, path in routes() if re.search(r"\{(id|name)\}", path)}
    assert len(named) >= 4
    for method, path in named:
        body = {} if method == "get" else {"json": bodies.get(path.rsplit("/", 1)[1], {})}
        if path.endswith("/callbacks/{id}/replay"):
            body = {}
        for who in (tenant, reviewer):
            seen = [
                who.call(method.upper(), _named(path.removeprefix("/api/v1"), one), **body)
                for one in (theirs, absent)
            ]
            statuses = {answer.status_code for answer in seen}
            # 401: a session opens nothing of what is for keys alone.
            assert statuses in ({404}, {403}, {401}), f"{method} {path}: {statuses}"
            told = [{**answer.json(), "instance": ""} for answer in seen]
            assert told[0] == told[1]
    for path in ("/me", "/inbox", "/policies/active", "/inbox/events", f"/requests/{theirs}"):
        assert reviewer.call("GET", path, headers=slug).status_code == 404


def test_the_page_stands_on_its_own(tenant: Tenant) -> None:
    answer = requests.get(f"{tenant.server.url}/api/docs", timeout=10)
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for operation in (one for item in document()["paths"].values() for one in item.values()):
        assert f'id="{operation["operationId"]}"' in answer.text
    assert not re.findall(r"<script|style=|https?://(?!127)[^\s\"<]*\.(?:js|css)", answer.text)
    for sheet in re.findall(r'href="(/static/[^"]+)"', answer.text):
        assert requests.get(tenant.server.url + sheet, timeout=5).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api/docs", "/api/v1/openapi.json", "/api/v1/policy.schema.json"]
)
def test_descriptions_are_public(tenant: Tenant, path: str) -> None:
    assert requests.get(tenant.server.url + path, timeout=10).status_code == 200
