"""The client works where the server's code is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"


def test_its_import_contract_holds() -> None:
    """In a process of its own, since the linter sets up logging as it likes."""
    program = "from importlinter.cli import lint_imports_command as lint; lint()"
    words = ["--config", str(CLIENT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**os.environ, "PYTHONPATH": str(CLIENT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Contracts: 2 kept, 0 broken." in done.stdout


def test_it_is_installed_and_used_alone(tmp_path: Path) -> None:
    """In a process that finds only what pip put there, and the libraries that it names."""
    place, source = tmp_path / "site", tmp_path / "client"
    # A copy, since building leaves files beside its source.
    shutil.copytree(CLIENT, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--no-index", "--disable-pip-version-check", "--target", str(place), str(source)],
        check=True,
        cwd=tmp_path,
    )
    program = f"""
import sys
sys.path.insert(0, {str(place)!r})
import assentry, assentry.cli.app
assert assentry.__file__.startswith({str(place)!r})
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & {{"approvals", "core", "api", "django", "psycopg", "msgspec"}}, loaded
assert not loaded & {{"joserfc", "cryptography"}}, "of the extra for permits"
import assentry.callbacks, assentry.tools
loaded = {{name.partition(".")[0] for name in sys.modules}}
assert not loaded & {{"approvals", "core", "api", "django", "psycopg", "msgspec"}}, loaded
print(assentry.digest({{"amount": 42}}))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.startswith("sha256:")
    assert (place / "assentry" / "py.typed").exists()
    assert (place / "bin" / "assentry").exists()
