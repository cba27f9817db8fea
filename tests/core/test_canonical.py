"""Canonical JSON: the published vectors, and equality with the reference package."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from enum import IntEnum, StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from core.canonical import NotCanonical, canonical, digest, parse_digest, show_digest
from tests.core.labels import label

# RFC 8785, appendix B: IEEE 754 bits and their spelling.
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_published_numbers(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(value) == text.encode()
    assert canonical({"n": [value]}) == b'{"n":[' + text.encode() + b"]}"


def test_published_example() -> None:
    """RFC 8785, 3.2.2 and 3.2.4."""
    source = r"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    assert (
        canonical(json.loads(source))
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_published_order_of_keys() -> None:
    """RFC 8785, 3.2.3: by UTF-16 units, where the emoji sorts before the Hebrew letter."""
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert [*json.loads(canonical(value))] == [
        "\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33",
    ]  # fmt: skip


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    YES = "yes"


JSON_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXT
    | st.sampled_from([Number.ONE, Word.YES, "\x7f\x80\ud7ff\ue000\U0001f600", -0.0, 1e16, 1e21]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(JSON_TEXT, inner, max_size=5)
    ),
    max_leaves=12,
)


@given(JSON_VALUES)
@settings(derandomize=True, deadline=None, max_examples=500)
def test_bytes_are_those_of_the_reference(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(st.characters(exclude_categories=["Cs"]))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_characters_are_escaped_as_in_the_reference(char: str) -> None:
    assert canonical({char: char}) == rfc8785.dumps({char: char})


def test_all_control_characters_are_escaped_as_in_the_reference() -> None:
    text = "".join(map(chr, range(0x100))) + '\\"/\u2028\u2029'
    assert canonical(text) == rfc8785.dumps(text)


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        [-math.inf],
        2**53,
        {"n": -(2**53)},
        10**400,
        "\ud800",
        {"\udfff": 1},
        {"a": ["x\udc00"]},
        {1: "a"},
        {None: "a", "b": 1},
        {"a": 1, 2: 1},
        b"bytes",
        {"a": {1, 2}},
        pytest.param(object(), id="an object"),
    ],
    ids=label,
)
def test_values_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_digests_are_shown_and_read() -> None:
    value = digest(b"{}")
    assert value == hashlib.sha256(b"{}").digest()
    shown = show_digest(value)
    assert shown == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert parse_digest(shown) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "SHA256:" + "a" * 64,
        "a" * 64,
        "sha512:" + "a" * 64,
        " sha256:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
    ],
)
def test_other_spellings_of_a_digest_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        parse_digest(text)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_only_whole_digests_are_shown(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        show_digest(b"x" * size)
