"""One's own sign-in: factors, password and sessions, changed only by who has just shown that it is them."""

from __future__ import annotations

import base64
import re
import time

import requests
from allauth.mfa.models import Authenticator

from core import ids
from people import factors, passkeys
from people.models import UserSession
from tests.authenticator import SoftKey
from tests.events import events_of
from tests.factories import PASSWORD, user_of
from tests.pages.browser import Browser, Page
from tests.pages.doorstep import (
    at_second_step,
    code_form,
    passkey_form,
    signed_in,
    use,
    with_app,
    with_key,
)
from tests.pages.office import Office
from tests.people.steps import App, sessions_older

HERE = "/settings/security"


def secret_on(page: Page) -> str:
    return page.tree.one("dd", class_="copy").text.replace(" ", "")


def test_an_app_is_set_up_with_its_first_code_and_recovery_codes_are_shown_once(
    office: Office,
) -> None:
    browser, user = office.browser(office.rita), user_of(office.rita)
    assert "whoever has your password signs in as you" in browser.get(HERE).main
    page = browser.get(f"{HERE}/totp")
    app = App(user, secret=secret_on(page))
    picture = page.tree.one("img").attributes["src"]
    assert picture.startswith("data:image/svg+xml;base64,")
    assert b"<svg" in base64.b64decode(picture.partition(",")[2])
    assert "JavaScript" not in page.main
    page = browser.submit(code_form(page, f"{HERE}/totp"), code="12345")
    assert page.status == 422
    assert secret_on(page) == app.secret, "the one that the phone has by now"
    assert not factors.has_any(user.id)
    page = browser.submit(code_form(page, f"{HERE}/totp"), code=f"{app.at(0)[:3]} {app.at(0)[3:]}")
    assert page.answer.url == office.server.url + HERE
    codes = [one.text for one in page.tree.one("ul", class_="codes").all("li")]
    assert len(codes) == 10
    assert "Your authenticator app is set up." in page.main
    again = browser.get(HERE).answer.text
    assert not [code for code in codes if code in again]
    assert "Recovery codes : 10 left" in browser.get(HERE).main.replace("codes:", "codes :")
    assert [e["data"] for e in events_of(office.workspace.id, "factor.added")] == [
        {"factor": "totp"}
    ]
    page = browser.submit(page.form(f"{HERE}/codes"))
    fresh = [one.text for one in page.tree.one("ul", class_="codes").all("li")]
    assert not set(fresh) & set(codes)
    other, page = at_second_step(office, office.rita)
    assert other.submit(code_form(page, "/sign-in/second"), code=codes[0]).status == 422
    other.submit(code_form(page, "/sign-in/second"), code=fresh[0])
    assert signed_in(other)


def test_passkeys_are_named_several_and_taken_away(office: Office) -> None:
    browser, user = office.browser(office.rita), user_of(office.rita)
    page = browser.get(HERE)
    for name in ("Blue <b>key</b>", "Laptop"):
        key = SoftKey(passkeys.home().origin)
        form = passkey_form(page, f"{HERE}/passkeys")
        page = use(browser, form, key, make=True, typed={"name": name})
        assert "Your passkey is set up." in page.main, page.main
    assert [one.name for one in factors.held(user).passkeys] == ["Blue <b>key</b>", "Laptop"]
    assert "Blue <b>key</b>, a passkey" in page.main
    form = passkey_form(page, f"{HERE}/passkeys")
    unverified = use(
        browser,
        form,
        SoftKey(passkeys.home().origin),
        make=True,
        verified=False,
        typed={"name": "X"},
    )
    assert unverified.status == 422
    assert "a device that asks for no PIN or fingerprint will not do" in unverified.main
    for one in factors.held(user).passkeys:
        page = browser.submit(browser.get(HERE).form(f"{HERE}/factors/{one.id}/remove"))
    assert "It is taken away" in page.main
    assert not Authenticator.objects.filter(user=user).exists()


def test_factors_are_changed_only_within_five_minutes_of_a_proof(office: Office) -> None:
    browser, user = office.browser(office.rita), user_of(office.rita)
    page = browser.get(HERE)
    sessions_older(user, minutes=5)
    token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    for path in ("/totp", "/passkeys", "/passkeys/ask", "/codes", "/factors/1/remove"):
        answer = browser.post(
            HERE + path, {"csrfmiddlewaretoken": token}, allow_redirects=False
        ).answer
        assert answer.status_code == 303, path
        assert answer.headers["Location"].startswith(f"{HERE}/confirm?next="), path
    assert not factors.has_any(user.id)
    page = browser.get(f"{HERE}/totp")
    assert page.title == "Is it you? · Assentry"
    page = browser.submit(page.form(f"{HERE}/confirm"), password="wrong")
    assert (page.status, "That is not your password." in page.main) == (422, True)
    before = browser.http.cookies["sessionid"]
    page = browser.submit(page.form(f"{HERE}/confirm"), password=PASSWORD)
    assert page.answer.url == f"{office.server.url}{HERE}/totp"
    assert browser.http.cookies["sessionid"] != before


def test_a_code_or_a_passkey_proves_it_too_and_leads_nowhere_else(office: Office) -> None:
    app, key = with_app(office.rita), with_key(office.rita)
    browser, page = at_second_step(office, office.rita)
    browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    for prove in ("code", "passkey"):
        sessions_older(app.user, minutes=6)
        page = browser.get(f"{HERE}/confirm?next=https://evil.example/")
        if prove == "code":
            page = browser.submit(code_form(page, f"{HERE}/confirm"), code=app.fresh())
        else:
            page = use(browser, passkey_form(page, f"{HERE}/confirm"), key)
        assert page.answer.url == office.server.url + HERE
        assert browser.get(f"{HERE}/totp").title == "Authenticator app · Assentry"


