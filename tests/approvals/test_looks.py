"""How long people have a request before them: noted once, with their vote, and as much as policy asks for."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import bulk
from approvals.looks import looked
from approvals.models import Decision, Look
from approvals.read import for_person
from core.problems import Problem
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.together import together


def world(*asks: dict[str, Any], **action: Any) -> World:
    rules = [
        {
            "name": f"Rule {number}",
            "action": "payments.refund",
            "effect": "ask",
            "ask": {"stages": [{"any_of": ["lead"]}], **ask},
        }
        for number, ask in enumerate(asks)
    ]
    return World({"lead": ["ana", "ben"]}, rules, editable=["/amount"], **action)


def look(here: World, name: str, request: dict[str, Any]) -> None:
    row = for_person(reader=here.reader(name), request_id=uuid_of(request))
    looked(person=here.people[name].id, row=row)


def refused(here: World, request: dict[str, Any], *said: str, **chosen: Any) -> Problem:
    with pytest.raises(Problem) as raised:
        here.decide("ana", request, *said, **chosen)
    return raised.value


def dwells(request: dict[str, Any]) -> list[int | None]:
    found = Decision.objects.filter(request_id=uuid_of(request)).order_by("at")
    return [one.dwell_ms for one in found]


def test_a_look_is_noted_once_by_person_and_revision_while_it_waits() -> None:
    here = world({})
    request = here.submit()
    together([lambda: look(here, "ana", request) for _ in range(4)])
    travel(request["id"], minutes=5)
    look(here, "ana", request)
    look(here, "ben", request)
    ana, ben = Look.objects.filter(request_id=uuid_of(request)).order_by("at")
    assert (ana.person_id, ben.person_id) == (here.people["ana"].id, here.people["ben"].id)
    assert (ben.at - ana.at).total_seconds() == pytest.approx(300, abs=30)
    edited = here.decide("ana", request, "edit", edits={"/amount": 5})
    assert edited["status"] == "approved"
    look(here, "ben", edited)
    assert Look.objects.filter(request_id=uuid_of(request)).count() == 2, "it ended"


def test_each_vote_says_how_long_it_was_open_where_that_is_known() -> None:
    here = world({"stages": [{"any_of": ["lead"], "approvals": 2}]})
    request = here.submit()
    look(here, "ana", request)
    travel(request["id"], seconds=90)
    here.decide("ana", request)
    here.decide("ben", request)
    ana, ben = dwells(request)
    assert ana is not None
    assert 90_000 <= ana < 120_000
    assert ben is None, "nobody saw him open it"


@pytest.mark.parametrize("verdict", ["approve", "edit"])
def test_a_yes_takes_as_long_a_look_as_policy_asks_for(verdict: str) -> None:
    here = world({"dwell": "40s"})
    request = here.submit()
    edits: dict[str, Any] = {"edits": {"/amount": 5}} if verdict == "edit" else {}
    assert request["plan"]["dwell_s"] == 40
    problem = refused(here, request, verdict, **edits)
    assert (problem.status, problem.code) == (409, "not_opened")
    look(here, "ben", request)
    assert refused(here, request, verdict, **edits).code == "not_opened", "another's look is his"
    look(here, "ana", request)
    problem = refused(here, request, verdict, **edits)
    assert (problem.status, problem.code) == (409, "too_soon")
    assert 0 < int(problem.headers["Retry-After"]) <= 40
    assert problem.detail.startswith(
        "Policy asks to read it for 40 s before a yes: say it again in "
    )
    travel(request["id"], seconds=20)
    assert refused(here, request, verdict, **edits).code == "too_soon"
    assert dwells(request) == []
    travel(request["id"], seconds=20)
    assert here.decide("ana", request, verdict, **edits)["status"] == "approved"


@pytest.mark.parametrize("verdict", ["reject", "return"])
def test_whoever_says_no_may_do_so_at_once(verdict: str) -> None:
    here = world({"dwell": "40s"})
    request = here.submit()
    here.decide("ana", request, verdict)
    assert dwells(request) == [None]


def test_a_changed_payload_takes_a_look_of_its_own() -> None:
    here = world({"dwell": "40s"})
    request = here.submit()
    look(here, "ana", request)
    travel(request["id"], seconds=50)
    revised = here.revise(request, amount=21)
    assert refused(here, revised).code == "not_opened"


def test_what_one_edits_oneself_was_looked_at_and_a_longer_look_is_still_wanted() -> None:
    here = world({"dwell": "40s"})
    here.policy["rules"].insert(
        0,
        {
            "name": "Much",
            "action": "payments.refund",
            "when": "payload.amount > 100",
            "effect": "ask",
            "ask": {"stages": [{"any_of": ["lead"]}], "dwell": "2m"},
        },
    )
    here.apply()
    request = here.submit()
    look(here, "ana", request)
    travel(request["id"], seconds=60)
    edited = here.decide("ana", request, "edit", edits={"/amount": 200})
    assert (edited["status"], edited["revision"], edited["plan"]["dwell_s"]) == ("pending", 2, 120)
    [vote] = edited["decisions"]
    assert "or a longer look" in vote["void"]
    travel(request["id"], seconds=70)
    assert refused(here, edited).code == "not_opened", "as the page shows it now"
    look(here, "ana", edited)
    travel(request["id"], seconds=120)
    assert here.decide("ana", edited)["status"] == "approved"


def test_it_is_decided_only_where_it_is_known_when_it_was_opened() -> None:
    here = world({"dwell": "5s"})
    request = here.submit()
    assert request["plan"]["channels"] == ["web"]
    problem = refused(here, request, channel="slack", assurance="chat")
    assert (problem.status, problem.code) == (403, "channel_not_allowed")


def test_it_is_not_decided_together_with_others() -> None:
    here = world({"dwell": "5s"}, risk="low")
    chosen = [uuid_of(here.submit()) for _ in range(2)]
    found = bulk.sort_out(reader=here.reader("ana"), request_ids=chosen)
    assert (found.together, [row.id for row in found.others]) == ([], chosen)
    here.apply(rules=[])
    chosen = [uuid_of(here.submit()) for _ in range(2)]
    found = bulk.sort_out(reader=here.reader("ana"), request_ids=chosen)
    assert [[row.id for row in kind] for kind in found.together] == [chosen]
