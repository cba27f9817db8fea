"""Somebody decides in the place of one who is away: who may, what it counts as, and until when."""

from __future__ import annotations

import json
import time
from datetime import datetime
from functools import partial

import pytest

from approvals import handling, inbox
from approvals.ballot import lock_ballot
from approvals.ends import EXPIRE
from approvals.turning import turn_due
from core import due, ids
from core.db import pool
from core.problems import Problem
from escalations.expiry import expire_due
from notifications.sql import TELL
from people import absences
from people.absences import TURN
from people.services import deactivate_person
from tests.approvals.world import TEST, World, uuid_of
from tests.clock import travel
from tests.events import side_of
from tests.promises import ask as rows
from tests.together import together, until_waiting

ROUNDS = 60


def rule(*stages, **more):
    return {
        "name": "Ask",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"stages": [{"any_of": ["lead"]} | stage for stage in stages or ({},)], **more},
    }


@pytest.fixture
def world():
    """Ana and Caro lead; Ben and Dan do not."""
    return World({"lead": ["ana", "caro"], "others": ["ben", "dan"]}, [rule()])


@pytest.fixture
def two():
    """The same where two must agree."""
    return World({"lead": ["ana", "caro"], "others": ["ben", "dan"]}, [rule({"approvals": 2})])


def refused(call, *args, **more):
    with pytest.raises(Problem) as caught:
        call(*args, **more)
    return caught.value.status, caught.value.code


def person(world, name):
    return {"id": ids.encode("per", world.people[name].id), "name": name.title()}


def mine(world, name):
    return [row.id for row in inbox.find(reader=world.reader(name), view="mine").items]


def standing(request):
    """The votes, as (person, on whose behalf, why void)."""
    return [
        (
            vote["person"]["name"],
            vote["on_behalf_of"] and vote["on_behalf_of"]["name"],
            vote["void"],
        )
        for vote in request["decisions"]
    ]


# -- filling a seat --------------------------------------------------------------------------------
def test_who_stands_in_sees_it_and_decides_and_it_says_so(world):
    request = world.submit()
    assert refused(world.seen, "ben", request) == (404, "not_found")
    world.away("ana", "ben")
    assert world.seen("ben", request)["id"] == request["id"]
    assert mine(world, "ben") == [uuid_of(request)]
    assert inbox.count(reader=world.reader("ben")) == {
        "mine": 1,
        "roles": 1,
        "watching": 0,
        "all": 1,
    }
    ended = world.decide("ben", request, comment="Fine.")
    assert (ended["status"], ended["basis"]) == ("approved", "people")
    [vote] = ended["decisions"]
    assert (vote["person"], vote["on_behalf_of"]) == (person(world, "ben"), person(world, "ana"))
    [event] = [one for one in world.events(request) if one["kind"] == "decision.recorded"]
    ana = ids.encode("per", world.people["ana"].id)
    assert event["actor"]["id"] == ids.encode("per", world.people["ben"].id)
    assert event["data"]["on_behalf_of"] == ana
    said = json.loads(side_of(event, "decision"))
    assert (said["on_behalf_of"], said["roles"]) == (ana, ["lead"])


def test_an_own_seat_comes_first_and_its_event_says_nothing_of_another(world):
    world.grant("ben", "lead")
    world.away("ana", "ben")
    request = world.submit()
    assert standing(world.decide("ben", request)) == [("Ben", None, None)]
    [event] = [one for one in world.events(request) if one["kind"] == "decision.recorded"]
    assert "on_behalf_of" not in event["data"]
    assert "on_behalf_of" not in json.loads(side_of(event, "decision"))


def test_only_while_they_are_away(world):
    request = world.submit()
    absence = world.away("ana", "ben")
    world.back(absence)
    assert mine(world, "ben") == []
    assert refused(world.decide, "ben", request, shown_digest=None) == (404, "not_found")


def test_it_goes_no_further(world):
    world.away("ana", "ben")
    world.away("ben", "dan")
    request = world.submit()
    assert refused(world.seen, "dan", request) == (404, "not_found")
    assert refused(world.decide, "dan", request, shown_digest=None) == (404, "not_found")


def test_who_is_away_may_come_back_and_decide_themselves(world):
    world.away("ana", "ben")
    assert standing(world.decide("ana", world.submit())) == [("Ana", None, None)]


def test_nobody_fills_the_seat_of_another_workspace(world):
    other = World({"lead": ["ana"], "others": ["ben"]}, [rule()])
    other.away("ana", "ben")
    request = world.submit()
    stranger = other.reader("ben")
    assert inbox.find(reader=stranger, view="all").items == []
    with pool().connection() as conn, pytest.raises(Problem) as caught, conn.transaction():
        lock_ballot(conn, stranger, uuid_of(request))
    assert caught.value.status == 404


