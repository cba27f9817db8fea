"""Every example of the client's documents runs against the product and prints what it is said to."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections

from agents.services import create_auditor_key, create_tool_key
from audit import checkpoints
from audit.sequencer import sequence
from core import due
from oversight.exports import keeping
from policies.management.commands.seed_demo import POLICY
from policies.services import apply
from tests.api.tenant import Person
from tests.audit.exports import exported, grown, verifier
from tests.docs.pages import DOCUMENTS, ROOT, Block, blocks, name
from tests.factories import (
    ACTOR,
    AgentFactory,
    KeyFactory,
    PersonFactory,
    WorkspaceFactory,
)
from tests.server import Live

WITH_PYTHON = [ROOT / "docs" / file for file in ("quickstart.md", "sdk.md", "adapters.md")]
CLI = ROOT / "docs" / "cli.md"
SHELL = """  shell.exec:
    title: Run a command
    risk: low

rules:
"""


class Reviewer:
    """Somebody who says yes to whatever waits, answers with the first option, and writes exports."""

    def __init__(self, server: Live) -> None:
        workspace = WorkspaceFactory()
        person = PersonFactory(workspace=workspace)
        text = POLICY.read_text(encoding="utf-8").replace("rui@demo.example", person.user.email)
        apply(actor=ACTOR, workspace=workspace, text=text.replace("rules:\n", SHELL, 1))
        self.key = KeyFactory(agent=AgentFactory(workspace=workspace)).token
        self.tool_key = create_tool_key(actor=ACTOR, workspace=workspace, name="till").token
        self.audit_key = create_auditor_key(actor=ACTOR, workspace=workspace, name="Audit").token
        self.audience = f"{settings.BASE_URL}/workspaces/{workspace.slug}"
        self.who = Person(server, person)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self.who.http.close()

    def _work(self) -> None:
        while not self._over.wait(0.05):
            due.run(keeping.EXPORT, keeping.keep)
            for request in self.who.call("GET", "/inbox?view=mine").json()["results"]:
                if request["kind"] == "question":
                    option = request["payload"]["options"][0]["value"]
                    self.who.decide(request, "answer", answer=option)
                else:
                    self.who.decide(request)
        connections.close_all()


@pytest.fixture
def environment(server: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A process that is set up as the documents say, and somebody who says yes."""
    reviewer = Reviewer(server)
    monkeypatch.setenv("ASSENTRY_URL", server.url)
    monkeypatch.setenv("ASSENTRY_KEY", reviewer.key)
    monkeypatch.setenv("ASSENTRY_TOOL_KEY", reviewer.tool_key)
    monkeypatch.setenv("ASSENTRY_AUDIENCE", reviewer.audience)
    monkeypatch.chdir(tmp_path)
    yield reviewer
    reviewer.close()


def examples(document: Path) -> Iterator[tuple[Block, str]]:
    """Each program, and the output that stands after it."""
    both = blocks("python", "text", of=document)
    for block, following in zip(both, [*both[1:], None], strict=True):
        if block.language == "python":
            told = following.text if following and following.language == "text" else ""
            yield block, told


@pytest.mark.parametrize("document", WITH_PYTHON, ids=name)
def test_programs_print_what_is_said(environment: Reviewer, document: Path) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for block, expected in examples(document):
        said = io.StringIO()
        text = block.text.replace("http://127.0.0.1:8750", os.environ["ASSENTRY_URL"])
        text = text.replace("assentry_agt_…", environment.key)
        with contextlib.redirect_stdout(said):
            exec(compile(text, block.place, "exec"), names)  # noqa: S102 - our documents
        assert said.getvalue() == expected, block.place
    for value in list(names.values()):
        if type(value).__name__ in {"Client", "ToolClient"}:
            value.close()


def test_every_program_of_the_documents_is_run() -> None:
    with_python = {
        block.document for document in DOCUMENTS for block in blocks("python", of=document)
    }
    # The executor's page shows parts of a program that tests/docs/test_executor.py runs whole.
    assert with_python == {*WITH_PYTHON, ROOT / "docs" / "executor.md"}


def test_command_lines_do_what_is_said(environment: Reviewer, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text("{}", encoding="utf-8")
    source = str(ROOT / "clients" / "python" / "src")
    lines = [
        line.removeprefix("$ ")
        for block in blocks("console", of=CLI)
        for line in block.text.splitlines()
    ]
    assert len(lines) >= 8
    for line in lines:
        command, *words = shlex.split(line)
        if words[:2] == ["audit", "verify"]:
            an_export(tmp_path)  # of the log whose key and checkpoint were kept
        assert command == "assentry"
        key = {"ASSENTRY_KEY": environment.audit_key} if words[:2] == ["audit", "export"] else {}
        done = subprocess.run(
            [sys.executable, "-c", "from assentry.cli.entry import main; main()", *words],
            env={**os.environ, "PYTHONPATH": source, **key},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if words[0] == "run":
            assert done.stdout == "rm -r build\n"


def an_export(folder: Path) -> None:
    """The files that the page checks: a log, also compressed, its key, a kept checkpoint, and ledgers."""
    workspace = grown(20, batches=2, sequence=sequence)
    log = b"".join(exported(workspace))
    kept = checkpoints.at_size(workspace, 10)
    assert kept is not None
    (folder / "log.jsonl").write_bytes(log)
    (folder / "log.jsonl.gz").write_bytes(gzip.compress(log))
    (folder / "acme.vkey").write_text(verifier(workspace), encoding="utf-8")
    (folder / "checkpoint.txt").write_text(kept.note, encoding="utf-8")
    # Nothing was run by this log, and nothing happened.
    (folder / "ledger.csv").write_text("request,amount\n", encoding="utf-8")
    (folder / "payouts.csv").write_text("reference,amount\n", encoding="utf-8")


def test_every_exit_code_is_told() -> None:
    from assentry.cli.codes import Code

    told = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI.read_text("utf-8"), re.MULTILINE)}
    assert told == {code.value for code in Code}
