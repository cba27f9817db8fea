"""Second factors: each code once, each challenge once, and every way in which a passkey's answer is wrong."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import hotp_value
from django.conf import settings

from audit.models import Event
from core.problems import Problem
from people import code_throttle, factors, passkeys
from people.models import Challenge, CodeFailure, User
from signing.sealing import CannotOpen
from tests.authenticator import SoftKey
from tests.events import events_of, side_of
from tests.factories import ACTOR, PersonFactory, user_of
from tests.people.steps import App, challenges_older, failures_older, wrong_codes
from tests.together import together


@pytest.fixture
def person():
    return PersonFactory()


@pytest.fixture
def user(person):
    return user_of(person)


def home() -> str:
    return passkeys.home().origin


def enrolled(user: User, name: str = "Blue key", **wrong: Any) -> SoftKey:
    key = SoftKey(home())
    asked = passkeys.ask_new(user)
    answer = json.loads(key.make(asked.options, **wrong))
    factors.add_passkey(user=user, name=name, challenge=asked.id, answer=answer)
    return key


def tried(user: User, code: str, **more: Any) -> str:
    """Which factor it was, or the code of the refusal."""
    try:
        return factors.check_code(user, code, purpose="sign_in", **more)
    except Problem as problem:
        return problem.code


def test_a_code_of_an_app_counts_once(user):
    app = App(user).set_up()
    assert tried(user, app.at(0)) == "second_factor_failed", "it set the app up"
    assert tried(user, app.at(1)) == "totp", "half a minute ahead"
    assert tried(user, app.at(1)) == "second_factor_failed"
    assert tried(user, app.at(0)) == "second_factor_failed", "nor one of before it"
    app.forget()
    assert tried(user, f" {app.at(-1)[:3]} {app.at(-1)[3:]} ") == "totp", "as people write it"
    assert tried(user, app.at(-2)) == tried(user, app.at(2)) == "second_factor_failed"


def test_the_same_code_at_once_counts_once(user):
    app = App(user).set_up()
    code = app.fresh()
    found = together([lambda: tried(user, code) for _ in range(4)])
    assert sorted(found) == ["second_factor_failed"] * 3 + ["totp"]


def test_a_recovery_code_counts_once_and_where_it_may(user, person):
    app = App(user).set_up()
    assert len(app.codes) == 10
    one, other = app.codes[:2]
    assert tried(user, one, recovery=False) == "second_factor_failed"
    found = together([lambda: tried(user, one) for _ in range(3)])
    assert sorted(found) == ["recovery_code", "second_factor_failed", "second_factor_failed"]
    assert tried(user, f"{other[:4]}-{other[4:]}") == "recovery_code"
    assert factors.held(user).recovery_left == 8
    assert [e["data"] for e in events_of(person.workspace_id, "factor.recovery_code_used")] == [
        {"left": 9},
        {"left": 8},
    ]
    again = factors.new_codes(user=user)
    assert not set(again) & set(app.codes)
    assert tried(user, app.codes[2]) == "second_factor_failed", "those of before are worth nothing"


def test_codes_are_throttled_and_a_passkey_is_not(user):
    app, key = App(user).set_up(), enrolled(user)
    wrong = wrong_codes(app)
    assert [tried(user, next(wrong)) for _ in range(6)] == ["second_factor_failed"] * 5 + [
        "code_throttled"
    ]
    assert tried(user, app.fresh()) == "code_throttled", "not even the right one"
    asked = passkeys.ask(user, "sign_in")
    answer = json.loads(key.sign(asked.options))
    assert passkeys.answered(user, "sign_in", asked.id, answer) == user
    failures_older(user, minutes=5)
    assert tried(user, app.fresh()) == "totp"


def test_many_guesses_at_once_are_many_guesses(user):
    wrong = wrong_codes(App(user).set_up())
    codes = [next(wrong) for _ in range(12)]
    found = together([partial(tried, user, code) for code in codes])
    assert sorted(found) == ["code_throttled"] * 7 + ["second_factor_failed"] * 5


def test_a_day_of_patient_guesses_is_shut_and_a_right_code_forgives_no_wrong_one(user):
    app = App(user).set_up()
    wrong = wrong_codes(app)
    for round_ in range(6):
        found = [tried(user, next(wrong)) for _ in range(code_throttle.SOON[0])]
        assert set(found) == {"second_factor_failed"}, round_
        failures_older(user, minutes=6)
    assert CodeFailure.objects.filter(user=user).count() == code_throttle.LATER[0]
    assert tried(user, app.fresh()) == "code_throttled"


def test_secrets_are_sealed_and_each_to_its_user(user, person):
    app = App(user).set_up()
    stored = json.dumps([one.data for one in Authenticator.objects.filter(user=user)])
    bodies = Event.objects.filter(workspace_id=person.workspace_id).values_list("body", flat=True)
    logged = b"".join(bytes(body) for body in bodies).decode()
    for text in (app.secret, *app.codes):
        assert text not in stored
        assert text not in logged
    thief = user_of(PersonFactory())
    App(thief).set_up()
    mine = Authenticator.objects.get(user=user, type="totp")
    Authenticator.objects.filter(user=thief, type="totp").update(data=mine.data)
    with pytest.raises(CannotOpen):
        tried(thief, app.at(1))
    Authenticator.objects.filter(
        user=thief
    ).delete()  # what is sealed anew in other tests can be opened


def test_an_app_is_set_up_only_by_a_right_code(user):
    with pytest.raises(Problem, match="not the code of this moment"):
        factors.add_totp(user=user, secret=factors.new_secret(), code="000000")
    assert not factors.held(user).any


def test_the_last_factor_takes_the_recovery_codes_with_it(user, person):
    App(user).set_up()
    enrolled(user, "Grüner Schlüssel")
    totp, key = factors.held(user).totp, factors.held(user).passkeys[0]
    assert totp is not None
    factors.remove(user=user, factor=totp.id)
    assert factors.held(user).recovery_left == 10
    with pytest.raises(Problem, match="404"):
        factors.remove(user=user_of(PersonFactory()), factor=key.id)
    factors.remove(user=user, factor=key.id)
    assert not Authenticator.objects.filter(user=user).exists()
    removed = events_of(person.workspace_id, "factor.removed")
    assert [event["data"]["factor"] for event in removed] == ["totp", "passkey"]
    assert side_of(removed[1], "name") == "Grüner Schlüssel".encode()
    with pytest.raises(Problem, match="409 no_factor"):
        factors.new_codes(user=user)


def test_an_operator_takes_all_factors_away_and_ends_every_session(user, person):
    App(user).set_up()
    enrolled(user)
    before = User.objects.get(id=user.id).get_session_auth_hash()
    assert factors.remove_all(actor=ACTOR, user=user) == ["totp", "recovery_code", "passkey"]
    assert not Authenticator.objects.filter(user=user).exists()
    assert User.objects.get(id=user.id).get_session_auth_hash() != before
    assert {e["actor"]["type"] for e in events_of(person.workspace_id, "factor.removed")} == {
        "operator"
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:1"},
        {"verified": False},
        {"domain": "evil.example"},
        {"count": 1},
        {"challenge": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        {"user_handle": b"somebody else's"},
    ],
    ids=str,
)
def test_an_answer_that_is_wrong_is_refused_and_spends_its_challenge(user, person, wrong):
    key = enrolled(user)
    for _ in range(2):
        asked = passkeys.ask(user, "sign_in")
        passkeys.answered(user, "sign_in", asked.id, json.loads(key.sign(asked.options)))
    asked = passkeys.ask(user, "sign_in")
    assert passkeys_tried(user, key, asked, **wrong) == "second_factor_failed"
    assert passkeys_tried(user, key, asked) == "second_factor_failed", "the challenge is spent"
    asked = passkeys.ask(user, "sign_in")
    assert passkeys_tried(user, key, asked) == "ok", "the guard alone refused it"
    assert len(events_of(person.workspace_id, "factor.refused")) == 2


def passkeys_tried(
    user: User | None,
    key: SoftKey,
    asked: passkeys.Asked,
    purpose: str = "sign_in",
    about: bytes = b"",
    **wrong: Any,
) -> str:
    try:
        answer = json.loads(key.sign(asked.options, **wrong))
        factors.check_passkey(user, purpose=purpose, challenge=asked.id, answer=answer, about=about)
    except Problem as problem:
        return problem.code
    return "ok"


def test_a_challenge_is_for_one_user_one_purpose_one_thing_and_five_minutes(user):
    key, other = enrolled(user), user_of(PersonFactory())
    theirs = enrolled(other)
    failed = "second_factor_failed"

    def asked() -> passkeys.Asked:
        return passkeys.ask(user, "decide", b"this")

    assert passkeys_tried(user, key, asked(), "sign_in", b"this") == failed
    assert passkeys_tried(user, key, asked(), "decide", b"that") == failed
    assert passkeys_tried(other, theirs, asked(), "decide", b"this") == failed
    assert passkeys_tried(None, key, asked(), "decide", b"this") == failed
    assert passkeys_tried(user, theirs, asked(), "decide", b"this") == failed
    late = asked()
    challenges_older(minutes=5)
    assert passkeys_tried(user, key, late, "decide", b"this") == failed
    assert passkeys_tried(user, key, asked(), "decide", b"this") == "ok"


def test_the_same_answer_at_once_counts_once(user):
    key = enrolled(user)
    asked = passkeys.ask(user, "sign_in")
    answer = json.loads(key.sign(asked.options))

    def answer_it() -> str:
        try:
            passkeys.answered(user, "sign_in", asked.id, answer)
        except passkeys.Refused:
            return "refused"
        return "ok"

    assert sorted(together([answer_it] * 4)) == ["ok", "refused", "refused", "refused"]


def test_a_copied_device_is_found_by_its_count(user):
    key = enrolled(user)
    for count, said in (
        (5, "ok"),
        (5, "second_factor_failed"),
        (4, "second_factor_failed"),
        (6, "ok"),
    ):
        assert passkeys_tried(user, key, passkeys.ask(user, "sign_in"), count=count) == said
    assert (
        passkeys_tried(user, key, passkeys.ask(user, "sign_in"), count=0) == "second_factor_failed"
    )


def test_a_device_that_never_counts_is_taken(user):
    key = enrolled(user)
    for _ in range(2):
        assert passkeys_tried(user, key, passkeys.ask(user, "sign_in"), count=0) == "ok"


@pytest.mark.parametrize(
    "wrong", [{"verified": False}, {"origin": "https://evil.example"}, {"domain": "evil.example"}]
)
def test_a_passkey_is_not_set_up_by_a_wrong_answer(user, wrong):
    with pytest.raises(Problem, match="422 passkey_refused"):
        enrolled(user, **wrong)
    assert not factors.held(user).any


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def answer_of(response: Any, **members: Any) -> dict[str, Any]:
    return {"id": "eA", "rawId": "eA", "type": "public-key", "response": response} | members


#: Of a number fido2 would make so many bytes: nobody's word is worth that memory.
HUGE = 2**52
CLIENT = {"clientDataJSON": b64('{"type": "webauthn.get", "challenge": "eA", "origin": "x"}')}
MADE_UP: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an id alone": {"id": "x"},
    "numbers": {"rawId": 7, "id": 7},
    "no response": answer_of({}),
    "a list": answer_of([]),
    "huge client data": answer_of({"clientDataJSON": HUGE}),
    "huge authenticator data": answer_of(CLIENT | {"authenticatorData": HUGE, "signature": "eA"}),
    "a huge attestation": answer_of(CLIENT | {"attestationObject": HUGE}),
    "a huge handle": answer_of(CLIENT | {"userHandle": HUGE}),
    "a huge id": answer_of(CLIENT, id=HUGE, rawId=HUGE),
    "deep": answer_of({"clientDataJSON": b64("[" * 9_000)}),
    "client data that are a list": answer_of({"clientDataJSON": b64("[]")}),
    "an empty attestation": answer_of(CLIENT | {"attestationObject": ""}),
    "short authenticator data": answer_of(CLIENT | {"authenticatorData": "eA", "signature": "eA"}),
    "no base64": answer_of(CLIENT | {"authenticatorData": "\u00e9", "signature": "\ud800"}),
}


@pytest.mark.parametrize("answer", MADE_UP.values(), ids=MADE_UP)
def test_an_answer_that_is_none_is_refused(user, answer):
    enrolled(user)
    with pytest.raises(Problem, match="401 second_factor_failed"):
        factors.check_passkey(
            user, purpose="sign_in", challenge=passkeys.ask(user, "sign_in").id, answer=answer
        )
    asked = passkeys.ask_new(user)
    with pytest.raises(Problem, match="422 passkey_refused"):
        factors.add_passkey(user=user, name="x", challenge=asked.id, answer=answer)
    with pytest.raises(Problem, match="401"):
        factors.check_passkey(user, purpose="sign_in", challenge="no uuid", answer=answer)


def test_a_passkey_is_named_and_set_up_once(user):
    key = enrolled(user)
    for name, said in (("", "bad_name"), ("x\u202e", "bad_name"), ("x" * 61, "bad_name")):
        with pytest.raises(Problem, match=said):
            enrolled(user, name)
    asked = passkeys.ask_new(user)
    assert [one["id"] for one in asked.options["excludeCredentials"]] == [
        json.loads(key.sign({"challenge": ""}))["id"]
    ]
    with pytest.raises(Problem, match="passkey_exists"):
        factors.add_passkey(
            user=user, name="twice", challenge=asked.id, answer=json.loads(key.make(asked.options))
        )


@pytest.mark.parametrize(
    ("addresses", "network"),
    [
        (["192.0.2.77"] * 5, "192.0.2.77"),
        ([f"2001:db8:0:77::{n}" for n in range(5)], "2001:db8:0:77::"),
    ],
    ids=["IPv4", "a customer of IPv6"],
)
def test_strangers_do_not_fill_the_table_of_challenges(monkeypatch, addresses, network):
    monkeypatch.setattr(passkeys, "_MAKE", passkeys._MAKE.replace("< 50", "< 3"))
    for address in addresses[:3]:
        passkeys.ask(None, "passkey", address=address)
    with pytest.raises(Problem, match="429"):
        passkeys.ask(None, "passkey", address=addresses[3])
    challenges_older(minutes=6)
    passkeys.ask(None, "passkey", address=addresses[4])
    assert Challenge.objects.filter(address=network).count() == 1


@pytest.mark.parametrize(
    ("url", "domain", "origin"),
    [
        ("http://127.0.0.1:8131", "localhost", "http://localhost:8131"),
        ("http://localhost", "localhost", "http://localhost"),
        ("http://[::1]:8131/below", "localhost", "http://localhost:8131"),
        ("https://a.example.org/assentry", "a.example.org", "https://a.example.org"),
        ("https://a.example.org:8443", "a.example.org", "https://a.example.org:8443"),
    ],
)
def test_passkeys_belong_to_the_base_address(monkeypatch, url, domain, origin):
    monkeypatch.setattr(settings, "BASE_URL", url)
    assert passkeys.home() == passkeys.Home(domain, origin)


def test_codes_are_those_of_rfc_6238():
    """Its appendix B, at 59 seconds: the last six of eight digits."""
    assert hotp_value("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59 // 30) == 287082
