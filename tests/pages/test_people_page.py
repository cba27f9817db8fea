"""People, looked after by plain forms: inviting, roles, permissions, leaving; and ways back in by links."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest

from core import due, ids
from core.paging import Cursor, encode
from notifications.mail.accounts import mail_due
from people import links, resets
from people.models import AccountLink, Person, User
from people.permissions import grant_permission, permissions_of
from people.services import create_person, deactivate_person
from policies.permissions import policy_permissions
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, AgentFactory, PersonFactory, WorkspaceFactory, user_of
from tests.notifications.mail_desk import text_of, whole
from tests.notifications.postbox import Postbox
from tests.pages.browser import Browser, Page
from tests.pages.office import Office
from tests.pages.test_request_page import no_inline
from tests.pages.yard import flash_of, is_sound, post

NEW = "a wholly other passphrase"
LINK = re.compile(r"https?://[^/\s]+(/[^\s]*account/[\w-]{43})")


@pytest.fixture
def boss(office: Office) -> Browser:
    """An administrator's browser: Vera's."""
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.vera, permission="administer"
    )
    return office.browser(office.vera)


@pytest.fixture(autouse=True)
def _from_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test asks from the same address: others' questions are not in the way."""
    monkeypatch.setattr(resets, "PER_ADDRESS", (10_000, resets.PER_ADDRESS[1]))
    monkeypatch.setattr(resets, "ANSWER_TAKES_S", 0.0)


def path_of(person: Person) -> str:
    return f"/people/{ids.encode('per', person.id)}"


def address() -> str:
    return f"new-{secrets.token_hex(4)}@one.example"


def post_mails(office: Office) -> None:
    """What a worker does with the promises to mail to people of this office."""
    waiting = AccountLink.objects.filter(
        mailed="pending", user__person__workspace=office.workspace
    ).values_list("id", flat=True)
    mail_due(due.take(links.MAIL, list(waiting)))


def link_in(text: str) -> str:
    found = LINK.search(text)
    assert found is not None, text
    return found[1]


def invite(boss: Browser, email: str, **typed: Any) -> Page:
    form = boss.get("/people/invite").form("/people/invite")
    return boss.submit(form, email=email, **{"name": "Nia New"} | typed)


def sound(page: Page, path: str) -> Page:
    is_sound(page.tree, path)
    no_inline(page.tree)
    return page


def test_somebody_is_invited_comes_and_decides(office: Office, boss: Browser, box: Postbox) -> None:
    email = address()
    form = boss.get("/people/invite").form("/people/invite")
    data = {
        "csrfmiddlewaretoken": form.one("input", name="csrfmiddlewaretoken").attributes["value"],
        "workspace": office.workspace.slug,
        "email": email.upper(),
        "name": "Nia <b>New</b>",
        "roles": "reviewers",
        "permissions": "edit",
    }
    sound(boss.get("/people/invite"), "/people/invite")
    page = sound(boss.post("/people/invite", data), "person")
    person = Person.objects.get(workspace=office.workspace, user__email=email)
    assert page.answer.url.endswith(path_of(person))
    assert flash_of(page) == "A mail is on its way to Nia <b>New</b>."
    assert not page.tree.all("section", id="link"), "nobody asked to see it"
    listed = sound(boss.get("/people?which=invited"), "/people")
    [row] = listed.tree.one("ol", id="people").all("li")
    assert "Nia <b>New</b>" in row.text
    assert "Reviewers" in row.text
    assert "may edit" in row.text
    post_mails(office)
    [mail] = box.mails
    assert mail.to == [email]
    told = whole(mail)
    assert "Vera V invited you" in told
    assert office.workspace.name in told
    path = link_in(text_of(mail))
    assert AccountLink.objects.get(person=person).mailed == "sent"

    nia = Browser(office.server.url)
    for method in ("GET", "HEAD", "GET"):
        seen = nia.http.request(method, nia.url + path, timeout=30)
        assert seen.status_code == 200
        assert seen.headers["Referrer-Policy"] == "strict-origin"
        assert seen.headers["Cache-Control"] == "no-store"
    assert not user_of(person).has_usable_password()
    page = sound(nia.get(path), "account")
    assert page.main.startswith(f"Welcome to {office.workspace.name}")
    page = sound(nia.submit(page.form(path), password="short"), "account")
    assert page.status == 422
    assert "The password is too weak." in page.main
    page = nia.submit(page.form(path), password=NEW)
    assert page.answer.url.endswith("/sign-in?set")
    assert "Your password is set." in page.main
    assert nia.get(path).status == 410
    assert nia.sign_in(email, NEW).answer.url == f"{nia.url}/"
    request = office.ask()
    done = nia.get(f"/requests/{request}").form(f"/requests/{request}/decide", verdict="approve")
    assert "Approved" in nia.submit(done).main
    assert policy_permissions(office.workspace.id, [person.user_id]) == {person.user_id: {"edit"}}
    kinds = kinds_of(office.workspace.id)
    for kind in ("person.created", "role.granted", "person.invited", "permission.granted"):
        assert kind in kinds
    assert "invitation.accepted" in kinds
    listed = boss.get("/people")
    assert "never signed in" in listed.main
    assert boss.get("/people?which=invited").main.endswith("There is nobody.")


