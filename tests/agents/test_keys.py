from __future__ import annotations

import re
import zlib

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from agents import keys
from core import ids


def test_a_key_is_written_as_documented():
    key_id = ids.uuid7()
    token, digest = keys.make("agt", key_id)
    assert re.fullmatch(keys.PATTERN, token)
    assert token.startswith(f"assentry_agt_{ids.encode('key', key_id)[4:]}_")
    parsed = keys.parse(token)
    assert (parsed.kind, parsed.id, parsed.hash) == ("agt", key_id, digest)
    assert parsed.matches(digest)
    assert not parsed.matches(bytes(32))


def test_a_secret_has_at_least_160_random_bits():
    key_id = ids.uuid7()
    secrets = {keys.make("agt", key_id)[0][40:70] for _ in range(200)}
    assert len(secrets) == 200
    assert 62**keys.SECRET_LENGTH >= 2**160
    assert len(set("".join(secrets))) == 62, "every letter is used"


def test_the_checksum_is_crc32_in_base_62():
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for text in ("", "a", "assentry_agt_x", "~" * 100):
        number = 0
        for letter in keys.checksum(text):
            number = number * 62 + letters.index(letter)
        assert number == zlib.crc32(text.encode())


@given(at=st.integers(0, 75), letter=st.sampled_from("0Az_-. é\n\x00"))
def test_one_wrong_character_is_found_without_a_database(at, letter):
    token, _ = keys.make("agt", ids.uuid7())
    wrong = token[:at] + letter + token[at + 1 :]
    if wrong != token:
        with pytest.raises(keys.BadKey):
            keys.parse(wrong)


@pytest.mark.parametrize("kind", ["ops", "xyz"])
def test_kinds_that_open_nothing_are_refused(kind):
    with pytest.raises(keys.BadKey):
        keys.make(kind, ids.uuid7())
    text = f"assentry_{kind}_{ids.encode_suffix(ids.uuid7())}_{'a' * 30}"
    with pytest.raises(keys.BadKey):
        keys.parse(text + keys.checksum(text))


@given(st.text(max_size=100))
def test_any_text_is_a_key_or_not_and_nothing_else(text):
    with pytest.raises(keys.BadKey):
        keys.parse(text)


def test_the_documented_pattern_is_the_one_in_force():
    text = (settings.BASE_DIR / "docs" / "keys.md").read_text(encoding="utf-8")
    assert f"\n{keys.PATTERN}\n" in text
