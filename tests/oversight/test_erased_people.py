"""A person is forgotten: name, address and words go; the opaque id, and what they decided, stay."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session

from approvals.returning import comment
from audit.actor import Actor
from audit.models import Side
from core import ids
from core.problems import Problem
from people import factors, passkeys
from people.models import Challenge, CodeFailure, Person, User, UserSession
from people.permissions import grant_permission
from people.services import create_person, deactivate_person
from policies.models import PolicyVersion
from policies.services import apply
from tests.api.tenant import Person as Signed
from tests.approvals.world import TEST, World, uuid_of
from tests.callbacks.receiver import Receiver
from tests.factories import PASSWORD
from tests.oversight.canary import canary, forms, places
from tests.oversight.subjects import RULE, Case, erase
from tests.people.steps import App, wrong_codes
from tests.server import Live
from tests.together import together


class Somebody:
    """A person whose name and address are words that stand nowhere else."""

    def __init__(self, case: Case) -> None:
        self.case, self.name, self.mail = case, canary(), f"{canary()}@mail.example"
        world = case.world
        self.person = create_person(
            actor=TEST,
            workspace=world.workspace,
            email=self.mail,
            name=self.name,
            password=PASSWORD,
        )
        grant_permission(
            actor=TEST, workspace=world.workspace, person=self.person, permission="administer"
        )
        world.people["some"] = self.person
        self.members([self.mail])
        self.signed = Signed(case.server, self.person)

    def members(self, more: list[str]) -> None:
        """Apply a policy that names these beside Ana."""
        world = self.case.world
        title = {"title": "Lead", "members": [world.email("ana"), *more]}
        world.apply(roles={"lead": title})

    def needles(self) -> list[str]:
        return forms(self.name.encode(), self.mail.encode(), self.case.word.encode())

    def leave(self) -> None:
        self.members([])
        deactivate_person(actor=TEST, person=self.person)


@pytest.fixture
def somebody(case: Case, receiver: Receiver) -> Somebody:
    return Somebody(case)


def refusal(world: World, **wanted: Any) -> str:
    with pytest.raises(Problem) as refused:
        erase(world, **wanted)
    problem = refused.value
    return problem.errors[0].code if problem.errors else problem.code


def test_a_person_is_found_nowhere_afterwards(somebody: Somebody, deliverer: Any) -> None:
    case, world = somebody.case, somebody.case.world
    case.receiver.answer(200, f"Thank {somebody.mail.title()}".encode())
    wrong = {"email": somebody.mail, "password": "wrong"}
    assert case.server.call("POST", "/session", json=wrong).status_code == 401
    first, second = world.submit(), world.submit()
    returned = somebody.signed.decide(first, "return", comment=case.word)
    assert returned.status_code == 200, returned.text
    reply = {"text": "Here you are."}
    key = secrets.token_hex(4)
    first = case.call("POST", f"/requests/{first['id']}/messages", key=key, json=reply)
    somebody.signed.call("POST", f"/requests/{first['id']}/comments", json={"text": case.word})
    assert somebody.signed.decide(first, comment=case.word).status_code == 200
    kill = {"scope": "workspace", "reason": case.word}
    assert somebody.signed.call("POST", "/kill_switch", json=kill).status_code == 201
    case.deliver(deliverer, 4)
    assert places(somebody.needles()) == {
        "agents_storedanswer",
        "approvals_decision",
        "approvals_message",
        "audit_side",
        "callbacks_attempt",
        "callbacks_callback",
        "oversight_kill",
        "people_signinfailure",
        "people_user",
        "policies_policyversion",
    }
    somebody.leave()
    done = erase(world, subject=somebody.person.id)
    shown = ids.encode("per", somebody.person.id)
    assert (done.scope, done.subjects) == ("person", [shown])
    assert places(somebody.needles()) == set()
    person = Person.objects.select_related("user").get(id=somebody.person.id)
    assert (person.name, person.active, person.user.is_active) == ("Erased person", False, False)
    assert not User.objects.filter(id=somebody.person.user_id).exists()
    (vote,) = [one for one in world.seen("ana", first)["decisions"] if one["verdict"] == "approve"]
    assert vote["person"] == {"id": shown, "name": "Erased person"}
    assert (vote["comment"], vote["assurance"]) == ("", "session")
    assert world.seen("ana", second)["payload"] == {"amount": 20}
    assert not Side.objects.filter(event__subject=somebody.person.id).exists()
    # Nobody signs in as them, and whoever comes back comes as somebody else.
    good = {"email": somebody.mail, "password": PASSWORD}
    assert case.server.call("POST", "/session", json=good).status_code == 401
    again = create_person(actor=TEST, workspace=world.workspace, email=somebody.mail)
    assert again.id != person.id


def test_what_only_signs_them_in_goes_with_them(somebody: Somebody) -> None:
    user = User.objects.get(id=somebody.person.user_id)
    app = App(user).set_up()
    with pytest.raises(Problem):
        factors.check_code(user, next(wrong_codes(app)), purpose="sign_in")
    passkeys.ask(user, passkeys.CONFIRM)
    (session,) = UserSession.objects.filter(user=user)
    somebody.leave()
    erase(somebody.case.world, subject=somebody.person.id)
    for model in (Authenticator, UserSession, Challenge, CodeFailure):
        assert not model._default_manager.filter(user_id=user.id).exists(), model
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_saved_policies_lose_the_address_and_nothing_else(somebody: Somebody) -> None:
    world = somebody.case.world
    longer = f"x{somebody.mail}"
    create_person(actor=TEST, workspace=world.workspace, email=longer)
    somebody.members([somebody.mail, longer])
    versions = PolicyVersion.objects.filter(workspace=world.workspace).order_by("number")
    before = {one.number: json.loads(one.text) for one in versions}
    said = [
        (Actor.person(somebody.person.id, channel="web"), somebody.case.word),
        (TEST, f"With {somebody.mail}."),
    ]
    for actor, why in said:
        more = {"tools": {why[:4]: {"labels": ["a"]}}}
        text = json.dumps(json.loads(versions[0].text) | more)
        apply(actor=actor, workspace=world.workspace, text=text, comment=why)
    world.apply(roles={"lead": {"title": "Lead", "members": [world.email("ana"), longer]}})
    deactivate_person(actor=TEST, person=somebody.person)
    erase(world, subject=somebody.person.id)
    instead = f"erased-{somebody.person.id.hex}@erased.invalid"
    for version in versions.filter(number__in=before):
        text = json.dumps(before[version.number]).replace(f'"{somebody.mail}"', f'"{instead}"')
        assert json.loads(version.text) == json.loads(text)
        assert (version.erased_at is not None) == (instead in text)
    assert [one.comment for one in versions.exclude(number__in=before)] == [
        "",
        f"With {instead}.",
        "",
    ]
    newest = versions.last()
    assert newest is not None
    assert (longer in newest.text, newest.erased_at) == (True, None)


def test_who_is_not_erased_now(somebody: Somebody) -> None:
    world = somebody.case.world
    assert refusal(world, subject=somebody.person.id) == "active"
    deactivate_person(actor=TEST, person=somebody.person)
    assert refusal(world, subject=somebody.person.id) == "named_in_policy"
    somebody.members([])
    other = World({"lead": ["ana"]}, [RULE])
    assert refusal(other, subject=somebody.person.id) == "not_found"
    erase(world, subject=somebody.person.id)
    assert refusal(world, subject=somebody.person.id) == "erased"


def test_another_workspace_keeps_them(somebody: Somebody) -> None:
    world, other = somebody.case.world, World({"lead": ["ana"]}, [RULE])
    there = create_person(actor=TEST, workspace=other.workspace, email=somebody.mail)
    other.people["some"] = there
    other.grant("some", "lead")
    request = other.submit()
    other.decide("some", request, "reject", somebody.case.word)
    somebody.leave()
    erase(world, subject=somebody.person.id)
    assert Person.objects.get(id=somebody.person.id).user.name == "Erased person"
    vote = other.seen("ana", request)["decisions"][0]
    assert (vote["person"]["name"], vote["comment"]) == (somebody.name, somebody.case.word)
    answer = somebody.signed.call("GET", "/inbox")
    assert (answer.status_code, answer.json()["results"]) == (200, [])
    deactivate_person(actor=TEST, person=there)
    erase(other, subject=there.id)
    assert places(somebody.needles()) == set()


def test_two_workspaces_forget_one_user_at_once(somebody: Somebody) -> None:
    world, other = somebody.case.world, World({"lead": ["ana"]}, [RULE])
    there = create_person(actor=TEST, workspace=other.workspace, email=somebody.mail)
    somebody.leave()
    deactivate_person(actor=TEST, person=there)
    done = together(
        [
            lambda: erase(world, subject=somebody.person.id),
            lambda: erase(other, subject=there.id),
        ]
    )
    assert [len(one.subjects) for one in done] == [1, 1]
    assert not User.objects.filter(id=somebody.person.user_id).exists()
    assert places(somebody.needles()) == set()


def test_a_callback_that_waits_is_made_anew(somebody: Somebody, deliverer: Any) -> None:
    case, world = somebody.case, somebody.case.world
    case.receiver.answer(500)
    request = world.submit()
    assert somebody.signed.decide(request, "reject", comment=case.word).status_code == 200
    comment(actor=TEST, reader=world.reader("ana"), request_id=uuid_of(request), text="Hm.")
    case.deliver(deliverer, 1)
    assert somebody.name.encode() in case.receiver.arrived[0].body
    somebody.leave()
    erase(world, subject=somebody.person.id)
    case.receiver.answer(200)
    callback = case.ben.call("GET", f"/endpoints/{ids.encode('end', case.endpoint.id)}/deliveries")
    (waits,) = callback.json()["results"]
    case.make_due(hours=1)
    case.deliver(deliverer, 2)
    told = case.receiver.arrived[1]
    assert told.headers["webhook-id"] == waits["id"]
    assert (somebody.name.encode() in told.body, case.word.encode() in told.body) == (False, False)
    assert b"Erased person" in told.body


def test_a_door_for_administrators(server: Live, somebody: Somebody) -> None:
    case = somebody.case
    somebody.leave()
    shown = ids.encode("per", somebody.person.id)
    body = {"person": shown, "reason": "Asked for"}
    assert case.ana.call("POST", "/erasures", json=body).status_code == 403
    looked = case.ben.call("POST", "/erasures", json={**body, "dry_run": True})
    assert (looked.status_code, looked.json()["subjects"]) == (200, [shown])
    done = case.ben.call("POST", "/erasures", json=body)
    assert (done.status_code, done.json()["subjects"]) == (201, [shown])
    assert somebody.mail not in done.text
    assert places(somebody.needles()) == set()