def test_without_a_mail_server_the_link_is_shown_once(office: Office, boss: Browser) -> None:
    page = sound(invite(boss, address()), "person")
    assert "This server sends no mail: hand the link below to Nia New." in flash_of(page)
    path = link_in(page.tree.one("section", id="link").text)
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert not boss.get(page.answer.url.removeprefix(boss.url)).tree.all("section", id="link")
    own = boss.get(path)
    assert own.status == 403, "whoever invited does not set the password by mistake"
    assert "This link is somebody else's" in own.main
    assert Browser(office.server.url).get(path).status == 200
    forgot = Browser(office.server.url).get("/forgot-password")
    assert "This server sends no mail. Ask an administrator" in forgot.main
    assert not forgot.tree.all("form")


def test_sent_again_and_taken_back(office: Office, boss: Browser, box: Postbox) -> None:
    email = address()
    page = invite(boss, email, show="yes")
    first = link_in(page.tree.one("section", id="link").text)
    person = Person.objects.get(user__email=email)
    page = boss.submit(boss.get("/people?which=invited").form(f"{path_of(person)}/again"))
    assert flash_of(page) == "A mail is on its way to Nia New."
    post_mails(office)
    [mail] = box.mails
    second = link_in(text_of(mail))
    stranger = Browser(office.server.url)
    assert stranger.get(first).status == 410
    assert stranger.get(second).status == 200
    page = boss.submit(page.form(f"{path_of(person)}/withdraw"))
    assert "The invitation is taken back" in flash_of(page)
    assert stranger.get(second).status == 410
    assert kinds_of(office.workspace.id)[-2:] == ["invitation.withdrawn", "person.deactivated"]
    again = post(boss, f"{path_of(person)}/withdraw")
    assert again.status == 422


def test_who_is_a_user_already_hears_of_it_and_keeps_what_is_theirs(
    office: Office, boss: Browser, box: Postbox
) -> None:
    there = PersonFactory(name="Their Own")
    page = invite(boss, there.user.email, name="Mine Now", show="yes")
    assert "keeps name and password. A mail tells them." in flash_of(page)
    assert "make sure that it is who you mean" in flash_of(page)
    assert not page.tree.all("section", id="link")
    post_mails(office)
    [mail] = box.mails
    assert LINK.search(whole(mail)) is None
    assert "with the password that you have" in text_of(mail)
    assert user_of(there).name == "Their Own"
    here = Person.objects.get(workspace=office.workspace, user=there.user)
    page = boss.get(path_of(here))
    assert not page.tree.all("input", id="name"), "no form renames them"
    assert not page.tree.all("input", name="show")
    refused = post(boss, f"{path_of(here)}/rename", name="Mine Now")
    assert refused.status == 422
    page = boss.submit(page.form(f"{path_of(here)}/reset"), show="yes")
    assert not page.tree.all("section", id="link"), "nor is a link shown, whoever asks for it"
    assert user_of(there).name == "Their Own"


