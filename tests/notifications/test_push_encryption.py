"""Push messages as bytes: the example of RFC 8291, what a browser reads, and who says that it was us."""

from __future__ import annotations

import time

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from joserfc.errors import BadSignatureError

from notifications.push import encryption
from notifications.push.encryption import MOST_TEXT, BadKey
from tests.notifications.push_browser import CURVE, PushBrowser, b64, point, unb64, vapid

#: RFC 8291, Appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
AS_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
UA_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
UA_PUBLIC = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
MESSAGE = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(unb64(text), "big"), CURVE)


def test_the_example_of_rfc_8291() -> None:
    made = encryption.encrypt(
        PLAIN,
        browser_key=encryption.decoded(UA_PUBLIC),
        secret=encryption.decoded(AUTH),
        salt=encryption.decoded(SALT),
        ours=private(AS_PRIVATE),
    )
    assert encryption.encoded(made) == MESSAGE
    browser = PushBrowser(key=private(UA_PRIVATE), secret=unb64(AUTH))
    assert point(browser.key.public_key()) == unb64(UA_PUBLIC)
    assert browser.read(made) == PLAIN


@given(st.binary(max_size=MOST_TEXT))
def test_a_browser_reads_what_was_written(text: bytes) -> None:
    browser = PushBrowser()
    raw = point(browser.key.public_key())
    made = encryption.encrypt(text, browser_key=raw, secret=browser.secret)
    assert browser.read(made) == text
    assert len(made) <= encryption.RECORD


def test_two_messages_have_nothing_in_common() -> None:
    browser = PushBrowser()
    raw = point(browser.key.public_key())
    one, two = (
        encryption.encrypt(b"the same", browser_key=raw, secret=browser.secret) for _ in range(2)
    )
    assert one[:16] != two[:16]  # the salt
    assert one[21:86] != two[21:86]  # our key
    assert one[86:] != two[86:]


def test_nobody_else_reads_it() -> None:
    browser = PushBrowser()
    made = encryption.encrypt(
        b"for one", browser_key=point(browser.key.public_key()), secret=browser.secret
    )
    for other in (
        PushBrowser(secret=browser.secret),
        PushBrowser(key=browser.key),
        PushBrowser(),
    ):
        with pytest.raises(InvalidTag):
            other.read(made)
    for index in (5, 30, len(made) - 1):
        torn = made[:index] + bytes([made[index] ^ 1]) + made[index + 1 :]
        with pytest.raises((InvalidTag, ValueError)):
            browser.read(torn)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        (b"", b"0" * 16),
        (b"\x04" + b"\x01" * 64, b"0" * 16),  # a point of another curve
        (b"\x04" + b"\x00" * 64, b"0" * 16),
        (b"\x00", b"0" * 16),  # the point at infinity
        (unb64(UA_PUBLIC)[:-1], b"0" * 16),
        (unb64(UA_PUBLIC) + b"\x00", b"0" * 16),
        (unb64(UA_PUBLIC), b"0" * 15),
        (unb64(UA_PUBLIC), b""),
    ],
    ids=["none", "off the curve", "zeros", "infinity", "short", "long", "secret", "no secret"],
)
def test_keys_that_are_none(key: bytes, secret: bytes) -> None:
    with pytest.raises(BadKey):
        encryption.encrypt(b"x", browser_key=key, secret=secret)


def test_a_text_that_no_push_service_takes() -> None:
    browser = PushBrowser()
    with pytest.raises(ValueError, match="3000 bytes"):
        encryption.encrypt(
            b"x" * (MOST_TEXT + 1),
            browser_key=point(browser.key.public_key()),
            secret=browser.secret,
        )


@pytest.mark.parametrize("text", ["a", "ab=c", "+/+/", "AB", "Zg==="])
def test_what_is_not_base64url(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|padding|characters"):
        encryption.decoded(text)


def test_a_push_service_can_tell_that_it_was_us() -> None:
    ours = ec.generate_private_key(CURVE)
    now = int(time.time())
    header = encryption.authorization(
        private=ours,
        audience="https://push.example.net",
        subject="https://assentry.example.com",
        expires=now + 3_600,
    )
    key = b64(point(ours.public_key()))
    claims = vapid(header, endpoint="https://push.example.net/send/abc", key=key)
    assert claims == {
        "aud": "https://push.example.net",
        "exp": now + 3_600,
        "sub": "https://assentry.example.com",
    }
    stranger = b64(point(ec.generate_private_key(CURVE).public_key()))
    with pytest.raises(BadSignatureError):
        vapid(header.replace(key, stranger), endpoint="https://push.example.net/", key=stranger)
