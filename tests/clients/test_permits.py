"""Permits, checked offline: every forgery is refused, and only the approved payload fits."""

from __future__ import annotations

import hashlib
import hmac
import json
import unicodedata
from typing import Any

import pytest
from assentry import PermitDead, PermitRefused, canonical
from assentry.permits import KeySet, Permit, kid_of, read_permit
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet as JoseKeys
from joserfc.jwk import OKPKey

from tests.clients.permit_tokens import (
    AUDIENCE,
    CLAIMS,
    ISSUER,
    KEYS,
    KID,
    NOW,
    PAYLOAD,
    SIGNER,
    Signer,
    b64,
    claims,
    jwks,
)
from tests.clients.test_callbacks import without


def read(token: str, keys: KeySet = KEYS, **more: Any) -> Permit:
    options = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, **more}
    return read_permit(token, keys, **options)


def others_accept(token: str) -> bool:
    """What a third party's library says of the signature, told what the documents tell."""
    keys = JoseKeys([OKPKey.import_key(one) for one in jwks()["keys"]])
    try:
        found = jws.deserialize_compact(token, keys, algorithms=["Ed25519"])
        return bool(found.headers()["typ"] == "permit+jwt")
    except (JoseError, ValueError, LookupError):
        return False


def test_a_good_one() -> None:
    token = SIGNER.token()
    permit = read(token)
    assert {name: getattr(permit, name) for name in CLAIMS} == CLAIMS
    assert permit.token == token
    assert token not in repr(permit)
    permit.verify("payments.refund", PAYLOAD)
    assert others_accept(token)
    # And by its primitive alone.
    signed, _, signature = token.rpartition(".")
    key = Ed25519PublicKey.from_public_bytes(SIGNER.private.public_key().public_bytes_raw())
    key.verify(_unb64(signature), signed.encode())
    with pytest.raises(InvalidSignature):
        key.verify(_unb64(signature), signed.encode() + b"x")


