"""The page that the link of a mail opens: what opens it changes nothing, and what it may decide.

EM-02, EM-03, EM-09 and EM-10 of the cases; what is mailed is in tests/notifications.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from approvals.models import Decision
from audit.models import Event
from notifications.models import Notification
from people.services import deactivate_person
from tests.approvals.world import TEST, uuid_of
from tests.clock import travel
from tests.factories import PASSWORD
from tests.notifications.mail_desk import LINK_RULE, MailDesk, desk_of, text_of
from tests.notifications.postbox import Postbox
from tests.pages.browser import Browser, Page
from tests.processes import Web
from tests.server import Live
from tests.together import together

OVER = "This link opens nothing any more"


@pytest.fixture
def desk(box: Postbox) -> MailDesk:
    """As it is unless policy says otherwise: a mail decides nothing."""
    return desk_of(box)


@pytest.fixture
def easy(box: Postbox) -> MailDesk:
    """Policy lets a link decide."""
    return desk_of(box, LINK_RULE, risk="low", sensitive=["/iban"])


@pytest.fixture
def stranger(server: Live) -> Browser:
    """Whoever holds a link, and no more."""
    return Browser(server.url)


def signed_in(server: Live, desk: MailDesk, name: str) -> Browser:
    browser = Browser(server.url)
    browser.sign_in(desk.world.email(name), PASSWORD)
    return browser


def choose(page: Page, browser: Browser, verdict: str = "approve", **typed: str) -> Page:
    """What a person does on the page: choose, and press."""
    path = page.answer.url.removeprefix(browser.url)
    fields: dict[str, Any] = {"verdict": verdict, **typed}
    return browser.submit(page.form(path), **fields)


def votes(request: dict[str, Any]) -> list[Decision]:
    return list(Decision.objects.filter(request_id=uuid_of(request)).order_by("at"))


def digest(held: bytes | memoryview | None) -> bytes:
    assert held is not None
    return bytes(held)


def everything(desk: MailDesk, request: dict[str, Any]) -> Any:
    """What looking must leave as it is."""
    told = list(Notification.objects.filter(request_id=uuid_of(request)).order_by("id").values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_session")
        sessions = cursor.fetchone()
    events = Event.objects.filter(workspace_id=desk.world.workspace.id).count()
    return told, sessions, events, len(votes(request))


def test_unless_policy_says_so_the_link_leads_to_sign_in_and_shows_nothing(
    desk: MailDesk, stranger: Browser
) -> None:
    request = desk.asked(payload={"amount": 4711})
    path = desk.link("ana")
    page = stranger.get(path, allow_redirects=False)
    assert page.status == 303
    there = f"/sign-in?next=%2Frequests%2F{request['id']}"
    assert page.answer.headers["Location"] == there
    assert "4711" not in page.answer.text
    # Posting does not decide either, with a valid token of a form or without one.
    sign_in = stranger.get(there)
    token = sign_in.form("/sign-in").one("input", name="csrfmiddlewaretoken").attributes["value"]
    said = {"verdict": "approve", "stage": "0", "payload_digest": request["payload_digest"]}
    posted = stranger.post(path, {**said, "csrfmiddlewaretoken": token}, allow_redirects=False)
    assert (posted.status, posted.answer.headers["Location"]) == (303, there)
    assert stranger.post(path, said).status == 403
    assert votes(request) == []
    landed = stranger.sign_in(desk.world.email("ana"), PASSWORD, there)
    assert landed.answer.url.endswith(f"/requests/{request['id']}")


def test_signed_in_as_its_reader_it_leads_to_the_request(server: Live, desk: MailDesk) -> None:
    request = desk.asked()
    ana = signed_in(server, desk, "ana")
    page = ana.get(desk.link("ana"), allow_redirects=False)
    assert page.status == 303
    assert page.answer.headers["Location"] == f"/requests/{request['id']}"
    desk.world.decide("ben", request, "reject")
    assert ana.get(desk.link("ana")).status == 200


@pytest.mark.parametrize("name", ["ben", "eve"])
@pytest.mark.parametrize("kind", ["desk", "easy"])
def test_a_forwarded_mail_is_of_no_use_to_somebody_else_who_is_signed_in(
    server: Live, request: pytest.FixtureRequest, kind: str, name: str
) -> None:
    desk: MailDesk = request.getfixturevalue(kind)
    asked = desk.asked(payload={"amount": 4711}, summary="Please be quick")
    before = votes(asked)
    path = desk.link("ana")
    holder = Browser(server.url)
    token = holder.get("/sign-in").form("/sign-in").one("input", name="csrfmiddlewaretoken")
    other = signed_in(server, desk, name)
    page = other.get(path)
    assert page.status == 403
    assert "This mail was for another account" in page.main
    for word in ("4711", "quick", "Refund", "Ana", asked["id"]):
        assert word not in page.answer.text.replace(path, "")
    said = {"verdict": "approve", "stage": "0", "payload_digest": asked["payload_digest"]}
    csrf = other.http.cookies.get("csrftoken") or token.attributes["value"]
    posted = other.post(path, {**said, "csrfmiddlewaretoken": csrf})
    assert posted.status == 403
    assert votes(asked) == before


def test_a_press_on_the_page_counts_as_what_a_link_proves(
    easy: MailDesk, stranger: Browser
) -> None:
    request = easy.asked(
        payload={"amount": 4711, "iban": "DE89370400440532013000"}, summary="Trust me"
    )
    page = stranger.get(easy.link("ana"))
    assert page.status == 200
    for word in ("4711", "Trust me", "in its own words", "A press on a link will do", "You or Ben"):
        assert word in page.main, word
    assert "DE89370400440532013000" not in page.answer.text
    assert page.tree.all("script") == []
    assert [
        one for one in page.tree.all("input", type="radio") if "checked" in one.attributes
    ] == []
    assert page.tree.all("input", autofocus="") + page.tree.all("button", autofocus="") == []
    done = choose(page, stranger, comment="Seen in the mail")
    assert (done.status, "You approved." in done.main) == (200, True)
    (vote,) = votes(request)
    found = (vote.verdict, vote.channel, vote.assurance, vote.comment, vote.person_id)
    ana = easy.world.people["ana"].id
    assert found == ("approve", "email", "link", "Seen in the mail", ana)
    mailed = Notification.objects.get(request_id=uuid_of(request), kind="asked", person_id=ana)
    assert digest(vote.shown_digest) == digest(mailed.shown_digest)
    assert (mailed.token_used_at is not None, mailed.viewed_at is not None) == (True, True)
    event = next(one for one in easy.world.events(request) if one["kind"] == "decision.recorded")
    assert event["actor"]["via"] == "email"


def test_it_takes_a_no_as_well(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    page = choose(stranger.get(easy.link("ana")), stranger, "reject", comment="Not today")
    assert "You rejected." in page.main
    assert [(vote.verdict, vote.comment) for vote in votes(request)] == [("reject", "Not today")]


@pytest.mark.parametrize("verdict", ["", "edit", "return", "answer", "maybe"])
def test_without_a_choice_of_the_two_nothing_is_decided_and_the_link_still_works(
    easy: MailDesk, stranger: Browser, verdict: str
) -> None:
    request = easy.asked()
    page = choose(stranger.get(easy.link("ana")), stranger, verdict, comment="What I typed")
    assert page.status == 422
    assert "Choose: approve or reject. Nothing was decided." in page.main
    assert page.tree.one("textarea").text == "What I typed"
    assert votes(request) == []
    assert choose(page, stranger).status == 200
    assert len(votes(request)) == 1


def test_a_reason_that_policy_asks_for_can_be_mended(box: Postbox, stranger: Browser) -> None:
    rule = {**LINK_RULE, "ask": {**LINK_RULE["ask"], "comment": "always"}}
    desk = desk_of(box, rule, risk="low")
    request = desk.asked()
    page = choose(stranger.get(desk.link("ana")), stranger)
    assert (page.status, "Say why you approve" in page.main) == (422, True)
    assert choose(page, stranger, comment="Because").status == 200
    assert [vote.comment for vote in votes(request)] == ["Because"]


def test_looking_changes_nothing_whoever_looks(
    server: Live, easy: MailDesk, stranger: Browser
) -> None:
    request = easy.asked()
    path = easy.link("ana")
    ana = signed_in(server, easy, "ana")
    before = everything(easy, request)
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        for browser in (stranger, ana):
            answer = browser.http.request(method, server.url + path, timeout=30)
            assert answer.status_code in {200, 405, 403}, method
    page = stranger.get(
        f"{path}?verdict=approve&stage=0&payload_digest={request['payload_digest']}"
    )
    for found in page.tree.all("a") + page.tree.all("link"):
        there = found.attributes["href"]
        if there.startswith("/"):
            stranger.get(there)
    assert everything(easy, request) == before
    assert set(stranger.http.cookies.keys()) == {"csrftoken"}


def test_it_gives_its_address_away_to_nobody(easy: MailDesk, stranger: Browser) -> None:
    easy.asked()
    path = easy.link("ana")
    answers: list[Any] = [
        stranger.get(path),
        stranger.http.head(stranger.url + path, timeout=30),
        choose(stranger.get(path), stranger, ""),
        stranger.post(path, {"verdict": "approve"}),
        choose(stranger.get(path), stranger),
        stranger.get(path),
        stranger.get("/m/" + "x" * 43),
    ]
    for one in answers:
        headers = (one.answer if isinstance(one, Page) else one).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "sessionid" not in headers.get("Set-Cookie", "")
    found = [one.answer.status_code for one in answers if isinstance(one, Page)]
    assert found == [200, 422, 403, 200, 410, 404]


def test_a_form_of_another_site_is_refused_and_one_without_an_origin_is_not(
    easy: MailDesk, stranger: Browser
) -> None:
    """A page that gives no referrer sends ``Origin: null`` with its own form."""
    request = easy.asked()
    path = easy.link("ana")
    form = stranger.get(path).form(path)
    data = {one.attributes["name"]: one.attributes.get("value", "") for one in form.all("input")}
    data["verdict"] = "approve"
    foreign = stranger.post(path, data, headers={"Origin": "https://evil.example"})
    bare = {name: value for name, value in data.items() if name != "csrfmiddlewaretoken"}
    tokenless = stranger.post(path, bare, headers={"Origin": "null"})
    assert (foreign.status, tokenless.status, votes(request)) == (403, 403, [])
    assert stranger.post(path, data, headers={"Origin": "null"}).status == 200


# -- a link is over (EM-03) ------------------------------------------------------------------------
def refused(browser: Browser, page: Page, *words: str) -> Page:
    """The choice that was opened in time is refused with the reason, and so is the link."""
    path = page.answer.url.removeprefix(browser.url)
    for answer in (choose(page, browser), browser.get(path)):
        assert answer.status in {403, 409, 410}, answer.main
        assert "Nothing was decided" in answer.main
        for word in words:
            assert word in answer.main, answer.main
    return answer


def test_used_once_it_is_used(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    assert choose(page, stranger, "reject", comment="No").status == 200
    again = choose(page, stranger, "approve")
    assert (again.status, "It was used already" in again.main) == (410, True)
    assert OVER in stranger.get(easy.link("ana")).main
    assert [vote.verdict for vote in votes(request)] == ["reject"]


def test_after_somebody_else_decided_it_is_over(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    easy.world.decide("ben", request, "reject")
    refused(stranger, page, OVER, "The request has ended: rejected.")
    assert len(votes(request)) == 1


def test_after_the_deadline_it_is_over_though_the_clock_has_not_struck(
    easy: MailDesk, stranger: Browser
) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    left = request["expires_at"], request["created_at"]
    travel(request["id"], seconds=seconds_between(left[1], left[0]) + 0.001)
    assert easy.world.seen("ben", request)["status"] == "pending"
    refused(stranger, page, "Its deadline has passed.")
    assert votes(request) == []


def seconds_between(begin: str, end: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXTRACT(EPOCH FROM %s::timestamptz - %s::timestamptz)", [end, begin])
        return float(cursor.fetchone()[0])


def test_a_change_of_the_password_ends_what_was_sent_before(
    easy: MailDesk, stranger: Browser
) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    user = easy.world.people["ana"].user
    user.set_password("another long phrase 47")
    user.save()
    refused(stranger, page, OVER, "changes their password")
    assert votes(request) == []
    assert stranger.get(easy.link("ben")).status == 200


def test_somebody_who_was_deactivated_decides_nothing(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    deactivate_person(actor=TEST, person=easy.world.people["ana"])
    refused(stranger, page, OVER)
    assert votes(request) == []


def test_somebody_who_lost_the_role_decides_nothing(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    members = [easy.world.email("ben")]
    easy.world.apply(roles={**easy.world.policy["roles"], "lead": {"members": members}})
    refused(stranger, page, OVER)
    assert votes(request) == []


def test_a_changed_payload_is_not_what_the_mail_says(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    old = easy.link("ana")
    page = stranger.get(old)
    easy.world.revise(request, amount=4711)
    refused(stranger, page, "changed after this mail was written")
    assert "4711" not in stranger.get(old).answer.text
    easy.work()
    fresh = easy.link("ana")
    assert fresh != old
    # The new link with what the old page had shown.
    shown = page.form(old).one("input", name="payload_digest").attributes["value"]
    stale = choose(stranger.get(fresh), stranger, payload_digest=shown)
    assert (stale.status, "not the one you looked at" in stale.main) == (409, True)
    assert votes(request) == []
    assert choose(stale, stranger).status == 200


def test_a_step_that_is_over_is_not_decided_by_its_mail(box: Postbox, stranger: Browser) -> None:
    stages = [{"any_of": ["lead"]}, {"any_of": ["lead"]}]
    desk = desk_of(box, {**LINK_RULE, "ask": {"stages": stages, "assurance": "link"}}, risk="low")
    request = desk.asked()
    page = stranger.get(desk.link("ana"))
    desk.world.decide("ben", request)
    refused(stranger, page, "has moved on")
    assert len(votes(request)) == 1


def test_with_what_another_request_shows_it_decides_neither(
    easy: MailDesk, stranger: Browser
) -> None:
    first, second = easy.asked(), easy.asked(payload={"amount": 9})
    page = stranger.get(easy.link("ana"))
    tried = choose(page, stranger, payload_digest=first["payload_digest"])
    assert tried.status == 409
    assert choose(page, stranger, stage="1").status == 409
    assert votes(first) + votes(second) == []


def test_a_voter_who_has_voted_elsewhere_votes_no_second_time(
    box: Postbox, stranger: Browser
) -> None:
    stages = [{"any_of": ["lead"], "approvals": 2}]
    desk = desk_of(box, {**LINK_RULE, "ask": {"stages": stages, "assurance": "link"}}, risk="low")
    request = desk.asked()
    page = stranger.get(desk.link("ana"))
    desk.world.decide("ana", request)
    assert choose(page, stranger, "reject", comment="No").status == 409
    assert "You have decided at this step" in stranger.get(desk.link("ana")).main
    assert [vote.verdict for vote in votes(request)] == ["approve"]


@pytest.mark.parametrize("token", ["x" * 43, "x", "é" * 43, "x" * 5000, "%00" * 43, "..%2f" * 9])
def test_what_is_no_link_opens_the_same_page_as_one_that_is_over(
    easy: MailDesk, stranger: Browser, token: str
) -> None:
    easy.asked()
    page = stranger.get(f"/m/{token}")
    assert page.status == 404
    if OVER in page.main:
        deactivate_person(actor=TEST, person=easy.world.people["ana"])
        assert stranger.get(easy.link("ana")).main == page.main
        assert {one.attributes["href"] for one in page.tree.one("main").all("a")} == {
            "/sign-in",
            "/",
        }


def test_a_question_is_opened_and_not_answered_by_link(easy: MailDesk, stranger: Browser) -> None:
    question = easy.world.ask(
        to="lead", prompt="Which one?", options=[{"value": "a"}, {"value": "b"}]
    )
    easy.work()
    page = stranger.get(easy.link("ana"), allow_redirects=False)
    assert (page.status, page.answer.headers["Location"]) == (
        303,
        f"/sign-in?next=%2Frequests%2F{question['id']}",
    )
    # Nor would it be if a question's plan took a link, which none does.
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE approvals_revision SET plan = replace(convert_from(plan, 'UTF8'), "
            "'\"chat\"', '\"link\"')::bytea WHERE request_id = %s RETURNING convert_from(plan, 'UTF8')",
            [uuid_of(question)],
        )
        assert '"assurance":"link"' in cursor.fetchone()[0]
    assert stranger.get(easy.link("ana"), allow_redirects=False).status == 303


@pytest.mark.parametrize("risk", ["high", "critical"])
def test_no_link_decides_what_is_of_high_risk(
    box: Postbox, server: Live, stranger: Browser, risk: str
) -> None:
    """Policy refuses such a rule; a plan that somehow said so would be refused by the ballot."""
    with pytest.raises(Exception, match="link"):
        desk_of(box, LINK_RULE, risk=risk)


def test_where_mail_is_no_place_to_decide_the_link_only_leads_on(
    box: Postbox, stranger: Browser
) -> None:
    rule = {**LINK_RULE, "ask": {**LINK_RULE["ask"], "channels": ["web"]}}
    desk = desk_of(box, rule, risk="low")
    desk.asked()
    assert stranger.get(desk.link("ana"), allow_redirects=False).status == 303


@pytest.mark.parametrize("count", [2, 8])
def test_of_several_presses_at_once_one_counts(
    server: Live, easy: MailDesk, stranger: Browser, count: int
) -> None:
    request = easy.asked()
    page = stranger.get(easy.link("ana"))
    verdicts = ["approve", "reject"] * (count // 2)
    pages = together([partial(choose, page, stranger, v, comment="So") for v in verdicts])
    assert sorted(one.status for one in pages) == [200] + [410] * (count - 1)
    (vote,) = votes(request)
    assert Decision.objects.filter(request_id=uuid_of(request)).count() == 1
    winner = next(one for one in pages if one.status == 200)
    assert f"You {vote.verdict.rstrip('e')}ed." in winner.main


# -- where it is, and what is kept of it -----------------------------------------------------------
def test_a_forged_host_is_in_no_link(server: Live, easy: MailDesk, stranger: Browser) -> None:
    body = {"action": "payments.refund", "payload": {"amount": 20}}
    headers = {"Authorization": f"Bearer {easy.world.key.token}", "Host": "evil.example"}
    assert server.call("POST", "/requests", json=body, headers=headers).status_code == 201
    easy.work()
    said = text_of(easy.mails("ana")[-1])
    assert f"{server.url}/m/" in said
    assert "evil" not in easy.mails("ana")[-1].raw.decode()
    for host in ("evil.example", "127.0.0.1:1"):
        page = stranger.get(easy.link("ana"), headers={"Host": host, "X-Forwarded-Host": host})
        assert "evil" not in page.answer.text + str(page.answer.headers)


def test_no_table_holds_the_token(easy: MailDesk, stranger: Browser) -> None:
    request = easy.asked()
    path = easy.link("ana")
    choose(stranger.get(path), stranger, "")
    choose(stranger.get(path), stranger)
    stranger.get(path)
    token = path.removeprefix("/m/")
    assert len(token) == 43  # 256 bits
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS one WHERE strpos(one::text, %s) > 0'
                " OR strpos(one::text, %s) > 0",
                [token, token.encode().hex()],
            )
            assert cursor.fetchone() == (0,), table
    told = Notification.objects.get(request_id=uuid_of(request), token_used_at__isnull=False)
    assert len(digest(told.token_hash)) == 32


def test_no_log_line_holds_the_token(easy: MailDesk, tmp_path: Path) -> None:
    easy.asked()
    path = easy.link("ana")
    web = Web(tmp_path)
    try:
        browser = Browser(web.url)
        assert browser.get(path).status == 200
        assert browser.post(path, {"verdict": "approve"}).status == 403
        assert choose(browser.get(path), browser).status == 200
        assert browser.get(path).status == 410
    finally:
        web.kill()
        web.listener.close()
    said = web.log.read_text()
    assert "Forbidden" in said
    assert "/m/…" in said
    assert path.removeprefix("/m/") not in said


# -- who looked ------------------------------------------------------------------------------------
def test_looking_at_the_requests_page_signed_in_counts_as_seen(
    server: Live, desk: MailDesk
) -> None:
    request = desk.asked()
    ana = signed_in(server, desk, "ana")
    seen = Notification.objects.filter(request_id=uuid_of(request), viewed_at__isnull=False)
    ana.http.head(f"{server.url}/requests/{request['id']}", timeout=30)
    assert not seen.exists()
    ana.get(f"/requests/{request['id']}")
    assert [one.person_id for one in seen] == [desk.world.people["ana"].id]
    first = seen.get().viewed_at
    ana.get(f"/requests/{request['id']}")
    assert seen.get().viewed_at == first
