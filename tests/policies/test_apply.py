from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, InternalError, ProgrammingError, connections, transaction

from audit.actor import Actor
from core import canonical
from people.models import Membership, Role
from people.services import deactivate_person
from policies import comparing
from policies.active import active_version
from policies.errors import PolicyErrors
from policies.models import Policy, PolicyVersion
from policies.services import BadComment, apply
from tests.events import events_of, kinds_of
from tests.factories import ACTOR, PersonFactory, WorkspaceFactory
from tests.together import together


def policy(*members: str, title: str = "Lead") -> str:
    """A small policy with these addresses in its role."""
    return f"""assentry: 1
fallback: lead
roles:
  lead:
    title: {title}
    members: [{", ".join(members)}]
actions:
  site.publish: {{title: Publish}}
rules: []
"""


def active(workspace) -> PolicyVersion:
    """The active version, which there must be."""
    version = active_version(workspace.id)
    assert version is not None
    return version


@pytest.fixture
def person():
    return PersonFactory()


@pytest.fixture
def workspace(person):
    return person.workspace


def test_the_first_version_is_active_with_its_roles(person, workspace):
    text = policy(person.user.email)
    applied = apply(actor=Actor.person(person.id, channel="web"), workspace=workspace, text=text)
    assert applied.is_new
    version = active(workspace)
    assert (version.number, version.text, version.created_by_id) == (1, text, person.id)
    assert bytes(version.digest) == canonical.digest(text.encode())
    assert Membership.objects.get(workspace=workspace).source == "policy"
    [event] = events_of(workspace.id, "policy.applied")
    assert event["data"]["number"] == 1
    assert event["data"]["digest"] == canonical.show_digest(bytes(version.digest))


def test_the_same_text_again_is_no_new_version(person, workspace):
    text = policy(person.user.email)
    first = apply(actor=ACTOR, workspace=workspace, text=text)
    again = apply(actor=ACTOR, workspace=workspace, text=text)
    assert not again.is_new
    assert again.version.id == first.version.id
    assert kinds_of(workspace.id).count("policy.applied") == 1


def test_which_line_ends_a_text_came_with_makes_no_difference(person, workspace):
    text = policy(person.user.email)
    forms = text.replace("\n", "\r\n")
    first = apply(actor=ACTOR, workspace=workspace, text=forms, comment="One.\r\nTwo.")
    assert (first.version.text, first.version.comment) == (text, "One.\nTwo.")
    assert bytes(first.version.digest) == canonical.digest(text.encode())
    for same in (text, forms, text.replace("\n", "\r")):
        again = apply(actor=ACTOR, workspace=workspace, text=same, expected=0)
        assert (again.is_new, again.version.number) == (False, 1)
    # An older release saved them as they came.
    older = PolicyVersion.objects.create(
        workspace=workspace, number=2, text=forms, digest=canonical.digest(forms.encode())
    )
    Policy.objects.filter(workspace=workspace).update(active=older)
    for same in (text, forms):
        assert not apply(actor=ACTOR, workspace=workspace, text=same).is_new
    found = comparing.compare(workspace=workspace, text=text)
    assert (found.changes, found.effects) == ((), ())
    assert comparing.lines(older.text, text) == []


@pytest.mark.parametrize("comment", ["x" * 1_001, "a\0b", "a\x1b[2Jb"])
def test_a_comment_that_is_too_long_or_hides_is_refused(person, workspace, comment):
    text = policy(person.user.email)
    with pytest.raises(BadComment):
        apply(actor=ACTOR, workspace=workspace, text=text, comment=comment)
    assert active_version(workspace.id) is None
    assert apply(actor=ACTOR, workspace=workspace, text=text, comment="x\n" * 500).is_new


def test_going_back_to_an_older_text_is_a_new_version(person, workspace):
    old, new = policy(person.user.email), policy(person.user.email, title="Leader")
    numbers = [
        apply(actor=ACTOR, workspace=workspace, text=text).version.number
        for text in (old, new, old)
    ]
    assert numbers == [1, 2, 3]
    assert Role.objects.get(workspace=workspace).title == "Lead"


