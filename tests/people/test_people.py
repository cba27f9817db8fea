from __future__ import annotations

from functools import partial

import pytest
from django.contrib.auth import get_user
from django.http import HttpRequest

from people import errors
from people.models import Person, User
from people.permissions import grant_permission, permissions_of
from people.services import create_person, create_workspace, deactivate_person, person_by_email
from people.sessions import SessionStore
from tests.events import events_of, kinds_of, side_of
from tests.factories import ACTOR, PASSWORD, PersonFactory, WorkspaceFactory, user_of
from tests.together import together


def test_a_workspace_is_made_with_its_event():
    workspace = WorkspaceFactory(slug="a-first-one", name="  Ångström  ")
    assert workspace.name == "Ångström"
    [event] = events_of(workspace.id)
    assert (event["kind"], event["actor"]) == (
        "workspace.created",
        {"type": "operator", "id": None, "via": "tests"},
    )


@pytest.mark.parametrize(
    "slug", ["", "-a", "a-", "A", "a b", "ä", "a_b", "a" * 51, "a/b", "a\n", "a\u200b"]
)
def test_a_bad_slug_is_refused(slug):
    with pytest.raises(errors.BadSlug, match="lower-case letters"):
        create_workspace(actor=ACTOR, slug=slug)


def test_a_slug_is_used_once_even_by_many_at_once():
    results = together([lambda: create_workspace(actor=ACTOR, slug="raced") for _ in range(8)])
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {errors.SlugTaken}


@pytest.mark.parametrize("name", ["a\u200bb", "\u202eevil", "x" * 121, "a\x00b"])
def test_names_are_visible_and_bounded(name):
    with pytest.raises(errors.BadText):
        WorkspaceFactory(name=name)


def test_a_person_is_made_with_an_event_that_only_commits_to_the_address():
    person = PersonFactory(email="Zoë.Mail@Demo.Example".replace("ë", "e"))
    assert person.user.email == "zoe.mail@demo.example"
    assert person.user.check_password(PASSWORD)
    [event] = events_of(person.workspace_id, "person.created")
    assert "zoe" not in str(event)
    assert side_of(event, "email") == b"zoe.mail@demo.example"


@pytest.mark.parametrize(
    "spelling", ["ANA@Spell.example", " ana@spell.example ", "ａｎａ@spell.example"]
)
def test_one_address_is_one_user_however_it_is_spelt(spelling):
    first = Person.objects.filter(user__email="ana@spell.example").first() or PersonFactory(
        email="ana@spell.example"
    )
    assert PersonFactory(email=spelling).user_id == first.user_id


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ana",
        "ana@",
        "@b.example",
        "a@b",
        "a b@c.example",
        "a@exa\u200bmple.com",
        "a\x00@b.example",
    ],
)
def test_a_bad_address_is_refused(email):
    with pytest.raises(errors.BadEmail, match="not an e-mail address"):
        PersonFactory(email=email)


def test_a_user_who_exists_keeps_password_and_name():
    first = PersonFactory(name="Ana")
    second = PersonFactory(
        email=first.user.email, name="Mallory", password="another long passphrase"
    )
    assert second.user_id == first.user_id
    user = user_of(first)
    assert user.name == "Ana"
    assert user.check_password(PASSWORD)


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "password1234",
        "123456789012345",
        "",
        "long " * 201,
        "a horse,\0 well stapled",  # nobody could type it again
        "a horse,\ud800 well stapled",
    ],
)
def test_a_weak_password_is_refused(password):
    with pytest.raises(errors.WeakPassword):
        PersonFactory(password=password)


def test_without_a_password_nobody_signs_in_as_them():
    assert not PersonFactory(password=None).user.has_usable_password()


def test_nobody_is_added_twice():
    person = PersonFactory()
    with pytest.raises(errors.PersonExists, match="already"):
        PersonFactory(workspace=person.workspace, email=person.user.email)


def test_many_at_once_add_one_person():
    workspace = WorkspaceFactory()
    email = f"crowd@{workspace.slug}.example"
    results = together(
        [lambda: create_person(actor=ACTOR, workspace=workspace, email=email) for _ in range(8)]
    )
    assert sum(isinstance(result, Person) for result in results) == 1
    assert {type(r) for r in results if isinstance(r, Exception)} == {errors.PersonExists}
    assert User.objects.filter(email=email).count() == 1
    assert kinds_of(workspace.id).count("person.created") == 1


def session_of(user: User) -> SessionStore:
    """A session as signing in makes it."""
    session = SessionStore()
    session["_auth_user_id"] = str(user.id)
    session["_auth_user_backend"] = "people.backends.UserBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return session


def who(session: SessionStore) -> bool:
    """Whether the session still stands for somebody."""
    request = HttpRequest()
    request.session = SessionStore(session.session_key)
    return get_user(request).is_authenticated


def test_deactivating_a_users_last_person_ends_their_sessions():
    here = PersonFactory()
    there = PersonFactory(email=here.user.email)
    session = session_of(user_of(here))
    assert deactivate_person(actor=ACTOR, person=here) is True
    assert who(session)
    assert deactivate_person(actor=ACTOR, person=there) is True
    assert not who(session)
    assert deactivate_person(actor=ACTOR, person=there) is False
    assert kinds_of(there.workspace_id).count("person.deactivated") == 1


def test_two_last_persons_deactivated_at_once_end_the_sessions():
    for _ in range(10):
        here = PersonFactory()
        there = PersonFactory(email=here.user.email)
        session = session_of(user_of(here))
        together(
            [partial(deactivate_person, actor=ACTOR, person=person) for person in (here, there)]
        )
        assert not who(session)


def test_a_new_password_ends_sessions():
    person = PersonFactory()
    user = user_of(person)
    session = session_of(user)
    user.set_password("quite another passphrase")
    user.save()
    assert not who(session)


def test_permissions_are_the_persons_own_and_end_with_them():
    person = PersonFactory(administrator=True)
    other = PersonFactory(email=person.user.email)
    user = user_of(person)
    assert permissions_of(user, person.workspace) == {"administer"}
    assert permissions_of(user, other.workspace) == frozenset()
    grant_permission(actor=ACTOR, workspace=person.workspace, person=person, permission="audit")
    grant_permission(actor=ACTOR, workspace=person.workspace, person=person, permission="audit")
    assert permissions_of(user, person.workspace) == {"administer", "audit"}
    assert kinds_of(person.workspace_id).count("permission.granted") == 2
    deactivate_person(actor=ACTOR, person=person)
    assert permissions_of(user, person.workspace) == frozenset()


def test_a_superuser_has_no_permission_by_that():
    person = PersonFactory()
    User.objects.filter(id=person.user_id).update(is_superuser=True, is_active=True)
    assert permissions_of(user_of(person), person.workspace) == frozenset()


def test_a_permission_is_not_given_across_workspaces():
    person = PersonFactory()
    with pytest.raises(ValueError, match="same workspace"):
        grant_permission(
            actor=ACTOR, workspace=WorkspaceFactory(), person=person, permission="view"
        )


def test_somebody_of_another_workspace_is_nobody_here():
    person = PersonFactory()
    with pytest.raises(errors.NoSuchPerson, match="nobody in workspace"):
        person_by_email(WorkspaceFactory(), person.user.email)
