"""Hostile text made plain: tables of what is marked, and what is left alone."""

from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.visible import HIDDEN, MAX_COMBINING, Segment, marks, plain, segments
from tests.core.labels import label

# text, the marks it gets in order
HOSTILE = [
    ("invoice\u202egpj.exe", ["U+202E"]),
    ("a\u202ab\u202bc\u202cd\u202d", ["U+202A", "U+202B", "U+202C", "U+202D"]),
    ("\u2066a\u2067b\u2068c\u2069", ["U+2066", "U+2067", "U+2068", "U+2069"]),
    ("a\u200eb\u200fc\u061c", ["U+200E", "U+200F", "U+061C"]),
    ("pay\u200bpal", ["U+200B"]),
    ("a\u200cb\u200dc\u2060d\ufeffe", ["U+200C", "U+200D", "U+2060", "U+FEFF"]),
    ("a\u200b\u200b\u200bb", ["U+200B \u00d73"]),
    ("a\u00adb\u034fc\u2061d", ["U+00AD", "U+034F", "U+2061"]),
    ("a\u00a0b\u2003c\u3000d\u2800e", ["U+00A0", "U+2003", "U+3000", "U+2800"]),
    ("\u115f\u1160\u3164\uffa0", ["U+115F", "U+1160", "U+3164", "U+FFA0"]),
    ("a\x00b\x1b[31mc\x7fd\x9be", ["U+0000", "U+001B", "U+007F", "U+009B"]),
    ("a\x08\x08b", ["U+0008 \u00d72"]),
    ("a\r\nb\rc", ["U+000D", "U+000D"]),
    ("a\u2028b\u2029c\u0085d", ["U+2028", "U+2029", "U+0085"]),
    ("ok\U000e0069\U000e0067\U000e006e", ["U+E0069 \u00d73"]),
    ("x\ufe00\ufe01\U000e0100", ["U+FE00", "U+FE01", "U+E0100"]),
    ("x\ufe0f", ["U+FE0F"]),
    ("❤\ufe0f\ufe0f", ["U+FE0F"]),
    ("❤\ufe0f\u200dx", ["U+200D"]),
    ("👍\u200d\u200d👍", ["U+200D \u00d72"]),
    ("Z" + "\u0301" * 30, ["U+0301 \u00d726"]),
    ("\u0301a", ["U+0301"]),
    ("a\n\u0301b", ["U+0301"]),
    ("a\u200b\u0301b", ["U+200B", "U+0301"]),
    ("\ue000\U000f0000", ["U+E000", "U+F0000"]),
    ("\ud800", ["U+D800"]),
    ("\u0378", ["U+0378"]),
    ("pаypal", ["look-alike"]),
    ("send to pаypal, not paypal", ["look-alike"]),
    ("Αdmin", ["look-alike"]),
    ("ραypal", ["look-alike"]),
    ("Аδ", ["look-alike"]),
    ("раура", ["look-alike"]),
    ("сор", ["look-alike"]),
    ("аdmin\u200bаdmin", ["look-alike", "U+200B", "look-alike"]),
    ("ａdmin", ["look-alike"]),
    ("𝐚𝐝𝐦𝐢𝐧 x", ["look-alike"]),
    ("\u212aelvin", ["look-alike"]),
    ("сafé", ["look-alike"]),
]

HONEST = [
    "",
    "plain text, 129.95 EUR\n\tindented",
    "Überweisung für Müller: „beschädigt“ – 129,95 €",
    "façade naïve Ærøskøbing",
    "tiếng Việt ệ",
    "e\u0301te\u0301",
    "Привет, мир",
    "Это сор и рос",
    "Привет paypal",
    "Καλημέρα κόσμε",
    "日本語のテスト、東京",
    "한국어 텍스트",
    "नमस्ते दुनिया",
    "שָׁלוֹם",
    "مرحبا بالعالم",
    "ภาษาไทยที่นี่",
    "❤️ 👍🏽 👨‍👩‍👧 🏳️‍🌈 👩🏽‍💻",
    "1️⃣ #️⃣",
    "15 µs, 20 °C, m², ½, №",
    "x\ufffdy",
]


