from __future__ import annotations

from tests.factories import PASSWORD, PersonFactory
from tests.pages.browser import Browser
from tests.pages.office import Office


def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(office: Office) -> None:
    request_id = office.ask()
    browser = Browser(office.server.url)
    page = browser.get(f"/requests/{request_id}")
    assert page.title == "Sign in · Assentry"
    assert page.tree.one("input", name="next").attributes["value"] == f"/requests/{request_id}"
    page = browser.submit(
        page.form("/sign-in"), email=office.rita.user.email.upper(), password=PASSWORD
    )
    assert page.answer.url == f"{office.server.url}/requests/{request_id}"
    assert "Send a mail" in page.main


def test_a_session_gets_a_new_id_and_cookies_that_scripts_cannot_read(office: Office) -> None:
    browser = Browser(office.server.url)
    browser.http.cookies.set("sessionid", "chosen-by-somebody-else")
    page = browser.get("/sign-in")
    answer = browser.submit(
        page.form("/sign-in"), follow=False, email=office.rita.user.email, password=PASSWORD
    ).answer
    assert answer.status_code == 302
    cookie = next(c for c in answer.raw.headers.getlist("Set-Cookie") if "sessionid" in c)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "chosen-by-somebody-else" not in cookie


def test_whatever_was_wrong_the_answer_is_the_same(office: Office) -> None:
    office_password = "x" * 12
    gone = PersonFactory(workspace=office.workspace)
    gone.user.is_active = False
    gone.user.save(update_fields=["is_active"])
    tries = [
        (office.rita.user.email, office_password),
        ("nobody@nowhere.example", PASSWORD),
        (gone.user.email, PASSWORD),
    ]
    answers = []
    for email, password in tries:
        page = Browser(office.server.url).sign_in(email, password)
        assert page.status == 422
        assert page.tree.one("input", name="email").attributes["value"] == email
        assert "value" not in page.tree.one("input", name="password").attributes
        answers.append(page.main)
    assert len(set(answers)) == 1
    assert "The e-mail address or the password is wrong." in answers[0]


def test_too_many_tries_are_told_to_wait(office: Office) -> None:
    browser = Browser(office.server.url)
    for _ in range(5):
        assert browser.sign_in(office.ron.user.email, "not the password").status == 422
    page = browser.sign_in(office.ron.user.email, PASSWORD)
    assert page.status == 429
    assert 0 < int(page.answer.headers["Retry-After"]) <= 300
    assert "Too many tries. Wait 5 min, then try again." in page.main


def test_an_address_elsewhere_is_never_followed(office: Office) -> None:
    for there in (
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
    ):
        browser = Browser(office.server.url)
        page = browser.get("/sign-in", params={"next": there})
        assert page.tree.one("input", name="next").attributes["value"] == "/"
        page = browser.post(
            "/sign-in",
            {
                "csrfmiddlewaretoken": page.tree.one(
                    "input", name="csrfmiddlewaretoken"
                ).attributes["value"],
                "next": there,
                "email": office.rita.user.email,
                "password": PASSWORD,
            },
            allow_redirects=False,
        )
        assert page.answer.headers["Location"] == "/"


def test_signing_out_is_a_post_and_ends_the_session(office: Office) -> None:
    browser = office.browser(office.rita)
    assert browser.get("/sign-out").status == 405
    assert browser.get("/").title.endswith("Inbox · Assentry")
    kept = dict(browser.http.cookies)
    page = browser.submit(browser.get("/").form("/sign-out"))
    assert "You are signed out." in page.main
    browser.http.cookies.update(kept)
    assert browser.get("/").title == "Sign in · Assentry"


def test_a_form_without_its_token_changes_nothing(office: Office) -> None:
    browser = office.browser(office.rita)
    request_id = office.ask()
    page = browser.post(f"/requests/{request_id}/decide", {"verdict": "approve"})
    assert page.status == 403
    assert "Nothing was changed." in page.main


def test_who_belongs_to_no_workspace_any_more_is_told_so(office: Office) -> None:
    browser = office.browser(office.ned)
    office.ned.user.person_set.update(active=False, deactivated_at="2026-01-01T00:00:00Z")
    page = browser.get("/")
    assert page.status == 403
    assert "You belong to no workspace yet" in page.main
