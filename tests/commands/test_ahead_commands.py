"""The commands that look ahead."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.models import Agent
from policies.services import apply
from tests.factories import ACTOR, AgentFactory, PersonFactory

POLICY = """
assentry: 1
fallback: lead
roles:
  lead: {{title: Lead, members: [{ana}]}}
  empty: {{title: Nobody}}
  desk: {{title: Desk, members: [{ana}], schedule: hours}}
schedules:
  hours: {{timezone: Europe/Berlin, shifts: [{{who: [{ana}], hours: "Mo 08:00-18:00"}}]}}
actions:
  site.publish: {{title: Publish a page, risk: low, schema: {{type: object, required: [page]}}}}
rules: []
"""


@pytest.fixture
def agent() -> Agent:
    made: Agent = AgentFactory(name="writer")
    ana = PersonFactory(workspace=made.workspace, name="Ana")
    apply(actor=ACTOR, workspace=made.workspace, text=POLICY.format(ana=ana.user.email))
    return made


def run(code: int, *arguments: str) -> tuple[dict[str, Any], str]:
    """The object, and the text, of a command that ends with this exit code."""
    told = []
    for more in (["--json"], []):
        out = io.StringIO()
        ended: Any = 0
        try:
            call_command(*arguments, *more, stdout=out)
        except SystemExit as end:
            ended = end.code
        except CommandError as error:
            ended = error.returncode
        assert ended == code, out.getvalue()
        told.append(out.getvalue())
    return json.loads(told[0].splitlines()[-1]), told[1]


def test_coverage(agent: Agent) -> None:
    said, text = run(1, "coverage", agent.workspace.slug)
    assert [(one["role"], len(one["uncovered"])) for one in said["roles"]] == [
        ("desk", 0),
        ("empty", 1),
        ("lead", 0),
    ]
    assert said["roles"][1]["uncovered"] == [[said["begin"], said["until"]]]
    lines = text.splitlines()
    assert lines[0] == "Desk (desk), times in Europe/Berlin:"
    assert lines[1].startswith("  nobody on duty from ")
    assert "  nobody can decide in all of the next 14 d" in lines
    assert lines[-1] == "Lead (lead): somebody can decide at any time."
    refused, _ = run(2, "coverage", agent.workspace.slug, "--days", "0")
    assert refused["argument"] == "--days"


def test_rehearse(agent: Agent) -> None:
    arguments = ["rehearse", agent.workspace.slug, "site.publish", "--agent", "writer"]
    payload = ["--payload", '{"page": "/"}']
    said, text = run(0, *arguments, *payload, "--expires-in", "2h")
    assert (said["effect"], said["rule"]) == ("ask", None)
    assert said["moments"][0]["said"] == "Asks Lead"
    assert said["moments"][-1]["said"] == "Nobody has decided: it expires"
    assert "    Ana, in the inbox only" in text.splitlines()
    later, _ = run(0, *arguments, *payload, "--at", "2026-12-24T03:00:00Z")
    assert later["begin"] == "2026-12-24T03:00:00.000000Z"


@pytest.mark.parametrize(
    ("arguments", "code", "argument"),
    [
        (["--payload", "{}"], 1, "--payload"),
        (["--payload", "{"], 2, "--payload"),
        (["--payload", "[]"], 2, "--payload"),
        (["--payload", '{"page": "/"}', "--at", "2020-01-01T00:00:00Z"], 1, "--at"),
        (["--payload", '{"page": "/"}', "--expires-in", "soon"], 2, "--expires-in"),
    ],
)
def test_what_cannot_be_rehearsed(
    agent: Agent, arguments: list[str], code: int, argument: str
) -> None:
    call = ["rehearse", agent.workspace.slug, "site.publish", "--agent", "writer", *arguments]
    said, _ = run(code, *call)
    assert said.get("argument") == argument
    assert said["error"]


def test_drill(agent: Agent) -> None:
    """Without a channel nobody is reached, and it does not wait for what does not come."""
    call = ["drill", agent.workspace.slug, "lead", "--wait", "0", "--json"]
    out = io.StringIO()
    with pytest.raises(SystemExit) as end:
        call_command(*call, stdout=out)
    said = json.loads(out.getvalue())
    assert (end.value.code, said["settled"], said["unreached"]) == (1, True, ["Ana"])
    assert [(one["name"], one["reached"], one["messages"]) for one in said["people"]] == [
        ("Ana", False, [])
    ]
    again, text = run(1, "drill", agent.workspace.slug, "lead", "--wait", "0")
    assert again == {
        "error": "A drill was started less than a minute ago.",
        "code": "drill_running",
    }
    assert text == ""


@pytest.mark.parametrize(
    ("arguments", "code"), [([], 2), (["lead", "--all-roles"], 2), (["nobody"], 1)]
)
def test_a_drill_is_for_one_role_or_all(agent: Agent, arguments: list[str], code: int) -> None:
    said, _ = run(code, "drill", agent.workspace.slug, *arguments)
    assert said["argument"] == "ROLE"
