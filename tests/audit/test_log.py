"""The log's writer: canonical bytes, commitments, and no event without its fact."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from audit import kinds
from audit.actor import Actor
from audit.log import Commitment, Fact, NotInTransaction, event_rows, record
from core import ids
from core.canonical import canonical

AT = datetime(2026, 3, 29, 1, 59, 59, 123456, tzinfo=UTC)
ACTOR = Actor.operator("tests")

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def samples():
    """Data of every registered kind, with any text in its texts."""
    values = {
        str: texts,
        bool: st.booleans(),
        int: st.integers(0, 2**31),
        list[str]: st.lists(texts, max_size=3),
    }

    def build(kind):
        fields: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            fields[field.name] = values.get(field.type)
            if field.type == str | None:
                fields[field.name] = st.none() | texts
            if field.type == int | None:
                fields[field.name] = st.none() | st.integers(0, 2**31)
            if field.type == list[str] | None:
                fields[field.name] = st.none() | st.lists(texts, max_size=3)
            if field.type == list[kinds.StageAsked]:
                fields[field.name] = st.lists(build(kinds.StageAsked), max_size=2)
            assert fields[field.name] is not None, f"{kind.__name__}.{field.name}: {field.type}"
        return st.builds(kind, **fields)

    return st.sampled_from(sorted(kinds.KINDS)).flatmap(lambda name: build(kinds.KINDS[name]))


@given(samples(), st.dictionaries(texts, st.binary(max_size=20), max_size=3))
def test_the_bytes_are_canonical_whatever_stands_in_them(data, commits):
    fact = Fact(
        uuid4(),
        ACTOR,
        ("req", uuid4()),
        data,
        {name: Commitment(held) for name, held in commits.items()},
    )
    (body,) = event_rows([fact], AT)["ev_body"]
    assert body == canonical(json.loads(body))


def test_kinds_are_dotted_once_and_documented():
    assert set(kinds.KINDS) == {kind.KIND for kind in kinds.Data.__subclasses__()}
    assert len(kinds.KINDS) == len(kinds.Data.__subclasses__())
    for name in kinds.KINDS:
        noun, _, verb = name.partition(".")
        assert noun.replace("_", "").isalpha()
        assert verb.replace("_", "").isalpha()


def test_an_event_says_who_did_what_to_which_thing():
    workspace, person = uuid4(), ids.uuid7()
    fact = Fact(
        workspace, Actor.person(person, channel="web"), ("per", person), kinds.PersonDeactivated()
    )
    (body,) = event_rows([fact], AT)["ev_body"]
    event = json.loads(body)
    assert event == {
        "v": 1,
        "id": event["id"],
        "kind": "person.deactivated",
        "workspace": ids.encode("wsp", workspace),
        "at": "2026-03-29T01:59:59.123456Z",
        "actor": {"type": "person", "id": ids.encode("per", person), "via": "web"},
        "subject": ids.encode("per", person),
        "data": {},
        "commitments": {},
    }


def test_a_commitment_opens_with_its_salt_and_says_nothing_without():
    fact = Fact(
        uuid4(),
        ACTOR,
        ("per", uuid4()),
        kinds.PersonCreated(),
        {"email": Commitment(b"ana@demo.example")},
    )
    rows = event_rows([fact], AT)
    (salt,), (kept,), (body,) = rows["side_salt"], rows["side_body"], rows["ev_body"]
    assert kept == b"ana@demo.example"
    assert b"ana" not in body
    assert (
        json.loads(body)["commitments"]["email"]
        == "sha256:" + hashlib.sha256(salt + kept).hexdigest()
    )
    again = event_rows([fact], AT)
    assert again["side_salt"] != [salt]


def test_no_event_outside_the_transaction_of_its_fact():
    with pytest.raises(NotInTransaction):
        record(
            actor=ACTOR, workspace=uuid4(), subject=("wsp", uuid4()), data=kinds.WorkspaceCreated()
        )


def test_an_event_vanishes_with_its_fact():
    workspace = uuid4()
    with transaction.atomic():
        record(
            actor=ACTOR,
            workspace=workspace,
            subject=("wsp", workspace),
            data=kinds.WorkspaceCreated(),
        )
        transaction.set_rollback(True)
    assert count(workspace) == 0
    with transaction.atomic():
        record(
            actor=ACTOR,
            workspace=workspace,
            subject=("wsp", workspace),
            data=kinds.WorkspaceCreated(),
        )
    assert count(workspace) == 1


def count(workspace):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM audit_event WHERE workspace_id = %(w)s), "
            "(SELECT count(*) FROM audit_pending WHERE workspace_id = %(w)s)",
            {"w": workspace},
        )
        events, pending = cursor.fetchone()
    assert events == pending
    return events


def test_an_unregistered_kind_cannot_be_written():
    class Invented(msgspec.Struct, frozen=True):
        KIND = "request.submitted"

    data: Any = Invented()
    fact = Fact(uuid4(), ACTOR, ("wsp", uuid4()), data)
    with pytest.raises(LookupError, match="registry"):
        event_rows([fact], AT)