def _unb64(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forged_with_hmac(secret: bytes) -> str:
    head = b64(json.dumps({"alg": "HS256", "kid": KID, "typ": "permit+jwt"}).encode())
    signed = f"{head}.{b64(json.dumps(CLAIMS).encode())}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def forged_with_rsa() -> str:
    key = rsa.generate_private_key(65537, 2048)
    head = b64(json.dumps({"alg": "RS256", "kid": KID, "typ": "permit+jwt"}).encode())
    signed = f"{head}.{b64(json.dumps(CLAIMS).encode())}"
    return f"{signed}.{b64(key.sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


PUBLIC = SIGNER.private.public_key()
BODY = json.dumps(CLAIMS).encode()
GOOD = SIGNER.token()
HEAD, CLAIMED, SIGNED = GOOD.split(".")


def header(**changed: Any) -> bytes:
    found = {"alg": "Ed25519", "kid": KID, "typ": "permit+jwt", **changed}
    return json.dumps({k: v for k, v in found.items() if v is not None}).encode()


FORGED = {
    "no signature": f"{b64(header(alg='none'))}.{CLAIMED}.",
    "none, with one": f"{b64(header(alg='none'))}.{CLAIMED}.{SIGNED}",
    "None": SIGNER.raw(header(alg="None"), BODY),
    "HS256 with the public key, raw": forged_with_hmac(PUBLIC.public_bytes_raw()),
    "HS256 with the public key, PEM": forged_with_hmac(
        PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the key as JSON": forged_with_hmac(json.dumps(SIGNER.jwk).encode()),
    "HS256 with nothing": forged_with_hmac(b""),
    "RS256": forged_with_rsa(),
    "Ed448 by name": SIGNER.raw(header(alg="Ed448"), BODY),
    "ES256 by name": SIGNER.raw(header(alg="ES256"), BODY),
    "no alg": SIGNER.raw(header(alg=None), BODY),
    "a list of algs": SIGNER.raw(header(alg=["Ed25519"]), BODY),
    "kid that is a path": SIGNER.raw(header(kid="../../../../dev/null"), BODY),
    "kid that is an address": SIGNER.raw(header(kid="https://evil.example/jwks.json"), BODY),
    "kid that is SQL": SIGNER.raw(header(kid="' UNION SELECT 'key"), BODY),
    "kid with a zero": SIGNER.raw(header(kid=f"{KID}\0"), BODY),
    "kid that is long": SIGNER.raw(header(kid="k" * 4000), BODY),
    "kid that is a number": SIGNER.raw(header(kid=1), BODY),
    "another workspace's key": Signer("key_02", seed=2).token(),
    "another key under our name": Signer(KID, seed=2).token(),
    "a key that it brings along": Signer(KID, seed=2).raw(
        header(jwk=Signer(KID, seed=2).jwk, jku="https://evil.example/"), BODY
    ),
    "another body": f"{HEAD}.{b64(json.dumps(claims(rev=2)).encode())}.{SIGNED}",
    "another header": f"{b64(header(typ='permit+jwt', x=1))}.{CLAIMED}.{SIGNED}",
    "another end of the signature": f"{HEAD}.{CLAIMED}.{SIGNED[:-4]}AAAA",
    "half of the signature": f"{HEAD}.{CLAIMED}.{SIGNED[:43]}",
    "two parts": f"{HEAD}.{CLAIMED}",
    "five parts": f"{GOOD}.{HEAD}.{CLAIMED}",
    "padded": f"{HEAD}=.{CLAIMED}.{SIGNED}",
    "a line more": f"{GOOD}\n",
    "nothing": "",
    "no text": "ü.ü.ü",
    "an extension that must be known": SIGNER.raw(header(crit=["x"], x=1), BODY),
    "a body that is not encoded": SIGNER.raw(header(b64=False, crit=["b64"]), BODY),
    "another type": SIGNER.raw(header(typ="JWT"), BODY),
    "no type": SIGNER.raw(header(typ=None), BODY),
}
#: Genuine by RFC 7797, which others know: a permit is never written so.
ONLY_OURS = {"a body that is not encoded"}


@pytest.mark.parametrize("name", FORGED)
def test_forgeries_are_refused_here_and_by_others(name: str) -> None:
    with pytest.raises(PermitRefused):
        read(FORGED[name])
    assert others_accept(FORGED[name]) is (name in ONLY_OURS)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (SIGNER.raw(header()[:-1] + b', "alg": "Ed25519"}', BODY), "header cannot be read"),
        (SIGNER.raw(b"[]", BODY), "header is no object"),
        (SIGNER.raw(header(), BODY[:-1] + b', "rev": 2}'), "body cannot be read"),
        (SIGNER.raw(header(), b"[]"), "body is no object"),
        (SIGNER.raw(header(), b"\xff"), "body cannot be read"),
        (SIGNER.raw(header(), b"[" * 5000), "body cannot be read"),
        (SIGNER.token(claims(more="x" * 9000)), "too long"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(token: str, why: str) -> None:
    with pytest.raises(PermitRefused, match=why):
        read(token)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        *[({name: None}, f"{name} is missing") for name in CLAIMS],
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": ISSUER + "/"}, "another issuer"),
        ({"aud": f"{ISSUER}/workspaces/other"}, "another audience"),
        ({"aud": [AUDIENCE]}, "aud is missing"),
        ({"jti": "pmt_../../requests"}, "jti is missing"),
        ({"jti": CLAIMS["req"]}, "jti is missing"),
        ({"sub": CLAIMS["jti"]}, "sub is missing"),
        ({"req": ""}, "req is missing"),
        ({"payload_sha256": CLAIMS["payload_sha256"].upper()}, "payload_sha256 is missing"),
        ({"payload_sha256": "sha256:" + CLAIMS["payload_sha256"]}, "payload_sha256 is missing"),
        ({"rev": True}, "rev is missing"),
        ({"rev": "1"}, "rev is missing"),
        ({"exp": NOW + 1.5}, "exp is missing"),
        ({"exp": -1}, "exp is missing"),
        ({"exp": 1e400}, "cannot be read"),
        ({"iat": NOW + 301, "nbf": NOW - 1}, "made in the future"),
        ({"nbf": NOW + 6}, "not valid yet"),
        ({"exp": NOW - 5, "nbf": NOW - 99}, "has expired"),
        ({"exp": NOW + 3, "nbf": NOW + 4}, "has expired"),
    ],
    ids=str,
)
def test_claims_that_are_not_for_here_and_now(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(PermitRefused, match=why):
        read(SIGNER.token(claims(**changed)))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"aud": f"{ISSUER}/workspaces/other"},
        {"exp": NOW - 301},
        {"nbf": NOW + 301},
        {"iat": NOW + 301},
        {"jti": None},
        {"payload_sha256": None},
    ],
    ids=str,
)
def test_others_refuse_the_same_claims(changed: dict[str, Any]) -> None:
    wanted: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in CLAIMS}
    wanted["iss"]["value"], wanted["aud"]["value"] = ISSUER, AUDIENCE
    registry = jwt.JWTClaimsRegistry(NOW, 300, **wanted)
    registry.validate(CLAIMS)
    wrong = claims(**changed)
    with pytest.raises(JoseError):
        registry.validate(wrong)
    with pytest.raises(PermitRefused):
        read(SIGNER.token(wrong))


