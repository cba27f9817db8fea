"""Every curl line of the documents is sent to the running product and answers what is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from agents import reports, steps
from api import messages
from api.openapi import document
from approvals import shape, submission
from policies.management.commands.seed_demo import POLICY
from policies.services import apply
from tests.docs import curl
from tests.docs.pages import DOCUMENTS, ROOT, blocks, name, section
from tests.factories import (
    ACTOR,
    PASSWORD,
    AgentFactory,
    KeyFactory,
    PersonFactory,
    WorkspaceFactory,
)
from tests.server import Live

#: What a waiting example may take of the suite's time.
WAIT = "wait=1"


class Reader:
    """Somebody who types in the lines of one document, in their order."""

    def __init__(self, server: Live) -> None:
        workspace = WorkspaceFactory()
        self.reviewer = PersonFactory(workspace=workspace)
        owner = PersonFactory(workspace=workspace)
        text = POLICY.read_text(encoding="utf-8")
        text = text.replace("rui@demo.example", self.reviewer.user.email)
        apply(actor=ACTOR, workspace=workspace, text=text)
        self.key = KeyFactory(agent=AgentFactory(workspace=workspace, owner=owner)).token
        self.variables = {"URL": server.url, "KEY": self.key}
        self.people = requests.Session()

    def type_in(self, line: curl.Line) -> requests.Response:
        """Send one line, and remember what the next ones name."""
        text = line.words.replace("wait=55", WAIT)
        text = text.replace("rui@demo.example", self.reviewer.user.email)
        call = curl.read(curl.Line(text.replace("PASSWORD", PASSWORD)), self.variables)
        assert call.unknown == []
        send: Any = self.people.request if call.signed_in else requests.request
        method = call.method or ("GET" if call.body is None else "POST")
        body = None if call.body is None else call.body.encode()
        answer: requests.Response = send(
            method, call.url, headers=call.headers, data=body, timeout=30, stream="-N" in text
        )
        if "-N" in text:
            answer.close()
            return answer
        self._remember(answer)
        return answer

    def _remember(self, answer: requests.Response) -> None:
        if "csrftoken" in self.people.cookies:
            self.variables["TOKEN"] = self.people.cookies["csrftoken"]
        said = answer.json() if answer.content else {}
        waiting = [said, *(said.get("results") or [])]
        for one in waiting:
            if str(one.get("id", "")).startswith("req_") and one.get("status") == "pending":
                self.variables |= {"REQUEST": one["id"], "DIGEST": one["payload_digest"]}
            if str(one.get("id", "")).startswith("run_"):
                self.variables["RUN"] = one["id"]


WITH_CURL = [
    document
    for document in DOCUMENTS
    if any(curl.lines(block.text) for block in blocks("bash", "console", of=document))
]


@pytest.mark.parametrize("document", WITH_CURL, ids=name)
def test_curl_lines_answer_what_is_said(server: Live, document: Path) -> None:
    reader = Reader(server)
    for block in blocks("bash", "console", of=document):
        for line in curl.lines(block.text):
            assert line.expected is not None, f"{block.place} does not say what it answers"
            answer = reader.type_in(line)
            said = f"{block.place}: {line.words}\n{answer.text}"
            assert answer.status_code == line.expected, said


def test_the_api_is_shown_by_example() -> None:
    assert [name(document) for document in WITH_CURL] == ["docs/api.md", "docs/quickstart.md"]


def test_every_endpoint_is_described() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    told = re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/[\w/{}.-]+)", text)
    described = {(method, path.removeprefix("/api/v1")) for method, path in told}
    for path, operations in document()["paths"].items():
        for method in operations:
            call = (method.upper(), path.removeprefix("/api/v1"))
            assert call in described or path in ("/healthz", "/readyz"), call


def test_every_member_of_the_answers_is_described() -> None:
    api = ROOT / "docs" / "api.md"
    shapes: dict[str, tuple[Any, ...]] = {
        "## The request object": (shape.RequestObject, shape.PlanShown, shape.DecisionShown),
        "## Preview": (shape.Preview,),
        "## Submit": (submission.Submission,),
        "## Questions": (submission.Question,),
        "## Runs": (
            *(reports.RunDeclared, reports.StepReported, steps.StepsTaken, messages.RunShown),
        ),
    }
    for heading, structs in shapes.items():
        text = section(api, heading)
        members = {each.name for struct in structs for each in msgspec.structs.fields(struct)}
        assert {each for each in members if not re.search(rf"\b{each}\b", text)} == set()
