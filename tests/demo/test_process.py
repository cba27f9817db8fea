"""The demo's process: killed, ended, left alone, asked for a report."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from typing import Any

from assentry import Client

from approvals.models import Result
from demo.account import account
from demo.cases import load
from demo.shop import Shop
from tests.demo.conftest import ROOT, Process, at_work, until
from tests.demo.test_replay import mine, reads, runs, told_steps
from tests.docs.pages import blocks
from tests.server import Live

DOCUMENT = ROOT / "docs" / "demo.md"


def has_run(shop: Shop, number: int) -> None:
    """Wait until so much has run."""
    until(lambda: len(shop.effects()) >= number)


def test_killed_and_started_again_it_does_everything_once(
    client: Client, seed: dict[str, Any], process: Process, server: Live
) -> None:
    shop, cases = Shop(process.ledger), load()
    with at_work(server.url, seed):
        for kill_at in (3, 20, 45):
            running = process.start()
            has_run(shop, kill_at)
            assert running.poll() is None
            running.send_signal(signal.SIGKILL)
            running.wait(10)
            with process.ledger.open("ab") as torn:
                torn.write(b'{"request": "req_')  # as if it died while it wrote
        last = process.start()
        assert last.stdout is not None
        assert "through its 112 cases" in last.stdout.readline()
    effects = shop.effects()
    asked = {one.id: one.request for one in client.list()}
    assert len(asked) == 176 + 4, "no call was asked for twice"
    approved = {id for id, one in asked.items() if one.status == "approved"}
    assert len({effect.request for effect in effects}) == len(effects)
    assert {effect.request for effect in effects} == approved
    assert told_steps(seed) == reads(cases), "no step was told twice"
    assert set(runs(seed).values_list("state", flat=True)) == {"succeeded"}
    assert Result.objects.filter(request__in=mine(seed)).count() == len(effects)
    told = account(list(asked.values()), effects, cases)
    assert told.holds
    assert sum(told.sums[name] for name in ("asked, waiting", "run, not reported yet")) == 0
    assert {"refused by policy", "rejected by people", "question answered"} <= told.counts.keys()


def test_ended_while_people_think_it_goes_on_where_it_was(
    seed: dict[str, Any], process: Process, server: Live
) -> None:
    first = process.start()
    until(lambda: mine(seed).filter(status="pending").count() >= 10)
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=10)
    assert (first.returncode, said) == (0, "")
    assert time.monotonic() - began < 3, "nobody waits for the waiting"
    assert set(runs(seed).values_list("state", flat=True)) <= {"running", "succeeded"}
    second = process.start("--scripted")
    assert second.stdout is not None
    assert "through its 112 cases" in second.stdout.readline()
    assert set(runs(seed).values_list("state", flat=True)) == {"succeeded"}
    assert mine(seed).filter(status="pending").count() == 0


def test_it_ends_with_the_supervisor_however_that_ended(
    seed: dict[str, Any], process: Process
) -> None:
    theirs, ours = os.pipe()
    running = process.start(parent=theirs)
    os.close(theirs)
    until(lambda: mine(seed).exists())
    assert running.poll() is None
    os.close(ours)
    assert running.wait(4) == 0


def test_the_report_says_what_ran_and_fails_where_something_had_no_yes(
    seed: dict[str, Any], process: Process, server: Live
) -> None:
    with at_work(server.url, seed):
        running = process.start()
        has_run(Shop(process.ledger), 5)
        running.send_signal(signal.SIGTERM)
        running.wait(10)
    good = process.report()
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("Nothing ran without its yes.\n")
    assert "     0 effects without their yes\n" in good.stdout
    [*_, last] = process.ledger.read_bytes().splitlines()
    with process.ledger.open("ab") as file:
        file.write(last + b"\n")
    bad = process.report("--json")
    assert bad.returncode == 1
    told = json.loads(bad.stdout)
    assert not told["holds"]
    assert [one["why"] for one in told["unapproved"]] == ["it ran before"]
    assert told["unapproved"][0]["effect"] == json.loads(last)
    assert f"{json.loads(last)['request']} " in process.report().stdout


def test_the_documented_line_reports(process: Process) -> None:
    [block] = [one for one in blocks("console", of=DOCUMENT) if "--report" in one.text]
    variable, python, *words = shlex.split(block.text.removeprefix("$ ").replace("\\\n", " "))
    name, _, value = variable.partition("=")
    assert (name, ROOT / value) == ("PYTHONPATH", ROOT / "clients" / "python" / "src")
    assert python == ".venv/bin/python"
    theirs = {"--url": process.url, "--seed": "seed.json", "--folder": "demo"}
    for flag, own in theirs.items():
        at = words.index(flag) + 1
        words[at] = own if flag == "--url" else str(process.folder / own)
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing ran without its yes.\n\n     0 effects\n")
