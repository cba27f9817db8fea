"""Signed notes: the published one verifies, ours is read by the same rules, forged ones are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signing import keys
from signing.keys import signers
from signing.notes import BadNote, Verifier, open_note, sign

VECTOR = json.loads(
    (Path(__file__).parent.parent / "vectors" / "transparency_log.json").read_text()
)["c2sp_signed_note"]
PUBLISHED = f"{VECTOR['text']}\n{VECTOR['signature_line']}\n"


def test_the_published_note_verifies():
    verifier = Verifier.parse(VECTOR["verifier_key"])
    assert open_note(PUBLISHED, [verifier]) == (VECTOR["text"], verifier)
    assert str(verifier) == VECTOR["verifier_key"]


@pytest.mark.parametrize(
    ("note", "why"),
    [
        (PUBLISHED.replace("example message", "exemple message"), "the signature of .* is wrong"),
        (PUBLISHED.replace("Uw2QOkn8", "Uw2QOkn9"), "the signature of .* is wrong"),
        (PUBLISHED.replace("Uw2Q", "Uw2R"), "none of the known keys"),
        (PUBLISHED.replace("— example.com/foo", "— example.com/bar"), "none of the known keys"),
        (PUBLISHED.replace("— ", "- "), "not a signed note"),
        (PUBLISHED.rstrip("\n"), "not a signed note"),
        (PUBLISHED.replace("\n\n", "\n"), "not a signed note"),
        (PUBLISHED.replace("Uw2Q", "Uw2Q!"), "not a signed note"),
        ("", "not a signed note"),
    ],
    ids=range(9),
)
def test_a_note_that_was_changed_is_refused(note, why):
    with pytest.raises(BadNote, match=why):
        open_note(note, [Verifier.parse(VECTOR["verifier_key"])])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        VECTOR["verifier_key"].replace("530d903a", "530d903b"),
        VECTOR["verifier_key"].replace("example.com/foo", "example.com/bar"),
        VECTOR["verifier_key"].replace("+Aeky", "+Beky"),
        VECTOR["verifier_key"][:-4],
        VECTOR["verifier_key"] + "!",
    ],
    ids=range(7),
)
def test_a_key_that_is_none_is_refused(text):
    with pytest.raises(BadNote):
        Verifier.parse(text)


def test_ours_is_signed_and_another_key_of_the_same_name_is_another_key():
    signer = signers.current(keys.LOG)
    mine = Verifier("assentry/wsp_1", signer.public)
    note = sign("hello\n\nworld\n", name="assentry/wsp_1", signer=signer)
    assert open_note(note, [mine]) == ("hello\n\nworld\n", mine)
    other = Verifier("assentry/wsp_1", signers.current(keys.PERMIT).public)
    assert other.key_id != mine.key_id
    with pytest.raises(BadNote, match="none of the known keys"):
        open_note(note, [other])
    # A line of somebody else is passed over, before and behind.
    extra = "— witness.example/w AAAAAAAA\n"
    text, _, signature = note.rpartition("\n\n")
    assert open_note(f"{text}\n\n{extra}{signature}{extra}", [other, mine])[1] == mine


@pytest.mark.parametrize(
    ("text", "name"), [("a", "n"), ("a\n", ""), ("a\n", "n m"), ("a\n", "n+m")]
)
def test_what_cannot_be_a_note_is_not_signed(text, name):
    with pytest.raises(ValueError, match="a note ends with a newline"):
        sign(text, name=name, signer=signers.current(keys.LOG))
