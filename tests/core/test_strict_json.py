"""Reading strangers' JSON: every hostile body is refused, and what is accepted has one meaning."""

from __future__ import annotations

import contextlib
import json
import time
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import strict_json
from core.canonical import canonical
from core.problems import Problem
from core.strict_json import loads
from tests.core.labels import label

ACCEPTED: list[tuple[bytes, Any]] = [
    (b"{}", {}),
    (b" \r\n\t[ ] \n", []),
    (b"null", None),
    (b"true", True),
    (b'"x"', "x"),
    (b"0", 0),
    (b"-0", 0),
    (b"-0.0", 0.0),
    (b"0e5", 0.0),
    (b"0.000e-99999999999999999999", 0.0),
    (b"9007199254740991", 2**53 - 1),
    (b"-9007199254740991", -(2**53) + 1),
    (b"9007199254740991.0", 2.0**53 - 1),
    (b"0.1", 0.1),
    (b"1.10", 1.1),
    (b"100.00", 100.0),
    (b"1e2", 100.0),
    (b"1E+2", 100.0),
    (b"1e30", 1e30),
    (b"1E21", 1e21),
    (b"1234e12", 1.234e15),
    (b"1.7976931348623157e308", 1.7976931348623157e308),
    (b"5e-324", 5e-324),
    (b"0.30000000000000004", 0.30000000000000004),
    (b'"\\u0041\\u00e9\\ud83d\\ude00"', "A\u00e9\U0001f600"),
    (b'"\\\\u0000 \\\\ud800"', "\\u0000 \\ud800"),
    ('{"é":"€😀"}'.encode(), {"é": "€😀"}),
    (b'{"a":{"k":1},"b":{"k":1}}', {"a": {"k": 1}, "b": {"k": 1}}),
    (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    (b'"\xef\xbb\xbf"', "\ufeff"),
    (b'"[[{{,,"', "[[{{,,"),
]

# body, code, pointer of the first entry of `errors` (None: there are no entries)
REFUSED: list[tuple[bytes, str, str | None]] = [
    (b"", "empty_body", None),
    (b" \n ", "empty_body", None),
    (b"\xef\xbb\xbf{}", "byte_order_mark", None),
    ("{}".encode("utf-16"), "not_utf8", None),
    ("{}".encode("utf-16-le"), "invalid_json", None),
    (b'"\xff"', "not_utf8", None),
    (b'"\xc0\x80"', "not_utf8", None),
    (b'"\xed\xa0\x80"', "not_utf8", None),
    (b'"\xf4\x90\x80\x80"', "not_utf8", None),
    (b'"\xe2\x82', "not_utf8", None),
    (b"{", "invalid_json", None),
    (b"{} x", "invalid_json", None),
    (b"{}{}", "invalid_json", None),
    (b"[1,]", "invalid_json", None),
    (b'{"a":1,}', "invalid_json", None),
    (b"{a:1}", "invalid_json", None),
    (b"{'a':1}", "invalid_json", None),
    (b'{"a" 1}', "invalid_json", None),
    (b"{1:1}", "invalid_json", None),
    (b"01", "invalid_json", None),
    (b"+1", "invalid_json", None),
    (b"1.", "invalid_json", None),
    (b".5", "invalid_json", None),
    (b"1e", "invalid_json", None),
    (b"0x10", "invalid_json", None),
    ("\u0661".encode(), "invalid_json", None),
    (b"nan", "invalid_json", None),
    (b"True", "invalid_json", None),
    (b"// x\n1", "invalid_json", None),
    (b"\xc2\xa0" + b"1", "invalid_json", None),
    (b'"a\nb"', "invalid_json", None),
    (b'"a\x00b"', "invalid_json", None),
    (b'"\\x41"', "invalid_json", None),
    (b'"\\u12"', "invalid_json", None),
    (b'"abc', "invalid_json", None),
    (b'{"a":1,"a":2', "invalid_json", None),
    (b'{"a":1,"a":1}', "duplicate_key", "/a"),
    (b'{"a":1,"\\u0061":2}', "duplicate_key", "/a"),
    (b'{"x":[{},{"y/z":{"~":1,"~":2}}]}', "duplicate_key", "/x/1/y~1z/~0"),
    (b'{"":1,"":2}', "duplicate_key", "/"),
    (b"NaN", "number_not_finite", ""),
    (b'{"a":Infinity}', "number_not_finite", "/a"),
    (b"[0,-Infinity]", "number_not_finite", "/1"),
    (b'{"a":1e999}', "number_too_large", "/a"),
    (b"[-1e999]", "number_too_large", "/0"),
    (b"1e99999999999999999999999", "number_too_large", ""),
    (b"9007199254740992", "number_too_large", ""),
    (b"-9007199254740992", "number_too_large", ""),
    (b"9007199254740993", "number_too_large", ""),
    (b"-9007199254740993", "number_too_large", ""),
    (b"9007199254740992.0", "number_too_large", ""),
    (b"1e16", "number_too_large", ""),
    (b"1e+16", "number_too_large", ""),
    (b"-1e+17", "number_too_large", ""),
    (b"123456789012345e6", "number_too_large", ""),
    (b"100000000000000000000", "number_too_large", ""),
    (b"1" * 5_000, "number_too_large", ""),
    (b"-" + b"9" * 100_000, "number_too_large", ""),
    (b'{"amount":0.1000000000000000055511151231257827}', "number_not_exact", "/amount"),
    (b"333333333.33333329", "number_not_exact", ""),
    (b"1.00000000000000001", "number_not_exact", ""),
    (b"0.99999999999999999", "number_not_exact", ""),
    (b"9007199254740990.5", "number_not_exact", ""),
    (b"4e-324", "number_not_exact", ""),
    (b"1e-999", "number_not_exact", ""),
    (b"-0.1e-99999999999999999999999", "number_not_exact", ""),
    (b'{"a":"\\ud800"}', "lone_surrogate", "/a"),
    (b'["\\udc00\\ud800"]', "lone_surrogate", "/0"),
    (b'["\\ud83d\\u0041"]', "lone_surrogate", "/0"),
    (b'["\\\\\\uDFFF"]', "lone_surrogate", "/0"),
    (b'{"a":{"\\ud800":1}}', "lone_surrogate", "/a"),
    (b'{"a":"x\\u0000"}', "nul_character", "/a"),
    (b'{"a":{"\\u0000":1}}', "nul_character", "/a"),
]


@pytest.mark.parametrize(("body", "value"), ACCEPTED, ids=label)
def test_accepted(body: bytes, value: Any) -> None:
    got = loads(body)
    assert got == value
    assert repr(got) == repr(value)


@pytest.mark.parametrize(("body", "code", "pointer"), REFUSED, ids=label)
def test_refused(body: bytes, code: str, pointer: str | None) -> None:
    with pytest.raises(Problem) as raised:
        loads(body)
    problem = raised.value
    assert (problem.status, problem.code) == (400, code)
    assert [e.pointer for e in problem.errors[:1]] == ([] if pointer is None else [pointer])
    assert len(problem.body("/api/v1/requests")) < 1_500
    json.loads(problem.body())


def test_every_fault_is_named_at_once_up_to_a_bound() -> None:
    with pytest.raises(Problem) as raised:
        loads(b'{"a":NaN,"b":[9007199254740993,1.00000000000000001],"b":"\\u0000","c":"\\ud800"}')
    assert [(error.pointer, error.code) for error in raised.value.errors] == [
        ("/a", "number_not_finite"),
        ("/b/0", "number_too_large"),
        ("/b/1", "number_not_exact"),
        ("/b", "duplicate_key"),
        ("/b", "nul_character"),
        ("/c", "lone_surrogate"),
    ]
    with pytest.raises(Problem) as raised:
        loads(b"[" + b"NaN," * 5_000 + b"1]")
    assert len(raised.value.errors) == 20


def test_errors_never_echo_much_of_what_was_sent() -> None:
    key = b"k" * 500_000
    with pytest.raises(Problem) as raised:
        loads(b'{"' + key + b'":1,"' + key + b'":2}')
    assert len(raised.value.body("/" + "x" * 100_000)) < 1_500


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]", core: bytes = b"") -> bytes:
    return opening * depth + core + closing * depth


