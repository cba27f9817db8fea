"""Questions: asked of a role, answered by one person of it, refused by its owner's rules."""

from __future__ import annotations

import pytest

from approvals.ends import EXPIRE
from core import due
from core.problems import Problem
from escalations.expiry import expire_due
from tests.approvals.world import World, uuid_of
from tests.clock import travel
from tests.events import side_of


@pytest.fixture
def world():
    return World({"lead": ["ana", "ben"]})


def refused(call, *args, **more) -> Problem:
    with pytest.raises(Problem) as caught:
        call(*args, **more)
    return caught.value


def test_a_choice(world) -> None:
    question = world.ask(options=["Main Street", {"value": "mill", "label": "Mill Lane 2"}])
    assert (question["kind"], question["action"], question["risk"]) == (
        "question",
        "question",
        "low",
    )
    assert question["payload"]["options"][1] == {"value": "mill", "label": "Mill Lane 2"}
    problem = refused(world.decide, "ana", question, "answer", answer="Nowhere")
    assert (problem.status, problem.errors[0].pointer) == (422, "/answer")
    answered = world.decide("ana", question, "answer", answer="mill")
    assert (answered["status"], answered["basis"], answered["answer"]) == (
        "answered",
        "people",
        "mill",
    )
    assert answered["decisions"][0]["answer"] == "mill"
    assert world.kinds(question) == ["question.asked", "decision.recorded", "request.answered"]
    assert b'"answer":"mill"' in side_of(world.events(question)[1], "decision")


def test_a_text_is_the_default(world) -> None:
    question = world.ask(prompt="What is the customer's name?")
    assert question["title"] == "What is the customer's name?"
    for wrong in ("", 7, ["x"]):
        assert refused(world.decide, "ana", question, "answer", answer=wrong).status == 422
    assert world.decide("ana", question, "answer", answer="Mia")["answer"] == "Mia"


def test_a_form_from_a_schema(world) -> None:
    schema = {
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string"}, "zip": {"type": "integer", "minimum": 1}},
        "additionalProperties": False,
    }
    question = world.ask(answer_schema=schema)
    problem = refused(world.decide, "ana", question, "answer", answer={"city": "Bonn", "zip": 0})
    assert problem.errors[0].pointer == "/answer/zip"
    answered = world.decide("ana", question, "answer", answer={"city": "Bonn", "zip": 53111})
    assert answered["answer"] == {"city": "Bonn", "zip": 53111}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"to": "leed"}, "/to"),
        ({"options": ["a", "a"]}, "/options/1"),
        ({"options": ["a", "b"], "answer_schema": {}}, "/answer_schema"),
        ({"options": ["a"]}, "/options"),
        ({"answer_schema": {"type": "wrong"}}, "/answer_schema/type"),
        ({"answer_schema": {"$ref": "http://127.0.0.1/"}}, "/answer_schema/$ref"),
        ({"prompt": ""}, "/prompt"),
        ({"run": "run_01h455vb4pex5vsknk084sn02q"}, "/run"),
    ],
)
def test_a_question_that_makes_no_sense(world, body, pointer) -> None:
    problem = refused(world.ask, **body)
    assert (problem.status, problem.errors[0].pointer) == (422, pointer)


def test_verdicts_are_of_their_kind(world) -> None:
    question, request = world.ask(), world.submit()
    assert refused(world.decide, "ana", question, "approve").errors[0].code == "not_for_this_kind"
    problem = refused(world.decide, "ana", request, "answer", answer="yes")
    assert problem.errors[0].code == "not_for_this_kind"


def test_declining_and_giving_back(world) -> None:
    question = world.ask()
    returned = world.decide("ana", question, "return", comment="Which what?")
    assert returned["waiting_on"] == "agent"
    assert "answer with a message" in returned["message"]
    problem = refused(world.revise, question, prompt="Which order?")
    assert (problem.status, problem.code) == (409, "not_for_questions")
    world.say(question, "Which order?")
    declined = world.decide("ben", question, "reject", comment="Not ours")
    assert (declined["status"], declined["basis"]) == ("rejected", "people")
    assert "declined" in declined["message"]


def test_the_owner_of_the_agent_does_not_answer_it(world) -> None:
    world.grant("olivia", "lead")
    problem = refused(world.decide, "olivia", world.ask(), "answer", answer="yes")
    assert (problem.status, problem.code) == (403, "own_agent")


def test_nobody_answers(world) -> None:
    question = world.ask(expires_in="5m")
    travel(uuid_of(question), minutes=6)
    due.run(EXPIRE, expire_due)
    ended = world.seen("ana", question)
    assert (ended["status"], ended["basis"]) == ("expired", "clock")
    assert "may ask again" in ended["message"]


def test_nobody_is_there_to_answer() -> None:
    world = World({"lead": ["ana"], "empty": []})
    world.apply(fallback="lead", roles={"lead": {"members": [world.email("ana")]}, "empty": {}})
    asked = world.ask(to="empty")
    assert asked["plan"]["stages"][0]["roles"][0]["name"] == "lead"
    assert asked["plan"]["notes"]