def test_a_forgotten_password_is_reset_by_mail(office: Office, box: Postbox) -> None:
    other = create_person(actor=ACTOR, workspace=WorkspaceFactory(), email=office.rita.user.email)
    rita, thief = office.browser(office.rita), office.browser(office.rita)
    stranger = Browser(office.server.url)
    page = sound(stranger.get("/forgot-password"), "forgot")
    assert stranger.get("/sign-in").tree.all("a", href="/forgot-password")
    answers = []
    for email in (office.rita.user.email.upper(), "nobody@nowhere.example"):
        page = stranger.submit(
            stranger.get("/forgot-password").form("/forgot-password"), email=email
        )
        answers.append((page.status, page.answer.url, page.main))
    assert answers[0] == answers[1]
    assert "If somebody with a password has that address" in answers[0][2]
    post_mails(office)
    [mail] = box.mails
    assert mail.to == [office.rita.user.email]
    path = link_in(text_of(mail))
    assert rita.get(path).status == 200, "also where they are signed in"
    assert office.browser(office.ron).get(path).status == 403
    page = stranger.submit(stranger.get(path).form(path), password=NEW)
    assert "Your password is set." in page.main
    for browser in (rita, thief):
        assert browser.get("/").title == "Sign in · Assentry", "every session has ended"
    assert stranger.sign_in(office.rita.user.email, NEW).answer.url == f"{stranger.url}/"
    for workspace in (office.workspace.id, other.workspace_id):
        kinds = [kind for kind in kinds_of(workspace) if kind.startswith("password")]
        assert kinds == ["password.reset_asked", "password.reset"]


def test_asking_too_often_is_told_to_wait(office: Office, box: Postbox) -> None:
    email, browser = address(), Browser(office.server.url)
    for _ in range(3):
        form = browser.get("/forgot-password").form("/forgot-password")
        assert browser.submit(form, email=email).status == 200
    page = browser.submit(browser.get("/forgot-password").form("/forgot-password"), email=email)
    assert page.status == 429
    assert 0 < int(page.answer.headers["Retry-After"]) <= 3_600
    assert "Look for the mail; else wait 60 min." in page.main
    assert browser.submit(page.form("/forgot-password"), email="nothing").status == 422


def test_the_mail_is_tried_again_and_given_up(office: Office, boss: Browser, box: Postbox) -> None:
    email = address()
    box.answers["RCPT"] = ["451 4.3.0 Later"]
    invite(boss, email)
    link = AccountLink.objects.get(user__email=email)
    post_mails(office)
    link.refresh_from_db()
    assert (link.mailed, link.tries) == ("pending", 1)
    assert "451" in link.reason
    page = boss.get("/people?which=invited")
    person = Person.objects.get(user__email=email)
    assert "the last try" in boss.get(path_of(person)).main
    post_mails(office)
    link.refresh_from_db()
    assert (link.mailed, link.reason) == ("sent", "")
    first = box.mails[-1]
    other = address()
    box.unknown.add(other)
    invite(boss, other)
    post_mails(office)
    failed = AccountLink.objects.get(user__email=other)
    assert (failed.mailed, due.take(links.MAIL, [failed.id])) == ("failed", [])
    page = boss.get("/people?which=invited")
    assert "The mail could not be sent" in page.main
    assert first.to == [email]


def test_no_mail_goes_out_whose_link_opens_nothing(
    office: Office, boss: Browser, box: Postbox
) -> None:
    boss.submit(boss.get(path_of(office.rita)).form(f"{path_of(office.rita)}/reset"))
    user = user_of(office.rita)
    user.set_password("set by other means")
    user.save()
    post_mails(office)
    assert box.mails == []


def test_roles_and_permissions_are_given_and_taken(office: Office, boss: Browser) -> None:
    path = path_of(office.ned)
    page = sound(boss.get(path), path)
    page = boss.submit(page.form(f"{path}/grant"), role="leads")
    assert flash_of(page) == "The role is given, from now on."
    assert "Team leads leads" in page.main
    assert "by hand, since" in page.main
    [event] = [
        one
        for one in events_of(office.workspace.id, "role.granted")
        if one["data"]["source"] == "manual"
    ]
    assert event["actor"] == {
        "type": "person",
        "id": ids.encode("per", office.vera.id),
        "via": "web",
    }
    page = boss.submit(page.form(f"{path}/revoke", role="leads"))
    assert flash_of(page) == "The role is taken back."
    for permission in ("audit", "approve"):
        page = boss.submit(page.form(f"{path}/give", permission=permission))
    assert permissions_of(office.ned.user, office.workspace) == {"audit"}
    assert office.browser(office.ned).get("/log").status == 200
    for permission in ("audit", "approve"):
        page = boss.submit(page.form(f"{path}/take", permission=permission))
    assert policy_permissions(office.workspace.id, [office.ned.user_id]) == {}
    rita = path_of(office.rita)
    assert not boss.get(rita).tree.one("section", id="roles").all("form", action=f"{rita}/revoke")
    refused = post(boss, f"{rita}/revoke", role="reviewers")
    assert refused.status == 409
    assert "take them out of its `members` there" in refused.main
    for what, typed in (
        ("give", {"permission": "is_superuser"}),
        ("give", {"permission": "decide_fallback"}),
        ("grant", {"role": "nothing"}),
        ("unbind", {"binding": "slu_01h455vb4pex5vsknk084sn02q"}),
    ):
        assert post(boss, f"{path}/{what}", **typed).status == 404
    assert permissions_of(office.ned.user, office.workspace) == frozenset()


