"""Links that are somebody's way in stand in no log line."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from core.log_lines import HideLinks

TOKEN = "Zk3-_x" * 7 + "a"


@pytest.mark.parametrize(
    ("said", "args", "expected"),
    [
        ("%s: %s", ("Not Found", f"/m/{TOKEN}"), "Not Found: /m/…"),
        ("%s: %s", ("Forbidden", f"/assentry/m/{TOKEN}?x=1"), "Forbidden: /assentry/m/…?x=1"),
        (f"GET https://x.example/m/{TOKEN} twice", (), "GET https://x.example/m/… twice"),
        (f"/slack/link/{TOKEN}", (), "/slack/link/…"),
        ("%s: %s", ("Gone", f"/assentry/account/{TOKEN}"), "Gone: /assentry/account/…"),
        ("/m/short and %d%%", (5,), "/m/short and 5%"),
        ("nothing here", (), "nothing here"),
    ],
)
def test_the_secret_part_is_left_out(said: str, args: tuple[Any, ...], expected: str) -> None:
    record = logging.LogRecord("x", logging.WARNING, "x.py", 1, said, args, None)
    assert HideLinks().filter(record)
    assert record.getMessage() == expected
