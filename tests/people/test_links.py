"""Links that set a password: who may use one, once, and what ends it; invitations and resets behind them."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.models import F
from pytest_django import Settings

from core import ids
from core.clock import ClockTimestamp
from core.problems import Problem
from notifications.mail.server import Server
from people import directory, errors, invitations, links, resets, throttle
from people.models import AccountLink, Person, ResetAsked, User
from people.permissions import grant_permission
from people.services import (
    create_person,
    deactivate_person,
    reactivate_person,
    rename_person,
)
from people.signing_out import end_sessions
from tests.events import events_of, kinds_of, side_of
from tests.factories import ACTOR, PersonFactory, RoleFactory, WorkspaceFactory, user_of
from tests.people.steps import App
from tests.people.test_sign_in import fresh
from tests.promises import ask
from tests.together import together, until_waiting

NEW = "a wholly other passphrase"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers need no time here; the one test that measures it sets it again."""
    monkeypatch.setattr(resets, "ANSWER_TAKES_S", 0.0)


@pytest.fixture
def mails(settings: Settings) -> None:
    """There is a mail server; nobody sends to it here."""
    settings.SMTP = Server("127.0.0.1", 25, "none")


@pytest.fixture
def boss() -> Any:
    """An administrator of a workspace."""
    person = PersonFactory(name="Bo Boss")
    grant_permission(
        actor=ACTOR, workspace=person.workspace, person=person, permission="administer"
    )
    return person


def acting(person: Person) -> Any:
    return type(ACTOR).person(person.id, channel="web")


def address() -> str:
    return f"new-{secrets.token_hex(4)}@one.example"


def invite(boss: Any, **more: Any) -> invitations.Invited:
    wanted = {"email": address(), "name": "Nia New"} | more
    return invitations.invite(actor=acting(boss), workspace=boss.workspace, **wanted)


def token(made: links.Made) -> str:
    assert made.url is not None
    return made.url.rpartition("/")[2]


def status(token: str, password: str = NEW) -> int:
    """What one use comes to: 200 or 410, and 422 for a weak password."""
    try:
        links.use(token=token, password=password, address="10.0.0.1")
    except Problem as problem:
        return problem.status
    except errors.WeakPassword:
        return 422
    return 200


def later(person: Person, **by: float) -> None:
    AccountLink.objects.filter(user_id=person.user_id).update(
        expires_at=F("expires_at") - timedelta(**by)
    )


def test_an_invitation_sets_the_first_password_once(boss: Any) -> None:
    role = RoleFactory(workspace=boss.workspace, name="lead")
    made = invite(boss, roles=["lead", "lead"])
    person = made.person
    assert (made.notice, made.made.mailed) == (False, False), "no mail server: it is shown"
    secret = token(made.made)
    assert len(secret) == 43
    row = AccountLink.objects.get(person=person)
    assert secret.encode() not in bytes(row.token_hash or b"")
    assert not user_of(person).has_usable_password()
    assert role.membership_set.filter(person=person, valid_until=None).count() == 1
    opened = links.find(secret)
    assert opened is not None
    assert (opened.kind, opened.email, opened.workspace) == (
        "invitation",
        person.user.email,
        boss.workspace.name,
    )
    assert status(secret, "short") == 422
    assert status(secret, "x" * 1_001) == 422
    assert status(secret, "\ud800" * 20) == 422
    assert AccountLink.objects.get(id=row.id).used_at is None
    assert status(secret) == 200
    assert status(secret) == 410
    assert links.find(secret) is None
    assert user_of(person).check_password(NEW)
    assert [kind for kind in kinds_of(boss.workspace_id) if "invit" in kind] == [
        "person.invited",
        "invitation.accepted",
    ]
    [asked] = events_of(boss.workspace_id, "person.invited")
    assert asked["data"] == {"mailed": False, "handed_to": "administrator"}
    assert asked["actor"]["id"] == ids.encode("per", boss.id)
    [event] = events_of(boss.workspace_id, "invitation.accepted")
    assert side_of(event, "address") == b"10.0.0.1"
    assert secret not in str(events_of(boss.workspace_id))


def test_with_a_mail_server_it_is_mailed_and_shown_only_if_asked(boss: Any, mails: None) -> None:
    made = invite(boss).made
    assert (made.mailed, made.url) == (True, None)
    assert ask("SELECT kind FROM core_due WHERE subject = %s", made.id) == [("account.mail",)]
    besides = invite(boss, show=True).made
    assert besides.mailed
    assert status(token(besides)) == 200


