"""Exports that go to an S3-compatible store: whole or not at all, and signed as AWS says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from core import addresses, due, failpoints, ids
from oversight.exports import keeping, s3
from oversight.models import Export
from tests.audit.logs import write
from tests.events import events_of
from tests.oversight.exports import store
from tests.oversight.exports.conftest import Auditor, work
from tests.oversight.exports.reader import note, read
from tests.oversight.exports.store import BUCKET, Bucket
from tests.promises import ask


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Bucket]:
    monkeypatch.setenv("ASSENTRY_EGRESS_ALLOW", "127.0.0.0/8")
    addresses.allowed_networks.cache_clear()
    monkeypatch.setattr(s3, "PART_BYTES", 100_000)
    with store.serving() as made:
        settings.EXPORT_STORE = made.settings()
        yield made
    monkeypatch.undo()
    addresses.allowed_networks.cache_clear()


def path_of(auditor: Auditor, made: dict[str, Any], suffix: str = "jsonl") -> str:
    workspace = ids.encode("wsp", auditor.workspace)
    return f"/{BUCKET}/audit logs/2026/{workspace}/{made['id']}.{suffix}"


def again(made: dict[str, Any]) -> int:
    """The pause is over, or the lease of whoever died: a worker looks."""
    ask(
        "UPDATE core_due SET due_at = LEAST(due_at, clock_timestamp()), ready_at = clock_timestamp()"
        " WHERE subject = %s RETURNING 1",
        ids.decode("exp", made["id"]),
    )
    return work()


def shown(auditor: Auditor, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = auditor.call("GET", f"/{made['id']}").json()
    return found


def test_the_double_signs_as_aws_does_in_its_own_examples() -> None:
    """“Examples: Signature Calculations”, GET Bucket Lifecycle and GET Object with Range."""
    empty = hashlib.sha256(b"").hexdigest()
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    host = "examplebucket.s3.amazonaws.com"
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": "20130524T000000Z"}
    about = {
        "digest": empty,
        "when": "20130524T000000Z",
        "region": "us-east-1",
        "service": "s3",
        "secret": secret,
    }
    signed = ["host", "x-amz-content-sha256", "x-amz-date"]
    found = store.signature("GET", "/", "lifecycle", headers, signed, **about)
    assert found == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    headers["range"] = "bytes=0-9"
    signed = ["host", "range", "x-amz-content-sha256", "x-amz-date"]
    found = store.signature("GET", "/test.txt", "", headers, signed, **about)
    assert found == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


@pytest.mark.parametrize("count", [0, 3_000], ids=["one part", "many parts"])
def test_it_lies_in_the_store_whole(auditor: Auditor, bucket: Bucket, count: int) -> None:
    if count:
        write(auditor.workspace, count)
    made = auditor.exported(target="s3")
    content = bucket.objects[path_of(auditor, made)]
    assert list(bucket.objects) == [path_of(auditor, made)]
    assert read(content, auditor.workspace).manifest["export"] == made["id"]
    assert hashlib.sha256(content).hexdigest() == made["sha256"]
    assert made["object"] == path_of(auditor, made).removeprefix(f"/{BUCKET}/")
    assert bucket.types == {path_of(auditor, made): "application/jsonl"}
    assert (bucket.uploads, bucket.refused) == ({}, [])
    parts = [kind for kind, _ in bucket.calls].count("part")
    assert parts == -(-len(content) // 100_000)
    (sent,) = events_of(auditor.workspace, "log.export_sent")
    assert sent["data"] == {"events": made["events"], "sha256": made["sha256"]}
    assert sent["actor"] == {"type": "system", "id": None, "via": "exports"}
    same = auditor.call("GET", f"/{made['id']}/content")
    assert same.content == content


def test_a_csv_has_its_manifest_beside_it(auditor: Auditor, bucket: Bucket) -> None:
    made = auditor.exported(target="s3", format="csv")
    path = path_of(auditor, made, "csv")
    told = note(
        bucket.objects[f"{path}.manifest"].decode(), auditor.workspace, "assentry export-csv/1"
    )
    assert told["sha256"] == hashlib.sha256(bucket.objects[path]).hexdigest()
    assert bucket.types[path] == "text/csv; charset=utf-8"


def test_what_passes_is_tried_again_at_once(auditor: Auditor, bucket: Bucket) -> None:
    bucket.wrong = {
        "begin": [(503, "")],
        "part": [(500, "<Error><Code>InternalError</Code></Error>"), (429, "")],
        "complete": [(500, "")],
    }
    made = auditor.exported(target="s3")
    assert read(bucket.objects[path_of(auditor, made)], auditor.workspace).events
    assert bucket.uploads == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"begin": [(403, "<Error><Code>AccessDenied</Code></Error>")]},
            "The store answered with status 403 (AccessDenied).",
        ),
        (
            {"part": [(400, "<Error><Code>EntityTooLarge</Code></Error>")]},
            "The store answered with status 400 (EntityTooLarge).",
        ),
    ],
    ids=["not let in", "a part is refused"],
)
def test_what_lasts_is_given_up_and_said(
    auditor: Auditor, bucket: Bucket, wrong: dict[str, Any], said: str
) -> None:
    bucket.wrong = wrong
    made = auditor.asked(target="s3")
    work()
    found = shown(auditor, made)
    assert (found["state"], found["error"], found["object"]) == ("failed", said, None)
    assert (bucket.objects, bucket.uploads) == ({}, {})
    assert events_of(auditor.workspace, "log.export_sent") == []
    assert ask("SELECT 1 FROM core_due WHERE subject = %s", ids.decode("exp", made["id"])) == []


@pytest.mark.parametrize(
    ("kind", "answer", "said"),
    [
        ("complete", (200, "<Error><Code>InternalError</Code></Error>"), "(InternalError)"),
        ("part", (200, ""), "no ETag"),
        ("begin", (200, "<html>hello</html>"), "no UploadId"),
    ],
)
def test_an_answer_that_is_none_is_not_believed_and_it_is_tried_later(
    auditor: Auditor, bucket: Bucket, kind: str, answer: tuple[int, str], said: str
) -> None:
    bucket.wrong = {kind: [answer]}
    made = auditor.asked(target="s3")
    work()
    found = shown(auditor, made)
    assert found["state"] == "writing"
    assert said in found["error"]
    assert (bucket.objects, bucket.uploads) == ({}, {})
    again(made)
    found = shown(auditor, made)
    assert (found["state"], found["error"]) == ("ready", "")
    assert read(bucket.objects[path_of(auditor, made)], auditor.workspace).events
    assert bucket.uploads == {}


def test_it_is_given_up_after_some_attempts(auditor: Auditor, bucket: Bucket) -> None:
    made = auditor.asked(target="s3")
    for _ in range(keeping.MOST_ATTEMPTS):
        bucket.wrong = {"part": [(503, "")] * s3.TRIES}
        assert shown(auditor, made)["state"] == "writing"
        again(made)
    found = shown(auditor, made)
    assert (found["state"], found["error"]) == ("failed", "The store answered with status 503.")
    assert bucket.uploads == {}


def test_a_worker_that_is_killed_leaves_nothing_and_another_sends_it(
    auditor: Auditor, bucket: Bucket
) -> None:
    write(auditor.workspace, 1_000)
    made = auditor.asked(target="s3")
    (row,) = due.claim(keeping.EXPORT)
    with failpoints.armed("export_after_part:raise"), pytest.raises(failpoints.FailpointError):
        _die(row)
    assert len(bucket.uploads) == 1
    assert bucket.objects == {}
    again(made)
    assert shown(auditor, made)["state"] == "ready"
    assert bucket.uploads == {}
    assert read(bucket.objects[path_of(auditor, made)], auditor.workspace).events
    kinds = [kind for kind, _ in bucket.calls]
    assert kinds.index("abort") < kinds.index("complete")


def test_who_lost_it_sends_nothing(auditor: Auditor, bucket: Bucket) -> None:
    made = auditor.asked(target="s3")
    (first,) = due.claim(keeping.EXPORT)
    again(made)
    assert shown(auditor, made)["state"] == "ready"
    ask(
        "UPDATE oversight_export SET state = 'writing', finished_at = NULL WHERE id = %s RETURNING 1",
        first.subject,
    )
    bucket.calls.clear()
    keeping.keep([first])
    assert bucket.calls == []


def _die(row: Any) -> None:
    """As a process that is killed: nothing of what an attempt does at its end is done."""
    export = Export.objects.get(id=row.subject)
    attempt = keeping._Attempt(row, export, None, None)
    attempt.beat()
    attempt.run()


def test_another_secret_is_refused_and_named_without_it(auditor: Auditor, bucket: Bucket) -> None:
    bucket.secret = "another"
    made = auditor.asked(target="s3")
    work()
    found = shown(auditor, made)
    assert found["error"] == "The store answered with status 403 (SignatureDoesNotMatch)."
    assert bucket.refused == ["another signature"]


def test_a_private_address_that_is_not_allowed_is_not_called(
    auditor: Auditor, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
    addresses.allowed_networks.cache_clear()
    made = auditor.asked(target="s3")
    work()
    found = shown(auditor, made)
    assert found["error"].startswith("The store cannot be reached: ")
    assert bucket.calls == []


STORE = {
    "ASSENTRY_S3_ENDPOINT": "https://s3.example.org",
    "ASSENTRY_S3_BUCKET": "records",
    "ASSENTRY_S3_ACCESS_KEY": "id",
}


def test_the_environment_says_where_the_store_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert environment.export_store() is None
    for name, value in STORE.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match="set ASSENTRY_S3_SECRET_KEY"):
        environment.export_store()
    secret = tmp_path / "secret"
    monkeypatch.setenv("ASSENTRY_S3_SECRET_KEY_FILE", str(secret))
    with pytest.raises(ImproperlyConfigured, match="ASSENTRY_S3_SECRET_KEY_FILE cannot be read"):
        environment.export_store()
    secret.write_text("word\n")
    found = environment.export_store()
    assert found == {
        "endpoint": "https://s3.example.org",
        "bucket": "records",
        "access_key": "id",
        "secret_key": "word",
        "region": "us-east-1",
        "prefix": "",
    }
    assert "word" not in repr(s3.Store(**found))
    monkeypatch.setenv("ASSENTRY_S3_ENDPOINT", "s3.example.org")
    with pytest.raises(ImproperlyConfigured, match="http or https"):
        environment.export_store()