def test_who_gives_a_role_to_themselves_is_in_the_log(office: Office, boss: Browser) -> None:
    path = path_of(office.vera)
    page = boss.get(path)
    assert "It is you who gives it to yourself: the log says so." in page.main
    boss.submit(page.form(f"{path}/grant"), role="leads")
    event = events_of(office.workspace.id, "role.granted")[-1]
    assert event["actor"]["id"] == event["data"]["person"] == event["subject"]


def test_somebody_leaves_and_comes_back(office: Office, boss: Browser) -> None:
    AgentFactory(workspace=office.workspace, owner=office.lena, name="lonely-bot")
    office.ask("money.pair")
    path = path_of(office.lena)
    lena = office.browser(office.lena)
    page = boss.get(f"{path}/deactivate")
    assert "Nobody else is in Team leads" in page.main
    assert "lonely-bot" in page.main
    assert "No request waits for them." in page.main
    assert Person.objects.get(id=office.lena.id).active, "looking changes nothing"
    page = boss.submit(page.form(f"{path}/deactivate"))
    assert flash_of(page) == "Lena L can do nothing here any more."
    assert lena.get("/").title == "Sign in · Assentry"
    roles = sound(boss.get("/roles"), "/roles")
    assert "Nobody is in it: what asks it reaches nobody." in roles.main
    listed = boss.get("/people?which=inactive")
    assert [row.one("b").text for row in listed.tree.one("ol", id="people").all("li")] == ["Lena L"]
    page = boss.submit(sound(boss.get(path), path).form(f"{path}/activate"))
    assert "may act again" in flash_of(page)
    assert "Nobody is in it" not in boss.get("/roles").main
    assert kinds_of(office.workspace.id)[-1] == "person.reactivated"


def test_the_last_administrator_stays(office: Office, boss: Browser) -> None:
    path = path_of(office.vera)
    page = boss.submit(boss.get(f"{path}/deactivate").form(f"{path}/deactivate"))
    assert page.status == 409
    assert "last active administrator" in page.main
    page = boss.submit(boss.get(path).form(f"{path}/take", permission="administer"))
    assert page.status == 409
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.ned, permission="administer"
    )
    page = boss.submit(boss.get(path).form(f"{path}/take", permission="administer"))
    assert page.answer.url == f"{boss.url}/"
    assert boss.get(path).status == 404


def test_who_may_see_the_log_or_every_request_sees_who_is_here_and_no_more(office: Office) -> None:
    vera = office.browser(office.vera)
    page = sound(vera.get("/people"), "/people")
    assert "Rita R" in page.main
    assert not page.tree.one("main").all("form", method="post")
    assert "never signed in" not in page.main
    assert vera.get("/roles").status == 200
    assert not vera.get("/").tree.all("a", href="/people")
    for path in ("/people/invite", path_of(office.rita), f"{path_of(office.rita)}/deactivate"):
        assert vera.get(path).status == 404
    rita = office.browser(office.rita)
    for path in ("/people", "/people/invite", "/roles", path_of(office.rita)):
        assert rita.get(path).status == 404
    for what in ("grant", "give", "rename", "reset", "again", "withdraw", "activate", "deactivate"):
        answer = post(rita, f"{path_of(office.ned)}/{what}", name="x", permission="administer")
        assert answer.status == 404
    assert post(rita, "/people/invite", workspace=office.workspace.slug).status == 404
    assert user_of(office.ned).name == "Ned N"


