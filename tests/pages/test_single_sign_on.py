"""Signing in at an identity provider: the whole way over HTTP, with a provider that checks and misbehaves."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import RequestFactory
from pytest_django import Settings

from core import addresses, ids
from pages.views import sso
from people import throttle
from people.models import Identity, Person, SignInFailure, UserSession
from people.services import deactivate_person
from people.sso import client as client_module
from people.sso import flow, identities
from people.sso.tokens import Claims
from people.sso.trouble import Trouble
from tests.events import events_of, side_of
from tests.factories import ACTOR, PASSWORD, PersonFactory
from tests.pages.browser import Browser, Page, parse
from tests.pages.doorstep import code_form, passkey_form, use, with_app, with_key
from tests.pages.office import Office, votes
from tests.people.oidc_provider import (
    CLIENT,
    EC,
    OKP,
    RSA_KEYS,
    STRANGER,
    Oidc,
    providing,
    weak_key,
)
from tests.people.steps import sessions_older
from tests.together import together, until_waiting


@pytest.fixture
def oidc(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Oidc]:
    """A provider, set as the server's own."""
    with providing(monkeypatch) as one:
        settings.OIDC = one.as_provider()
        yield one


@pytest.fixture
def ada(office: Office) -> Person:
    """Somebody who was added without a password, so that the provider alone lets her in."""
    made: Person = PersonFactory(workspace=office.workspace, name="Ada A", password=None)
    return made


def as_(oidc: Oidc, person: Person, **claims: Any) -> None:
    """Who is signed in at the provider from now on: this person, as it vouches."""
    oidc.person = {
        "sub": f"sub-{person.id}",
        "email": person.user.email,
        "email_verified": True,
        "groups": [],
    } | claims


def press(browser: Browser, path: str = "/sign-in") -> Page:
    """Press the button on the sign-in page, and go wherever that leads."""
    page = browser.get(path)
    [button] = [a for a in page.tree.all("a") if a.text == "Sign in with Example ID"]
    return browser.get(button.attributes["href"])


def sent_back(browser: Browser) -> str:
    """The address to which the provider sends the browser, which has not gone there yet."""
    begun = browser.http.get(f"{browser.url}/sign-in/oidc", allow_redirects=False, timeout=30)
    asked = browser.http.get(begun.headers["Location"], allow_redirects=False, timeout=30)
    return asked.headers["Location"].removeprefix(browser.url)


def signed_in(browser: Browser) -> bool:
    return browser.get("/settings").answer.url == f"{browser.url}/settings"


def sign_ins_of(person: Person) -> list[dict[str, Any]]:
    """The data of the sign-ins of a person that the log has, of failed ones too."""
    shown = ids.encode("per", person.id)
    found = events_of(person.workspace_id)
    return [
        event["data"]
        for event in found
        if event["kind"].startswith("sign_in.") and event["subject"] == shown
    ]


# -- the way in ------------------------------------------------------------------------------------


