"""A timestamp is taken where it is of our bytes, an answer to us, and of the authority that was named."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from asn1crypto import cms, tsp

from oversight.anchors import timestamps
from oversight.models import Anchor
from people.models import Workspace
from tests.events import events_of, kinds_of, side_of
from tests.oversight.anchors.authority import Authority, Signer
from tests.oversight.anchors.world import add, due_in, grow, keep, later, now_is, run


@pytest.fixture
def ca(tmp_path: Path, signer: Signer) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(signer.root_pem)
    return str(file)


def test_a_timestamp_is_kept_with_its_token(workspace: Workspace, authority: Authority, ca: str):
    target = add(workspace, "--tsa", authority.url, "--ca", ca)
    checkpoint = grow(workspace)
    keep()
    anchor = Anchor.objects.get(target=target)
    assert (anchor.number, anchor.size, anchor.trusted) == (0, checkpoint.size, True)
    ((headers, query),) = authority.asked
    assert headers["content-type"] == "application/timestamp-query"
    digest = hashlib.sha256(checkpoint.note.encode()).digest()
    asked = tsp.TimeStampReq.load(query)
    assert asked["message_imprint"]["hashed_message"].native == digest
    assert asked["cert_req"].native is True
    token = cms.ContentInfo.load(bytes(anchor.token or b""))
    info = token["content"]["encap_content_info"]["content"].parsed
    assert info["message_imprint"]["hashed_message"].native == digest
    assert info["gen_time"].native == anchor.stamped_at
    assert abs((anchor.at - info["gen_time"].native).total_seconds()) < 5
    [event] = events_of(workspace.id, "log.anchored")
    assert event["data"] == {"type": "tsa", "checkpoint": 0, "size": checkpoint.size}
    assert event["actor"] == {"type": "system", "id": None, "via": "anchors"}
    [added] = events_of(workspace.id, "anchor.added")
    assert added["subject"] == event["subject"]
    assert side_of(added, "url").decode() == authority.url
    assert 3_590 < due_in(target) <= 3_600


def test_without_certificates_it_is_kept_and_nobody_says_whose_it_is(
    workspace: Workspace, authority: Authority
):
    target = add(workspace, "--tsa", authority.url)
    grow(workspace)
    keep()
    assert Anchor.objects.get(target=target).trusted is False
    assert run("anchor_list", workspace.slug)["anchors"][0]["checked"] is False


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("nonce", "another request (nonce)"),
        ("no nonce", "another request (nonce)"),
        ("digest", "of other bytes"),
        ("signature", "not of a known authority"),
        ("rejected", "refused: status 2"),
        ("garbage", "no timestamp"),
        ("empty", "no timestamp"),
        ("500", "status 500"),
        ("302", "status 302"),
        ("long", "too long"),
        ("hang", "no complete answer in time"),
    ],
)
def test_a_wrong_answer_is_no_timestamp(
    workspace: Workspace,
    authority: Authority,
    ca: str,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
    said: str,
):
    monkeypatch.setattr(timestamps, "DEADLINE_S", 0.5)
    target = add(workspace, "--tsa", authority.url, "--ca", ca)
    grow(workspace)
    authority.wrong = wrong
    keep()
    assert said in now_is(target).error
    assert (now_is(target).failures, now_is(target).anchored_size) == (1, None)
    assert not Anchor.objects.filter(target=target).exists()
    assert "log.anchored" not in kinds_of(workspace.id)
    assert 20 < due_in(target) <= 30


@pytest.mark.parametrize("wrong", ["nonce", "digest", "garbage"])
def test_without_certificates_it_must_still_be_an_answer_of_our_bytes(
    workspace: Workspace, authority: Authority, wrong: str
):
    target = add(workspace, "--tsa", authority.url)
    grow(workspace)
    authority.wrong = wrong
    keep()
    assert now_is(target).failures == 1


def test_another_authority_is_refused(workspace: Workspace, authority: Authority, ca: str):
    target = add(workspace, "--tsa", authority.url, "--ca", ca)
    grow(workspace)
    authority.signer = Signer("Test authority")  # of the same name, with other keys
    keep()
    assert "not of a known authority" in now_is(target).error
    assert not Anchor.objects.filter(target=target).exists()


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1_200])
def test_an_answer_that_was_cut_off_or_damaged_ends_in_a_clear_failure(
    workspace: Workspace, authority: Authority, ca: str, monkeypatch: pytest.MonkeyPatch, cut: int
):
    target = add(workspace, "--tsa", authority.url, "--ca", ca)
    grow(workspace)
    whole = authority.signer.answer
    flipped = lambda query, _wrong: bytes(  # noqa: E731
        byte ^ (0xFF if at == cut else 0) for at, byte in enumerate(whole(query))
    )
    for answer in (flipped, lambda query, _wrong: whole(query)[:cut]):
        monkeypatch.setattr(authority, "signer", type("Bad", (), {"answer": staticmethod(answer)}))
        later(target, seconds=31)
        keep()
    assert now_is(target).failures == 2
    assert not Anchor.objects.filter(target=target).exists()


def test_certificates_that_cannot_be_read_are_refused(workspace: Workspace, tmp_path: Path):
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    arguments = ("anchor_add", workspace.slug, "--tsa", "http://127.0.0.1/tsa", "--ca")
    assert run(*arguments, str(bad), code=1)["argument"] == "--ca"
    assert run(*arguments, str(tmp_path / "none.pem"), code=2)["argument"] == "--ca"
    with_file = ("anchor_add", workspace.slug, "--file", "--ca", str(bad))
    assert run(*with_file, code=2)["argument"] == "--ca"
    assert "anchor.added" not in kinds_of(workspace.id)
