"""Exports of the log: complete, of one moment, for those who may read it, and events themselves."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.export_format import end_of_log
from audit.log import rfc3339
from audit.sequencer import sequence
from core import due, ids
from oversight.exports import asking, keeping, writing
from oversight.exports.query import WINDOW, Query, Selection, first_possible
from oversight.models import Export
from people.permissions import grant_permission
from tests.api.tenant import Tenant
from tests.audit.logs import ACTOR, bodies, oracle, write
from tests.events import events_of
from tests.factories import AgentFactory, KeyFactory, bearer
from tests.oversight.exports.conftest import Auditor, code, work
from tests.oversight.exports.reader import read
from tests.promises import ask


def test_the_whole_log_comes_out_byte_for_byte(tenant: Tenant, auditor: Auditor) -> None:
    write(auditor.workspace, 700)
    tenant.person().decide(tenant.submit())
    made = auditor.exported()
    file = read(auditor.call("GET", f"/{made['id']}/content").content, auditor.workspace)
    within = bodies(auditor.workspace)[: made["size"]]
    assert list(file.events.items()) == list(enumerate(within))
    assert file.manifest["size"] == made["size"] == made["events"] == len(within)
    other = oracle(within)
    assert f"\n{len(within)}\n" in file.manifest["checkpoint"]
    assert other.get_size() == made["size"]


def test_a_log_without_events_is_exported_too(tenant: Tenant) -> None:
    workspace = ids.uuid7()
    export = Export(
        id=ids.uuid7(), workspace_id=workspace, query=b"{}", format="jsonl", size=0, anchored=[]
    )
    from_nothing = end_of_log(workspace)
    export.checkpoint, export.created_at = from_nothing.note, from_nothing.at
    content = b"".join(piece for piece, _ in writing.pieces(export))
    assert read(content, workspace).events == {}


def test_each_condition_narrows_and_the_file_still_leads_to_the_root(
    tenant: Tenant, auditor: Auditor
) -> None:
    other = AgentFactory(workspace=tenant.workspace, owner=tenant.owner, name="other-bot")
    headers = bearer(KeyFactory(agent=other).token)
    mine, pending = tenant.submit(), tenant.submit("mail.pair")
    body = {"action": "mail.read", "payload": {}}
    theirs = tenant.server.call("POST", "/requests", headers=headers, json=body).json()
    burned = tenant.submit("mail.burn")
    tenant.person().decide(mine)

    def subjects(**query: Any) -> set[str]:
        file = read(auditor.content(**query), auditor.workspace)
        assert file.header["query"] == {
            **query,
            **({"agent": ids.encode("agt", other.id)} if "agent" in query else {}),
        }
        return {event["subject"] for event in file.parsed() if event["subject"][:4] == "req_"}

    requests = {"mine": mine, "pending": pending, "theirs": theirs, "burned": burned}
    named = {one["id"]: name for name, one in requests.items()}
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({"agent": "other-bot"}, {"theirs"}),
        ({"action": "mail.send"}, {"mine"}),
        ({"role": "reviewers"}, {"mine", "pending"}),
        ({"outcome": "approved"}, {"mine", "theirs"}),
        ({"outcome": "rejected"}, {"burned"}),
        ({"outcome": "pending"}, {"pending"}),
        ({"kind": "decision.recorded"}, {"mine"}),
        ({"subject": pending["id"]}, {"pending"}),
        ({"outcome": "approved", "action": "mail.read"}, {"theirs"}),
        ({"outcome": "expired"}, set()),
    ]
    for query, wanted in expected:
        assert {named[one] for one in subjects(**query)} == wanted, query


def test_what_a_request_comes_to_later_changes_no_export(tenant: Tenant, auditor: Auditor) -> None:
    request = tenant.submit()
    made = auditor.exported(outcome="pending")
    before = auditor.call("GET", f"/{made['id']}/content").content
    tenant.person().decide(request)
    sequence(auditor.workspace)
    assert auditor.call("GET", f"/{made['id']}/content").content == before
    assert request["id"].encode() in before


def test_boundary_instants_stand_in_one_of_two_neighbouring_exports(auditor: Auditor) -> None:
    for _ in range(4):
        write(auditor.workspace, 3)
    sequence(auditor.workspace)
    written = [json.loads(body) for body in bodies(auditor.workspace)]
    instants = sorted({event["at"] for event in written if event["kind"] == "request.commented"})
    assert len(instants) == 4
    pieces = [
        read(auditor.content(**query), auditor.workspace)
        for query in (
            {"until": instants[1]},
            {"from": instants[1], "until": instants[2]},
            {"from": instants[2]},
        )
    ]
    found = [position for file in pieces for position in file.events]
    assert found[: len(written)] == list(range(len(written)))
    assert len(found) == len(set(found))
    assert [event["at"] for event in pieces[1].parsed()] == [instants[1]] * 3


def test_windows_meet_without_gap_or_repetition(auditor: Auditor, monkeypatch: Any) -> None:
    write(auditor.workspace, 40)
    sequence(auditor.workspace)
    size = len(bodies(auditor.workspace))
    monkeypatch.setattr("oversight.exports.query.WINDOW", 7)
    walked: list[int] = []
    query = Query(kind="request.commented")
    found = list(Selection(auditor.workspace, query, size, 0, walked.append))
    assert found == list(range(size - 40, size))
    assert walked[-1] == size
    assert list(Selection(auditor.workspace, query, size, size - 5)) == found[-5:]
    assert WINDOW > 7


def test_the_search_begins_where_the_time_may_begin(auditor: Auditor) -> None:
    sizes = []
    for _ in range(6):
        write(auditor.workspace, 2)
        sequence(auditor.workspace)
        sizes.append(len(bodies(auditor.workspace)))
    rows = ask(
        "SELECT number, size, at FROM audit_checkpoint WHERE workspace_id = %s ORDER BY number",
        auditor.workspace,
    )
    slack = timedelta(hours=1)
    assert first_possible(auditor.workspace, None) == 0
    for _, size, at in rows:
        after = first_possible(auditor.workspace, at + slack + timedelta(microseconds=1))
        assert after == size
        assert first_possible(auditor.workspace, at + slack) < size


def test_an_export_while_others_write_is_of_one_moment(auditor: Auditor) -> None:
    stop = threading.Event()

    def writes() -> None:
        while not stop.is_set():
            write(auditor.workspace, 3)
            sequence(auditor.workspace)

    threads = [threading.Thread(target=writes) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        made = [auditor.asked(), auditor.asked(), auditor.asked()]
        work()
        files = [
            (one, read(auditor.call("GET", f"/{one['id']}/content").content, auditor.workspace))
            for one in made
        ]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    everything = bodies(auditor.workspace)
    for one, file in files:
        assert list(file.events.values()) == everything[: one["size"]]
    assert len(everything) > files[-1][0]["size"]


def test_asking_and_downloading_are_events(tenant: Tenant, auditor: Auditor) -> None:
    made = auditor.exported(kind="request.*", format="csv")
    auditor.call("GET", f"/{made['id']}/content", headers={"Range": "bytes=5-"})
    auditor.call("HEAD", f"/{made['id']}/content")
    (asked,) = events_of(auditor.workspace, "log.exported")
    (downloaded,) = events_of(auditor.workspace, "log.export_downloaded")
    assert asked["data"] == {
        "format": "csv",
        "query": ["kind=request.*"],
        "size": made["size"],
        "target": "download",
    }
    assert downloaded["data"] == {"start": 5}
    assert asked["subject"] == downloaded["subject"] == made["id"]
    key = ids.encode("key", auditor.key.id)
    assert asked["actor"] == made["by"] == {"type": "auditor", "id": key, "via": key}


@pytest.mark.parametrize(
    ("body", "pointer", "said"),
    [
        ({"from": "yesterday"}, "/from", "bad_condition"),
        ({"until": "2026-01-01T00:00:00"}, "/until", "bad_condition"),
        (
            {"from": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"},
            "/until",
            "bad_condition",
        ),
        ({"agent": "nobody"}, "/agent", "bad_condition"),
        ({"role": "nobody"}, "/role", "bad_condition"),
        ({"outcome": "lost"}, "/outcome", "bad_condition"),
        ({"kind": "nothing.*"}, "/kind", "bad_condition"),
        ({"subject": "req_x"}, "/subject", "bad_condition"),
        ({"format": "xml"}, "/format", "wrong_type"),
        ({"query": "x"}, "", "wrong_type"),
        ({"target": "s3"}, "/target", "no_store"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named(
    auditor: Auditor, body: dict[str, str], pointer: str, said: str
) -> None:
    sequence(auditor.workspace)
    answer = auditor.call("POST", json=body)
    assert code(answer) == "422 invalid_input"
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert Export.objects.filter(workspace_id=auditor.workspace).count() == 0
    assert events_of(auditor.workspace, "log.exported") == []


def test_nobody_else_gets_at_it(tenant: Tenant, auditor: Auditor, server: Any) -> None:
    made = auditor.exported()
    stranger = Auditor(Tenant(server))
    paths = [f"/{made['id']}{end}" for end in ("", "/content", "/manifest")]
    for path in paths:
        assert code(stranger.call("GET", path)) == "404 not_found"
        guessed = path.replace(made["id"], ids.encode("exp", ids.uuid7()))
        assert code(auditor.call("GET", guessed)) == "404 not_found"
        assert code(tenant.call("GET", f"/audit/exports{path}")) == "403 wrong_kind_of_key"
        assert code(tenant.person().call("GET", f"/audit/exports{path}")) == "403 not_auditor"
        assert server.call("GET", f"/audit/exports{path}").status_code == 401
    assert code(auditor.call("GET", "/exp_nonsense/content")) == "404 not_found"
    assert stranger.call("GET").json()["results"] == []
    refused = tenant.person().call("POST", "/audit/exports", json={})
    assert code(refused) == "403 not_auditor"
    assert events_of(auditor.workspace, "log.export_downloaded") == []
    assert len(events_of(auditor.workspace, "log.exported")) == 1


def test_what_is_too_old_is_not_downloaded(auditor: Auditor) -> None:
    made = auditor.exported()
    ask(
        "UPDATE oversight_export SET expires_at = clock_timestamp() WHERE id = %s RETURNING 1",
        ids.decode("exp", made["id"]),
    )
    for end in ("/content", "/manifest"):
        assert code(auditor.call("GET", f"/{made['id']}{end}")) == "404 export_expired"
    assert auditor.call("GET", f"/{made['id']}").json()["state"] == "ready"
    assert events_of(auditor.workspace, "log.export_downloaded") == []


def test_what_is_being_written_is_not_downloaded(auditor: Auditor) -> None:
    made = auditor.asked()
    answer = auditor.call("GET", f"/{made['id']}/content")
    assert code(answer) == "409 export_not_ready"
    assert (made["state"], made["walked"], made["sha256"]) == ("writing", 0, None)


def test_an_auditor_may_export_and_nothing_else(tenant: Tenant, auditor: Auditor) -> None:
    request = tenant.submit()
    calls = [
        ("GET", f"/requests/{request['id']}", None),
        ("POST", f"/requests/{request['id']}/decisions", {"verdict": "approve"}),
        ("POST", f"/requests/{request['id']}/cancel", {}),
        ("POST", f"/requests/{request['id']}/permit", {}),
        ("POST", "/requests", {"action": "mail.read", "payload": {}}),
        ("GET", "/inbox", None),
        ("GET", "/policies", None),
        ("POST", "/policies", {"text": "assentry: 1"}),
        ("POST", "/kill_switch", {"scope": "workspace", "reason": "x"}),
        ("GET", "/endpoints", None),
    ]
    for method, path, body in calls:
        answer = tenant.server.call(method, path, headers=auditor.headers, json=body)
        assert answer.status_code in (401, 403), (method, path, answer.text)
    assert auditor.exported()["state"] == "ready"


def test_a_person_who_may_audit_exports_with_their_session(tenant: Tenant) -> None:
    grant_permission(actor=ACTOR, workspace=tenant.workspace, person=tenant.two, permission="audit")
    sequence(tenant.workspace.id)
    vera = tenant.person(tenant.two)
    made = vera.call("POST", "/audit/exports", json={})
    assert made.status_code == 201
    work()
    content = vera.call("GET", f"/audit/exports/{made.json()['id']}/content")
    assert read(content.content, tenant.workspace.id).manifest["export"] == made.json()["id"]
    assert made.json()["by"]["id"] == ids.encode("per", tenant.two.id)
    vera.http.headers.pop("X-CSRFToken")
    assert vera.call("POST", "/audit/exports", json={}).status_code == 403


def test_too_many_at_once_are_refused(auditor: Auditor) -> None:
    for _ in range(asking.MOST_WRITING):
        auditor.asked()
    answer = auditor.call("POST", json={})
    assert code(answer) == "409 too_many_exports"
    assert answer.headers["Retry-After"] == "10"
    work()
    assert auditor.asked()["state"] == "writing"


def test_the_list_is_turned(auditor: Auditor) -> None:
    made = [auditor.exported()["id"] for _ in range(3)][::-1]
    first = auditor.call("GET", "?limit=2").json()
    assert [one["id"] for one in first["results"]] == made[:2]
    rest = auditor.call("GET", "?" + first["next"].partition("?")[2]).json()
    assert [one["id"] for one in rest["results"]] == made[2:]
    back = auditor.call("GET", "?" + rest["previous"].partition("?")[2]).json()
    assert [one["id"] for one in back["results"]] == made[:2]
    assert code(auditor.call("GET", "?cursor=eA")) == "422 invalid_query"


def test_a_worker_that_dies_leaves_it_to_another(auditor: Auditor, monkeypatch: Any) -> None:
    made = auditor.asked()
    (first,) = due.claim(keeping.EXPORT)
    assert first.subject == ids.decode("exp", made["id"])
    ask("UPDATE core_due SET ready_at = clock_timestamp() WHERE id = %s RETURNING 1", first.id)
    (second,) = due.claim(keeping.EXPORT)
    keeping.keep([first])  # it wakes up, and finds that it is somebody else's
    assert auditor.call("GET", f"/{made['id']}").json()["state"] == "writing"
    keeping.keep([second])
    assert auditor.call("GET", f"/{made['id']}").json()["state"] == "ready"
    keeping.keep([second])
    assert ask("SELECT 1 FROM core_due WHERE subject = %s", first.subject) == []


def test_a_log_that_lacks_an_event_fails_visibly(auditor: Auditor, monkeypatch: Any) -> None:
    made = auditor.asked()
    size = made["size"]
    ask(
        "UPDATE oversight_export SET size = %s WHERE id = %s RETURNING 1",
        size + 1,
        ids.decode("exp", made["id"]),
    )
    ask(
        "UPDATE oversight_export SET checkpoint = replace(checkpoint, %s, %s) WHERE id = %s RETURNING 1",
        f"\n{size}\n",
        f"\n{size + 1}\n",
        ids.decode("exp", made["id"]),
    )
    work()
    found = auditor.call("GET", f"/{made['id']}").json()
    assert (found["state"], found["error"]) == (
        "failed",
        f"The log has no event at position {size}.",
    )
    answer = auditor.call("GET", f"/{made['id']}/content")
    assert code(answer) == "409 export_failed"
    assert rfc3339(datetime.fromisoformat(found["finished_at"])) == found["finished_at"]