def test_a_password_is_changed_by_who_knows_it_and_ends_the_other_sessions(office: Office) -> None:
    browser, other = office.browser(office.rita), office.browser(office.rita)
    new = "a new horse, well stapled"
    for old, wanted, again, said in (
        ("not mine", new, new, "That is not your password."),
        (PASSWORD, new, "else", "It is not the same as the one above."),
        (PASSWORD, "short", "short", "too short"),
        (PASSWORD, "12345678901234567", "12345678901234567", "entirely numeric"),
        (PASSWORD, office.rita.user.email, office.rita.user.email, "too similar"),
    ):
        form = browser.get(HERE).form(f"{HERE}/password")
        page = browser.submit(form, old=old, new=wanted, again=again)
        assert (page.status, said in page.main) == (422, True), page.main
    assert user_of(office.rita).check_password(PASSWORD)
    before = browser.http.cookies["sessionid"]
    form = browser.get(HERE).form(f"{HERE}/password")
    page = browser.submit(form, old=PASSWORD, new=new, again=new)
    assert "Your password is changed." in page.main
    assert signed_in(browser)
    assert browser.http.cookies["sessionid"] != before
    assert not signed_in(other)
    assert len(events_of(office.workspace.id, "password.changed")) == 1
    assert Browser(office.server.url).sign_in(office.rita.user.email, PASSWORD).status == 422
    assert new not in str(events_of(office.workspace.id, "password.changed"))


def test_sessions_are_listed_and_ended_at_once(office: Office) -> None:
    browser, user = office.browser(office.rita), user_of(office.rita)
    phone = Browser(office.server.url)
    phone.http.headers["User-Agent"] = "Mozilla/5.0 (iPhone) <script> Safari/605.1"
    phone.sign_in(office.rita.user.email, PASSWORD)
    stranger = office.browser(office.ron)
    page = browser.get(HERE)
    rows = page.tree.one("ol", id="sessions").all("li")
    assert len(rows) == 2
    assert "this one" in rows[0].text
    assert not rows[0].all("form")
    assert "Safari on iPhone" in rows[1].text
    assert "127.0.0.1" in rows[1].text
    theirs = ids.encode("ses", UserSession.objects.get(user=user_of(office.ron)).id)
    form = page.form(f"{HERE}/sessions/{rows[1].attributes['id']}/end")
    foreign = form.attributes["action"].replace(rows[1].attributes["id"], theirs)
    token = form.one("input", name="csrfmiddlewaretoken").attributes["value"]
    assert browser.post(foreign, {"csrfmiddlewaretoken": token}).status == 404
    assert signed_in(stranger)
    page = browser.submit(form)
    assert not signed_in(phone)
    assert signed_in(browser)
    assert UserSession.objects.filter(user=user).count() == 1
    others = [office.browser(office.rita) for _ in range(2)]
    page = browser.submit(browser.get(HERE).form(f"{HERE}/sessions/end"))
    assert "You are signed out everywhere else." in page.main
    assert [signed_in(one) for one in (*others, browser)] == [False, False, True]
    ended = events_of(office.workspace.id, "session.ended")
    assert [event["data"]["count"] for event in ended] == [1, 2]


def test_a_stream_of_an_ended_session_ends_within_a_second(office: Office) -> None:
    browser, other = office.browser(office.rita), office.browser(office.rita)
    stream = other.http.get(
        f"{office.server.api}/inbox/events?workspace={office.workspace.slug}",
        stream=True,
        timeout=10,
    )
    lines = stream.iter_lines(chunk_size=1)
    assert b"event: ready" in next(line for line in lines if line.startswith(b"event"))
    browser.submit(browser.get(HERE).form(f"{HERE}/sessions/end"))
    began = time.monotonic()
    assert b"event: end" in list(lines)
    assert time.monotonic() - began < 1.3


def test_the_api_lists_and_ends_sessions(office: Office) -> None:
    def session() -> requests.Session:
        http = requests.Session()
        body = {"email": office.rita.user.email, "password": PASSWORD}
        http.post(f"{office.server.api}/session", json=body, timeout=10)
        http.headers["X-CSRFToken"] = http.cookies["csrftoken"]
        return http

    one, two, three = session(), session(), session()
    url = f"{office.server.api}/me/sessions"
    listed = one.get(url, timeout=10).json()["results"]
    assert [each["this"] for each in listed] == [True, False, False]
    assert {each["browser"] for each in listed} == {"Python"}
    assert {(each["by"], each["factor"]) for each in listed} == {("password", None)}
    seen = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
    assert all(seen.match(each["last_seen_at"]) for each in listed)
    newest = listed[1]["id"]
    assert one.delete(f"{url}/{newest}", timeout=10).status_code == 204
    assert one.delete(f"{url}/{newest}", timeout=10).status_code == 404
    assert one.delete(f"{url}/nonsense", timeout=10).status_code == 404
    assert sorted(each.get(url, timeout=10).status_code for each in (two, three)) == [200, 401]
    assert one.delete(url, timeout=10).status_code == 204
    assert [each.get(url, timeout=10).status_code for each in (one, two, three)] == [200, 401, 401]


def test_when_a_session_was_seen_is_written_once_a_minute(office: Office) -> None:
    browser, user = office.browser(office.rita), user_of(office.rita)

    def seen() -> object:
        return UserSession.objects.get(user=user).last_seen_at

    first = seen()
    browser.get("/")
    assert seen() == first
    sessions_older(user, minutes=2)
    moved = seen()
    browser.get("/")
    assert seen() != moved