def test_members_leave_with_the_text(person, workspace):
    other = PersonFactory(workspace=workspace)
    apply(actor=ACTOR, workspace=workspace, text=policy(person.user.email, other.user.email))
    applied = apply(actor=ACTOR, workspace=workspace, text=policy(other.user.email))
    assert applied.roles.revoked == [("lead", person.id)]


def test_an_address_is_known_in_any_spelling(person, workspace):
    apply(actor=ACTOR, workspace=workspace, text=policy(person.user.email.upper()))
    assert Membership.objects.get(workspace=workspace).person_id == person.id


def test_strangers_and_deactivated_people_are_named_with_their_places(person, workspace):
    gone = PersonFactory(workspace=workspace)
    deactivate_person(actor=ACTOR, person=gone)
    elsewhere = PersonFactory()
    text = policy(person.user.email, gone.user.email, elsewhere.user.email)
    with pytest.raises(PolicyErrors) as caught:
        apply(actor=ACTOR, workspace=workspace, text=text)
    first, second = caught.value.errors
    assert "was deactivated" in first.detail
    assert "is nobody in this workspace" in second.detail
    for error, email in ((first, gone.user.email), (second, elsewhere.user.email)):
        line = text.splitlines()[error.line - 1]
        assert line[error.column - 1 :].startswith(email)


def test_nothing_of_a_refused_document_stays(person, workspace):
    apply(actor=ACTOR, workspace=workspace, text=policy(person.user.email))
    before = kinds_of(workspace.id)
    for text in (
        "",
        "assentry: 2",
        policy("nobody@one.example"),
        policy(person.user.email) + "x: 1",
    ):
        with pytest.raises(PolicyErrors):
            apply(actor=ACTOR, workspace=workspace, text=text)
    assert kinds_of(workspace.id) == before
    assert active(workspace).number == 1


def test_many_at_once_are_numbered_without_gap_or_twin(person, workspace):
    texts = [policy(person.user.email, title=f"Lead {n}") for n in range(8)]
    results = together(
        [partial(apply, actor=ACTOR, workspace=workspace, text=text) for text in texts]
    )
    assert sorted(applied.version.number for applied in results) == list(range(1, 9))
    newest = PolicyVersion.objects.get(workspace=workspace, number=8)
    assert active(workspace).id == newest.id
    # The role is as the last one said, not as whoever was slow.
    assert f"title: {Role.objects.get(workspace=workspace).title}\n" in newest.text
    numbers = [event["data"]["number"] for event in events_of(workspace.id, "policy.applied")]
    assert sorted(numbers) == list(range(1, 9))


def test_the_same_text_many_times_at_once_is_one_version(person, workspace):
    text = policy(person.user.email)
    results = together(
        [lambda: apply(actor=ACTOR, workspace=workspace, text=text) for _ in range(8)]
    )
    assert sum(applied.is_new for applied in results) == 1
    assert PolicyVersion.objects.filter(workspace=workspace).count() == 1
    assert Membership.objects.filter(workspace=workspace).count() == 1


@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.parametrize(
    "change", ["UPDATE {} SET text = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_the_database_refuses_to_change_a_version(person, workspace, alias, change):
    apply(actor=ACTOR, workspace=workspace, text=policy(person.user.email))
    statement = change.format("policies_policyversion")
    with (
        pytest.raises((IntegrityError, InternalError, ProgrammingError)) as caught,
        transaction.atomic(using=alias),
        connections[alias].cursor() as cursor,
    ):
        cursor.execute(statement)
    assert "never changed" in str(caught.value) or "permission denied" in str(caught.value)


def test_a_policy_is_active_only_in_its_own_workspace(person, workspace):
    applied = apply(actor=ACTOR, workspace=workspace, text=policy(person.user.email))
    with pytest.raises(IntegrityError, match="same_workspace"), transaction.atomic():
        Policy.objects.create(workspace=WorkspaceFactory(), active=applied.version)