def test_the_button_leads_in_and_back_to_where_one_wanted_to_go(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    page = press(Browser(office.server.url), "/sign-in?next=/settings")
    assert page.answer.url == f"{office.server.url}/settings", page.main
    assert f"sub-{ada.id}" in page.main
    [linked] = events_of(office.workspace.id, "identity.linked")
    assert linked["subject"] == ids.encode("per", ada.id)
    assert side_of(linked, "identity").decode() == f"{oidc.url} sub-{ada.id}"
    assert sign_ins_of(ada) == [{"by": "single_sign_on", "factor": None}]
    again = press(Browser(office.server.url))
    assert again.answer.url == f"{office.server.url}/"
    assert len(events_of(office.workspace.id, "identity.linked")) == 1
    assert oidc.asked.count("/.well-known/openid-configuration") == 1  # it is kept a while


def test_the_session_gets_a_new_id_and_the_cookie_of_the_way_is_gone(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    browser = Browser(office.server.url)
    planted = Browser(office.server.url)
    planted.sign_in(office.ron.user.email, PASSWORD)
    before = planted.http.cookies["sessionid"]
    begun = browser.http.get(f"{browser.url}/sign-in/oidc", allow_redirects=False, timeout=30)
    [cookie] = begun.raw.headers.getlist("Set-Cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=600" in cookie
    # Meanwhile somebody else's session comes into this browser: it must not become hers.
    browser.http.cookies.set("sessionid", before, domain="127.0.0.1", path="/")
    assert browser.http.get(begun.headers["Location"], timeout=30).url == f"{browser.url}/"
    assert "oidc" not in browser.http.cookies
    after = [one.value for one in browser.http.cookies if one.name == "sessionid"]
    assert before not in after
    assert ada.user.email in browser.get("/settings").answer.text
    assert not signed_in(planted)


def test_an_address_elsewhere_is_never_followed(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada)
    for there in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        browser = Browser(office.server.url)
        page = browser.get("/sign-in/oidc", params={"next": there})
        assert page.answer.url == f"{office.server.url}/"


@pytest.mark.parametrize("afresh", [False, True], ids=["in the header", "in the form"])
def test_the_clients_secret_goes_where_the_provider_wants_it(
    office: Office, oidc: Oidc, ada: Person, afresh: bool
) -> None:
    if afresh:
        oidc.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    as_(oidc, ada)
    assert press(Browser(office.server.url)).answer.url == f"{office.server.url}/"
    assert ("client_secret" in oidc.sent[0]) == afresh


def test_whoever_is_signed_in_is_led_on_unless_they_are_to_sign_in_again(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada, groups=[])
    browser = Browser(office.server.url)
    press(browser)
    before, asked = UserSession.objects.get(user=ada.user), len(oidc.authorized)
    assert browser.get("/sign-in/oidc?next=/settings").answer.url.endswith("/settings")
    assert len(oidc.authorized) == asked
    request_id = office.ask("money.pair")
    sessions_older(ada.user, hours=12)
    office.apply(
        roles={
            "reviewers": {"title": "Reviewers", "members": [ada.user.email]},
            "leads": {"title": "Team leads", "members": [office.lena.user.email]},
        }
    )
    form = browser.get(f"/requests/{request_id}").form(
        f"/requests/{request_id}/decide", verdict="approve"
    )
    page = browser.submit(form)
    assert "What you want to do takes a sign-in of not so long ago." in page.main
    [way] = [a for a in page.tree.all("a") if a.text == "Sign in with Example ID"]
    page = browser.get(way.attributes["href"])
    assert page.answer.url == f"{office.server.url}/requests/{request_id}"
    assert [one.get("prompt") for one in oidc.authorized] == [None, "login"]
    after = UserSession.objects.get(user=ada.user)
    assert after.signed_in_at > before.signed_in_at
    page = browser.submit(page.form(f"/requests/{request_id}/decide", verdict="approve"))
    assert votes(request_id) == [("approve", "")]


# -- what the token leaves out ---------------------------------------------------------------------


def test_address_and_groups_may_be_told_beside_the_token(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    whole = oidc.person | {"groups": ["ops"]}
    oidc.person, oidc.userinfo = {"sub": whole["sub"]}, whole
    assert signed_in_by(Browser(office.server.url))
    identity = Identity.objects.get(user=ada.user)
    assert (identity.subject, identity.groups) == (whole["sub"], ["ops"])
    assert oidc.asked.count("/userinfo") == 1


def test_what_is_told_beside_the_token_is_about_whom_the_token_is(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    whole = oidc.person
    oidc.person = {"sub": whole["sub"]}
    for sub in ("another", None, 7):
        oidc.userinfo = whole | {"sub": sub}
        browser = Browser(office.server.url)
        assert press(browser).status == 502
        assert not signed_in(browser)
    oidc.userinfo = {"sub": whole["sub"], "email": whole["email"]}
    assert press(Browser(office.server.url)).status == 403, "it vouches for no address"
    assert not Identity.objects.filter(user=ada.user).exists()


# -- tokens that are not to be believed ------------------------------------------------------------


def bad_tokens() -> dict[str, dict[str, Any]]:
    """What is wrong with each, as the switches of the provider."""
    now = int(time.time())
    other = {"alg": "RS256", "kid": "rsa0"}
    return {
        "another nonce": {"claims": {"nonce": "another"}},
        "no nonce": {"claims": {"nonce": None}},
        "another issuer": {"claims": {"iss": "https://evil.example"}},
        "another audience": {"claims": {"aud": "another"}},
        "no audience": {"claims": {"aud": None}},
        "several, and nobody asked": {"claims": {"aud": [CLIENT, "another"]}},
        "another asked": {"claims": {"aud": [CLIENT, "another"], "azp": "another"}},
        "expired": {"claims": {"exp": now - 61, "iat": now - 300}},
        "no end": {"claims": {"exp": None}},
        "an end that is no number": {"claims": {"exp": "2030"}},
        "of an hour ago": {"claims": {"iat": now - 3_600}},
        "of tomorrow": {"claims": {"iat": now + 86_400, "exp": now + 90_000}},
        "not yet": {"claims": {"nbf": now + 3_600}},
        "nobody": {"claims": {"sub": None}},
        "an empty subject": {"claims": {"sub": ""}},
        "a number": {"claims": {"sub": 7}},
        "not signed": {"header": {"alg": "none"}},
        "signed with what everybody knows": {"header": {"alg": "HS256", "kid": "rsa0"}},
        "an unknown key": {"header": {"alg": "RS256", "kid": "unknown"}},
        "somebody else's key": {"header": other, "key": STRANGER},
        "a key that can be broken": {
            "header": {"alg": "RS256", "kid": "weak"},
            "key": (weak := weak_key()),
            "published": [weak],
        },
        "a way that is not on the list": {"header": {"alg": "RS512", "kid": "rsa0"}},
        "something critical": {"header": {**other, "b64": True, "crit": ["b64"]}},
    }


def test_a_token_that_is_not_to_be_believed_signs_nobody_in(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    usual = dict(vars(oidc))
    for wrong, switches in bad_tokens().items():
        for name in ("claims", "header", "key", "published"):
            setattr(oidc, name, switches.get(name, usual[name]))
        client_module.client.keys(oidc.as_provider(), afresh=True)
        browser = Browser(office.server.url)
        page = press(browser)
        assert (page.status, wrong) == (502, wrong)
        assert "cannot be trusted" in page.main
        assert "sessionid" not in browser.http.cookies, wrong
    assert not Identity.objects.filter(user=ada.user).exists()
    assert sign_ins_of(ada) == []


def test_the_usual_ways_to_sign_are_accepted(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada)
    oidc.published = [EC, OKP, *RSA_KEYS]
    for algorithm, key in (
        ("RS256", RSA_KEYS[0]),
        ("PS256", RSA_KEYS[0]),
        ("ES256", EC),
        ("EdDSA", OKP),
        ("Ed25519", OKP),
    ):
        oidc.header, oidc.key = {"alg": algorithm, "kid": key.kid}, key
        page = press(Browser(office.server.url))
        assert (page.answer.url, algorithm) == (f"{office.server.url}/", algorithm)
    oidc.header = {"alg": "EdDSA"}  # a provider of few keys need not name them
    assert signed_in_by(Browser(office.server.url))


def test_a_provider_that_changes_its_key_is_followed_at_once(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    assert signed_in_by(Browser(office.server.url))
    oidc.published = [RSA_KEYS[1]]
    oidc.header, oidc.key = {"alg": "RS256", "kid": "rsa1"}, RSA_KEYS[1]
    assert signed_in_by(Browser(office.server.url))
    assert oidc.asked.count("/keys") == 2


def signed_in_by(browser: Browser) -> bool:
    return press(browser).answer.url == f"{browser.url}/"


# -- a provider that does not answer as it should --------------------------------------------------

CONFIGURATION = "/.well-known/openid-configuration"
BROKEN: dict[str, dict[str, Any]] = {
    "no configuration": {"broken": {CONFIGURATION: (404, {}, b"")}},
    "a configuration that is none": {"broken": {CONFIGURATION: (200, {}, b"<html>")}},
    "deep": {"broken": {CONFIGURATION: (200, {}, b"[" * 100_000)}},
    "another's configuration": {"metadata": {"issuer": "https://evil.example"}},
    "a way that is no address": {"metadata": {"authorization_endpoint": "javascript:alert(1)"}},
    "a way in the clear": {"metadata": {"authorization_endpoint": "http://evil.example/"}},
    "tokens in the clear": {"metadata": {"token_endpoint": "http://evil.example/"}},
    "a redirect with the code": {
        "broken": {"/token": (307, {"Location": "/token2"}, b"")},
    },
    "a huge answer": {"broken": {"/token": (200, {}, b" " * 300_000)}},
    "an error": {"broken": {"/token": (400, {}, b'{"error": "invalid_grant"}')}},
    "no token": {"broken": {"/token": (200, {}, b'{"access_token": "x"}')}},
    "no keys": {"broken": {"/keys": (500, {}, b"")}},
    "silence": {"broken": {"/token": "silent"}},
    "an answer without a code": {"error": "server_error"},
}


@pytest.mark.parametrize("wrong", BROKEN)
def test_a_provider_that_does_not_answer_as_it_should_is_said_to(
    office: Office, oidc: Oidc, ada: Person, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr(client_module, "DEADLINE_S", 0.5)
    as_(oidc, ada)
    for name, value in BROKEN[wrong].items():
        setattr(oidc, name, value)
    browser = Browser(office.server.url)
    page = press(browser)
    assert page.status == 502
    assert "It does not answer as it should" in page.main
    assert page.tree.one("h1").text == "Not signed in with Example ID"
    assert "/token2" not in oidc.asked
    assert "sessionid" not in browser.http.cookies
    assert sign_ins_of(ada) == []


def test_a_private_address_is_not_called_unless_the_operator_says_so(
    office: Office, oidc: Oidc, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSENTRY_EGRESS_ALLOW")
    addresses.allowed_networks.cache_clear()
    assert press(Browser(office.server.url)).status == 502
    assert oidc.asked == []


# -- answers that nobody waits for -----------------------------------------------------------------


def test_an_answer_counts_once_and_in_the_browser_that_began(
    office: Office, oidc: Oidc, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_(oidc, ada)
    browser = Browser(office.server.url)
    path = sent_back(browser)
    kept = browser.http.cookies["oidc"]
    stale = [
        Browser(office.server.url).get(path),  # another browser, as one whom it was sent to
        browser.get("/sign-in/oidc/callback?code=x"),
        browser.get("/sign-in/oidc/callback?code=x&state=guessed"),
    ]
    assert browser.get(path).answer.url == f"{office.server.url}/"
    stale.append(browser.get(path))  # again
    for page in stale:
        assert page.status == 400
        assert "begun in another browser" in page.main
        assert page.answer.headers["Referrer-Policy"] == "no-referrer"
    # A cookie that was copied before, and the same code: the provider takes it once.
    thief = Browser(office.server.url)
    thief.http.cookies.set("oidc", kept, domain="127.0.0.1", path="/")
    assert thief.get(path).status == 502
    assert not signed_in(thief)
    late = Browser(office.server.url)
    path = sent_back(late)
    monkeypatch.setattr(flow, "WAITS_S", -1)
    assert late.get(path).status == 400
    assert len(sign_ins_of(ada)) == 1


def test_a_cookie_that_was_changed_is_none(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada)
    browser = Browser(office.server.url)
    path = sent_back(browser)
    signed, _, mac = browser.http.cookies["oidc"].rpartition(":")
    browser.http.cookies.set("oidc", f"{signed}x:{mac}", domain="127.0.0.1", path="/")
    assert browser.get(path).status == 400


def test_two_tabs_may_be_on_their_way_at_once(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada)
    browser = Browser(office.server.url)
    first, _second = sent_back(browser), sent_back(browser)
    assert browser.get(first).answer.url == f"{office.server.url}/"


def test_whoever_says_no_there_is_told_so(office: Office, oidc: Oidc, ada: Person) -> None:
    oidc.error = "access_denied"
    page = press(Browser(office.server.url))
    assert page.status == 403
    assert "cancelled, or refused" in page.main


def test_an_answer_of_another_issuer_is_not_taken(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada)
    oidc.metadata = {"authorization_response_iss_parameter_supported": True}
    for named in ("", "&iss=https://evil.example"):
        browser = Browser(office.server.url)
        assert browser.get(sent_back(browser) + named).status == 502
    browser = Browser(office.server.url)
    page = browser.get(f"{sent_back(browser)}&iss={oidc.url}")
    assert page.answer.url == f"{office.server.url}/"


def test_failures_from_one_address_are_slowed_down(
    office: Office, oidc: Oidc, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    SignInFailure.objects.all().delete()
    monkeypatch.setattr(throttle, "PER_ADDRESS", (3, timedelta(hours=1)))
    as_(oidc, ada, email_verified=False)
    for _ in range(3):
        assert press(Browser(office.server.url)).status == 403
    asked = len(oidc.sent)
    page = press(Browser(office.server.url))
    assert page.status == 429
    assert int(page.answer.headers["Retry-After"]) > 0
    assert len(oidc.sent) == asked
    SignInFailure.objects.all().delete()


# -- whose account it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("vouched", [False, None, "false", 1, "yes"])
def test_an_address_that_the_provider_does_not_vouch_for_links_nobody(
    office: Office, oidc: Oidc, ada: Person, vouched: Any
) -> None:
    as_(oidc, ada, email_verified=vouched)
    page = press(Browser(office.server.url))
    assert page.status == 403
    assert "does not vouch" in page.main
    assert not Identity.objects.filter(user=ada.user).exists()


def test_the_address_says_who_one_is_once_and_never_again(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    assert signed_in_by(Browser(office.server.url))
    # She marries, and the provider does not vouch for the new address yet: she is still herself.
    as_(oidc, ada, email="new@example.com", email_verified=False)
    assert signed_in_by(Browser(office.server.url))
    # Somebody else gets her old address there.
    as_(oidc, ada, sub="somebody-else")
    page = press(Browser(office.server.url))
    assert page.status == 403
    assert "linked with somebody else" in page.main
    # And her subject at another address of ours is still her.
    as_(oidc, ada, email=office.ned.user.email)
    browser = Browser(office.server.url)
    press(browser)
    assert ada.user.email in browser.get("/settings").answer.text
    assert [one.subject for one in Identity.objects.filter(issuer=oidc.url)] == [f"sub-{ada.id}"]
    assert sign_ins_of(ada)[2] == {"reason": "oidc_linked"}


def test_who_has_a_password_shows_it_once_and_links_on_settings(office: Office, oidc: Oidc) -> None:
    as_(oidc, office.rita)
    page = press(Browser(office.server.url))
    assert page.status == 403
    assert "link the two on Settings" in page.main
    assert sign_ins_of(office.rita) == [{"reason": "oidc_password"}]
    browser = office.browser(office.rita)
    shown = browser.get("/settings")
    page = browser.submit(shown.form("/sign-in/oidc/link"))
    [way] = [a for a in page.tree.all("a") if a.text == "Continue to Example ID"]
    page = Page(answer := browser.http.get(way.attributes["href"], timeout=30), parse(answer.text))
    assert page.answer.url == f"{office.server.url}/settings"
    assert "From now on you sign in with Example ID, too." in page.tree.text
    assert f"sub-{office.rita.id}" in page.main
    assert signed_in_by(Browser(office.server.url))


def test_nobody_links_their_account_with_somebody_of_another_address(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    assert signed_in_by(Browser(office.server.url))
    browser = office.browser(office.rita)
    for claims, said in (
        ({"sub": f"sub-{office.rita.id}"}, "does not vouch"),
        ({}, "linked with somebody else"),
    ):
        as_(oidc, ada, **claims)
        page = browser.submit(browser.get("/settings").form("/sign-in/oidc/link"))
        [way] = [a for a in page.tree.all("a") if a.text == "Continue to Example ID"]
        answer = browser.http.get(way.attributes["href"], timeout=30)
        assert answer.status_code == 403
        assert said in answer.text
    assert not Identity.objects.filter(user=office.rita.user).exists()


@pytest.mark.parametrize("another", [False, True], ids=["nobody", "somebody else"])
def test_linking_ends_where_another_is_signed_in_by_then(
    office: Office, oidc: Oidc, another: bool
) -> None:
    as_(oidc, office.rita)
    browser = office.browser(office.rita)
    page = browser.submit(browser.get("/settings").form("/sign-in/oidc/link"))
    [way] = [a for a in page.tree.all("a") if a.text == "Continue to Example ID"]
    browser.submit(browser.get("/").form("/sign-out"))
    if another:
        as_(oidc, office.ron)  # and it is his address that the provider vouches for
        browser.sign_in(office.ron.user.email, PASSWORD)
        assert office.ron.user.email in browser.get("/settings").answer.text
    assert browser.http.get(way.attributes["href"], timeout=30).status_code == 400
    assert not Identity.objects.filter(user__in=[office.rita.user, office.ron.user]).exists()
    assert (
        browser.get("/sign-in/oidc/link").status == 405
    )  # nor does a link from elsewhere begin it
    assert browser.post("/sign-in/oidc/link", {}).status == 403


def test_who_is_nowhere_active_is_not_signed_in(office: Office, oidc: Oidc, ada: Person) -> None:
    as_(oidc, ada, groups=["ops"])
    assert signed_in_by(Browser(office.server.url))
    deactivate_person(actor=ACTOR, person=ada)
    gone = PersonFactory(workspace=office.workspace, password=None)
    deactivate_person(actor=ACTOR, person=gone)
    for person in (ada, gone):
        as_(oidc, person)
        page = press(Browser(office.server.url))
        assert page.status == 403
        assert "not active" in page.main
        assert sign_ins_of(person)[-1] == {"reason": "oidc_inactive"}
    assert not Identity.objects.filter(user=gone.user).exists()
    assert Identity.objects.get(user=ada.user).groups == ["ops"]


def test_who_is_unknown_becomes_somebody_only_where_the_operator_says_so(
    office: Office, oidc: Oidc, ada: Person, settings: Settings
) -> None:
    email = f"new-{secrets.token_hex(4)}@example.com"
    oidc.person = {"sub": "new", "email": email.upper(), "email_verified": True, "name": "New N"}
    page = press(Browser(office.server.url))
    assert page.status == 403
    assert "Nobody here has your e-mail address" in page.main
    settings.OIDC = oidc.as_provider(workspace=office.workspace.slug)
    assert signed_in_by(Browser(office.server.url))
    made = Person.objects.get(workspace=office.workspace, user__email=email)
    assert made.user.name == "New N"
    assert not made.user.has_usable_password()
    [created] = [
        event
        for event in events_of(office.workspace.id, "person.created")
        if event["subject"] == ids.encode("per", made.id)
    ]
    assert created["actor"] == {"type": "system", "id": None, "via": "identity_provider"}
    deactivate_person(actor=ACTOR, person=made)
    assert press(Browser(office.server.url)).status == 403
    made.refresh_from_db()
    assert not made.active


def test_two_first_sign_ins_at_once_link_one(office: Office, oidc: Oidc, ada: Person) -> None:
    provider = oidc.as_provider()
    said = [
        Claims(oidc.url, subject, ada.user.email, verified=True)
        for subject in ("one", "one", "another", "another")
    ]
    made = together([partial(identities.identify, claims=c, provider=provider) for c in said])
    [identity] = Identity.objects.filter(user=ada.user)
    for claims, result in zip(said, made, strict=True):
        if claims.subject == identity.subject and not isinstance(result, Exception):
            assert result == ada.user
        else:
            assert isinstance(result, Trouble)
            assert result.reason == "linked"
    assert any(result == ada.user for result in made)
    assert len(events_of(office.workspace.id, "identity.linked")) == 1


def test_who_is_unlinked_while_they_sign_in_is_not_let_in(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    claims = Claims(oidc.url, "ada", ada.user.email, verified=True, groups=frozenset({"ops"}))
    sign_in = partial(identities.identify, claims=claims, provider=oidc.as_provider())
    sign_in()
    deleted = threading.Event()

    def unlink() -> None:
        with transaction.atomic():
            identities.unlink(actor=ACTOR, user=ada.user)
            deleted.set()
            until_waiting(1, "people_identity")

    def late() -> Any:
        deleted.wait(10)
        return sign_in()

    _, found = together([unlink, late])
    assert isinstance(found, Trouble), found
    assert found.reason == "stale"
    assert not Identity.objects.filter(user=ada.user).exists()


# -- passwords off, and the way out ----------------------------------------------------------------


def test_who_has_a_second_factor_is_asked_for_it_after_the_provider(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    app, browser = with_app(ada), Browser(office.server.url)
    as_(oidc, ada)
    page = press(browser, "/sign-in?next=/settings")
    assert not signed_in(browser), "the provider alone opens nothing"
    assert not events_of(office.workspace.id, "sign_in.succeeded")
    page = browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    assert page.answer.url == f"{office.server.url}/settings"
    [event] = events_of(office.workspace.id, "sign_in.succeeded")
    assert event["data"] == {"by": "single_sign_on", "factor": "totp"}
    [session] = UserSession.objects.filter(user=ada.user)
    assert (session.by, session.factor) == ("single_sign_on", "totp")


def test_where_only_the_provider_signs_in_a_passkey_alone_does_nothing(
    office: Office, oidc: Oidc, settings: Settings
) -> None:
    key, browser = with_key(office.rita), Browser(office.server.url)
    form = passkey_form(browser.get("/sign-in"), "/sign-in/passkey")
    settings.OIDC = oidc.as_provider(only=True)
    page = use(browser, form, key)
    assert page.status == 403
    assert "Nobody signs in with a passkey here" in page.main
    assert not signed_in(browser)
    assert not browser.get("/sign-in").tree.all("form", method="post")


def test_where_only_the_provider_signs_in_passwords_do_nothing(
    office: Office, oidc: Oidc, settings: Settings
) -> None:
    settings.OIDC = oidc.as_provider(only=True)
    browser = Browser(office.server.url)
    page = browser.get("/sign-in")
    assert not page.tree.all("input", name="password")
    typed = {"email": office.rita.user.email, "password": PASSWORD}
    answer = office.server.call("POST", "/session", json=typed)
    assert answer.status_code == 403
    assert answer.json()["type"] == "urn:assentry:problem:provider_only"
    assert sign_ins_of(office.rita) == []
    as_(oidc, office.rita)  # a password is no way in any more that somebody could be asked for
    assert signed_in_by(browser)


def test_signing_out_leads_to_signing_out_there_too(
    office: Office, oidc: Oidc, ada: Person
) -> None:
    as_(oidc, ada)
    browser = Browser(office.server.url)
    press(browser)
    page = browser.submit(browser.get("/").form("/sign-out"))
    assert not signed_in(browser)
    [way] = [a for a in page.tree.all("a") if a.attributes["href"] == "/sign-out/oidc"]
    assert way.text == "Sign out of Example ID, too"
    page = browser.get("/sign-out/oidc")
    assert oidc.asked[-1] == "/leave"
    assert page.answer.url == f"{office.server.url}/sign-in?out"
    assert sign_ins_of(ada)[-1] == {}
    local = office.browser(office.rita)
    page = local.submit(local.get("/").form("/sign-out"))
    assert not [a for a in page.tree.all("a") if a.attributes["href"] == "/sign-out/oidc"]


def test_without_a_provider_there_is_no_button_and_no_page(office: Office) -> None:
    browser = office.browser(office.rita)
    for path in ("/sign-in/oidc", "/sign-in/oidc/callback?state=x&code=y", "/sign-out/oidc"):
        assert browser.get(path).status == 404
    assert "Single sign-on" not in browser.get("/settings").main
    assert "/oidc" not in Browser(office.server.url).get("/sign-in").answer.text


def test_over_https_the_cookie_is_bound_to_the_host(oidc: Oidc, settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    request = RequestFactory().get("/sign-in/oidc")
    request.user = AnonymousUser()
    response = sso.begin_view(request)
    cookie = response.cookies["__Host-oidc"]
    assert (cookie["secure"], cookie["path"], cookie["samesite"]) == (True, "/", "Lax")
    assert cookie["domain"] == ""