def test_an_end_is_told_from_a_refusal() -> None:
    with pytest.raises(PermitDead) as dead:
        read(SIGNER.token(), now=NOW + 905)
    assert dead.value.code == "permit_expired"


@pytest.mark.parametrize("now", [NOW - 5, NOW, NOW + 904.9])
def test_clocks_may_be_some_seconds_apart(now: float) -> None:
    assert read(SIGNER.token(), now=now).rev == 1
    assert read(SIGNER.token(claims(iat=NOW + 295, nbf=NOW - 9)), now=now).rev == 1


def test_another_action() -> None:
    with pytest.raises(PermitRefused, match=r"another action: payments\.refund"):
        read(SIGNER.token()).verify("payments.pay", PAYLOAD)


@pytest.mark.parametrize(
    "payload",
    [
        {"order": "A-1 ", "amount": 120},
        {"order": "a-1", "amount": 120},
        {"order": "A-1", "amount": 121},
        {"order": "A-1", "amount": "120"},
        {"order": "A-1", "amount": 120.00000001},
        {"order": "A-1"},
        {"order": "A-1", "amount": 120, "more": None},
        {},
        '{"order": "A-1", "amount": 120, "amount": 120}',
        '{"order": "B-1", "order": "A-1", "amount": 120}',
        '{"order": "A-1", "amount": 120.00000000000000000001}',
        '{"order": "A-1", "amount": 120} {}',
        '{"order": "A-1", "amount": NaN}',
        '{"order": "A-1", "amount": 1e999}',
        b'\xef\xbb\xbf{"order": "A-1", "amount": 120}',
        b"\xff",
        "",
        "[" * 100_000,
        {"order": object(), "amount": 120},
        {"order": "\ud800", "amount": 120},
        {"order": "A-1", "amount": 2**53},
    ],
)
def test_other_payloads_do_not_fit(payload: Any) -> None:
    with pytest.raises(PermitRefused, match="payload"):
        read(SIGNER.token()).verify("payments.refund", payload)


@pytest.mark.parametrize(
    "payload",
    [
        PAYLOAD,
        {"amount": 120.0, "order": "A-1"},
        '{"order":"A-1","amount":120}',
        b' {"amount": 120.0, "order": "\\u0041-1"}\n',
        '{"amount": 1.2e2, "order": "A-1"}',
    ],
)
def test_the_same_payload_written_otherwise_fits(payload: Any) -> None:
    read(SIGNER.token()).verify("payments.refund", payload)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2.0**52), 2.0**52, allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=8), VALUES, max_size=5)


def permit_for(payload: Any) -> Permit:
    return read(SIGNER.token(claims(payload=payload)))


@given(PAYLOADS)
def test_what_is_canonically_equal_fits(payload: dict[str, Any]) -> None:
    permit = permit_for(payload)
    backwards = dict(reversed(payload.items()))
    permit.verify("payments.refund", backwards)
    permit.verify("payments.refund", json.dumps(backwards, indent=2))
    permit.verify("payments.refund", json.dumps(payload, ensure_ascii=False).encode())
    permit.verify("payments.refund", canonical(payload))


@given(PAYLOADS, PAYLOADS)
def test_what_is_not_does_not(payload: dict[str, Any], other: dict[str, Any]) -> None:
    permit = permit_for(payload)
    if canonical(payload) == canonical(other):
        permit.verify("payments.refund", other)
    else:
        with pytest.raises(PermitRefused, match="another payload"):
            permit.verify("payments.refund", other)


