from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from benchmarks import __main__ as program
from benchmarks import figures, limit, machine
from benchmarks.figures import Result, Row
from benchmarks.product import ROOT, Product


@pytest.fixture(scope="module")
def product():
    with Product() as started:
        yield started


@pytest.mark.parametrize("name", program.BENCHMARKS)
def test_each_benchmark_runs_and_returns_its_shape(product, name):
    result = program.QUICK[name](product)
    assert result.name == name
    assert result.rows
    # What a process grew by may be nothing at this scale; everything else takes or does something.
    assert all(
        (row.figure > 0 and row.unit in {"/s", "ms", "s", "MiB", "kB"}) or row.unit == "KiB"
        for row in result.rows
    )
    assert any(row.limit for row in result.rows), "a figure stands beside a limit of the same run"
    json.dumps(result.to_json())


def test_what_the_load_finds_is_complete(product):
    expired = program.QUICK["expiry"](product)
    assert expired.notes["expired"] == 10
    waited = program.QUICK["waiters"](product)
    assert waited.notes["20"]["decided"] == 10
    streamed = program.QUICK["streams"](product)
    assert streamed.notes["20"]["decided"] == 10


def test_the_limit_runs_the_statements_of_one_submit(product):
    first, second = limit.record(product)
    assert [one["query"] for one in first] == [one["query"] for one in second]
    assert "INSERT INTO approvals_request" in first[-1]["query"]
    script = limit.script(first, second)
    assert script.statements == len(first) == 2
    assert "%(" not in script.text
    assert script.text.count("lpad(:fresh") >= 6


def test_the_product_is_gone_afterwards():
    product = Product()
    folder = product.data.parent
    product.__exit__()
    assert not folder.exists()
    assert not product.processes()


def test_the_table_is_aligned_and_names_ratio_and_goal():
    rows = [Row("many", 50.0, "/s", 100.0, "pgbench", goal="0.5"), Row("p50", 1234.5, "ms")]
    header, first, second = figures.table([Result("submit", rows)]).splitlines()
    assert header.split() == ["what", "figure", "limit", "ratio", "limit", "is", "wanted"]
    assert first.split() == ["submit:", "many", "50", "/s", "100", "0.5", "pgbench", "0.5"]
    assert second.split()[:4] == ["submit:", "p50", "1,234", "ms"]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 3), (0.95, 4), (1.0, 4)])
def test_percentiles_take_a_value_that_was_measured(share, value):
    assert figures.percentile([4, 1, 3, 2], share) == value


def test_the_machine_is_described():
    about = machine.describe()
    assert about["cores"] >= 1
    assert f"{about['cores']} cores" in machine.one_line(about)


def test_an_unknown_benchmark_is_refused():
    python = shutil.which("python", path=str(ROOT / ".venv" / "bin"))
    done = subprocess.run(
        [python or "python", "-m", "benchmarks", "everything"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "invalid choice: 'everything'" in done.stderr
