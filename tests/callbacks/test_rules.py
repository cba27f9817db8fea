"""The pure rules of delivering, by table: signatures, the schedule, the breaker, giving up, headers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from callbacks import headers, schedule
from callbacks.schedule import Health
from signing import signatures
from signing.signatures import Pair

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
#: Published by Standard Webhooks and Svix (the second secret has 18 bytes, which they take).
V1 = (
    (
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "plJ3nmyCDGBKInavdOK15jsl",
        "msg_loFOjxBNrRLzqYUf",
        1731705121,
        b'{"event_type":"ping","data":{"success":true}}',
        "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
    ),
)
PRIVATE = "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


@pytest.mark.parametrize(("secret", "message", "at", "body", "expected"), V1)
def test_published_signatures_of_shared_secrets(secret, message, at, body, expected):
    pair = Pair(base64.b64decode(secret), Ed25519PrivateKey.generate().private_bytes_raw())
    signed = signatures.headers(message, at, body, [pair])
    assert signed["webhook-signature"].split()[0] == expected


def test_the_published_signature_of_a_key_pair():
    pair = Pair(bytes(32), base64.b64decode(PRIVATE)[:32])
    _, message, at, body, _ = V1[0]
    assert signatures.headers(message, at, body, [pair])["webhook-signature"].split()[1] == V1A
    assert (
        signatures.show_public(pair.public) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    )


@pytest.mark.parametrize(
    "text",
    [
        *("whsec_", "whsec_%", "hwsec_" + "A" * 32, "whpk_" + "A" * 44),
        *("whsec_" + base64.b64encode(bytes(size)).decode() for size in (23, 65)),
    ],
)
def test_what_is_no_shared_secret_is_refused(text):
    with pytest.raises(signatures.BadSecret):
        signatures.parse_secret(text)


def test_a_secret_reads_as_it_is_shown():
    assert signatures.parse_secret(signatures.show_secret(bytes(range(32)))) == bytes(range(32))


def test_a_full_stop_in_an_id_is_refused():
    with pytest.raises(ValueError, match="full stop"):
        signatures.headers("a.b", 1, b"", [])


def test_ten_tries_at_their_times_and_up_to_a_fifth_later():
    seconds = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    for tried, wanted in enumerate(seconds[1:], start=1):
        for _ in range(20):
            pause = schedule.next_try(tried)
            assert pause is not None
            assert wanted <= pause.total_seconds() <= wanted * 1.2
    assert schedule.next_try(10) is None
    assert schedule.next_try(1, timedelta(hours=2)) == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("Thu, 26 Nov 2026 12:02:00 GMT", 120),
        ("999999999", 86_400),
        ("9" * 400, 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Thu, 26 Nov 2026 11:00:00 GMT", None),
        *((wrong, None) for wrong in ("-1", "abc", "", "0", "1.5", "١٢", None)),
    ],
)
def test_retry_after(text, seconds):
    found = schedule.retry_after(text, NOW)
    assert (found.total_seconds() if found else None) == seconds


def failing(*hours: float) -> Health:
    """An endpoint that failed at these hours and never succeeded."""
    health = Health()
    for hour in hours:
        health = health.failed(NOW + timedelta(hours=hour))
    return health


@pytest.mark.parametrize(
    ("hours", "given_up"),
    [
        ([0, 0.5, 1], False),
        ([0, 0.5, 1, 200], False),
        ([0, 13, 20, 60, 132], False),
        ([0, 13, 20, 60, 134], True),
        ([0, 30, 60, 90, 120, 150, 180], False),
    ],
)
def test_five_days_of_nothing_but_failures(hours, given_up):
    assert failing(*hours).is_given_up(NOW + timedelta(hours=hours[-1])) is given_up


def test_a_success_ends_every_count():
    health = failing(0, 13, 20, 60).succeeded(NOW + timedelta(hours=72))
    assert health == Health(last_success_at=NOW + timedelta(hours=72))
    later = health.failed(NOW + timedelta(hours=140))
    assert not later.is_given_up(NOW + timedelta(hours=140))


def test_the_breaker_opens_at_the_fifth_failure_and_doubles():
    health, waits = Health(), []
    for _ in range(10):
        health = health.failed(NOW)
        waits.append(health.open_until and (health.open_until - NOW).total_seconds())
    assert waits == [None] * 4 + [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            {name: "x"}
            for name in (
                "Host",
                "Content-Length",
                "Transfer-Encoding",
                "webhook-signature",
                "Cookie",
            )
        ),
        *({"x-a": value} for value in ("a\r\nb: c", "a\nb", "", " a", "ä", "x" * 2_001, "a\0")),
        {"bad name": "x"},
        {"X-A": "1", "x-a": "2"},
        {f"x-{number}": "1" for number in range(11)},
    ],
)
def test_headers_that_may_not_be_sent(wanted):
    assert headers.faults(wanted)


def test_headers_that_may_be_sent():
    assert headers.faults({"Authorization": "Bearer a.b", "X-Tenant": "7 of 9"}) == []
