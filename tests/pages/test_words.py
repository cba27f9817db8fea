"""The pure parts of the pages, in tables."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings

from approvals import lines as payload
from approvals import words
from approvals.shape import FactShown
from approvals.status import ENDS, PermitState
from core import durations

STATIC = settings.BASE_DIR / "static"
FIRST_LOAD = ("assentry/app.css", "assentry/app.js", "assentry/icon.svg", "vendor/htmx/htmx.min.js")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "time is up"),
        (0, "time is up"),
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (11_400, "3 h 10 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (180_000, "2 d 2 h"),
    ],
)
def test_time_left_in_words(seconds: float, said: str) -> None:
    assert durations.span(timedelta(seconds=seconds)) == said


def test_every_state_of_a_permit_has_words_and_a_missing_result_is_added() -> None:
    assert {"open", *words.PERMITS} == set(PermitState.values)
    assert words.since("open", result_missing=False) == ""
    assert words.since("consumed", result_missing=True).endswith(words.UNKNOWN_END)


def test_every_end_has_words_of_its_own_and_expired_is_never_rejected() -> None:
    ends = {(status.value, basis.value) for status, bases in ENDS.items() for basis in bases}
    # A confirmation is the owner's or the initiator's, and says whose.
    ends |= {(status, "confirm:initiator") for status, basis in ends if basis == "confirm"}
    assert set(words.OUTCOMES) == ends
    assert len({heading for heading, _ in words.OUTCOMES.values()}) == len(ends)
    heading, meaning = words.outcome("expired", "clock")
    assert "reject" not in heading.lower()
    assert "not a rejection" in meaning


@pytest.mark.parametrize(
    ("on_expiry", "last", "expected"),
    [
        ("expire", False, ("it expires", None)),
        ("allow", False, ("it is allowed without a person", None)),
        ("ask:leads", False, ("one more role is asked", "leads")),
        ("ask:leads", True, ("it expires", None)),
    ],
)
def test_what_the_deadline_means(
    on_expiry: str, last: bool, expected: tuple[str, str | None]
) -> None:
    sentence, role = words.at_deadline(on_expiry, last_stage=last)
    assert sentence.startswith(expected[0])
    assert role == expected[1]


@pytest.mark.parametrize(
    ("value", "text", "note"),
    [
        ("5", "5", "text"),
        (5, "5", ""),
        (5.0, "5", ""),
        (1e21, "1e+21", ""),
        (5e-7, "5e-7", ""),
        ("true", "true", "text"),
        (True, "true", ""),
        (None, "null", ""),
        ("", "", "empty text"),
        (" x", " x", "text with space at its ends"),
        ({}, "{}", "empty object"),
        ([], "[]", "empty list"),
        ("plain", "plain", ""),
    ],
)
def test_a_value_is_never_mistaken_for_another(value: Any, text: str, note: str) -> None:
    (row,) = payload.rows({"a": value})
    assert (row.label, row.pointer, row.text, row.note) == ("a", "/a", text, note)


def test_labels_come_from_policy_and_values_only_from_the_payload() -> None:
    sent = {"a/b": 1, "z": {"deep": [2, 3]}, "long": "x" * 2_000}
    facts = [
        FactShown("Long one", "x… (1999 more characters)", "/long"),
        FactShown("Zed", "something else", "/z"),
        FactShown("Gone", "not there", "/gone"),
        FactShown("More", "2 more members", ""),
    ]
    rows = payload.rows(sent, facts, frozenset({"/a~1b"}))
    assert [(row.label, row.pointer, row.covered) for row in rows] == [
        ("Long one", "/long", False),
        ("Zed › deep › 1", "/z/deep/0", False),
        ("Zed › deep › 2", "/z/deep/1", False),
        ("a/b", "/a~1b", True),
    ]
    assert rows[0].text == sent["long"]
    assert rows[0].long


def test_raw_json_is_the_same_value() -> None:
    sent = {"b": [1, {"c": "\u202e\n"}, []], "a": {}, "n": 1e21, "t": True}
    assert json.loads(payload.pretty(sent)) == sent
    assert list(json.loads(payload.pretty(sent))) == list(sent)


def test_the_first_load_is_light_and_what_is_vendored_is_what_was_published() -> None:
    compressed = sum(len(gzip.compress((STATIC / name).read_bytes())) for name in FIRST_LOAD)
    assert compressed <= 150_000
    htmx = (STATIC / "vendor/htmx/htmx.min.js").read_bytes()
    published = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"
    assert hashlib.sha256(htmx).hexdigest() == published
    assert (STATIC / "vendor/htmx/LICENSE").exists()
