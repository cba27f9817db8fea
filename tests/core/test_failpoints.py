"""Failpoints: named places that die, fail or wait, on a development server only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import failpoints
from core.failpoints import Action, FailpointConfigError, FailpointError, armed, hit, parse

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("", {}),
        (" , ", {}),
        ("due_after_claim:kill", {"due_after_claim": Action("kill")}),
        ("due_after_claim:sleep", {"due_after_claim": Action("sleep", 1.0)}),
        (
            "due_after_claim:sleep=0.5, due_before_finish:raise",
            {"due_after_claim": Action("sleep", 0.5), "due_before_finish": Action("raise")},
        ),
    ],
)
def test_parse(text: str, actions: dict[str, Action]) -> None:
    assert parse(text) == actions


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere:kill", "no failpoint is called 'nowhere'; there are after_commit_before_nudge"),
        ("due_after_claim", "write kill, raise, sleep"),
        ("due_after_claim:", "write kill, raise, sleep"),
        ("due_after_claim:explode", "cannot do 'explode'"),
        ("due_after_claim:kill=9", "cannot do 'kill=9'"),
        ("due_after_claim:sleep=", "cannot do"),
        ("due_after_claim:sleep=soon", "cannot do"),
        ("due_after_claim:sleep=-1", "cannot do"),
        ("due_after_claim:sleep=nan", "cannot do"),
        ("due_after_claim:sleep=inf", "cannot do"),
        ("due_after_claim:kill,oops:raise", "no failpoint is called 'oops'"),
    ],
)
def test_unknown_names_and_actions_are_refused(text: str, message: str) -> None:
    with pytest.raises(FailpointConfigError) as refused:
        parse(text)
    assert message in str(refused.value)


def test_the_environment_is_checked_on_a_development_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ASSENTRY_FAILPOINTS", "oops:kill")
    monkeypatch.delenv("ASSENTRY_DEV", raising=False)
    assert failpoints.check_environment() == {}
    assert "works only with ASSENTRY_DEV=1" in caplog.text
    monkeypatch.setenv("ASSENTRY_DEV", "1")
    with pytest.raises(FailpointConfigError):
        failpoints.check_environment()


def test_nothing_happens_unless_armed() -> None:
    for name in failpoints.NAMES:
        hit(name)
    with armed("due_after_claim:raise"):
        hit("due_before_finish")
        with pytest.raises(FailpointError, match="due_after_claim"):
            hit("due_after_claim")
    hit("due_after_claim")


def test_sleep_waits() -> None:
    started = time.monotonic()
    with armed("due_after_claim:sleep=0.05"):
        hit("due_after_claim")
    assert time.monotonic() - started >= 0.05


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("ASSENTRY_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


HIT = "from core.failpoints import hit; hit('due_after_claim'); print('lived')"


def test_kill_cannot_be_survived() -> None:
    code = f"import atexit; atexit.register(print, 'tidied up')\ntry:\n {HIT}\nfinally: print('no')"
    ended = run(code, ASSENTRY_DEV="1", ASSENTRY_FAILPOINTS="due_after_claim:kill")
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout == ""


def test_the_environment_arms_a_development_server_only() -> None:
    assert run(HIT, ASSENTRY_FAILPOINTS="due_after_claim:kill").stdout == "lived\n"
    raised = run(HIT, ASSENTRY_DEV="1", ASSENTRY_FAILPOINTS="due_after_claim:raise")
    assert "FailpointError: failpoint due_after_claim" in raised.stderr


def test_a_wrong_environment_breaks_the_check_not_the_import() -> None:
    wrong = {"ASSENTRY_DEV": "1", "ASSENTRY_FAILPOINTS": "oops:kill"}
    assert run(HIT, **wrong).stdout == "lived\n"
    checked = run("from core import failpoints; failpoints.check_environment()", **wrong)
    assert checked.returncode == 1
    assert "no failpoint is called 'oops'" in checked.stderr