def test_seven_days_and_an_hour(boss: Any) -> None:
    person = (invited := invite(boss)).person
    later(person, days=6, hours=23)
    assert links.find(token(invited.made)) is not None
    later(person, hours=2)
    assert links.find(token(invited.made)) is None
    assert status(token(invited.made)) == 410
    made = resets.send(actor=acting(boss), person=boss)
    assert made.expires_at is not None
    later(boss, minutes=59)
    assert links.find(token(made)) is not None
    later(boss, minutes=2)
    assert status(token(made)) == 410


@pytest.mark.parametrize(
    "what", ["again", "deactivated", "back", "taken_back", "off", "sessions", "came"]
)
def test_what_ends_an_invitation(boss: Any, what: str) -> None:
    invited = invite(boss)
    person, secret = invited.person, token(invited.made)
    match what:
        case "again":
            second = invitations.invite_again(actor=acting(boss), person=person)
            assert token(second) != secret
            assert links.find(token(second)) is not None
        case "deactivated" | "back":
            deactivate_person(actor=acting(boss), person=person)
            if what == "back":
                reactivate_person(actor=acting(boss), person=person)
        case "taken_back":
            invitations.take_back(actor=acting(boss), person=person)
            assert not Person.objects.get(id=person.id).active
            assert kinds_of(boss.workspace_id)[-2:] == [
                "invitation.withdrawn",
                "person.deactivated",
            ]
            with pytest.raises(errors.NotInvited):
                invitations.take_back(actor=acting(boss), person=person)
        case "off":
            User.objects.filter(id=person.user_id).update(is_active=False)
        case "came":  # at the identity provider
            User.objects.filter(id=person.user_id).update(last_login=ClockTimestamp())
        case _:
            end_sessions(user=person.user)
    assert links.find(secret) is None
    assert status(secret) == 410
    assert not user_of(person).has_usable_password()


def test_any_change_of_the_password_ends_every_link(boss: Any) -> None:
    first, second = (resets.send(actor=acting(boss), person=boss) for _ in range(2))
    generation = user_of(boss).session_generation
    assert status(token(first)) == 200
    assert status(token(second)) == 410
    assert user_of(boss).session_generation > generation, "every session has ended"
    third = resets.send(actor=acting(boss), person=boss)
    user = user_of(boss)
    user.set_password("set by other means")
    user.save()
    assert status(token(third)) == 410
    assert kinds_of(boss.workspace_id).count("password.reset") == 1


def test_of_many_uses_at_once_one_counts(boss: Any) -> None:
    secret = token(invite(boss).made)
    results = together([partial(status, secret, f"{NEW} {n}") for n in range(8)])
    assert sorted(results) == [200] + [410] * 7
    assert kinds_of(boss.workspace_id).count("invitation.accepted") == 1


@pytest.mark.parametrize("text", ["", "x", "x" * 43, "\ud800" * 43, "ä" * 43, "x" * 5_000])
def test_what_is_no_token_opens_nothing(text: str) -> None:
    assert links.find(text) is None
    assert status(text) == 410


def test_who_is_here_already_keeps_name_and_password_and_gets_a_notice(
    boss: Any, mails: None
) -> None:
    there = PersonFactory(name="Their Own")
    before = user_of(there)
    invited = invite(boss, email=there.user.email.upper(), name="Another", show=True)
    assert (invited.notice, invited.proven, invited.made.url) == (True, False, None)
    after = user_of(there)
    assert (after.name, after.password, after.session_generation) == (
        before.name,
        before.password,
        before.session_generation,
    )
    with pytest.raises(errors.NotInvited):
        invitations.invite_again(actor=acting(boss), person=invited.person)
    with pytest.raises(errors.PersonExists):
        invite(boss, email=there.user.email)


def test_no_administrator_is_shown_a_link_of_somebody_of_another_workspace(boss: Any) -> None:
    there = PersonFactory()
    mine = create_person(actor=ACTOR, workspace=boss.workspace, email=there.user.email)
    made = resets.send(actor=acting(boss), person=mine, show=True)
    assert (made.url, made.mailed) == (None, False)
    [here] = events_of(boss.workspace_id, "password.reset_asked")
    [elsewhere] = events_of(there.workspace_id, "password.reset_asked")
    assert here["actor"]["id"] == ids.encode("per", boss.id)
    assert elsewhere["actor"] == {"type": "system", "id": None, "via": "account_link"}
    with pytest.raises(errors.NameIsTheirs):
        rename_person(actor=acting(boss), person=mine, name="Taken Over")


