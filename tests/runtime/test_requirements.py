"""The requirements files say what uv.lock says: whoever has no uv installs the same bytes."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.runtime import helpers


def packages(name: str) -> dict[str, set[str]]:
    """Each `name==version` of a requirements file, with its hashes."""
    found: dict[str, set[str]] = {}
    current: set[str] = set()
    for line in (helpers.ROOT / name).read_text().splitlines():
        if match := re.match(r"([\w.-]+==[\w.!+-]+)", line):
            current = found.setdefault(match[1], set())
        current.update(re.findall(r"--hash=(sha256:[0-9a-f]{64})", line))
    return found


def locked() -> dict[str, set[str]]:
    """Each package of uv.lock, with the hashes of its files; ours has none."""
    lock = tomllib.loads((helpers.ROOT / "uv.lock").read_text())
    return {
        f"{package['name']}=={package['version']}": {
            file["hash"]
            for file in [*package.get("wheels", []), package.get("sdist") or {}]
            if "hash" in file
        }
        for package in lock["package"]
        if "virtual" not in package["source"]
    }


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_locked_with_the_same_hashes(name: str) -> None:
    lock = locked()
    for requirement, hashes in packages(name).items():
        assert hashes, requirement
        assert lock[requirement] == hashes, requirement


def test_the_development_file_has_everything() -> None:
    assert packages("requirements-dev.txt").keys() == locked().keys()
    assert packages("requirements.txt").keys() < locked().keys()
