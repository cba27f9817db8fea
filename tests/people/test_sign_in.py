from __future__ import annotations

import statistics
import time

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user
from django.contrib.auth.hashers import Argon2PasswordHasher, identify_hasher
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.models import Session
from django.http import HttpRequest

from config import settings as real_settings
from core.clock import ClockTimestamp
from core.problems import Problem
from people import sign_in as door
from people import throttle
from people.models import Person, SignInFailure, User, UserSession
from people.own_sessions import sessions
from people.services import deactivate_person
from people.sessions import SessionStore
from people.sign_in import authenticate, sign_in, sign_out
from people.signing_out import end_sessions
from tests.events import events_of, side_of
from tests.factories import ACTOR, PASSWORD, PersonFactory, user_of
from tests.people.steps import sessions_older
from tests.together import together

WRONG = "wrong horse battery staple"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Failures need no time here; the one test that measures it sets it again."""
    monkeypatch.setattr(door, "FAILURE_TAKES_S", 0.0)


class Addresses:
    """Addresses nobody used before, in this run or another."""

    def __init__(self) -> None:
        self.number = time.time_ns() // 1000 % 2**28

    def __call__(self) -> str:
        self.number += 1
        high, low = divmod(self.number, 2**16)
        return f"2001:db8:{high:x}:{low:x}::1"


fresh = Addresses()


@pytest.fixture
def person():
    return PersonFactory()


def tries(email: str, address: str, password: str = WRONG) -> int:
    """The status of one try: 200, 401 or 429."""
    try:
        authenticate(email=email, password=password, address=address)
    except Problem as problem:
        return problem.status
    return 200


def request_with(session: SessionStore | None = None) -> HttpRequest:
    request = HttpRequest()
    request.session = session or SessionStore()
    request.user = AnonymousUser()
    return request


def test_signing_in_opens_a_session_under_a_new_id(person):
    planted = SessionStore()
    planted["x"] = "1"
    planted.save()
    request = request_with(SessionStore(planted.session_key))
    address = fresh()
    user = sign_in(
        request, email=f" {person.user.email.upper()}", password=PASSWORD, address=address
    )
    request.session.save()
    assert user.id == person.user_id
    assert request.session.session_key != planted.session_key
    assert not SessionStore().exists(str(planted.session_key))
    [event] = events_of(person.workspace_id, "sign_in.succeeded")
    assert event["actor"]["via"] == "web"
    assert address not in str(event)
    assert side_of(event, "address") == address.encode()


def signed_in(person: Person) -> SessionStore:
    """The session that a sign-in opened."""
    store = SessionStore()
    sign_in(request_with(store), email=person.user.email, password=PASSWORD, address=fresh())
    store.save()
    return store


def user_by(key: str | None) -> object:
    """Whom a browser with this session is taken for; None: for nobody."""
    found = get_user(request_with(SessionStore(key)))
    return found if found.is_authenticated else None


def test_a_session_gets_a_new_id_once_whoever_asks_at_once(person):
    key = signed_in(person).session_key
    one, other = SessionStore(key), SessionStore(key)
    assert one.standing
    assert other.standing
    one.cycle_key()
    with pytest.raises(SessionInterrupted):
        other.cycle_key()
    assert [row.session_key for row in UserSession.objects.filter(user=person.user)] == [
        one.session_key
    ]
    assert user_by(one.session_key) == person.user
    assert not SessionStore().exists(str(key))
    unlisted = Session.objects.exclude(session_key=one.session_key)
    assert not [
        row for row in unlisted if row.get_decoded().get(SESSION_KEY) == str(person.user_id)
    ]


def test_an_ended_session_does_not_come_back_under_a_new_id(person):
    store = SessionStore(signed_in(person).session_key)
    assert store.standing is not None
    end_sessions(user=person.user)
    with pytest.raises(SessionInterrupted):
        store.cycle_key()
    assert not UserSession.objects.filter(
        user=person.user, session_key__in=Session.objects.values("session_key")
    ).exists()


def test_a_session_that_is_used_for_ever_ends_after_seven_days(person):
    store = signed_in(person)
    sessions_older(person.user, days=6, hours=23)
    assert user_by(store.session_key) == person.user
    assert [shown.id for shown in sessions(user=person.user, current=None)]
    sessions_older(person.user, hours=1)
    assert user_by(store.session_key) is None
    assert sessions(user=person.user, current=None) == []


def test_sessions_that_are_over_are_deleted_when_somebody_signs_in(person):
    over, going_on = signed_in(person), signed_in(person)
    unlisted = SessionStore()
    unlisted.save()
    keys = [over.session_key, unlisted.session_key]
    Session.objects.filter(session_key__in=keys).update(expire_date=ClockTimestamp())
    signed_in(PersonFactory())
    assert not Session.objects.filter(session_key__in=keys).exists()
    assert [row.session_key for row in UserSession.objects.filter(user=person.user)] == [
        going_on.session_key
    ]


def test_signing_out_ends_it(person):
    request = request_with()
    request.user = sign_in(request, email=person.user.email, password=PASSWORD, address=fresh())
    request.session.save()
    key = request.session.session_key
    sign_out(request)
    later = request_with(SessionStore(key))
    assert not get_user(later).is_authenticated
    assert len(events_of(person.workspace_id, "sign_in.ended")) == 1


def test_every_failure_says_the_same(person):
    gone, nobody = PersonFactory(), "nobody@one.example"
    deactivate_person(actor=ACTOR, person=gone)
    keyless = PersonFactory(password=None)
    answers = []
    for email, password in (
        (person.user.email, WRONG),
        (nobody, PASSWORD),
        (gone.user.email, PASSWORD),
        (keyless.user.email, PASSWORD),
        (person.user.email, PASSWORD * 100),
        (person.user.email, "\ud800"),
        ("a\x00b@one.example", PASSWORD),
        ("\ud800@one.example", PASSWORD),
        ("x" * 5000, PASSWORD),
        ("", ""),
    ):
        with pytest.raises(Problem) as caught:
            authenticate(email=email, password=password, address=fresh())
        answers.append((caught.value.status, caught.value.body(), caught.value.headers))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 401
    reasons = {event["data"]["reason"] for event in events_of(gone.workspace_id, "sign_in.failed")}
    assert reasons == {"inactive"}
    [failed] = events_of(keyless.workspace_id, "sign_in.failed")
    assert failed["actor"] == {"type": "system", "id": None, "via": "sign_in"}


def test_failures_take_the_same_time_for_known_and_unknown(person, monkeypatch):
    monkeypatch.setattr(door, "FAILURE_TAKES_S", 0.1)
    took: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(4):
        for name, email in (
            ("known", person.user.email),
            ("unknown", f"{fresh()[9:13]}@x.example"),
        ):
            started = time.monotonic()
            assert tries(email, fresh()) == 401
            took[name].append(time.monotonic() - started)
    known, unknown = statistics.median(took["known"]), statistics.median(took["unknown"])
    assert min(known, unknown) >= 0.1
    assert abs(known - unknown) < 0.02


def test_one_address_gets_five_tries_at_one_account(person):
    address = fresh()
    assert [tries(person.user.email, address) for _ in range(6)] == [401] * 5 + [429]
    assert tries(person.user.email, address, PASSWORD) == 429, "not even with the password"
    with pytest.raises(Problem) as caught:
        authenticate(email=person.user.email, password=PASSWORD, address=address)
    assert 0 < int(caught.value.headers["Retry-After"]) <= 300
    assert tries(person.user.email, fresh(), PASSWORD) == 200, "the user elsewhere is not shut out"


def test_the_window_moves_on(person):
    address = fresh()
    assert [tries(person.user.email, address) for _ in range(6)][-1] == 429
    for failure in SignInFailure.objects.filter(account=person.user.email):
        SignInFailure.objects.filter(id=failure.id).update(at=failure.at - throttle.PER_PAIR[1])
    assert tries(person.user.email, address) == 401


def test_a_success_forgives_the_address(person):
    address = fresh()
    for _ in range(4):
        tries(person.user.email, address)
    assert tries(person.user.email, address, PASSWORD) == 200
    assert [tries(person.user.email, address) for _ in range(5)] == [401] * 5


def test_an_unknown_account_is_throttled_the_same():
    address = fresh()
    assert [tries("ghost@one.example", address) for _ in range(6)] == [401] * 5 + [429]


def test_many_tries_at_once_are_many_tries(person):
    address = fresh()
    results = together([lambda: tries(person.user.email, address) for _ in range(20)])
    assert sorted(results) == [401] * 5 + [429] * 15


def test_many_addresses_shut_an_account_but_not_for_its_user(person, monkeypatch):
    monkeypatch.setattr(throttle, "PER_ACCOUNT", (6, throttle.PER_ACCOUNT[1]))
    home = fresh()
    assert tries(person.user.email, home, PASSWORD) == 200
    assert [tries(person.user.email, fresh()) for _ in range(7)] == [401] * 6 + [429]
    assert tries(person.user.email, fresh(), PASSWORD) == 429
    assert tries(person.user.email, home, PASSWORD) == 200, "the user's own address still works"
    assert tries(person.user.email, home) == 401


def test_one_address_cannot_try_many_accounts(monkeypatch):
    monkeypatch.setattr(throttle, "PER_ADDRESS", (6, throttle.PER_ADDRESS[1]))
    address = fresh()
    results = [tries(f"ghost{n}-{address[9:13]}@one.example", address) for n in range(7)]
    assert results == [401] * 6 + [429]


def test_an_ipv6_customer_is_one_address(person):
    network = fresh().removesuffix("::1")
    results = [tries(person.user.email, f"{network}::{n:x}") for n in range(1, 7)]
    assert results == [401] * 5 + [429]


@pytest.mark.parametrize("address", ["", "unix:", "::ffff:10.1.2.3", "10.1.2.3"])
def test_any_address_will_do(person, address):
    assert tries(person.user.email, address, PASSWORD) in (200, 429)


def test_a_rehashed_password_is_kept_on_sign_in(person):
    stronger = Argon2PasswordHasher()
    user = user_of(person)
    user.password = stronger.encode(PASSWORD, stronger.salt())
    user.save()
    assert tries(person.user.email, fresh(), PASSWORD) == 200
    assert User.objects.get(id=user.id).password != user.password, "rehashed to today's cost"


def test_passwords_are_kept_by_argon2_with_its_real_cost():
    assert real_settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"], (
        "and nothing weaker beside it"
    )
    assert settings.PASSWORD_HASHERS == ["tests.hashers.QuickArgon2"]
    real = Argon2PasswordHasher()
    # OWASP's floor for Argon2id: 19 MiB with two passes.
    assert real.memory_cost >= 19 * 1024
    assert real.time_cost >= 2
    encoded = real.encode("x" * 12, real.salt())
    assert encoded.startswith("argon2$argon2id$")
    assert identify_hasher(encoded).algorithm == "argon2"
