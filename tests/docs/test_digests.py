"""The published digests are those of the server, of its door, of permits, and of clients."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from assentry.canonical import canonical as canonical_of_client
from assentry.canonical import digest as digest_of_client
from assentry.canonical import parsed
from assentry.errors import PayloadError

from core import strict_json
from core.canonical import canonical
from core.problems import Problem
from tests.api.tenant import Tenant
from tests.docs.pages import ROOT, blocks, section
from tests.server import Live

PAGE = ROOT / "docs" / "digests.md"
PUBLISHED: dict[str, Any] = json.loads(
    (ROOT / "docs" / "examples" / "digests.json").read_text(encoding="utf-8")
)
VECTORS: list[dict[str, str]] = PUBLISHED["vectors"]
REFUSED: list[dict[str, str]] = PUBLISHED["refused"]
#: What the client gives a digest, and no permit ever has: the server does not let it in.
ONLY_THE_SERVER = {"an integer as a decimal, beyond 2^53 - 1", "U+0000"}
#: What `JSON.parse` refuses, and then the program of the page; the rest it reads as something else.
REFUSED_BY_JAVASCRIPT = {
    "invalid_json",
    "number_not_finite",
    "number_too_large",
    "lone_surrogate",
}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: str(one["name"]))
def test_a_digest_is_that_of_the_canonical_form(vector: dict[str, str]) -> None:
    data = vector["canonical"].encode()
    assert hashlib.sha256(data).hexdigest() == vector["sha256"]
    assert canonical(strict_json.loads(vector["payload"].encode())) == data
    assert canonical(strict_json.loads(data)) == data
    assert canonical_of_client(parsed(vector["payload"])) == data
    assert digest_of_client(parsed(vector["payload"])) == f"sha256:{vector['sha256']}"


@pytest.mark.parametrize("vector", REFUSED, ids=lambda one: str(one["name"]))
def test_what_is_refused_has_none(vector: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        strict_json.loads(vector["payload"].encode())
    assert (refused.value.status, refused.value.code) == (400, vector["code"])
    if vector["name"] not in ONLY_THE_SERVER:
        with pytest.raises(PayloadError):
            canonical_of_client(parsed(vector["payload"]))


def submit(tenant: Tenant, payload: str) -> Any:
    """Of the text as it is: no library writes it anew."""
    body = f'{{"action": "mail.read", "payload": {payload}}}'.encode()
    headers = {"Content-Type": "application/json"}
    return tenant.call("POST", "/requests", data=body, headers=headers)


def test_requests_and_their_permits_have_these_digests(server: Live) -> None:
    tenant = Tenant(server)
    for vector in VECTORS:
        answer = submit(tenant, vector["payload"])
        assert answer.status_code == 201, (vector["name"], answer.text)
        found = answer.json()
        assert found["payload_digest"] == f"sha256:{vector['sha256']}", vector["name"]
        assert f'"payload":{vector["canonical"]},'.encode() in answer.content, vector["name"]
        issued = tenant.call("POST", f"/requests/{found['id']}/permit").json()
        claims = base64.urlsafe_b64decode(issued["token"].split(".")[1] + "==")
        assert json.loads(claims)["payload_sha256"] == vector["sha256"], vector["name"]


def test_the_door_refuses_the_others_and_stores_nothing(server: Live) -> None:
    tenant = Tenant(server)
    for vector in REFUSED:
        answer = submit(tenant, vector["payload"])
        code = answer.json()["type"].rpartition(":")[2]
        assert (answer.status_code, code) == (400, vector["code"]), vector["name"]
        if code != "invalid_json":
            (place,) = answer.json()["errors"]
            assert place["pointer"].startswith("/payload"), vector["name"]
    assert tenant.call("GET", "/requests").json()["results"] == []


def test_the_page_tells_of_every_code_and_of_no_other() -> None:
    table = section(PAGE, "## What has no digest")
    told = {code for code in {one["code"] for one in REFUSED} if f"`{code}`" in table}
    assert told == {one["code"] for one in REFUSED} - {"invalid_json"}


def test_two_spellings_of_a_payload_are_one_and_two_of_an_accent_are_not() -> None:
    by_name = {one["name"]: one["sha256"] for one in VECTORS}
    assert by_name["one"] == by_name["1.0 is one"] == by_name["1e0 is one"]
    assert by_name["-0 is 0"] == by_name["-0.0 is 0"]
    composed, decomposed = (name for name in by_name if "composed" in name)
    assert by_name[composed] != by_name[decomposed]


def test_the_javascript_of_the_page_agrees(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: ./test says so")
    (program,) = blocks("javascript", of=PAGE)
    (tmp_path / "digest.mjs").write_text(program.text, encoding="utf-8")
    (tmp_path / "run.mjs").write_text(RUN, encoding="utf-8")
    texts = [one["payload"] for one in VECTORS + REFUSED]
    done = subprocess.run(
        [node, "run.mjs"],
        cwd=tmp_path,
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told[: len(VECTORS)] == [one["sha256"] for one in VECTORS]
    for vector, answer in zip(REFUSED, told[len(VECTORS) :], strict=True):
        assert (answer is None) == (vector["code"] in REFUSED_BY_JAVASCRIPT), vector["name"]


RUN = """
import { readFileSync } from "node:fs";
import { digest } from "./digest.mjs";

const one = (text) => {
  try {
    return digest(JSON.parse(text));
  } catch {
    return null;
  }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(one)));
"""