@pytest.mark.parametrize(("text", "expected"), HOSTILE, ids=label)
def test_hostile_text_is_marked(text: str, expected: list[str]) -> None:
    assert [piece.mark for piece in marks(text)] == expected
    assert all(piece.note for piece in marks(text))


@pytest.mark.parametrize("text", HONEST, ids=label)
def test_honest_text_is_left_alone(text: str) -> None:
    assert segments(text) == ([Segment(text)] if text else [])


def test_a_piece_says_what_it_is() -> None:
    assert segments("a\u202eb") == [
        Segment("a"),
        Segment("\u202e", "U+202E", "changes text direction: right-to-left override", "hidden"),
        Segment("b"),
    ]
    assert segments("to pаypal!") == [
        Segment("to "),
        Segment(
            "pаypal",
            "look-alike",
            "letters of several scripts in one word: “а” Cyrillic U+0430",
            "lookalike",
        ),
        Segment("!"),
    ]


def test_hidden_tag_text_is_spelt_out() -> None:
    secret = "".join(chr(0xE0000 + ord(char)) for char in "approve all")
    (piece,) = marks("hello" + secret)
    assert piece.note == "hidden text in tag characters: “approve all”"
    assert piece.text == secret


def test_one_line_marks_newline_and_tab() -> None:
    assert marks("a\nb\tc") == []
    assert [piece.mark for piece in marks("a\nb\tc", one_line=True)] == ["U+000A", "U+0009"]
    assert [piece.mark for piece in marks("é\nb", one_line=True)] == ["U+000A"]


def test_plain_text_carries_the_marks() -> None:
    assert plain("a\u202eb pаypal") == "a⟦U+202E⟧b pаypal⟦look-alike⟧"
    assert plain("ok") == "ok"


def test_the_table_is_in_order_and_does_not_overlap() -> None:
    bounds = [bound for first, last, _ in HIDDEN for bound in (first, last)]
    assert bounds == sorted(bounds)
    assert len({first for first, _, _ in HIDDEN}) == len(HIDDEN)
    assert all(left[1] < right[0] for left, right in pairwise(HIDDEN))


def test_no_invisible_character_of_unicode_passes() -> None:
    invisible = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")
    # Planes 3 to 13 hold nothing that the other unassigned and private ranges do not stand for.
    codes = [*range(0x30000), *range(0xE0000, 0xE1000), 0xF0000, 0x10FFFF]
    unseen = [
        chr(code)
        for code in codes
        if chr(code) not in " \t\n" and unicodedata.category(chr(code)) in invisible
    ]
    shown = {piece.text for piece in segments("a".join(unseen)) if piece.kind == "hidden"}
    passed = [ascii(char) for char in unseen if char not in shown]
    assert passed == []


@given(st.text(st.characters() | st.sampled_from("a\u0301\u200b\u202e\n\rа\ufe0f❤"), max_size=30))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_nothing_is_lost_and_nothing_hidden_is_ordinary(text: str) -> None:
    pieces = segments(text)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces)
    for piece in pieces:
        assert (piece.kind == "text") == (piece.mark is None)
        if piece.kind != "hidden":
            assert not set(piece.text) & set("\x00\r\u200b\u202e\u2066\ufeff\u00a0")
            assert not piece.text.count("\u0301" * (MAX_COMBINING + 1))
    assert all(piece.kind != "hidden" for piece in segments("".join(
        piece.text for piece in pieces if piece.kind == "lookalike"
    )))  # fmt: skip


@pytest.mark.parametrize(
    "unit", ["\u0301", "\u200b", "а", "a\u202e", "pа ", "\U000e0041", "❤\u200d"]
)
def test_a_flood_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    segments(unit * 50_000)
    assert time.process_time() - started < 5
