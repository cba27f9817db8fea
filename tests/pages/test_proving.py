"""Deciding on what takes a second factor: given for exactly this, once, just now, or nothing is decided."""

from __future__ import annotations

from typing import Any

from approvals.models import Decision
from core import ids
from people.models import Challenge
from tests.events import events_of
from tests.factories import PASSWORD, user_of
from tests.pages.browser import Browser, Page
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
from tests.pages.office import Office, stored, votes
from tests.people.steps import App, challenges_older, sessions_older, wrong_codes

PAY = {"to": "Ana", "amount": 90}


def critical(office: Office, payload: dict[str, Any] | None = None) -> str:
    return office.ask("money.pay", payload or PAY)


def chosen(browser: Browser, request_id: str, verdict: str = "approve", **typed: Any) -> Page:
    """The page that asks for the factor, after a verdict was chosen on the request's page."""
    page = browser.get(f"/requests/{request_id}")
    return browser.submit(page.form(path(request_id), verdict=verdict), **typed)


def path(request_id: str) -> str:
    return f"/requests/{request_id}/decide"


def revised(office: Office, request_id: str) -> None:
    body = {"payload": PAY | {"amount": 9000}}
    headers = {"Authorization": f"Bearer {office.key.token}"}
    answer = office.server.call(
        "POST", f"/requests/{request_id}/revise", json=body, headers=headers
    )
    assert answer.ok, answer.text


def by_code(office: Office, app: App) -> Browser:
    browser, page = at_second_step(office, office.rita)
    browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    assert signed_in(browser)
    return browser


def test_a_critical_request_is_approved_with_a_code_that_counts_for_it_alone(
    office: Office,
) -> None:
    app = with_app(office.rita)
    browser, request_id = by_code(office, app), critical(office)
    page = browser.get(f"/requests/{request_id}")
    assert "You will be asked for a second factor." in page.main
    page = chosen(browser, request_id, comment="Seen <b>it</b>")
    assert "Nothing is decided yet. You chose approve for Pay money" in page.main
    assert stored(request_id).status == "pending"
    before = browser.http.cookies["sessionid"]
    page = browser.submit(code_form(page, path(request_id)), code=app.at(0))
    assert (page.status, "Nothing was decided." in page.main) == (422, True), "it signed them in"
    page = browser.submit(code_form(page, path(request_id)), code=app.at(1))
    assert "Approved by you" in page.main
    assert browser.http.cookies["sessionid"] != before
    vote = Decision.objects.get(request=stored(request_id))
    assert (vote.assurance, vote.channel, vote.comment) == ("mfa", "web", "Seen <b>it</b>")
    [event] = events_of(office.workspace.id, "decision.recorded")
    assert event["data"]["assurance"] == "mfa"
    other = critical(office)
    page = chosen(browser, other)
    page = browser.submit(code_form(page, path(other)), code=app.at(1))
    assert page.status == 422
    assert votes(other) == []


def test_a_large_one_stays_opened_while_the_factor_is_asked_for(office: Office) -> None:
    app = with_app(office.rita)
    browser = by_code(office, app)
    request_id = critical(office, {f"line {number}": "x" * 60 for number in range(500)})
    page = browser.get(f"/requests/{request_id}?whole=1")
    page = browser.submit(page.form(path(request_id), verdict="approve"))
    back = [a.attributes["href"] for a in page.tree.one("main").all("a")]
    assert back == [f"/requests/{request_id}?whole=1"]
    page = browser.submit(code_form(page, path(request_id)), code=next(wrong_codes(app)))
    assert (page.status, votes(request_id)) == (422, [])
    page = browser.submit(code_form(page, path(request_id)), code=app.fresh())
    assert (page.status, votes(request_id)) == (200, [("approve", "")]), page.main