# -- a seat counts once ----------------------------------------------------------------------------
def test_one_seat_is_one_vote_whoever_comes_first(two):
    two.away("ana", "ben")
    first = two.submit()
    two.decide("ana", first)
    assert mine(two, "ben") == []
    assert refused(two.decide, "ben", first) == (409, "seat_used")
    second = two.submit()
    two.decide("ben", second)
    open_ = two.decide("ana", second)
    assert (open_["status"], standing(open_)) == (
        "pending",
        [("Ben", "Ana", None), ("Ana", None, None)],
    )
    assert two.decide("caro", second)["status"] == "approved"


def test_who_stands_in_for_two_has_one_vote(two):
    two.away("caro", "ben")
    two.away("ana", "ben")
    request = two.submit()
    assert standing(two.decide("ben", request)) == [("Ben", "Caro", None)]
    assert mine(two, "ben") == []
    assert refused(two.decide, "ben", request) == (409, "already_voted")


def test_a_seat_that_is_used_leaves_the_next(two):
    two.away("caro", "ben")
    two.away("ana", "ben")
    request = two.submit()
    two.decide("caro", request)
    ended = two.decide("ben", request)
    assert (ended["status"], standing(ended)) == (
        "approved",
        [("Caro", None, None), ("Ben", "Ana", None)],
    )


@pytest.mark.parametrize(
    ("first", "second"), [("ana", "ben"), ("ben", "ana"), ("ben", "ben")], ids="-".join
)
def test_where_others_than_before_are_wanted_neither_voter_nor_seat_counts_again(first, second):
    world = World(
        {"lead": ["ana"], "chief": ["ana", "caro"], "others": ["ben"]},
        [rule({}, {"any_of": ["chief"], "distinct_from_earlier": True})],
    )
    world.away("ana", "ben")
    request = world.decide(first, world.submit())
    assert request["stage"] == 1
    assert refused(world.decide, second, request) == (403, "approved_earlier")
    assert world.decide(second, request, "reject")["status"] == "rejected"


# -- nobody's own ----------------------------------------------------------------------------------
def test_an_owner_stands_in_for_nobody_on_their_own_agents_request(world):
    world.away("ana", "olivia")
    request = world.submit()
    assert mine(world, "olivia") == []
    assert refused(world.decide, "olivia", request) == (403, "own_agent")


def test_nobody_fills_the_seat_of_the_owner(world):
    world.grant("olivia", "lead")
    world.away("olivia", "ben")
    request = world.submit()
    assert mine(world, "ben") == []
    assert refused(world.decide, "ben", request) == (403, "not_asked")
    assert refused(
        handling.claim, actor=TEST, reader=world.reader("ben"), request_id=uuid_of(request)
    ) == (403, "not_asked")


def test_a_confirmation_is_nobody_elses_to_give():
    world = World(
        {"lead": ["ana"], "others": ["ben"]},
        [
            {
                "name": "Confirm",
                "action": "payments.refund",
                "effect": "ask",
                "ask": {"confirm": "owner"},
            }
        ],
    )
    world.away("olivia", "ben")
    request = world.submit()
    assert mine(world, "ben") == []
    assert refused(world.decide, "ben", request, shown_digest=None) == (404, "not_found")
    assert world.decide("olivia", request)["basis"] == "confirm"


# -- until when ------------------------------------------------------------------------------------
LOST = "The voter may no longer decide at this stage."


@pytest.mark.parametrize("how", ["back", "stand-in gone", "absent gone", "role taken", "time"])
def test_a_vote_in_anothers_place_counts_only_while_it_holds(two, how):
    absence = two.away("ana", "ben")
    request = two.submit()
    assert standing(two.decide("ben", request)) == [("Ben", "Ana", None)]
    match how:
        case "back":
            two.back(absence)
        case "stand-in gone":
            deactivate_person(actor=TEST, person=two.people["ben"])
        case "absent gone":
            deactivate_person(actor=TEST, person=two.people["ana"])
        case "role taken":
            roles = two.policy["roles"] | {
                "lead": {"title": "Lead", "members": [two.email("caro"), two.email("dan")]}
            }
            two.apply(roles=roles)
        case _:
            absence.begins_at, absence.ends_at = (
                at - (absence.ends_at - absence.begins_at)
                for at in (absence.begins_at, absence.ends_at)
            )
            absence.save()
    open_ = two.decide("caro", request)
    assert (open_["status"], standing(open_)) == (
        "pending",
        [("Ben", "Ana", LOST), ("Caro", None, None)],
    )
    [voided] = [one for one in two.events(request) if one["kind"] == "decision.voided"]
    assert voided["data"]["reason"] == "voter_not_eligible"


def test_ending_an_absence_and_deciding_do_not_cross(world):
    outcomes = set()
    for _ in range(ROUNDS):
        absence = world.away("ana", "ben")
        request = world.submit()
        decided, ended = together(
            [
                partial(world.decide, "ben", request, shown_digest=None),
                partial(absences.end, actor=TEST, absence=absence),
            ]
        )
        assert ended is True
        if isinstance(decided, Problem):
            assert (decided.status, decided.code) == (404, "not_found")
            outcomes.add("refused")
            continue
        ((over,),) = rows("SELECT ended_at FROM people_absence WHERE id = %s", absence.id)
        assert datetime.fromisoformat(decided["decisions"][0]["at"]) < over
        outcomes.add("decided")
    assert outcomes


