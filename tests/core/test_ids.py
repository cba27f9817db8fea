"""Identifiers: the vectors of the TypeID specification, and the order of UUIDs."""

from __future__ import annotations

import os
import threading
import time
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import ids
from tests.core.labels import label
from tests.promises import ask

# https://github.com/jetify-com/typeid/blob/main/spec/valid.yml
VALID_SUFFIXES = [
    ("00000000000000000000000000", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "00000000-0000-0000-0000-00000000000a"),
    ("0000000000000000000000000g", "00000000-0000-0000-0000-000000000010"),
    ("00000000000000000000000010", "00000000-0000-0000-0000-000000000020"),
    ("7zzzzzzzzzzzzzzzzzzzzzzzzz", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("0123456789abcdefghjkmnpqrs", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("01h455vb4pex5vsknk084sn02q", "01890a5d-ac96-774b-bcce-b302099a8057"),
]

# https://github.com/jetify-com/typeid/blob/main/spec/invalid.yml, with one of our prefixes where
# the fault is in the suffix.
INVALID = [
    "REQ_00000000000000000000000000",
    "12345_00000000000000000000000000",
    "re.q_00000000000000000000000000",
    "réq_00000000000000000000000000",
    "  req_00000000000000000000000000",
    "_00000000000000000000000000",
    "_",
    "",
    "req",
    "req_",
    "00000000000000000000000000",
    "req_1234567890123456789012345",
    "req_123456789012345678901234567",
    "req_1234567890123456789012345 ",
    "req_1234567890123456789012345\n",
    "req_0123456789ABCDEFGHJKMNPQRS",
    "req_123456789-123456789-123456",
    "req_ooooooiiiiiiuuuuuuulllllll",
    "req_i23456789ol23456789oi23456",
    "req_123456789-0123456789-0123456",
    "req_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "_req_00000000000000000000000000",
    "req__00000000000000000000000000",
    "agt_01h455vb4pex5vsknk084sn02q",
    "req_0000000000000000000000000٣",
    "req_" + "0" * 1_000_000,
]


@pytest.mark.parametrize(("suffix", "uuid"), VALID_SUFFIXES)
def test_published_vectors_go_both_ways(suffix: str, uuid: str) -> None:
    assert ids.encode("req", UUID(uuid)) == f"req_{suffix}"
    assert ids.decode("req", f"req_{suffix}") == UUID(uuid)


@pytest.mark.parametrize("text", INVALID, ids=label)
def test_published_invalid_ids_are_refused_without_an_echo(text: str) -> None:
    with pytest.raises(ids.BadId) as refused:
        ids.decode("req", text)
    assert len(str(refused.value)) < 100


@given(st.uuids(), st.sampled_from(sorted(ids.PREFIXES)))
@settings(derandomize=True, deadline=None)
def test_every_uuid_survives(uuid: UUID, prefix: str) -> None:
    assert ids.decode(prefix, ids.encode(prefix, uuid)) == uuid


@given(st.uuids(), st.uuids())
@settings(derandomize=True, deadline=None)
def test_text_sorts_as_the_uuids_do(left: UUID, right: UUID) -> None:
    assert (ids.encode("evt", left) < ids.encode("evt", right)) == (left < right)


def test_only_registered_prefixes_exist() -> None:
    registered = "wsp usr per agt key run stp req rev dec pmt evt end cbk att ntf pol sch kil msg rec ers hld exp anc sla slu psh oth pgr ovr abs drl ses viw"
    assert set(ids.PREFIXES) == set(registered.split())
    with pytest.raises(KeyError):
        ids.encode("xyz", ids.uuid7())
    with pytest.raises(KeyError):
        ids.decode("xyz", "xyz_01h455vb4pex5vsknk084sn02q")


def test_uuid7_has_its_version_variant_and_time() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.uuid7()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= ids.time_ms(made) <= time.time_ns() // 1_000_000


def test_uuid7_strictly_increases() -> None:
    made = [ids.uuid7() for _ in range(20_000)]
    assert all(left < right for left, right in pairwise(made))


def test_uuid7_increases_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert ids.uuid7() > first


def test_uuid7_moves_on_when_a_millisecond_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_now_clock", ids._Clock())
    monkeypatch.setattr(time, "time_ns", lambda: 5_000_000)
    ids.uuid7()
    monkeypatch.setattr(ids._now_clock, "_tail", (1 << 74) - 1)
    assert ids.time_ms(ids.uuid7()) == 6


def test_uuid7_never_repeats_across_threads() -> None:
    made: list[UUID] = []

    def work() -> None:
        made.extend([ids.uuid7() for _ in range(2_000)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16_000


def test_uuid7_with_a_time_carries_exactly_that() -> None:
    ids.uuid7()
    made = [ids.uuid7(1_700_000_000_123) for _ in range(500)]
    assert {ids.time_ms(uuid) for uuid in made} == {1_700_000_000_123}
    assert made == sorted(set(made))
    assert ids.time_ms(ids.uuid7(0)) == 0
    assert ids.time_ms(ids.uuid7((1 << 48) - 1)) == (1 << 48) - 1


@pytest.mark.parametrize("ms", [-1, 1 << 48])
def test_uuid7_refuses_a_time_beyond_48_bits(ms: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        ids.uuid7(ms)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_a_sequence_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_now_clock", ids._Clock())
    monkeypatch.setattr(ids, "_given_clock", ids._Clock())
    ids.uuid7()
    before = ids._now_clock
    ids._after_fork()
    assert ids._now_clock is not before
    assert ids._now_clock._ms == -1


def test_the_database_shows_ids_in_the_same_way():
    for number in (UUID(int=0), UUID(int=(1 << 128) - 1), *(ids.uuid7() for _ in range(50))):
        ((shown,),) = ask("SELECT core_typeid('req', %s)", number)
        assert shown == ids.encode("req", number)