def test_nothing_crosses_a_workspace(office: Office, boss: Browser) -> None:
    stranger = PersonFactory()
    for what in ("", "/deactivate"):
        assert boss.get(f"{path_of(stranger)}{what}").status == 404
    for what in ("grant", "give", "rename", "reset", "again", "withdraw", "activate", "deactivate"):
        typed = {"name": "x", "permission": "view", "role": "leads", "sure": "yes"}
        assert post(boss, f"{path_of(stranger)}/{what}", **typed).status == 404
    assert (
        post(boss, "/people/invite", workspace=stranger.workspace.slug, email=address()).status
        == 404
    )
    # Somebody who administers here, and is a plain person there, invites nobody there.
    create_person(actor=ACTOR, workspace=stranger.workspace, email=office.lena.user.email)
    grant_permission(
        actor=ACTOR, workspace=office.workspace, person=office.lena, permission="administer"
    )
    lena = office.browser(office.lena)
    wanted = {"workspace": stranger.workspace.slug, "email": address(), "permissions": "administer"}
    assert post(lena, "/people/invite", **wanted).status == 404
    assert not User.objects.filter(email=wanted["email"]).exists()
    assert stranger.user.email not in boss.get("/people?which=all").answer.text
    assert Person.objects.get(id=stranger.id).active


def test_hostile_names_stay_text(office: Office, boss: Browser) -> None:
    User.objects.filter(id=office.ned.user_id).update(
        name='"><script>alert(1)</script>\u202eevil\u200b'
    )
    for path in ("/people", path_of(office.ned), f"{path_of(office.ned)}/deactivate", "/roles"):
        page = boss.get(path)
        assert page.status == 200
        assert "<script>alert" not in page.answer.text
        assert "\u202e" not in page.answer.text
    page = sound(boss.get("/people", params={"q": '"><script>alert(2)</script>'}), "/people")
    assert "<script>alert" not in page.answer.text
    for email in ("no address", "a@b", "a\u202eb@one.example", "x" * 300 + "@one.example"):
        page = sound(invite(boss, email), "invite")
        assert page.status == 422
        assert page.tree.all("p", id="email-wrong")
    page = invite(boss, address(), name="a\u202eb")
    assert page.tree.all("p", id="name-wrong")


def test_who_administered_before_comes_back_with_what_is_ticked_and_no_more(
    office: Office, boss: Browser
) -> None:
    for permission in ("administer", "audit"):
        grant_permission(
            actor=ACTOR, workspace=office.workspace, person=office.ron, permission=permission
        )
    deactivate_person(actor=ACTOR, person=office.ron)
    page = invite(boss, office.ron.user.email, permissions="audit")
    assert page.status == 200
    assert permissions_of(user_of(office.ron), office.workspace) == {"audit"}
    [taken] = events_of(office.workspace.id, "permission.revoked")
    assert taken["data"] == {"permission": "administer"}


def test_what_no_database_takes_is_nobody_and_no_error(office: Office, boss: Browser) -> None:
    for what in ("grant", "revoke"):
        assert post(boss, f"{path_of(office.rita)}/{what}", role="x\0").status == 404
    assert invite(boss, address(), roles="x\0").status == 422
    forged = encode(Cursor("people", False, ["\0", str(office.rita.id)]))
    assert boss.get(f"/people?cursor={forged}").status == 422


def test_a_search_keeps_to_its_word_and_to_every_spelling(office: Office, boss: Browser) -> None:
    User.objects.filter(id=office.ned.user_id).update(name="Ned Weiß-Active")
    for search in ("weiß", "WEIß", "active"):
        page = boss.get("/people", params={"q": search})
        assert "Ned Weiß-Active" in page.main
        assert "Rita R" not in page.main
    found = boss.get("/people", params={"q": "active"})
    kept = [one.attributes["href"] for one in found.tree.one("main").all("a")]
    assert "/people?which=all&q=active" in kept


def test_people_are_found_and_listed_page_by_page(
    office: Office, boss: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(path: str) -> list[str]:
        found = boss.get(path).tree.all("ol", id="people")
        return [row.one("b").text for row in found[0].all("li")] if found else []

    assert names("/people") == ["Lena L", "Ned N", "Olga O", "Rita R", "Ron R", "Vera V"]
    assert names("/people?q=+R+R") == []
    assert names("/people?q=rITa") == ["Rita R"]
    assert names(f"/people?q={office.ron.user.email}") == ["Ron R"]
    assert names("/people?q=%25") == names("/people?q=_") == []
    assert boss.get("/people?cursor=nonsense").status == 422
