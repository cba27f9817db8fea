"""Whatever changes how somebody signs in, they hear of it by mail: it may not have been them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db.models import F

from core import due
from notifications.mail.accounts import mail_due
from people import factors, invitations, links, resets
from people.models import AccountLink, Person
from people.sso import identities
from people.sso.tokens import Claims
from tests.factories import ACTOR, PASSWORD, PersonFactory, user_of
from tests.notifications.mail_desk import text_of, whole
from tests.notifications.postbox import Postbox
from tests.pages.browser import Browser
from tests.pages.doorstep import with_app, with_key
from tests.pages.office import Office
from tests.pages.test_people_page import link_in

NEW = "a wholly other passphrase"


def posted(person: Person) -> None:
    """What a worker does with the promises to mail to somebody."""
    waiting = AccountLink.objects.filter(mailed="pending", user=person.user)
    mail_due(due.take(links.MAIL, [one.id for one in waiting]))


def warned(box: Postbox, person: Person) -> list[str]:
    """The first line of each warning that somebody got meanwhile."""
    posted(person)
    mails = [mail for mail in box.mails if mail.to == [person.user.email]]
    box.mails.clear()
    found = [mail for mail in mails if "was changed" in str(mail.message["Subject"])]
    return [text_of(mail).splitlines()[2] for mail in found]


def linked(person: Person) -> None:
    identities.connect(
        claims=Claims("https://id.example", str(person.id), person.user.email, verified=True),
        user=user_of(person),
    )


def unlinked(person: Person) -> None:
    identities.unlink(actor=ACTOR, user=user_of(person))


def took_away(person: Person) -> None:
    [key] = factors.held(user_of(person)).passkeys
    factors.remove(user=user_of(person), factor=key.id)


def used_a_code(person: Person) -> None:
    user = user_of(person)
    [code, *_] = factors.new_codes(user=user)
    factors.check_code(user, code, purpose="sign_in")


STEPS: list[tuple[Callable[[Person], Any], list[str]]] = [
    (with_app, ["An authenticator app was set up as a second factor."]),
    (with_key, ["A passkey was added."]),
    (took_away, ["A second factor was taken away."]),
    (
        used_a_code,
        [
            "New recovery codes were made. Those of before are worth nothing any more.",
            "A recovery code was used in place of a second factor.",
        ],
    ),
    (
        lambda person: factors.remove_all(actor=ACTOR, user=user_of(person)),
        ["Whoever runs this server took all second factors away."],
    ),
    (lambda person: factors.remove_all(actor=ACTOR, user=user_of(person)), []),
    (linked, ["The account was linked with somebody at the identity provider."]),
    (unlinked, ["The account is no longer linked with anybody at the identity provider."]),
]


def test_each_change_is_told_to_whose_account_it_is(office: Office, box: Postbox) -> None:
    person = PersonFactory(workspace=office.workspace, name="Pia P")
    for step, said in STEPS:
        step(person)
        assert sorted(warned(box, person)) == sorted(said), step


def test_a_changed_password_is_told_with_what_to_do(office: Office, box: Postbox) -> None:
    browser = office.browser(office.rita)
    form = browser.get("/settings/security").form("/settings/security/password")
    wrong = browser.submit(form, old="not mine", new=NEW, again=NEW)
    assert wrong.status == 422
    assert warned(box, office.rita) == []
    form = browser.get("/settings/security").form("/settings/security/password")
    browser.submit(form, old=PASSWORD, new=NEW, again=NEW)
    posted(office.rita)
    [mail] = box.mails
    text = text_of(mail)
    assert text.splitlines()[:3] == [
        "Your sign-in to Assentry was changed",
        "",
        "The password was changed.",
    ]
    assert office.rita.user.email in text
    assert f"{settings.BASE_URL}/forgot-password" in text
    assert f"{settings.BASE_URL}/settings/security" in text
    assert NEW not in whole(mail)
    box.mails.clear()
    assert warned(box, office.rita) == [], "once"


def test_a_password_that_was_set_by_a_link_is_told_and_an_invited_one_is_not(
    office: Office, box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resets, "ANSWER_TAKES_S", 0.0)
    resets.ask(email=office.ron.user.email, address="192.0.2.9")
    posted(office.ron)
    [mail] = box.mails
    box.mails.clear()
    browser = Browser(office.server.url)
    path = link_in(text_of(mail))
    browser.submit(browser.get(path).form(path), password=NEW, again=NEW)
    assert user_of(office.ron).check_password(NEW)
    assert warned(box, office.ron) == ["The password was changed."]
    invited = invitations.invite(
        actor=ACTOR,
        workspace=office.workspace,
        email=f"iris-{secrets.token_hex(4)}@one.example",
        name="Iris I",
    ).person
    posted(invited)
    path = link_in(text_of(box.mails.pop()))
    browser = Browser(office.server.url)
    browser.submit(browser.get(path).form(path), password=NEW, again=NEW)
    assert user_of(invited).check_password(NEW)
    assert warned(box, invited) == []


def test_who_signs_in_at_a_provider_is_not_sent_to_a_password(office: Office, box: Postbox) -> None:
    person = PersonFactory(workspace=office.workspace, password=None)
    with_app(person)
    posted(person)
    [mail] = box.mails
    text = text_of(mail)
    assert "Secure your account at the identity provider" in text
    assert "/forgot-password" not in whole(mail)
    assert f"{settings.BASE_URL}/settings/security" in text


def test_warnings_are_forgotten_after_a_month(office: Office, box: Postbox) -> None:
    with_app(office.lena)
    old = AccountLink.objects.get(user=office.lena.user)
    AccountLink.objects.filter(id=old.id).update(created_at=F("created_at") - timedelta(days=29))
    with_key(office.lena)
    assert AccountLink.objects.filter(user=office.lena.user).count() == 2
    AccountLink.objects.filter(id=old.id).update(created_at=F("created_at") - timedelta(days=2))
    factors.new_codes(user=user_of(office.lena))
    assert not AccountLink.objects.filter(id=old.id).exists()


def test_nothing_is_written_where_no_mail_is_sent(office: Office) -> None:
    with_app(office.ned)
    assert not AccountLink.objects.filter(user=office.ned.user).exists()
