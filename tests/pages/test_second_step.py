"""Signing in with a second factor, or with a passkey alone: no session before all of it is right."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from people.models import UserSession
from people.services import deactivate_person
from tests.events import events_of
from tests.factories import ACTOR, PASSWORD, PersonFactory, user_of
from tests.pages.browser import Browser
from tests.pages.doorstep import (
    ask,
    at_second_step,
    code_form,
    passkey_form,
    signed_in,
    use,
    with_app,
    with_key,
)
from tests.pages.office import Office
from tests.people.steps import challenges_older, wrong_codes


def test_whoever_has_an_app_is_asked_for_its_code_and_led_on(office: Office) -> None:
    app, request_id = with_app(office.rita), office.ask()
    browser, page = at_second_step(office, office.rita, f"/sign-in?next=/requests/{request_id}")
    assert not signed_in(browser), "the password alone opens nothing"
    assert not UserSession.objects.filter(user=app.user).exists()
    assert not events_of(office.workspace.id, "sign_in.succeeded")
    page = browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    assert page.answer.url == f"{office.server.url}/requests/{request_id}"
    [event] = events_of(office.workspace.id, "sign_in.succeeded")
    assert event["data"] == {"by": "password", "factor": "totp"}
    [session] = UserSession.objects.filter(user=app.user)
    assert (session.by, session.factor, session.address) == ("password", "totp", "127.0.0.1")


def test_the_session_gets_a_new_id_at_each_step(office: Office) -> None:
    app, other = with_app(office.rita), with_app(office.ron)
    # A session of nobody that exists: somebody else's second step, whose id a victim is made to use.
    planted, _ = at_second_step(office, office.ron)
    planted_id = planted.http.cookies["sessionid"]
    victim = Browser(office.server.url)
    victim.http.cookies.update(planted.http.cookies)
    page = victim.sign_in(office.rita.user.email, PASSWORD)
    between = victim.http.cookies["sessionid"]
    assert between != planted_id
    victim.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    after = victim.http.cookies["sessionid"]
    assert len({planted_id, between, after}) == 3
    for old in (planted_id, between):
        thief = Browser(office.server.url)
        thief.http.cookies.set("sessionid", old)
        assert not signed_in(thief)
        assert thief.get("/sign-in/second").title == "Sign in · Assentry"
    assert signed_in(victim)
    assert other.user != app.user


def test_wrong_used_and_foreign_codes_are_answered_the_same(office: Office) -> None:
    app, other = with_app(office.rita), with_app(office.ron)
    used = app.at(0)
    browser, page = at_second_step(office, office.rita)
    answers = []
    for code in (used, next(wrong_codes(app)), other.codes[0], "no code at all"):
        page = browser.submit(code_form(page, "/sign-in/second"), code=code)
        assert page.status == 422
        answers.append(page.main)
    assert len(set(answers)) == 1
    assert "The code is wrong, or was used before." in answers[0]
    browser.submit(code_form(page, "/sign-in/second"), code="")
    page = browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    assert page.status == 429
    assert 0 < int(page.answer.headers["Retry-After"]) <= 300
    assert not signed_in(browser)
    refused = events_of(office.workspace.id, "factor.refused")
    assert [event["data"] for event in refused] == [{"factor": "code", "purpose": "sign_in"}] * 5


def test_a_recovery_code_signs_in_once(office: Office) -> None:
    app = with_app(office.rita)
    browser, page = at_second_step(office, office.rita)
    assert browser.submit(code_form(page, "/sign-in/second"), code=app.codes[3]).status == 200
    assert signed_in(browser)
    browser, page = at_second_step(office, office.rita)
    assert browser.submit(code_form(page, "/sign-in/second"), code=app.codes[3]).status == 422


def test_a_passkey_is_the_second_step(office: Office) -> None:
    key = with_key(office.rita)
    browser, page = at_second_step(office, office.rita)
    page = use(browser, passkey_form(page, "/sign-in/second"), key, origin="https://evil.example")
    assert page.status == 422
    assert not signed_in(browser)
    use(browser, passkey_form(page, "/sign-in/second"), key)
    assert signed_in(browser)


def test_a_passkey_alone_signs_in(office: Office) -> None:
    key = with_key(office.rita)
    browser = Browser(office.server.url)
    form = passkey_form(browser.get("/sign-in?next=/settings"), "/sign-in/passkey")
    page = use(browser, form, key)
    assert page.answer.url == f"{office.server.url}/settings", page.main
    [event] = events_of(office.workspace.id, "sign_in.succeeded")
    assert event["data"] == {"by": "passkey", "factor": None}


def test_a_passkey_alone_must_have_looked_at_its_user_and_is_somebodys(office: Office) -> None:
    key = with_key(office.rita)
    gone = with_key(office.ned)
    deactivate_person(actor=ACTOR, person=office.ned)
    for device, wrong in (
        (key, {"verified": False}),
        (key, {"user_handle": user_of(office.ron).id.bytes}),
        (key, {"user_handle": b""}),
        (gone, {}),
    ):
        browser = Browser(office.server.url)
        form = passkey_form(browser.get("/sign-in"), "/sign-in/passkey")
        page = use(browser, form, device, **wrong)
        assert (page.status, "The passkey was not accepted." in page.main) == (422, True)
        assert not signed_in(browser)
    browser = Browser(office.server.url)
    form = passkey_form(browser.get("/sign-in"), "/sign-in/passkey")
    asked = ask(browser, form)
    challenges_older(minutes=5)
    answer = key.sign(asked["options"])
    assert browser.submit(form, challenge=asked["id"], credential=answer).status == 422


def test_the_second_step_is_of_the_one_whose_password_it_was(office: Office) -> None:
    with_app(office.rita)
    other = with_app(office.ron)
    key = with_key(office.lena)
    browser, page = at_second_step(office, office.rita)
    page = browser.submit(code_form(page, "/sign-in/second"), code=other.fresh())
    assert page.status == 422
    token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    asked = browser.http.post(
        f"{browser.url}/sign-in/second/ask", {"csrfmiddlewaretoken": token}, timeout=10
    ).json()
    assert asked["options"]["allowCredentials"] == []
    answer = key.sign(asked["options"])
    page = browser.submit(
        code_form(page, "/sign-in/second"), challenge=asked["id"], credential=answer
    )
    assert page.status == 422
    assert not signed_in(browser)


def test_a_password_that_changed_and_a_person_who_left_end_the_second_step(office: Office) -> None:
    apps = {one: with_app(one) for one in (office.rita, office.ned)}
    steps = {one: at_second_step(office, one) for one in apps}
    rita = user_of(office.rita)
    rita.set_password("another horse entirely")
    rita.save()
    deactivate_person(actor=ACTOR, person=office.ned)
    for one, (browser, page) in steps.items():
        page = browser.submit(code_form(page, "/sign-in/second"), code=apps[one].fresh())
        assert urlsplit(page.answer.url).path == "/sign-in"
        assert not signed_in(browser)


def test_who_was_signed_in_before_is_so_no_more(office: Office) -> None:
    with_app(office.rita)
    browser = office.browser(office.ron)
    page = browser.get("/sign-in?again=1")
    page = browser.submit(page.form("/sign-in"), email=office.rita.user.email, password=PASSWORD)
    assert page.answer.url == f"{office.server.url}/sign-in/second"
    assert not signed_in(browser)
    assert not UserSession.objects.filter(user=office.ron.user).exists()


def test_the_api_wants_the_code_as_well(office: Office) -> None:
    app = with_app(office.rita)
    body = {"email": office.rita.user.email, "password": PASSWORD}

    def post(**more: str) -> requests.Response:
        return office.server.call("POST", "/session", json=body | more)

    for answer, code in (
        (post(), "second_factor_needed"),
        (post(code=next(wrong_codes(app))), "second_factor_failed"),
        (post(code=app.at(0)), "second_factor_failed"),
    ):
        assert answer.status_code == 401
        assert answer.json()["type"] == f"urn:assentry:problem:{code}"
        assert "sessionid" not in answer.cookies
    assert post(code=app.fresh()).status_code == 200
    assert post(code=app.codes[0]).status_code == 200
    assert post(password="wrong", code=app.codes[1]).json()["type"].endswith(":sign_in_failed")
    shown = {
        event["data"]["factor"] for event in events_of(office.workspace.id, "sign_in.succeeded")
    }
    assert shown == {"totp", "recovery_code"}


def test_somebody_of_nowhere_is_not_asked_for_a_factor(office: Office) -> None:
    nobody = PersonFactory(workspace=office.workspace)
    with_app(nobody)
    deactivate_person(actor=ACTOR, person=nobody)
    assert Browser(office.server.url).sign_in(nobody.user.email, PASSWORD).status == 422
