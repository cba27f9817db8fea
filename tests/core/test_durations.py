"""Durations as people write them, and the scale of development time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import durations
from core.durations import DurationError, TimeScaleError, parse, scaled, show
from tests.core.labels import label


@pytest.fixture(autouse=True)
def _unscaled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("ASSENTRY_DEV", raising=False)
    monkeypatch.delenv("ASSENTRY_TIME_SCALE", raising=False)
    durations.time_scale.cache_clear()
    yield
    durations.time_scale.cache_clear()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("15m", 900), ("4h", 14_400), ("2d", 172_800), ("3650d", 315_360_000)],
)
def test_parse(text: str, seconds: int) -> None:
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0s",
        "00s",
        "01s",
        "-1s",
        "+1s",
        "1.5h",
        "1",
        "s",
        "1w",
        "1M",
        "1S",
        "1 s",
        " 1s",
        "1s ",
        "1s\n",
        "1h30m",
        "P1D",
        "1e3s",
        "\u0661s",
        "\uff11s",
        "1_0s",
        "3651d",
        "9999999999s",
        "9" * 5_000 + "s",
    ],
    ids=label,
)
def test_other_spellings_are_refused_with_the_fix(text: str) -> None:
    with pytest.raises(DurationError, match=r"90s, 15m, 4h or 2d|at most 3650d"):
        parse(text)


@given(st.integers(1, 3650 * 86_400))
@settings(derandomize=True, deadline=None)
def test_what_is_shown_reads_back(seconds: int) -> None:
    assert parse(show(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"), [(90, "90s"), (3600, "1h"), (5400, "90m"), (86_400, "1d"), (0.2, "1s")]
)
def test_show(seconds: float, text: str) -> None:
    assert show(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("dev", "scale", "expected"),
    [
        (None, None, 3600),
        ("1", None, 3600),
        ("1", "", 3600),
        ("1", "60", 60),
        ("1", "1.5", 2400),
        (None, "60", 3600),
        ("0", "60", 3600),
        ("true", "nonsense", 3600),
    ],
)
def test_time_is_scaled_on_a_development_server_only(
    monkeypatch: pytest.MonkeyPatch, dev: str | None, scale: str | None, expected: float
) -> None:
    if dev is not None:
        monkeypatch.setenv("ASSENTRY_DEV", dev)
    if scale is not None:
        monkeypatch.setenv("ASSENTRY_TIME_SCALE", scale)
    assert scaled(timedelta(hours=1)) == timedelta(seconds=expected)


def test_an_ignored_scale_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ASSENTRY_TIME_SCALE", "60")
    scaled(timedelta(1))
    scaled(timedelta(1))
    assert [record.getMessage() for record in caplog.records] == [
        "ASSENTRY_TIME_SCALE is ignored: it works only with ASSENTRY_DEV=1"
    ]


@pytest.mark.parametrize("scale", ["fast", "0", "0.5", "-60", "nan", "inf", "1e9"])
def test_a_scale_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, scale: str) -> None:
    monkeypatch.setenv("ASSENTRY_DEV", "1")
    monkeypatch.setenv("ASSENTRY_TIME_SCALE", scale)
    with pytest.raises(TimeScaleError, match="such as 60"):
        scaled(timedelta(hours=1))