@pytest.mark.parametrize(
    "body",
    [
        nested(64),
        nested(64, b'{"a":', b"}", b"1"),
        nested(63, b'["]",', b"]", b"[]"),
        nested(32, b'[{"\\"[":', b"}]", b"0"),
        b"[" + b"[]," * 100 + nested(63) + b"]",
        b'["' + b"[" * 5_000 + b'","\\\\",' + nested(63) + b"]",
    ],
    ids=label,
)
def test_64_levels_are_read(body: bytes) -> None:
    assert loads(body) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(65),
        nested(65, b'{"a":', b"}", b"1"),
        nested(64, b'["]",', b"]", b"[]"),
        b"[" + b"[]," * 100 + nested(64) + b"]",
        b'["\\"]]]]","\\\\",' + nested(64) + b"]",
        b"[" * 200_000,
        nested(200_000),
        b'{"a":' * 200_000,
        b'[{"a":' * 100_000,
        b" [\n" * 200_000,
    ],
    ids=label,
)
def test_deeper_is_refused(body: bytes) -> None:
    with pytest.raises(Problem) as raised:
        loads(body)
    assert (raised.value.status, raised.value.code) == (400, "too_deep")


def test_members_and_items_are_counted_together() -> None:
    whole = {str(n): n for n in range(10_000)}
    assert loads(json.dumps(whole).encode()) == whole
    assert loads(b"[" + b"0," * 9_999 + b"0]") == [0] * 10_000
    assert loads(b"[" + b"[]," * 9_999 + b"{ }]") == [[]] * 9_999 + [{}]
    assert loads(b'["' + b"," * 50_000 + b'"]') == ["," * 50_000]
    for body in (
        json.dumps(whole | {"x": 1}).encode(),
        b"[" + b"0," * 10_000 + b"0]",
        b"[" + b"[]," * 10_000 + b"[]]",
        b"[" + b'{"a":0},' * 5_000 + b"{}]",
        b"[" + b"[]," * 300_000 + b"[]]",
    ):
        with pytest.raises(Problem) as raised:
            loads(body)
        assert (raised.value.status, raised.value.code) == (400, "too_many_members")