def test_a_link_that_was_shown_dies_when_its_user_comes_to_another_workspace(boss: Any) -> None:
    """Who invites somebody first, and keeps the link, does not get into where they are invited next."""
    invited = invite(boss)
    secret = token(invited.made)
    other = PersonFactory()
    again = invitations.invite(
        actor=acting(other), workspace=other.workspace, email=invited.person.user.email
    )
    assert (again.notice, again.made.url) == (False, None), "nobody is shown one any more"
    assert links.find(secret) is None
    assert status(secret) == 410
    assert status(token(resets.print_link(actor=ACTOR, user=invited.person.user))) == 200


def test_who_is_invited_elsewhere_while_a_shown_link_is_used_is_not_taken_over(boss: Any) -> None:
    """The link waits for the other workspace's invitation, and then opens nothing."""
    invited = invite(boss)
    secret, email = token(invited.made), invited.person.user.email
    workspace = WorkspaceFactory()
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            create_person(actor=ACTOR, workspace=workspace, email=email)
            used = threads.submit(_use_in_a_thread, secret)
            until_waiting(1, "people_user")
        assert used.result(30) == 410
    assert not user_of(invited.person).has_usable_password()


def _use_in_a_thread(secret: str) -> int:
    try:
        return status(secret)
    finally:
        connections.close_all()


def test_whose_link_went_by_mail_alone_is_proven(boss: Any, mails: None) -> None:
    mailed, shown = invite(boss), invite(boss, show=True)
    secret = links.token_of(mailed.made.id, user_of(mailed.person))
    assert status(secret) == status(token(shown.made)) == 200
    elsewhere = PersonFactory()
    for one, proven in ((mailed, True), (shown, False)):
        again = invitations.invite(
            actor=acting(elsewhere),
            workspace=elsewhere.workspace,
            email=one.person.user.email,
        )
        assert (again.notice, again.proven) == (True, proven)


def test_a_factor_that_was_there_before_leaves_somebody_unproven(boss: Any, mails: None) -> None:
    shown = invite(boss, show=True)
    assert status(token(shown.made)) == 200  # by whoever was handed it
    owner = user_of(shown.person)
    App(owner).set_up()
    made = resets.send(actor=acting(boss), person=shown.person)
    assert status(links.token_of(made.id, owner)) == 200  # by whoever reads the mail
    elsewhere = PersonFactory()
    again = invitations.invite(
        actor=acting(elsewhere), workspace=elsewhere.workspace, email=owner.email
    )
    entry = directory.one(workspace=elsewhere.workspace_id, person=again.person.id)
    assert entry is not None
    assert (again.proven, entry.proven) == (False, False)


def test_renaming_is_an_event(boss: Any) -> None:
    person = PersonFactory(workspace=boss.workspace, name="Old Name")
    assert rename_person(actor=acting(boss), person=person, name="  New Name ")
    assert not rename_person(actor=acting(boss), person=person, name="New Name")
    [event] = events_of(boss.workspace_id, "person.renamed")
    assert side_of(event, "name") == b"New Name"
    assert "New Name" not in str(event)
    for name in ("", "a\u202eb", "x" * 121, "a\nb"):
        with pytest.raises(errors.BadText):
            rename_person(actor=acting(boss), person=person, name=name)


def test_a_reset_is_asked_for_at_the_door(mails: None) -> None:
    one = PersonFactory()
    other = create_person(actor=ACTOR, workspace=WorkspaceFactory(), email=one.user.email)
    where = fresh()
    resets.ask(email=f" {one.user.email.upper()} ", address=where)
    link = AccountLink.objects.get(user=one.user)
    assert (link.kind, link.workspace_id, link.mailed, link.handed_to) == (
        "reset",
        None,
        "pending",
        "",
    )
    for person in (one, other):
        [event] = events_of(person.workspace_id, "password.reset_asked")
        assert event["actor"] == {"type": "system", "id": None, "via": "sign_in"}
        assert event["data"] == {"mailed": True, "handed_to": None}
        assert side_of(event, "address") == where.encode()
    secret = links.token_of(link.id, user_of(one))
    assert status(secret) == 200
    for person in (one, other):
        assert len(events_of(person.workspace_id, "password.reset")) == 1


