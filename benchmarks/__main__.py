"""Run benchmarks: ``python -m benchmarks NAME …`` or ``all``; each on a fresh instance of its own.

    .venv/bin/python -m benchmarks submit
    .venv/bin/python -m benchmarks all --json figures.json

Names: submit, roundtrip, waiters, streams, expiry, escalations, steps, client, callbacks, hanging, permits,
consume, kill, export, verify, sequence, slack, schedules, pages, memory, cold_start.  `--quick` does next to nothing, to
see that all of it works.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    agents,
    callbacks,
    escalations,
    expiry,
    kill,
    log,
    machine,
    pages,
    permits,
    rest,
    roundtrip,
    schedules,
    sequencing,
    slack,
    streams,
    submit,
    waiters,
)
from benchmarks.figures import Result, table
from benchmarks.product import Product

Benchmark = Callable[[Product], Result]

BENCHMARKS: dict[str, Benchmark] = {
    "memory": rest.memory,
    "cold_start": rest.cold_start,
    "submit": submit.measure,
    "roundtrip": roundtrip.measure,
    "waiters": waiters.measure,
    "streams": streams.measure,
    "expiry": expiry.measure,
    "escalations": escalations.measure,
    "steps": agents.steps,
    "client": agents.client,
    "callbacks": callbacks.measure,
    "hanging": callbacks.hanging,
    "permits": permits.verify,
    "consume": permits.consume,
    "kill": kill.measure,
    "export": log.export,
    "verify": log.verify,
    "sequence": sequencing.measure,
    "slack": slack.measure,
    "schedules": schedules.measure,
    "pages": pages.measure,
}

QUICK: dict[str, Benchmark] = {
    "memory": lambda product: rest.memory(product, rest.Scale(rest_s=0.1)),
    "cold_start": lambda product: rest.cold_start(product, rest.Scale(starts=1)),
    "submit": lambda product: submit.measure(product, submit.Scale(2, 1.0, 1, 0.1)),
    "roundtrip": lambda product: roundtrip.measure(product, roundtrip.Scale(2, 0.5, 1, 0.1)),
    "waiters": lambda product: waiters.measure(product, waiters.Scale((20,), 10, 50.0)),
    "streams": lambda product: streams.measure(product, streams.Scale(20, 10, 50.0)),
    "expiry": lambda product: expiry.measure(product, expiry.Scale(10, 1)),
    "escalations": lambda product: escalations.measure(
        product, escalations.Scale(due=5, among=100, more_workers=1, overdue=3)
    ),
    "steps": lambda product: agents.steps(product, agents.Scale(batches=2, steps=5)),
    "client": lambda product: agents.client(product, agents.Scale(calls=2, rounds=1)),
    "callbacks": lambda product: callbacks.measure(product, callbacks.Scale(10, 20.0, 20, 2, 1)),
    "hanging": lambda product: callbacks.hanging(product, callbacks.HangingScale(10, 25.0, 1, 20)),
    "permits": lambda product: permits.verify(product, permits.Scale(permits=3, checks=20)),
    "consume": lambda product: permits.consume(product, permits.Scale(clients=2, used=5, rounds=2)),
    "kill": lambda product: kill.measure(product, kill.Scale(20, 5)),
    "export": lambda product: log.export(product, log.Scale(events=2_000)),
    "verify": lambda product: log.verify(product, log.Scale(events=2_000, rounds=1)),
    "sequence": lambda product: sequencing.measure(
        product, sequencing.Scale(2, 0.5, 1, stored=1_000, waiting=200, proofs=10)
    ),
    "slack": lambda product: slack.measure(product, slack.Scale(presses=5, decided=2, burst=4)),
    "schedules": lambda product: schedules.measure(product, schedules.Scale(500, 1)),
    "pages": lambda product: pages.measure(product, pages.Scale(200, 400, 100, 150, 2, 1)),
}


def main(arguments: list[str]) -> int:
    """Run what was asked for; print a table, write JSON where a file was named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke test; its figures mean nothing"
    )
    options = parser.parse_args(arguments)
    names = list(BENCHMARKS) if "all" in options.names else options.names
    chosen = QUICK if options.quick else BENCHMARKS
    about = machine.describe()
    print(machine.one_line(about), flush=True)
    results = []
    for name in names:
        with Product() as product:
            results.append(chosen[name](product))
        print(f"{name}: {json.dumps(results[-1].notes, ensure_ascii=False)}", flush=True)
    print(table(results))
    if options.json:
        written = {"machine": about, "results": [result.to_json() for result in results]}
        options.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