@given(PAYLOADS, st.text(st.characters(codec="utf-8"), min_size=1), st.data())
def test_a_character_makes_another_payload(
    payload: dict[str, Any], text: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    permit = permit_for({**payload, "text": text})
    spaced = text[:place] + " " + text[place:]
    with pytest.raises(PermitRefused, match="another payload"):
        permit.verify("payments.refund", {**payload, "text": spaced})
    for form in ("NFC", "NFD", "NFKC"):
        changed = unicodedata.normalize(form, text)
        if changed != text:
            with pytest.raises(PermitRefused, match="another payload"):
                permit.verify("payments.refund", {**payload, "text": changed})


def test_composed_and_decomposed_letters_are_two_texts() -> None:
    permit = permit_for({"to": "caf\u00e9"})
    permit.verify("payments.refund", {"to": "caf\u00e9"})
    with pytest.raises(PermitRefused, match="another payload"):
        permit.verify("payments.refund", {"to": "cafe\u0301"})


@given(PAYLOADS, st.text(st.characters(codec="utf-8"), max_size=8))
def test_a_member_that_is_named_twice_is_refused(payload: dict[str, Any], name: str) -> None:
    whole = {**payload, name: 1}
    twice = json.dumps(whole)[:-1] + f", {json.dumps(name)}: 1}}"
    with pytest.raises(PermitRefused, match="names a member twice"):
        permit_for(whole).verify("payments.refund", twice)


class TestKeySet:
    def test_keys_for_other_things_are_left_alone(self) -> None:
        other = [
            {"kty": "RSA", "kid": KID, "n": "AQAB", "e": "AQAB"},
            {"kty": "OKP", "crv": "X25519", "kid": KID, "x": SIGNER.jwk["x"]},
            {**SIGNER.jwk, "use": "enc"},
            {**SIGNER.jwk, "alg": "EdDSA"},
            {"kty": "oct", "kid": KID, "k": "AAAA"},
            "no key",
        ]
        with pytest.raises(PermitRefused, match="not known"):
            read(GOOD, KeySet({"keys": other}))
        assert read(GOOD, KeySet({"keys": [*other, SIGNER.jwk]})).rev == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"keys": {}},
            {"keys": [SIGNER.jwk, SIGNER.jwk]},
            {"keys": [{**SIGNER.jwk, "x": "AAAA"}]},
            {"keys": [{**SIGNER.jwk, "x": "%"}]},
            {"keys": [SIGNER.jwk] * 65},
        ],
    )
    def test_what_is_no_key_set(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="A JWK set"):
            KeySet(wrong)

    def test_a_key_that_was_rotated_out_counts_no_more(self) -> None:
        keys = KeySet()
        keys.take(jwks(SIGNER, Signer("key_02", seed=2)))
        assert read(GOOD, keys).rev == 1
        keys.take(jwks(Signer("key_02", seed=2)))
        with pytest.raises(PermitRefused, match="not any more"):
            read(GOOD, keys)
        with pytest.raises(ValueError, match="A JWK set"):
            keys.take({"keys": None})
        assert keys.get("key_02") is not None

    def test_when_they_are_fetched(self) -> None:
        clock = {"now": 1000.0}
        keys = KeySet(clock=lambda: clock["now"])
        assert keys.due(KID)
        keys.take(jwks())
        assert not keys.due(KID)
        # An unknown one: half a minute after anybody asked, and then not at once again.
        steps = [(29.9, False), (30.1, True), (30.2, False), (60.0, False), (60.2, True)]
        for after, expected in steps:
            clock["now"] = 1000 + after
            assert (after, keys.due("key_99")) == (after, expected)
            assert not keys.due(KID)
        clock["now"] = 1299.9
        assert not keys.due(KID)
        clock["now"] = 1300
        assert keys.due(KID)

    def test_a_set_that_was_given_is_all_there_is(self) -> None:
        assert not KEYS.due("key_99")


def test_the_name_of_a_key_is_only_a_name() -> None:
    assert kid_of(GOOD) == KID
    assert kid_of(SIGNER.token(kid="../../etc/passwd")) == "../../etc/passwd"


@pytest.mark.parametrize("module", ["permits", "tools"])
def test_without_its_libraries_it_says_what_to_install(module: str) -> None:
    done = without("joserfc", f"import assentry.{module}")
    assert done.stderr.endswith("needs joserfc: pip install 'assentry[permits]'\n")
    done = without("joserfc cryptography", "import assentry, assentry.callbacks; print(1)")
    assert done.stdout == "1\n", done.stderr
