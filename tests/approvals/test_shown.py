"""The digest of what somebody was shown: what it covers, where it stands, and who commits to it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from django.db import connections

from approvals import against_log, bulk
from approvals.choices import choice
from approvals.models import Decision
from approvals.present import request_object
from approvals.read import for_person
from approvals.shape import RequestObject
from approvals.shown import row_digest, shown_digest
from audit.actor import Actor
from audit.live import Wrong
from audit.sequencer import sequence
from core.db import pool
from tests.approvals.world import World, uuid_of
from tests.promises import ask as rows

RULES = [
    {
        "name": "Ask",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]}, {"any_of": ["finance"]}]},
    }
]


@pytest.fixture
def world() -> World:
    return World({"lead": ["ana", "ben"], "finance": ["caro"]}, RULES, editable=["/amount"])


def looked(world: World, name: str, request: dict[str, Any]) -> RequestObject:
    row = for_person(reader=world.reader(name), request_id=uuid_of(request))
    return request_object(row, for_person=True)


def shown_to(world: World, name: str, request: dict[str, Any], channel: str = "web") -> bytes:
    return row_digest(for_person(reader=world.reader(name), request_id=uuid_of(request)), channel)


def stored(request: dict[str, Any]) -> list[bytes | None]:
    found = Decision.objects.filter(request_id=uuid_of(request)).order_by("at")
    return [None if one.shown_digest is None else bytes(one.shown_digest) for one in found]


def committed(request: dict[str, Any]) -> list[dict[str, Any]]:
    """What the decisions' events commit to, each checked with its salt."""
    found = rows(
        "SELECT e.body, s.salt, s.body FROM audit_event e JOIN audit_side s ON s.event_id = e.id "
        "WHERE e.subject = %s AND e.kind = 'decision.recorded' ORDER BY e.at",
        uuid_of(request),
    )
    for event, salt, said in found:
        proof = hashlib.sha256(bytes(salt) + bytes(said)).hexdigest()
        assert json.loads(event)["commitments"]["decision"] == f"sha256:{proof}"
    return [json.loads(bytes(said)) for _, _, said in found]


def test_it_is_what_the_document_says(world: World) -> None:
    request = world.submit(summary="Broken on arrival")
    seen = world.seen("ana", request)
    said = {
        "channel": "web",
        **{
            name: seen[name]
            for name in (
                "id", "revision", "stage", "title", "facts", "payload_digest", "summary", "risk",
                "expires_at",
            )
        },
        "rule": seen["plan"]["rule"],
    }  # fmt: skip
    assert said["facts"]
    assert said["summary"] == "Broken on arrival"
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert shown_to(world, "ana", request) == hashlib.sha256(text.encode()).digest()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "req_00000000000000000000000000"),
        ("revision", 2),
        ("stage", 1),
        ("title", "Another"),
        ("facts", []),
        ("payload_digest", f"sha256:{'0' * 64}"),
        ("summary", "Another"),
        ("risk", "low"),
        ("expires_at", "2027-01-01T00:00:00Z"),
        ("plan.rule", None),
        ("channel", "slack"),
    ],
)
def test_whatever_else_is_shown_has_another_digest(world: World, member: str, value: Any) -> None:
    before = looked(world, "ana", world.submit())
    after, channel = before, "web"
    if member == "channel":
        channel = value
    elif member == "plan.rule":
        plan = msgspec.structs.replace(before.plan, rule=value)
        after = msgspec.structs.replace(before, plan=plan)
    else:
        after = msgspec.structs.replace(before, **{member: value})
    assert shown_digest(after, channel) != shown_digest(before, "web")


def test_two_who_see_the_same_see_the_same_digest_whatever_others_did_meanwhile() -> None:
    rule = {**RULES[0], "ask": {"stages": [{"any_of": ["lead"], "approvals": 2}]}}
    world = World({"lead": ["ana", "ben"]}, [rule])
    request = world.submit()
    first = shown_to(world, "ana", request)
    world.decide("ana", request, shown_digest=first)
    assert shown_to(world, "ben", request) == first


def test_the_vote_keeps_it_and_shows_it(world: World) -> None:
    request = world.submit()
    digest = shown_to(world, "ana", request)
    after = world.decide("ana", request, shown_digest=digest)
    assert stored(request) == [digest]
    assert [one["shown_digest"] for one in after["decisions"]] == [f"sha256:{digest.hex()}"]
    second = shown_to(world, "caro", after)
    returned = world.decide("caro", after, "return", shown_digest=second)
    assert stored(request) == [digest, second]
    assert second != digest
    assert returned["decisions"][-1]["shown_digest"] == f"sha256:{second.hex()}"


def test_an_edit_keeps_that_of_what_stood_there_before(world: World) -> None:
    request = world.submit()
    digest = shown_to(world, "ana", request)
    edited = world.decide("ana", request, "edit", edits={"/amount": 5}, shown_digest=digest)
    assert edited["revision"] == 2
    assert stored(request) == [digest]
    assert shown_to(world, "ana", request) != digest


def test_the_event_commits_to_what_was_shown(world: World) -> None:
    request = world.submit()
    digest = shown_to(world, "ana", request)
    after = world.decide("ana", request, shown_digest=digest)
    world.decide("caro", after, "return", shown_digest=digest)
    for said in committed(request):
        assert said["shown_digest"] == f"sha256:{digest.hex()}"
    told = json.dumps(world.events(request))
    assert digest.hex() not in told  # beside the event, with its salt: erased with what it is of


def test_what_committed_to_no_digest_still_holds(world: World) -> None:
    request = world.submit()
    world.decide("ana", request, shown_digest=None)
    assert [sorted(said) for said in committed(request)] == [
        ["answer", "comment", "payload_digest", "roles"]
    ]
    assert stored(request) == [None]
    assert check(world) == 1


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("changed", ["NULL", "sha256('x')"])
def test_a_digest_that_was_changed_is_found(world: World, kept: bool, changed: str) -> None:
    request = world.submit()
    digest = shown_to(world, "ana", request) if kept else None
    world.decide("ana", request, shown_digest=digest)
    assert check(world) == 1
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"UPDATE approvals_decision SET shown_digest = {changed} WHERE request_id = %s",
            [uuid_of(request)],
        )
    if not kept and changed == "NULL":
        assert check(world) == 1
        return
    with pytest.raises(Wrong, match="What was shown for the decision"):
        check(world)


def check(world: World) -> int:
    sequence(world.workspace.id)
    with pool().connection() as conn:
        return against_log.check(conn, world.workspace.id)


def test_together_each_keeps_its_own() -> None:
    world = World({"lead": ["ana"]})
    requests = [world.submit(payload={"amount": at}) for at in (1, 2)]
    chosen = [
        (
            uuid_of(one),
            choice(
                verdict="approve",
                stage=0,
                payload_digest=one["payload_digest"],
                comment="",
                channel="web",
                assurance="session",
            ),
        )
        for one in requests
    ]
    expected = [[shown_to(world, "ana", one)] for one in requests]
    actor = Actor.person(world.people["ana"].id, channel="web")
    found = bulk.decide_alike(actor=actor, reader=world.reader("ana"), chosen=chosen)
    assert [one.problem for one in found] == [None, None]
    assert [stored(one) for one in requests] == expected
    assert expected[0] != expected[1]