def test_an_absence_that_a_decision_rests_on_cannot_end_meanwhile(world):
    absence = world.away("ana", "ben")
    request = world.submit()
    with pool().connection() as conn:

        def hold():
            with conn.transaction():
                ballot = lock_ballot(conn, world.reader("ben"), uuid_of(request))
                until_waiting(1, "%people_absence%")
                return ballot.seat(world.people["ben"].id, 0)

        seat, ended = together([hold, partial(_later, absence)])
    assert (seat.on_behalf_of, ended) == (world.people["ana"].id, True)


def _later(absence):
    until_held(absence)
    return absences.end(actor=TEST, absence=absence)


def until_held(absence):
    """Wait until a transaction holds an absence."""
    free = "SELECT id FROM people_absence WHERE id = %s FOR UPDATE SKIP LOCKED"
    until = time.monotonic() + 10
    while rows(free, absence.id):
        assert time.monotonic() < until, "nothing holds it"


# -- what else is decided --------------------------------------------------------------------------
def test_a_stand_in_gives_back_edits_and_answers():
    world = World({"lead": ["ana"], "others": ["ben"]}, [rule()], editable=["/amount"])
    world.away("ana", "ben")
    request = world.submit()
    back = world.decide("ben", request, "return", "Why so much?")
    assert standing(back) == [("Ben", "Ana", None)]
    asked = world.say(back, "It was agreed.")
    edited = world.decide("ben", asked, "edit", edits={"/amount": 10})
    assert (edited["status"], standing(edited)[-1]) == ("approved", ("Ben", "Ana", None))
    question = world.ask()
    answered = world.decide("ben", question, "answer", answer="This one")
    assert (answered["status"], standing(answered)) == ("answered", [("Ben", "Ana", None)])


def test_after_the_deadline_the_stand_in_of_the_last_role_is_asked():
    world = World(
        {"lead": ["ana"], "chief": ["caro"], "others": ["ben"]}, [rule(on_expiry="ask:chief")]
    )
    world.away("caro", "ben")
    request = world.submit()
    travel(uuid_of(request), days=3)
    due.run(EXPIRE, expire_due)
    ended = world.decide("ben", world.seen("ben", request))
    assert (ended["status"], standing(ended)) == ("approved", [("Ben", "Caro", None)])


# -- who looks into it -----------------------------------------------------------------------------
def test_who_stands_in_looks_into_it_and_names_say_who_is_away(world):
    absence = world.away("ana", "ben")
    request = world.submit()
    reader = world.reader("ben")
    until = absence.ends_at
    assert handling.candidates(reader=reader, request_id=uuid_of(request)) == [
        (
            world.people["ana"].id,
            f"Ana (away until {until.day} {until:%b}, Ben stands in)",
        ),
        (world.people["ben"].id, "Ben"),
        (world.people["caro"].id, "Caro"),
    ]
    claimed = json.loads(handling.claim(actor=TEST, reader=reader, request_id=uuid_of(request)))
    assert claimed["claimed_by"] == person(world, "ben")
    world.back(absence)
    found = handling.candidates(reader=world.reader("caro"), request_id=uuid_of(request))
    assert [name for _, name in found] == ["Ana", "Caro"]


# -- turns -----------------------------------------------------------------------------------------
def told_anew(world):
    """The requests for which a promise to tell was written since, once those before are gone."""
    return {
        subject
        for (subject,) in rows(
            "DELETE FROM core_due WHERE kind = %s AND workspace_id = %s RETURNING subject",
            TELL,
            world.workspace.id,
        )
    }


def test_what_waits_is_told_anew_when_an_absence_turns(world):
    concerned, other = world.submit(), world.ask(to="others")
    told_anew(world)
    absence = world.away("ana", "ben")
    due.run(TURN, turn_due)
    assert told_anew(world) == {uuid_of(concerned)}
    world.away("ben")  # Ana's requests have nobody then, and Ben's own are asked of others
    due.run(TURN, turn_due)
    assert told_anew(world) == {uuid_of(concerned), uuid_of(other)}
    world.back(absence)
    due.run(TURN, turn_due)
    assert told_anew(world) == {uuid_of(concerned)}
    world.decide("caro", concerned)
    told_anew(world)
    world.away("caro")
    due.run(TURN, turn_due)
    assert told_anew(world) == set()


def test_an_owner_who_must_confirm_turns_what_waits_for_them():
    confirm = {
        "name": "C",
        "action": "payments.refund",
        "effect": "ask",
        "ask": {"confirm": "owner"},
    }
    world = World({"lead": ["ana"]}, [confirm])
    request = world.submit()
    told_anew(world)
    world.away("olivia")
    due.run(TURN, turn_due)
    assert told_anew(world) == {uuid_of(request)}