def test_nobody_is_mailed_who_has_no_password_or_no_workspace(mails: None) -> None:
    gone, keyless, off = PersonFactory(), PersonFactory(password=None), PersonFactory()
    deactivate_person(actor=ACTOR, person=gone)
    User.objects.filter(id=off.user_id).update(is_active=False)
    for email in (
        *(one.user.email for one in (gone, keyless, off)),
        *("nobody@one.example", "a\x00b@one.example", "\ud800@one.example", "x" * 5_000, ""),
    ):
        resets.ask(email=email, address=fresh())
    people = [one.user_id for one in (gone, keyless, off)]
    assert not AccountLink.objects.filter(user__in=people).exists()


def test_it_takes_the_same_time_for_known_and_unknown(
    mails: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resets, "ANSWER_TAKES_S", 0.2)
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(3):
        for known in took:
            email = PersonFactory().user.email if known else address()
            started = time.monotonic()
            resets.ask(email=email, address=fresh())
            took[known].append(time.monotonic() - started)
    fastest = [min(took[True]), min(took[False])]
    assert min(fastest) >= 0.2
    assert max(fastest) - min(fastest) < 0.02, "the work of both fits into it"


def asks(email: str, where: str) -> int:
    try:
        resets.ask(email=email, address=where)
    except Problem as problem:
        return problem.status if 0 < int(problem.headers["Retry-After"]) <= 3_600 else 0
    return 200


def test_asking_is_throttled_by_account_known_or_not(mails: None) -> None:
    known = PersonFactory().user.email
    for email in (known, address()):
        results = together([partial(asks, email, fresh()) for _ in range(8)])
        assert sorted(results) == [200] * 3 + [429] * 5
    waiting = AccountLink.objects.filter(user__email=known, used_at=None, ended_at=None)
    assert waiting.count() == 3, "who asks in another's name ends no link that was asked for"
    ResetAsked.objects.filter(account=known).update(
        at=ResetAsked.objects.filter(account=known)[0].at - timedelta(hours=1)
    )
    assert asks(known, fresh()) == 200


def test_asking_is_throttled_by_address_and_apart_from_sign_ins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resets, "PER_ADDRESS", (4, resets.PER_ADDRESS[1]))
    network = fresh().removesuffix("::1")
    assert [asks(address(), f"{network}::{n:x}") for n in range(1, 6)] == [200] * 4 + [429]
    throttle.begin(account=address(), address=f"{network}::1")


def test_everything_of_it_goes_with_who_is_forgotten(boss: Any, mails: None) -> None:
    person = PersonFactory(workspace=boss.workspace)
    resets.ask(email=person.user.email, address=fresh())
    resets.send(actor=acting(boss), person=person)
    deactivate_person(actor=ACTOR, person=person)
    email, user = person.user.email, person.user_id
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT people_erase(%s, %s)", [boss.workspace_id, person.id])
    assert not AccountLink.objects.filter(user_id=user).exists()
    assert not AccountLink.objects.filter(person=person).exists()
    assert not ResetAsked.objects.filter(account=email).exists()
    assert not User.objects.filter(id=user).exists()


def test_who_is_forgotten_in_one_workspace_keeps_what_is_theirs_in_another(
    boss: Any, mails: None
) -> None:
    there = PersonFactory()
    here = create_person(actor=ACTOR, workspace=boss.workspace, email=there.user.email)
    resets.send(actor=acting(boss), person=here)
    theirs = resets.send(actor=acting(there), person=there)
    deactivate_person(actor=ACTOR, person=here)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT people_erase(%s, %s)", [boss.workspace_id, here.id])
    assert [one.id for one in AccountLink.objects.filter(user=there.user)] == [theirs.id]
    assert User.objects.filter(id=there.user_id).exists()


def test_a_link_belongs_to_one_workspace_for_the_database_too(boss: Any) -> None:
    stranger = PersonFactory()
    with pytest.raises(Exception, match="account_link_person_same_workspace"):
        AccountLink.objects.create(
            kind="notice", user=stranger.user, workspace=boss.workspace, person=stranger
        )