def test_a_passkey_signs_for_this_request_revision_and_payload_alone(office: Office) -> None:
    key = with_key(office.rita)
    browser = Browser(office.server.url)
    use(browser, passkey_form(browser.get("/sign-in"), "/sign-in/passkey"), key)
    one, other = critical(office), critical(office, PAY | {"amount": 91})
    forms = {each: passkey_form(chosen(browser, each), path(each)) for each in (one, other)}
    asked = ask(browser, forms[one])
    answer = key.sign(asked["options"])
    page = browser.submit(forms[other], challenge=asked["id"], credential=answer)
    assert (page.status, votes(other)) == (422, []), "it was signed for another request"
    page = browser.submit(forms[one], challenge=asked["id"], credential=answer)
    assert (page.status, votes(one)) == (422, []), "and is spent"
    asked = ask(browser, forms[one])
    revised(office, one)
    answer = key.sign(asked["options"])
    page = browser.submit(forms[one], challenge=asked["id"], credential=answer)
    assert (page.status, votes(one)) == (409, [])
    assert "It was changed meanwhile." in page.main
    assert ask(browser, forms[one])["status"] == 409, "nothing is asked for what is not there"
    page = use(browser, passkey_form(chosen(browser, one), path(one)), key)
    assert stored(one).status == "approved", page.main


def test_a_forged_revision_does_not_carry_a_signature_over(office: Office) -> None:
    key = with_key(office.rita)
    browser = Browser(office.server.url)
    use(browser, passkey_form(browser.get("/sign-in"), "/sign-in/passkey"), key)
    request_id = critical(office)
    form = passkey_form(chosen(browser, request_id), path(request_id))
    asked = ask(browser, form)
    revised(office, request_id)
    answer = key.sign(asked["options"])
    digest = browser.get(f"/requests/{request_id}").form(path(request_id), verdict="approve")
    shown = digest.one("input", name="payload_digest").attributes["value"]
    page = browser.submit(
        form, challenge=asked["id"], credential=answer, revision="2", payload_digest=shown
    )
    assert (page.status, votes(request_id)) == (422, [])


def test_what_is_wrong_with_a_signature_decides_nothing(office: Office) -> None:
    key = with_key(office.rita)
    browser = Browser(office.server.url)
    use(browser, passkey_form(browser.get("/sign-in"), "/sign-in/passkey"), key)
    request_id = critical(office)
    wrong: list[dict[str, Any]] = [
        {"origin": "https://evil.example"},
        {"verified": False},
        {"count": 1},
        {"domain": "evil.example"},
    ]
    for one in wrong:
        page = use(browser, passkey_form(chosen(browser, request_id), path(request_id)), key, **one)
        assert (page.status, "Nothing was decided." in page.main) == (422, True), one
    form = passkey_form(chosen(browser, request_id), path(request_id))
    asked = ask(browser, form)
    challenges_older(minutes=5)
    answer = key.sign(asked["options"])
    assert browser.submit(form, challenge=asked["id"], credential=answer).status == 422
    assert votes(request_id) == []
    refused = events_of(office.workspace.id, "factor.refused")
    assert [event["data"]["purpose"] for event in refused] == ["decide"] * 5
    assert not Challenge.objects.filter(user=user_of(office.rita)).exists()


def test_every_verdict_takes_it_and_keeps_what_was_typed(office: Office) -> None:
    app = with_app(office.rita)
    browser = by_code(office, app)
    for verdict, comment in (("reject", "Not like this,\nnot now."), ("return", "Why?")):
        request_id = critical(office)
        page = chosen(browser, request_id, verdict, comment=comment)
        assert votes(request_id) == []
        browser.submit(code_form(page, path(request_id)), code=app.fresh())
        assert [(said, text.replace("\r", "")) for said, text in votes(request_id)] == [
            (verdict, comment)
        ]


def test_who_has_no_factor_is_told_how_to_get_one(office: Office) -> None:
    browser, request_id = office.browser(office.rita), critical(office)
    page = browser.get(f"/requests/{request_id}")
    note = page.tree.one("div", id="second-factor")
    assert "This takes a second factor, and you have none." in note.text
    assert note.one("a").attributes["href"] == "/settings/security"
    page = chosen(browser, request_id)
    assert page.status == 403
    assert "Set one up" in page.main
    assert votes(request_id) == []