def test_size_is_limited_to_the_byte() -> None:
    limit = 1024 * 1024
    assert loads(b'"' + b"x" * (limit - 2) + b'"') == "x" * (limit - 2)
    with pytest.raises(Problem) as raised:
        loads(b'"' + b"x" * (limit - 1) + b'"')
    assert (raised.value.status, raised.value.code) == (413, "body_too_large")
    with pytest.raises(Problem):
        loads(b"[1,2]", max_bytes=4)


def test_limits_can_be_set() -> None:
    with pytest.raises(Problem, match="deeper than 2"):
        loads(b"[[[]]]", max_depth=2)
    with pytest.raises(Problem, match="more than 2"):
        loads(b"[1,2,3]", max_members=2)


@pytest.mark.parametrize(
    "body",
    [
        b'["' + b'\\"' * 500_000,
        b'"' + b"\\" * 1_000_000,
        b'"' * 1_048_576,
        b"0." + b"1" * 1_000_000,
        b"1" + b"0" * 500_000 + b"e-500000",
        b"[" + b"0.10000000000000000555," * 9_999 + b"0]",
        b'["' + b"\\ud83d\\ude00" * 80_000 + b'","\\ud800"]',
        b'{"a":' * 170_000 + b"}" * 170_000,
    ],
    ids=label,
)
def test_no_body_takes_long(body: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(Problem):
        loads(body)
    # Far above what any takes (0.12 s at most); a quadratic pass would take minutes.
    assert time.process_time() - started < 2


def written_numbers() -> st.SearchStrategy[str]:
    digits = st.text("0123456789", min_size=1, max_size=25)
    whole = st.just("0") | st.tuples(st.sampled_from("123456789"), digits).map("".join)
    fraction = st.just("") | digits.map(lambda text: "." + text)
    exponent = st.just("") | st.integers(-400, 400).map(lambda power: f"e{power}")
    return st.tuples(st.sampled_from(["", "-"]), whole, fraction, exponent).map("".join)


@given(written_numbers())
@example("1e17")
@example("-9007199254740991")
@settings(derandomize=True, deadline=None, max_examples=600)
def test_an_accepted_number_is_exactly_what_was_written(text: str) -> None:
    exact = Decimal(text)
    value = float(text)
    survives = abs(value) < 2**1024 and Decimal(repr(value)) == exact
    readable = abs(exact) < 2**53 or abs(value) >= 1e21
    integral = "." not in text and "e" not in text
    expected = abs(exact) < 2**53 if integral else survives and readable
    try:
        got = loads(text.encode())
    except Problem:
        assert not expected
    else:
        assert expected
        assert isinstance(got, int | float)
        assert Decimal(repr(got)) == exact


TEXTS = st.text(st.characters(), max_size=6) | st.sampled_from(["\0", "\ud800", "a", "[", '"', ","])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)


def read(body: bytes) -> Any:
    """Return the value, or the Problem, which must be a whole 400."""
    try:
        return loads(body)
    except Problem as problem:
        refused = problem
    assert refused.status == 400
    assert json.loads(refused.body())["status"] == 400
    return refused


@given(VALUES, st.booleans())
@settings(derandomize=True, deadline=None, max_examples=600)
def test_what_is_accepted_is_canonical_and_reads_back_the_same(value: Any, escape: bool) -> None:
    body = json.dumps(value, ensure_ascii=escape).encode(errors="surrogatepass")
    got = read(body)
    if isinstance(got, Problem):
        return
    data = canonical(got)
    assert data == rfc8785.dumps(got)
    assert data == rfc8785.dumps(json.loads(data))
    assert loads(data) == got
    assert canonical(loads(data)) == data


@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE+-\\untrfals \ud800', max_size=40))
@settings(derandomize=True, deadline=None, max_examples=800)
def test_noise_is_read_or_refused_with_400(noise: bytes | str) -> None:
    body = noise if isinstance(noise, bytes) else noise.encode(errors="surrogatepass")
    got = read(body)
    if not isinstance(got, Problem):
        assert got == json.loads(body)
        rfc8785.dumps(got)


@given(VALUES, st.integers(1, 4), st.integers(1, 8))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_shape_limits_agree_with_a_plain_count(value: Any, depth: int, members: int) -> None:
    body = json.dumps(value).encode()
    deep, many = measure(json.loads(body))
    if deep <= depth and many <= members:
        strict_json._check_shape(body, depth, members)
        return
    with pytest.raises(Problem) as raised:
        strict_json._check_shape(body, depth, members)
    assert deep > depth if raised.value.code == "too_deep" else many > members


def measure(value: Any) -> tuple[int, int]:
    if not isinstance(value, dict | list):
        return 0, 0
    inner = [measure(item) for item in (value.values() if isinstance(value, dict) else value)]
    return 1 + max((d for d, _ in inner), default=0), len(value) + sum(m for _, m in inner)
