"""The way from a bare Python to an environment, with real virtual environments (without packages)."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import bootstrap
from runtime.errors import Refused
from tests.runtime import helpers

SCRIPTS = ("up", "test")
NOTHING = "# no packages\n"
SOMETHING = f"assentry-is-no-package==1 --hash=sha256:{'0' * 64}\n"


def tools_without_uv(place: Path) -> str:
    """A search path on which there is no uv."""
    place.mkdir()
    for name in ("sh", "env", "cp"):
        found = shutil.which(name)
        assert found is not None
        (place / name).symlink_to(found)
    return str(place)


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with helpers.folder("a checkout") as root:
        (root / "requirements.txt").write_text(NOTHING)
        (root / "requirements-dev.txt").write_text(NOTHING)
        monkeypatch.setenv("PATH", tools_without_uv(root.parent / "tools"))
        yield root


def test_made_once_and_again_when_it_no_longer_fits(checkout: Path) -> None:
    """One story, because each new environment costs seconds."""
    interrupted = checkout / ".venv" / "half a package"
    interrupted.mkdir(parents=True)
    (checkout / ".venv" / bootstrap.UNFINISHED).touch()
    python = bootstrap.ensure(checkout, dev=True)
    assert not interrupted.exists(), "an interrupted installation is thrown away"
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0
    marker = checkout / ".venv" / "marker"
    marker.touch()

    began = time.monotonic()
    for dev in (True, False):
        assert bootstrap.ensure(checkout, dev=dev) == python
    assert time.monotonic() - began < 1
    assert marker.exists()

    (checkout / "requirements.txt").write_text(NOTHING * 2)
    assert not bootstrap.Environment(checkout).fits(dev=False)
    bootstrap.ensure(checkout, dev=False)
    assert marker.exists(), "a new lock is installed into the same environment"
    assert bootstrap.Environment(checkout).fits(dev=True), "what ./test needs is kept up"

    moved = checkout.with_name("moved")
    shutil.copytree(checkout, moved, symlinks=True)
    assert bootstrap.Environment(moved).must_begin_anew()
    (checkout / ".venv" / bootstrap.UNFINISHED).touch()
    assert bootstrap.Environment(checkout).must_begin_anew()
    assert not bootstrap.Environment(checkout).fits(dev=False)


def test_another_python_is_replaced(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    fake = checkout / ".venv" / "bin" / "python"
    fake.write_text("#!/bin/sh\necho 3 7\n")
    fake.chmod(0o755)
    assert bootstrap.Environment(checkout).must_begin_anew()
    fake.write_text(f"#!/bin/sh\necho {sys.version_info[0]} {sys.version_info[1]}\n")
    assert not bootstrap.Environment(checkout).must_begin_anew()
    monkeypatch.setattr(sys, "base_prefix", "/another/python")
    stamp = bootstrap.Environment(checkout).folder / bootstrap.STAMP
    stamp.write_text('{"python": "3.11.0 /usr", "place": "' + str(checkout) + '"}')
    assert bootstrap.Environment(checkout).must_begin_anew()


@pytest.fixture
def venv_stands(checkout: Path) -> Path:
    """An environment whose pip is this one's: making another would add seconds to each test.

    A distribution's Python lets its own pip install nothing; here nothing is, so it may.
    """
    bin_folder = checkout / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    python = bin_folder / "python"
    allowed = "PIP_BREAK_SYSTEM_PACKAGES=1; export PIP_BREAK_SYSTEM_PACKAGES"
    python.write_text(f'#!/bin/sh\n{allowed}\nexec "{_python_with_pip()}" "$@"\n')
    python.chmod(0o755)
    return checkout


def _python_with_pip() -> str:
    return str(getattr(sys, "_base_executable", sys.executable))


def test_two_at_once_make_one_environment(venv_stands: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from runtime import bootstrap;"
        "bootstrap.ensure(Path(sys.argv[1]), dev=False)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(venv_stands)],
            env=helpers.environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = "".join(one.communicate()[1] for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    assert said.count("Setting up") == 1
    assert bootstrap.Environment(venv_stands).fits(dev=False)


def test_no_network(venv_stands: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (venv_stands / "requirements.txt").write_text(SOMETHING)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(Refused, match="could not be downloaded: the first start needs a network"):
        bootstrap.ensure(venv_stands, dev=False)
    assert bootstrap.Environment(venv_stands).must_begin_anew()


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("x\nERROR: [Errno 28] No space left on device\n", "The disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", "was refused"),
        ("Failed: error sending request for url", "first start needs a network"),
        ("ERROR: something else\nnotice: a new pip", "installed: ERROR: something else"),
        ("", "no message"),
    ],
)
def test_reasons_are_one_line(output: str, text: str) -> None:
    why = bootstrap._why(output)
    assert text in why
    assert "\n" not in why


def test_no_venv_module(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Debian without python3-venv."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "ensurepip" else find(name),
    )
    with pytest.raises(Refused, match=r"sudo apt install python3\.\d+-venv"):
        bootstrap.ensure(checkout, dev=False)


def test_a_checkout_that_cannot_be_written(checkout: Path) -> None:
    (checkout / ".venv").write_text("not a folder")
    with pytest.raises(Refused, match="cannot be made"):
        bootstrap.ensure(checkout, dev=False)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 15)])
def test_another_python_is_told_so_in_one_line(script: str, version: tuple[int, int]) -> None:
    source = (helpers.ROOT / script).read_text()
    ast.parse(source, feature_version=(3, 4))
    assert 'f"' not in source.split("sys.exit(")[0]
    program = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.stdin.read())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    wanted = f"Assentry needs Python 3.11 to 3.14, and this is {version[0]}.{version[1]}: "
    assert done.stderr.startswith(wanted)
    assert done.stderr.count("\n") == 1


def test_really_old_pythons_when_there_are_any() -> None:
    found = [python for name in ("python2", "python3.6", "python3.9") if (python := _runs(name))]
    if not found:
        pytest.skip("no older Python on this machine")
    for python in found:
        for script in SCRIPTS:
            done = subprocess.run(
                [python, script], cwd=helpers.ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 1
            assert done.stderr.startswith("Assentry needs Python 3.11 to 3.14"), done.stderr


def _runs(name: str) -> str | None:
    python = shutil.which(name)
    if python is None:
        return None
    return python if subprocess.run([python, "-c", ""], check=False).returncode == 0 else None