def test_what_is_not_theirs_is_refused_before_a_factor_is_asked_for(office: Office) -> None:
    app = with_app(office.vera)
    browser, page = at_second_step(office, office.vera)
    browser.submit(code_form(page, "/sign-in/second"), code=app.fresh())
    request_id = critical(office)
    page = browser.get(f"/requests/{request_id}")
    assert not page.tree.all("form", action=path(request_id)), "she may look, and is not asked"
    form = (
        office.browser(office.rita)
        .get(f"/requests/{request_id}")
        .form(path(request_id), verdict="approve")
    )
    token = page.tree.all("input", name="csrfmiddlewaretoken")[0].attributes["value"]
    page = browser.submit(form, csrfmiddlewaretoken=token)
    assert page.status == 403
    assert not page.tree.all("input", name="code")
    assert "second factor" not in page.main
    assert votes(request_id) == []


def test_high_risk_takes_a_session_of_at_most_twelve_hours(office: Office) -> None:
    browser, request_id = office.browser(office.rita), office.ask("money.pair")
    sessions_older(user_of(office.rita), hours=12)
    page = browser.get(f"/requests/{request_id}")
    page = browser.submit(page.form(path(request_id), verdict="approve"))
    assert "Sign in again" in page.main
    assert votes(request_id) == []
    page = browser.submit(page.form("/sign-in"), email=office.rita.user.email, password=PASSWORD)
    assert page.answer.url == f"{office.server.url}/requests/{request_id}"
    browser.submit(page.form(path(request_id), verdict="approve"))
    assert votes(request_id) == [("approve", "")]
    medium = office.ask()
    sessions_older(user_of(office.rita), hours=13)
    page = browser.get(f"/requests/{medium}")
    browser.submit(page.form(path(medium), verdict="approve"))
    assert votes(medium) == [("approve", "")], "up to medium risk it is as good as a chat"


def test_the_api_says_what_is_missing_and_takes_a_code(office: Office) -> None:
    app = with_app(office.rita)
    browser = by_code(office, app)
    browser.http.headers["X-CSRFToken"] = browser.http.cookies["csrftoken"]
    request_id = critical(office)

    def decide(subject: str, **more: Any) -> tuple[int, str]:
        read = browser.http.get(f"{office.server.api}/requests/{subject}", timeout=10).json()
        body = {
            "verdict": "approve",
            "stage": read["stage"],
            "payload_digest": read["payload_digest"],
        }
        answer = browser.http.post(
            f"{office.server.api}/requests/{subject}/decisions", json=body | more, timeout=10
        )
        said = answer.json()
        return answer.status_code, said.get("status") if answer.ok else said["type"].split(":")[-1]

    assert decide(request_id) == (401, "second_factor_needed")
    assert decide(request_id, code=app.at(0)) == (401, "second_factor_failed"), "it signed them in"
    assert decide(request_id, code=app.codes[0]) == (401, "second_factor_failed"), "a recovery code"
    assert decide(request_id, code=next(wrong_codes(app))) == (401, "second_factor_failed")
    assert votes(request_id) == []
    code, session = app.fresh(), browser.http.cookies["sessionid"]
    refused = decide(request_id, verdict="maybe", code=code)
    assert refused == (422, "invalid_input"), "which costs no code"
    assert decide(request_id, code=code) == (200, "approved")
    assert browser.http.cookies["sessionid"] != session, "as each proof does"
    high = office.ask("money.pair")
    sessions_older(app.user, hours=12)
    assert decide(high) == (401, "sign_in_again")
    assert decide(high, code=app.fresh())[0] == 200, "a factor is more than a session"
    [*_, vote] = Decision.objects.filter(request_id=ids.decode("req", high))
    assert vote.assurance == "mfa"


def test_a_code_that_is_typed_for_an_earlier_revision_is_void(office: Office) -> None:
    app = with_app(office.rita)
    browser, request_id = by_code(office, app), critical(office)
    page = chosen(browser, request_id)
    revised(office, request_id)
    back = {"payload": PAY}
    headers = {"Authorization": f"Bearer {office.key.token}"}
    answer = office.server.call(
        "POST", f"/requests/{request_id}/revise", json=back, headers=headers
    )
    assert answer.ok, answer.text
    assert stored(request_id).revision == 3, "the payload is what it was, the revision is not"
    page = browser.submit(code_form(page, path(request_id)), code=app.at(1))
    assert (page.status, votes(request_id)) == (409, [])
